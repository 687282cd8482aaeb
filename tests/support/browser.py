"""Debian's chromium: a profile for each person, and a record of what its pages ask for."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Response,
    sync_playwright,
)

from boresight_hub.settings import HubSettings

CHROMIUM = Path("/usr/bin/chromium")
SCREEN = {"width": 1280, "height": 900}
_FLAGS = [
    "--no-sandbox",  # root in a container has no user namespaces
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_WAIT_MS = 30_000
_LAB_MS = 120_000
#: colours of a picture that is drawn; an empty frame with its toolbar has a few tens
_DRAWN_COLOURS = 300

#: WCAG 2.2 at level AA, which is what axe's tags below amount to
_AXE_RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}}

#: complaints of the console that are nobody's fault, each with the reason
_HARMLESS = (
    # Panel's part in Lab asks Panel's part in the server for a layout; the latter is switched off
    r"status of 404 .*/panel-preview/layout/",
)


@contextmanager
def chromium(host: str = "127.0.0.1", certificate: bytes = b"") -> Iterator[Browser]:
    """Run the browser without a window.

    Parameters
    ----------
    host : str
        Of the environment. Whoever asks for another one gets no answer, and shows up in
        `Visit.outside`.
    certificate : bytes
        The one that is trusted there beside those of the public authorities (PEM).
    """
    flags = [*_FLAGS, f"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE {host}"]
    if certificate:
        key = x509.load_pem_x509_certificate(certificate).public_key()
        form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        digest = hashlib.sha256(key.public_bytes(*form)).digest()
        flags.append(f"--ignore-certificate-errors-spki-list={base64.b64encode(digest).decode()}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=flags, timeout=_WAIT_MS
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(
    browser: Browser, settings: HubSettings, folder: Path, name: str, **options: Any
) -> Iterator[Visit]:
    """Give a person a fresh profile; on failure keep picture and console in ``folder``.

    Parameters
    ----------
    browser : Browser
    settings : HubSettings
        Of the environment that is visited.
    folder : Path
        Where to leave what is needed to understand a failure.
    name : str
        Begins the names of these files.
    **options
        Of the profile, as ``color_scheme="dark"``.
    """
    context = browser.new_context(viewport=SCREEN, **options)
    context.set_default_timeout(_WAIT_MS)
    visitor = Visit(context, settings)
    try:
        yield visitor
    except BaseException as exc:
        exc.add_note(f"browser of {name}: {visitor.keep(folder, name)}")
        raise
    finally:
        context.close()


class Visit:
    """One profile: its pages, requests and complaints.

    Parameters
    ----------
    context : BrowserContext
    settings : HubSettings
    """

    def __init__(self, context: BrowserContext, settings: HubSettings) -> None:
        self.context = context
        self.settings = settings
        self.requests: list[str] = []
        self.console: list[tuple[str, str]] = []
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("console", self._hear)
        context.on("weberror", lambda problem: self._note("uncaught", str(problem.error)))
        context.on("page", self._watch)
        self.page: Page = context.new_page()

    def go(self, url: str) -> Response:
        """Open an address of the environment, as ``/hub/home``, in the first page."""
        answer = self.page.goto(url if "://" in url else f"{self.settings.public_url}{url}")
        assert answer is not None, f"{url} is where the page is already"
        return answer

    def fill_form(self, username: str, password: str) -> None:
        """Fill the provider's sign-in form, by keyboard alone once the name is focused."""
        self.page.locator("input[name=username]").fill(username)
        self.page.locator("input[name=password]").fill(password)
        self.page.locator("input[name=password]").press("Enter")

    def sign_in(self, username: str, password: str) -> None:
        """Sign in from the front page; ends in Lab."""
        self.go("/")
        self.fill_form(username, password)
        self.wait_for_lab()

    def wait_for_lab(self) -> None:
        self.page.wait_for_selector("#jp-main-dock-panel", timeout=_LAB_MS)

    def asks_for_password(self) -> bool:
        return self.page.locator("input[name=password]").count() > 0

    def open_notebook(self, username: str, path: str) -> None:
        """Open a notebook in Lab; returns when its kernel is at rest."""
        self.go(f"/user/{username}/lab/tree/{quote(path)}")
        self.page.wait_for_selector(".jp-NotebookPanel .jp-CodeCell", timeout=_LAB_MS)
        # running cells before would open the dialogue that asks for a kernel
        self.page.get_by_text("| Idle").wait_for(timeout=_LAB_MS)

    def run_all(self) -> None:
        """Choose Run → Run All Cells."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self.page.wait_for_function(_SOME_CELL_RUNS)

    def wait_for_end(self, timeout_s: float) -> None:
        """Wait until no cell is running or waits for its turn."""
        self.page.wait_for_function(_NO_CELL_RUNS, timeout=timeout_s * 1000)

    def save(self, path: Path) -> dict[str, Any]:
        """Press Ctrl+S; the notebook as it then is in the file ``path``."""
        before = path.stat().st_mtime_ns
        self.page.keyboard.press("Control+s")
        until = time.monotonic() + _WAIT_MS / 1000
        while time.monotonic() < until:
            self.page.wait_for_timeout(200)
            if path.stat().st_mtime_ns != before:
                # the file is there before all of it is
                with contextlib.suppress(json.JSONDecodeError):
                    return dict(json.loads(path.read_text()))
        raise AssertionError(f"{path} was not saved")

    def outside(self) -> list[str]:
        """Requests to any host but ours."""
        ours = {urlsplit(url).netloc for url in (self.settings.public_url, self.settings.s3_url)}
        return [
            url
            for url in self.requests
            if urlsplit(url).scheme not in ("data", "blob", "about")
            and urlsplit(url).netloc not in ours
        ]

    def complaints(self) -> list[str]:
        """Errors of the console and of scripts, but for those that are nobody's fault."""
        return [
            f"{kind}: {text}"
            for kind, text in self.console
            if kind in ("error", "uncaught") and not any(re.search(p, text) for p in _HARMLESS)
        ]

    def keep(self, folder: Path, name: str) -> str:
        """Leave pictures, addresses and console in ``folder``; where they are."""
        folder.mkdir(parents=True, exist_ok=True)
        record = {
            "pages": [page.url.split("?")[0] for page in self.context.pages],
            "outside": self.outside(),
            "console": [f"{kind}: {text}" for kind, text in self.console],
        }
        log = folder / f"{name}.json"
        log.write_text(json.dumps(record, indent=1))
        for number, page in enumerate(self.context.pages):
            page.screenshot(path=folder / f"{name}-{number}.png", timeout=_WAIT_MS)
        return str(log)

    def _watch(self, page: Page) -> None:
        page.on("websocket", lambda socket: self.requests.append(socket.url))

    def _hear(self, message: ConsoleMessage) -> None:
        # a resource that is missing is named by the place alone
        self._note(message.type, f"{message.text} [{message.location['url'].split('?')[0]}]")

    def _note(self, kind: str, text: str) -> None:
        self.console.append((kind, text))


_PROMPTS = (
    "[...document.querySelectorAll('.jp-NotebookPanel .jp-CodeCell .jp-InputPrompt')]"
    ".map(p => p.textContent)"
)
_SOME_CELL_RUNS = f"() => {_PROMPTS}.some(text => text.includes('[*]') || /\\d/.test(text))"
_NO_CELL_RUNS = f"() => !{_PROMPTS}.some(text => text.includes('[*]'))"


def look(target: Locator) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Pixels of an element as they are on the screen, shape (rows, cols, 3)."""
    target.scroll_into_view_if_needed()
    with Image.open(io.BytesIO(target.screenshot())) as picture:
        return np.asarray(picture.convert("RGB"))


def is_drawn(target: Locator) -> bool:
    """Whether an element shows a picture, not an empty frame; waits for it to be drawn."""
    for _ in range(20):
        pixels = look(target).reshape(-1, 3)
        if len(np.unique(pixels, axis=0)) > _DRAWN_COLOURS:
            return True
        target.page.wait_for_timeout(500)
    return False


def accessibility_problems(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 AA, one line a rule and element."""
    results = Axe().run(page, options=_AXE_RULES)
    return [
        f"{violation['id']}: {node['html'][:120]} ({violation['help']})"
        for violation in results.response["violations"]
        for node in violation["nodes"]
    ]


def outputs_of(cell: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Outputs of one kind of a cell of a notebook."""
    return [output for output in cell.get("outputs", []) if output["output_type"] == kind]


def map_is_drawn(page: Page) -> None:
    """Look at the notebook's map: a pair of images that fill it, and their footprints."""
    area = page.locator(".leaflet-container")
    area.scroll_into_view_if_needed()
    images = area.locator("img.leaflet-image-layer")
    images.first.wait_for()
    assert images.count() == 2
    for image in images.all():
        page.wait_for_function("image => image.complete", arg=image.element_handle())
        assert image.evaluate("image => image.naturalWidth") == 512
        box, frame = image.bounding_box(), area.bounding_box()
        assert box is not None
        assert frame is not None
        assert frame["height"] * 0.6 < box["height"] < frame["height"], "the pair fills its map"
    footprints = area.locator("path.leaflet-interactive")
    assert footprints.count() == 2
    assert is_drawn(area)


def plots_are_drawn(page: Page, *names: str) -> dict[str, Locator]:
    """Look at the notebook's plots, which are as many as ``names``."""
    figures = page.locator(".jp-OutputArea .bk-Figure")
    assert figures.count() == len(names)
    found = dict(zip(names, figures.all(), strict=True))
    for name, figure in found.items():
        assert is_drawn(figure), name
        assert look(figure).shape[1] < 900, "not wider than a cell on a usual screen"
    return found
