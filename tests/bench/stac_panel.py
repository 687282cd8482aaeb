"""How quick the catalogue's panel in Lab is, as one JSON record.

``python tests/bench/stac_panel.py [--parts NAME ...] [--record DIR]``. Everything is the real one:
store, catalogue (SQLite, 10 000 scenes) and access service, JupyterLab, Debian's chromium without a
GPU and without a limit of its frame rate.

- ``search``: from the Enter key in the form to the first footprints on the screen; the whole of the
  10 000 brought by the End key, and what then is in the page.
- ``panning``: time of a frame while the map is dragged, with 1 000 footprints in view and with
  none, at the same place, in turns.
- ``bundle``: size of the panel's files, all and those that are loaded when.
- ``start``: from the address to a restored Lab in a browser with an empty cache, with the extension
  and without, in turns.
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import Browser, Page
from support.bare_lab import BareLab, bare_lab
from support.browser import chromium
from support.panel_stack import PanelStack, scenes

import jupyterlab_stac

ITEMS = 10_000
FOOTPRINTS = 1_000
#: of the settings the largest: fewer requests, more items at once
PAGE_SIZE = 500
SEARCHES = 15
ROUNDS = 15
FRAMES = 120
PAIRS = 15
#: what the issue asks for
FRAME_RATIO_BOUND = 1.5
START_RATIO_BOUND = 1.05
#: of the page with 10 000 results; Lab's own elements are not counted
ELEMENTS_BOUND = 1_500
SCREEN = {"width": 1400, "height": 900}
_WAIT_MS = 180_000
_UNLIMITED = ("--disable-frame-rate-limit", "--disable-gpu-vsync")
_NAMES = ("jupyterlab-stac", "jupyterlab_stac")
_OTHER_PANEL = ("jupyterlab-boresight", "jupyterlab_boresight")
BUILT = Path(jupyterlab_stac.__file__).with_name("labextension")

#: Resolves with the time since the next Enter key at which the map shows colours of footprints [ms].
_UNTIL_DRAWN = """() => new Promise(done => {
    let begun = 0;
    addEventListener('keydown', event => {
        if (event.key === 'Enter') { begun = performance.now(); }
    }, { capture: true, once: true });
    const small = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const look = () => {
        const found = [...document.querySelectorAll('.jp-Stac-map canvas')].some(canvas => {
            small.canvas.width = canvas.width;
            small.canvas.height = canvas.height;
            small.drawImage(canvas, 0, 0);
            const { data } = small.getImageData(0, 0, canvas.width, canvas.height);
            for (let i = 0; i < data.length; i += 4) {
                if (data[i] < 60 && data[i + 2] > 140 && data[i + 3] > 200) { return true; }
            }
            return false;
        });
        if (begun && found) { done(performance.now() - begun); } else { requestAnimationFrame(look); }
    };
    look();
})"""

#: Drags the map around a circle, a step a frame; times between frames [ms].
_PAN = """frames => new Promise(done => {
    const viewport = document.querySelector('.jp-Stac-map .ol-viewport');
    const box = viewport.getBoundingClientRect();
    const send = (type, target, turn) => target.dispatchEvent(new PointerEvent(type, {
        bubbles: true, cancelable: true, pointerId: 1, pointerType: 'mouse', isPrimary: true,
        button: type === 'pointermove' ? -1 : 0, buttons: 1,
        clientX: box.x + box.width / 2 + 60 * Math.cos(turn),
        clientY: box.y + box.height / 2 + 60 * Math.sin(turn)
    }));
    const times = [];
    let turn = 0;
    send('pointerdown', viewport, 0);
    const step = now => {
        times.push(now);
        if (times.length > frames) {
            send('pointerup', document, turn);
            done(times.slice(1).map((time, i) => time - times[i]));
            return;
        }
        turn += 2 * Math.PI / frames;
        send('pointermove', document, turn);
        requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
})"""


def summary(times_ms: list[float], **more: Any) -> dict[str, Any]:
    ordered = sorted(times_ms)
    return {
        "p50_ms": round(statistics.median(ordered), 2),
        "p95_ms": round(ordered[int(0.95 * (len(ordered) - 1))], 2),
        "max_ms": round(ordered[-1], 2),
        "n": len(ordered),
        **more,
    }


class PanelPage:
    """The panel in a page of its own."""

    def __init__(self, browser: Browser, lab: BareLab) -> None:
        self.context = browser.new_context(viewport=SCREEN)
        self.context.set_default_timeout(_WAIT_MS)
        self.requests: list[str] = []
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.page: Page = self.context.new_page()
        self.page.goto(f"{lab.url}/lab?reset")
        restored(self.page)

    @property
    def loaded(self) -> set[str]:
        """Files of the panel that the page has asked for."""
        parts = (url.partition("/extensions/jupyterlab-stac/")[2] for url in self.requests)
        return {part.partition("?")[0] for part in parts if part}

    def open(self) -> None:
        self.page.evaluate(
            "() => window.jupyterapp.commands.execute('jupyterlab-stac:open').then(() => 0)"
        )
        self.page.locator(".jp-Stac-collections input").first.wait_for()

    def page_size(self, size: int) -> None:
        self.page.evaluate(
            """size => window.jupyterapp.serviceManager.settings
                .save('jupyterlab-stac:plugin', JSON.stringify({ pageSize: size }))""",
            size,
        )
        self.page.reload()
        restored(self.page)

    def search(self, **fields: str) -> None:
        """Type into fields of the form, by label; the Enter key searches."""
        form = self.page.locator(".jp-Stac-form")
        for label, text in fields.items():
            form.get_by_label(label, exact=True).fill(text)
        form.get_by_label("From", exact=True).press("Enter")

    def count(self) -> str:
        return self.page.locator(".jp-Stac-count").inner_text()

    def wait_for_count(self, begins: str) -> None:
        self.page.wait_for_function(
            "begins => document.querySelector('.jp-Stac-count')?.textContent.startsWith(begins)",
            arg=begins,
        )

    def close(self) -> None:
        self.context.close()


def restored(page: Page) -> None:
    page.wait_for_selector("#jp-main-dock-panel", timeout=_WAIT_MS)
    page.wait_for_function("() => window.jupyterapp?.restored !== undefined")
    page.evaluate("() => window.jupyterapp.restored.then(() => 0)")


@contextmanager
def catalogue(folder: Path) -> Iterator[PanelStack]:
    """The services, with all scenes in the catalogue."""
    stack = PanelStack(folder)
    try:
        stack.start()
        stack.add(*scenes(ITEMS))
        yield stack
    finally:
        stack.close()


def search(browser: Browser, folder: Path) -> dict[str, Any]:
    """Typing to footprints, and everything in the list."""
    with catalogue(folder) as stack, stack.lab("marie") as lab:
        here = PanelPage(browser, lab)
        here.open()
        times = []
        for number in range(SEARCHES):
            # nothing is found: the map is empty again
            here.search(From="2030-01-01")
            here.wait_for_count("Nothing")
            begun = here.page.evaluate_handle(f"() => ({{ drawn: ({_UNTIL_DRAWN})() }})")
            here.search(From=f"2026-01-{1 + number:02d}")
            times.append(float(begun.evaluate("({ drawn }) => drawn")))
        first_page = summary(times, items_in_page=here.count())
        here.page_size(PAGE_SIZE)
        here.open()
        here.search(From="2026-01-01")
        here.wait_for_count(f"{PAGE_SIZE} ")
        stack.renew("marie")
        whole = brought_whole(here)
        here.close()
    return {"items": ITEMS, "enter_to_footprints": first_page, "all": whole}


def brought_whole(here: PanelPage) -> dict[str, Any]:
    """Press End until everything is there; how the page is then."""
    page = here.page
    begun = time.perf_counter()
    page.locator(".jp-Stac-card").first.focus()
    for have in range(PAGE_SIZE, ITEMS, PAGE_SIZE):
        page.keyboard.press("End")
        here.wait_for_count(f"{have + PAGE_SIZE:,} ")
    took_s = time.perf_counter() - begun
    page.keyboard.press("End")
    page.wait_for_timeout(500)
    keys = []
    for key in ("Home", "End", "ArrowUp", "ArrowLeft") * 5:
        started = page.evaluate("() => performance.now()")
        page.keyboard.press(key)
        keys.append(page.evaluate(
            "started => new Promise(done => requestAnimationFrame(() =>"
            " requestAnimationFrame(() => done(performance.now() - started))))", started
        ))  # fmt: skip
    return {
        "page_size": PAGE_SIZE,
        "brought_s": round(took_s, 1),
        "key_to_second_frame": summary(keys),
        "cards_in_page": page.locator(".jp-Stac-card").count(),
        "elements_in_page": page.locator(".jp-Stac *").count(),
        "elements_bound": ELEMENTS_BOUND,
        "script_heap_mb": round(page.evaluate("() => performance.memory.usedJSHeapSize / 1e6"), 1),
    }


def panning(browser: Browser, folder: Path) -> dict[str, Any]:
    """Frames with footprints and without."""
    stack = PanelStack(folder)
    try:
        stack.start()
        stack.add(*scenes(FOOTPRINTS))
        with stack.lab("marie") as lab:
            pages = {name: PanelPage(browser, lab) for name in ("empty", "footprints")}
            for here in pages.values():
                here.page_size(PAGE_SIZE)
                here.open()
                here.search(From="2026-01-01")
                here.wait_for_count(f"{PAGE_SIZE} ")
                here.page.locator(".jp-Stac-card").first.focus()
                here.page.keyboard.press("End")
                here.wait_for_count("1,000 ")
                here.page.get_by_role("button", name="Show all").click()
                here.page.wait_for_timeout(1000)
            # the map stays where it is
            pages["empty"].search(From="2030-01-01")
            pages["empty"].wait_for_count("Nothing")
            frames: dict[str, list[float]] = {name: [] for name in pages}
            ratios = []
            for _ in range(ROUNDS):
                medians = {}
                for name, here in pages.items():
                    here.page.bring_to_front()
                    here.page.wait_for_timeout(300)
                    found = here.page.evaluate(_PAN, FRAMES)
                    frames[name] += found
                    medians[name] = statistics.median(found)
                ratios.append(medians["footprints"] / medians["empty"])
            for here in pages.values():
                here.close()
    finally:
        stack.close()
    return {
        "footprints": FOOTPRINTS,
        "rounds": ROUNDS,
        "frame": {name: summary(found) for name, found in frames.items()},
        "ratio": round(statistics.median(ratios), 3),
        "ratio_least_most": [round(min(ratios), 3), round(max(ratios), 3)],
        "ratio_bound": FRAME_RATIO_BOUND,
    }


def bundle(browser: Browser, folder: Path) -> dict[str, Any]:
    """Sizes of the files."""
    with bare_lab(folder / "lab", {"apis": [{"url": "http://127.0.0.1:9", "title": "none"}]}) as lab:
        here = PanelPage(browser, lab)
        at_start = here.loaded
        here.page.evaluate("() => window.jupyterapp.commands.execute('jupyterlab-stac:open')")
        here.page.locator(".jp-Stac-map").wait_for()
        when_open = here.loaded
        here.close()
    every = {str(path.relative_to(BUILT)) for path in (BUILT / "static").rglob("*.js")}
    return {"with_lab": sizes(at_start), "when_opened": sizes(when_open), "all": sizes(every)}


def sizes(files: set[str]) -> dict[str, int]:
    content = [(BUILT / name).read_bytes() for name in sorted(files)]
    return {
        "files": len(content),
        "bytes": sum(len(one) for one in content),
        "gzip_bytes": sum(len(gzip.compress(one)) for one in content),
    }


def start(browser: Browser, folder: Path) -> dict[str, Any]:
    """Lab's start with the extension and without."""
    with (
        bare_lab(folder / "with", {}, without=_OTHER_PANEL) as with_it,
        bare_lab(folder / "without", {}, without=(*_OTHER_PANEL, *_NAMES)) as without_it,
    ):
        labs = {"with": with_it, "without": without_it}
        for name, lab in labs.items():
            has = started(browser, lab)[1]
            if has != (name == "with"):
                raise RuntimeError(f"the Lab {name} the extension: {has=}")
        times: dict[str, list[float]] = {name: [] for name in labs}
        for pair in range(PAIRS):
            order = list(labs) if pair % 2 else list(reversed(labs))
            for name in order:
                times[name].append(started(browser, labs[name])[0])
    ratios = [a / b for a, b in zip(times["with"], times["without"], strict=True)]
    return {
        "pairs": PAIRS,
        "to_restored": {name: summary(found) for name, found in times.items()},
        "ratio": round(statistics.median(ratios), 3),
        "ratio_least_most": [round(min(ratios), 3), round(max(ratios), 3)],
        "ratio_bound": START_RATIO_BOUND,
    }


def started(browser: Browser, lab: BareLab) -> tuple[float, bool]:
    """Time to a restored Lab in a fresh profile [ms], and whether the extension is in it."""
    context = browser.new_context(viewport=SCREEN)
    context.set_default_timeout(_WAIT_MS)
    page = context.new_page()
    page.goto(f"{lab.url}/lab?reset")
    restored(page)
    took_ms = float(page.evaluate("() => performance.now()"))
    has = bool(
        page.evaluate("() => window.jupyterapp.commands.hasCommand('jupyterlab-stac:open')")
    )
    context.close()
    return took_ms, has


PARTS: dict[str, Callable[[Browser, Path], dict[str, Any]]] = {
    "search": search,
    "panning": panning,
    "bundle": bundle,
    "start": start,
}


def problems(record: dict[str, Any]) -> list[str]:
    """Bounds that do not hold."""
    found = []
    for part in ("panning", "start"):
        measured = record.get(part)
        if measured and measured["ratio"] > measured["ratio_bound"]:
            found.append(f"{part}: {measured['ratio']} > {measured['ratio_bound']}")
    whole = record.get("search", {}).get("all")
    if whole and whole["elements_in_page"] > whole["elements_bound"]:
        found.append(f"search: {whole['elements_in_page']} elements in the page")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--record", type=Path, help="folder the record is kept in as well")
    arguments = parser.parse_args()
    record: dict[str, Any] = {
        "bench": "stac_panel",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
    }
    with tempfile.TemporaryDirectory(prefix="boresight-panel-") as folder:
        for name in arguments.parts:
            with chromium(more_flags=_UNLIMITED) as browser:
                record["chromium"] = browser.version
                record[name] = PARTS[name](browser, Path(folder) / name)
    text = json.dumps(record, indent=2)
    sys.stdout.write(text + "\n")
    if arguments.record:
        (arguments.record / f"stac_panel-{record['date'][:10]}.json").write_text(text + "\n")
    wrong = problems(record)
    sys.stderr.writelines(f"{one}\n" for one in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
