// The few pages people see: plain HTML, one style sheet in the page, no script, nothing fetched.
import { createHash } from 'node:crypto';

const STYLE = `
:root { color-scheme: light dark; --ink: #16202b; --paper: #f4f6f8; --card: #fff; --line: #71808f;
  --accent: #0b5394; --accent-ink: #fff; --bad: #a61b1b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf2; --paper: #10161d; --card: #1a232d;
  --line: #8b9aa9; --accent: #7ab8f5; --accent-ink: #0b1620; --bad: #ff9c9c; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem;
  background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 24rem; padding: 2rem; background: var(--card);
  border-radius: .75rem; box-shadow: 0 1px 8px rgb(0 0 0 / 15%); }
.brand { display: flex; align-items: center; gap: .5rem; margin: 0 0 1rem; font-weight: 600; }
.brand svg { width: 1.75rem; height: 1.75rem; color: var(--accent); }
.about { margin: -.75rem 0 1.25rem; }
h1 { margin: .25rem 0 1.25rem; font-size: 1.5rem; line-height: 1.25; }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600; }
input { width: 100%; padding: .625rem .75rem; font: inherit; color: inherit;
  background: transparent; border: 1px solid var(--line); border-radius: .375rem; }
button { width: 100%; margin-top: 1.5rem; padding: .75rem; font: inherit; font-weight: 600;
  color: var(--accent-ink); background: var(--accent); border: 2px solid var(--accent);
  border-radius: .375rem; cursor: pointer; }
button.quiet { margin-top: .75rem; color: var(--accent); background: transparent; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.error { margin: 0 0 1rem; padding: .625rem .75rem; color: var(--bad);
  border: 1px solid var(--bad); border-radius: .375rem; }
.code { font: 1.5rem/1.5 ui-monospace, monospace; letter-spacing: .1em; text-align: center; }
`;

// a reticle: the axis that is to be found
const MARK = '<svg viewBox="0 0 32 32" fill="none" stroke="currentColor" stroke-width="2.5" '
  + 'aria-hidden="true"><circle cx="16" cy="16" r="9"/>'
  + '<path d="M16 2v9M16 21v9M2 16h9M21 16h9"/></svg>';

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

export const PAGE_HEADERS = Object.freeze({
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': [
    "default-src 'none'",
    `style-src 'sha256-${STYLE_HASH}'`,
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; '),
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
});

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text) => String(text).replace(/[&<>"']/g, (sign) => ENTITIES[sign]);

function page(title, body) {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escape(title)} · Boresight</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<p class="brand">${MARK}Boresight</p>
<h1>${escape(title)}</h1>
${body}
</main>
</body>
</html>
`;
}

const alert = (message) => (message
  ? `<p class="error" id="problem" role="alert">${escape(message)}</p>` : '');

export function loginPage({ action, username = '', problem = '' }) {
  const described = problem ? ' aria-invalid="true" aria-describedby="problem"' : '';
  return page('Sign in', `<p class="about">Calibration of Earth-observation instruments</p>
${alert(problem)}
<form method="post" action="${escape(action)}">
<label for="username">Username</label>
<input id="username" name="username" type="text" value="${escape(username)}" required
 maxlength="64" autocomplete="username" autocapitalize="none" spellcheck="false"${described}
 ${username ? '' : 'autofocus'}>
<label for="password">Password</label>
<input id="password" name="password" type="password" required maxlength="256"
 autocomplete="current-password"${described} ${username ? 'autofocus' : ''}>
<button type="submit">Sign in</button>
</form>`);
}

export function messagePage({ title, message, link, linkText }) {
  return page(title, `<p>${escape(message)}</p>
${link ? `<p><a href="${escape(link)}">${escape(linkText)}</a></p>` : ''}`);
}

export function signOutPage({ action, xsrf }) {
  return page('Sign out?', `<p>You will be signed out of Boresight and of every client that uses
this sign-in.</p>
<form method="post" action="${escape(action)}">
<input type="hidden" name="xsrf" value="${escape(xsrf)}">
<button type="submit" name="logout" value="yes" autofocus>Sign out</button>
<button class="quiet" type="submit">Stay signed in</button>
</form>`);
}

export function deviceCodePage({ action, xsrf, code = '', problem = '' }) {
  const described = problem ? ' aria-invalid="true" aria-describedby="problem"' : '';
  return page('Connect a device', `${alert(problem)}
<form method="post" action="${escape(action)}">
<input type="hidden" name="xsrf" value="${escape(xsrf)}">
<label for="user_code">Code shown by the device or command</label>
<input id="user_code" class="code" name="user_code" type="text" value="${escape(code)}" required
 maxlength="32" autocomplete="off" autocapitalize="characters" spellcheck="false"
 autofocus${described}>
<button type="submit">Continue</button>
</form>`);
}

export function deviceConfirmPage({ action, xsrf, code, client }) {
  return page('Connect this device?', `<p>${escape(client)} asks to act in your name. Go on only
if you started it yourself and it shows this code:</p>
<p class="code">${escape(code)}</p>
<form method="post" action="${escape(action)}">
<input type="hidden" name="xsrf" value="${escape(xsrf)}">
<input type="hidden" name="user_code" value="${escape(code)}">
<button type="submit" name="confirm" value="yes" autofocus>Connect</button>
<button class="quiet" type="submit" name="abort" value="yes">Refuse</button>
</form>`);
}
