"""What Lab shows of its server, in a browser: warnings, announcements, meters, kernels that died.

With ``BORESIGHT_PICTURES`` Lab is kept in that folder as pictures.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from support.batch_person import notebook

from .conftest import AFTER_S, IdleStack

if TYPE_CHECKING:
    from support.browser import Visit

CHROMIUM = Path("/usr/bin/chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.soak,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no chromium"),
]
_NOTICE_MS = (AFTER_S + 60) * 1000


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    pytest.importorskip("playwright")
    from support.browser import chromium

    with chromium() as found:
        yield found


@pytest.fixture
def visitor(browser: Any, stack: IdleStack, tmp_path: Path) -> Iterator[Visit]:
    from support.browser import visit

    with visit(browser, stack.settings, tmp_path, "lab", locale="en-GB") as found:
        yield found


def keep(visitor: Visit, name: str) -> None:
    folder = os.environ.get("BORESIGHT_PICTURES")
    if folder:
        visitor.page.screenshot(path=Path(folder) / f"{name}.png")


def kernel_of(stack: IdleStack) -> psutil.Process:
    (found,) = stack.processes("ipykernel_launcher", "homes/marie")
    return found


def test_lab_tells_of_its_server(visitor: Visit, stack: IdleStack) -> None:
    from support.browser import accessibility_problems

    home = stack.settings.state_dir / "homes" / "marie"
    home.mkdir(parents=True, exist_ok=True)
    code = "import numpy as np\nframes = np.ones((1024, 1024, 8))"
    (home / "dark.ipynb").write_text(json.dumps(notebook(code, "import time\ntime.sleep(600)")))
    token = stack.token("lea")
    text = {"en": "Storage is away on Friday from 18:00."}
    stack.hub.hub_api("POST", "boresight/announcements", token=token, json={"text": text})
    marie = stack.sessions["marie"]
    marie.start_server()
    page = visitor.page
    try:
        visitor.go("/user/marie/lab/tree/dark.ipynb")
        visitor.fill_form("marie", stack.hub.password("marie"))
        page.get_by_text("| Idle").wait_for(timeout=180_000)
        page.locator(".Toastify__toast", has_text=text["en"]).wait_for(timeout=_NOTICE_MS)
        memory = page.locator(".jp-boresight-meter", has_text="Memory")
        memory.wait_for()
        page.locator(".jp-boresight-meter", has_text="Home").wait_for()

        # the meter asks the kernel
        page.locator(".jp-CodeCell").first.click()
        page.keyboard.press("Shift+Enter")
        page.locator(".jp-InputPrompt", has_text="[1]").wait_for(timeout=60_000)
        memory.click()
        details = page.locator(".jp-boresight-details")
        details.locator("tr", has_text="frames").wait_for()
        details.get_by_text("dark.ipynb").wait_for()
        told = details.inner_text()
        assert "1024 x 1024 x 8" in told
        assert "64 MiB" in told
        problems = accessibility_problems(page)
        assert not [p for p in problems if "jp-boresight" in p], problems
        keep(visitor, "lab-memory")
        page.keyboard.press("Escape")
        details.wait_for(state="hidden")

        # nobody does anything: the warning comes, and is gone when somebody says so
        warning = page.locator(".Toastify__toast", has_text="Nobody uses this server")
        warning.wait_for(timeout=_NOTICE_MS)
        keep(visitor, "lab-warning")
        warning.get_by_role("button", name="I am here").click()
        warning.wait_for(state="hidden", timeout=60_000)

        # a kernel that is killed while a cell runs is explained with that cell
        page.locator(".jp-CodeCell").nth(1).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        page.locator(".jp-InputPrompt", has_text="[*]").wait_for(timeout=60_000)
        page.wait_for_timeout(2500)  # the kernel is looked at once a second
        kernel_of(stack).kill()
        death = page.locator(".Toastify__toast", has_text="was ended by SIGKILL")
        death.wait_for(timeout=60_000)
        assert "Cell [2] ran: import time" in death.inner_text()
        keep(visitor, "lab-death")
        assert visitor.outside() == []
    finally:
        stack.hub.hub_api("DELETE", "boresight/announcements", token=token)
        marie.stop_server()
