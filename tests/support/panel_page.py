"""The catalogue's panel in a page of the browser."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page

import jupyterlab_stac
from support.bare_lab import BareLab
from support.browser import look

BUILT = Path(jupyterlab_stac.__file__).with_name("labextension")
#: folder for the pictures of the documentation; none are kept without
PICTURES = os.environ.get("BORESIGHT_TEST_PICTURES")
SCREEN = {"width": 1400, "height": 900}
WAIT_MS = 180_000
_AXE = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}}


def colours(area: Locator) -> int:
    """How many colours an element shows."""
    return len(np.unique(look(area).reshape(-1, 3), axis=0))


class Panel:
    """The panel in a page.

    Parameters
    ----------
    page : Page
        Without a window of its own yet.
    lab : BareLab
    """

    def __init__(self, page: Page, lab: BareLab) -> None:
        self.page = page
        self.lab = lab
        self.requests: list[str] = []
        self.problems: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    @property
    def root(self) -> Locator:
        return self.page.locator(".jp-Stac")

    @property
    def loaded(self) -> set[str]:
        """Files of the panel that the page has asked for, below its folder."""
        paths = (url.partition("/extensions/jupyterlab-stac/")[2] for url in self.requests)
        return {path.partition("?")[0] for path in paths if path}

    @property
    def loaded_b(self) -> int:
        """Their size, before compression."""
        return sum((BUILT / path).stat().st_size for path in self.loaded)

    def load(self) -> None:
        self.page.goto(f"{self.lab.url}/lab?reset" if not self.requests else f"{self.lab.url}/lab")
        self.page.wait_for_selector("#jp-main-dock-panel")
        self.page.wait_for_function("() => window.jupyterapp?.restored !== undefined")
        self.page.evaluate("() => window.jupyterapp.restored.then(() => 0)")

    def command(self, name: str, **args: Any) -> None:
        self.page.evaluate(
            "([name, args]) => window.jupyterapp.commands.execute(name, args).then(() => 0)",
            [name, args],
        )

    def set(self, **settings: Any) -> None:
        """Change the panel's settings."""
        self.page.evaluate(
            """settings => window.jupyterapp.serviceManager.settings
                .save('jupyterlab-stac:plugin', JSON.stringify(settings))""",
            settings,
        )

    def open(self) -> None:
        self.load()
        self.command("jupyterlab-stac:open")
        self.root.locator(".jp-Stac-collections input").first.wait_for()

    def choose(self, title: str) -> None:
        api = self.root.locator("select").first
        api.select_option(label=title)
        self.root.locator(".jp-Stac-collections input").first.wait_for()

    def search(self) -> None:
        self.root.locator("button[type=submit]").click()

    def search_from(self, day: str) -> None:
        """Type the first day, and press Enter."""
        field = self.root.get_by_label("From", exact=True)
        field.fill(day)
        field.press("Enter")

    def cards(self) -> Locator:
        return self.root.locator(".jp-Stac-card")

    def wait_for_count(self, begins: str) -> None:
        """Wait until the panel says that there are so many."""
        self.page.wait_for_function(
            "begins => document.querySelector('.jp-Stac-count')?.textContent.startsWith(begins)",
            arg=begins,
        )

    def picture(self, name: str) -> None:
        """Keep what the page shows for the documentation, when asked to."""
        if PICTURES:
            self.page.wait_for_timeout(1500)
            self.page.screenshot(path=Path(PICTURES) / f"{name}.png")

    def axe(self) -> list[str]:
        """Serious faults of accessibility."""
        found = Axe().run(self.page, context=".jp-Stac", options=_AXE).response["violations"]
        return [
            f"{one['impact']} {one['id']}: {node['html'][:150]}"
            for one in found
            for node in one["nodes"]
            if one["impact"] in ("serious", "critical")
        ]
