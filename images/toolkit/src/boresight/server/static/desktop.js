// The desktop's page: starts it, shows it, and keeps both clipboards the same.
import RFB from "./novnc/core/rfb.js";

const about = JSON.parse(document.getElementById("about").textContent);
const { base, words } = about;
const at = (id) => document.getElementById(id);
const LONGEST_WAIT_MS = 10_000;

let rfb = null;
let waitMs = 500;
let shared = ""; // what both clipboards have

function say(text) {
  at("state").textContent = text;
}

async function ask(path, method = "GET") {
  const headers = { "X-XSRFToken": about.xsrf };
  const answer = await fetch(`${base}boresight/desktop${path}`, { method, headers });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.message || answer.statusText);
  return body;
}

async function start() {
  at("ended").hidden = true;
  say(words.starting);
  try {
    await ask("/start", "POST");
  } catch (problem) {
    say(problem.message);
    at("ended").hidden = false;
    return;
  }
  connect();
}

function connect() {
  const url = new URL(`${base}${about.proxy}/`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  rfb = new RFB(at("screen"), url.href, { shared: true });
  rfb.resizeSession = true;
  rfb.scaleViewport = true;
  rfb.showDotCursor = true;
  rfb.qualityLevel = 8; // the server sends what is at rest once more without loss
  rfb.compressionLevel = 2;
  rfb.background = "#10151c";
  rfb.addEventListener("connect", () => {
    waitMs = 500;
    say(words.connected);
    rfb.focus();
    toDesktop();
  });
  rfb.addEventListener("clipboard", (event) => fromDesktop(event.detail.text));
  rfb.addEventListener("disconnect", reconnect);
}

async function reconnect() {
  rfb = null;
  say(words.lost);
  await new Promise((done) => setTimeout(done, waitMs));
  waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  while (document.hidden) await new Promise((done) => setTimeout(done, 1000));
  try {
    const state = await ask("");
    if (state.running) return connect();
    say("");
    at("ended").hidden = false;
    at("again").focus();
  } catch {
    reconnect(); // the server, or the way to it, is away for a while
  }
}

async function fromDesktop(text) {
  shared = text;
  at("clipboard-text").value = text;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // not allowed: it stands in the panel
  }
}

function send(text) {
  if (rfb === null || text === shared) return;
  shared = text;
  at("clipboard-text").value = text;
  rfb.clipboardPasteFrom(text);
}

// only with a permission that was given before: nobody is asked in the middle of their work
async function toDesktop() {
  try {
    const permission = await navigator.permissions.query({ name: "clipboard-read" });
    if (permission.state === "granted") send(await navigator.clipboard.readText());
  } catch {
    // this browser does not give it away: there is the panel
  }
}

at("again").addEventListener("click", start);
at("clipboard-text").addEventListener("input", (event) => send(event.target.value));
at("clipboard-button").addEventListener("click", () => {
  const panel = at("clipboard");
  panel.hidden = !panel.hidden;
  at("clipboard-button").setAttribute("aria-expanded", String(!panel.hidden));
  if (!panel.hidden) at("clipboard-text").focus();
});
at("share").addEventListener("click", async () => {
  try {
    send(await navigator.clipboard.readText());
    say(words.connected);
  } catch {
    say(words.refused);
  }
});
at("fullscreen").addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen();
});
window.addEventListener("focus", toDesktop);
at("screen").addEventListener("pointerenter", toDesktop);
// the desktop takes every key; this one leads out of it
window.addEventListener(
  "keydown",
  (event) => {
    if (event.ctrlKey && event.altKey && event.key === "Home") {
      event.preventDefault();
      event.stopPropagation();
      at("clipboard-button").focus();
    }
  },
  true,
);

start();
