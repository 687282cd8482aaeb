"""A pair found with the panel, its surface model made by a job, a reload in between, the map."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from support.browser import (
    Visit,
    accessibility_problems,
    chromium,
    look,
    visit,
)
from support.environment import Environment, printed

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(1500)]

#: folder for the pictures of the documentation; none are kept without
PICTURES = os.environ.get("BORESIGHT_TEST_PICTURES")
SCREEN = {"width": 1600, "height": 1000}
_JOB_MS = 900_000

_INGEST = """
import json
from boresight.workflows.notebook import bring_pair
pairs = [bring_pair(folder) for folder in {folders!r}]
print(json.dumps([[pair.left.id, pair.right.id] for pair in pairs]))
"""

_PUBLISHED = """
import json
from boresight import access
item = access.get_item("co3d-dsm", {item!r})
print(json.dumps([item.properties["boresight:valid_share"], len(item.assets)]))
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def pairs(environment: Environment, real_data: Path) -> dict[str, list[str]]:
    """Names of the images of two real pairs, which are in the catalogue and no more."""
    folders = [str(real_data / name) for name in ("ventoux", "gizeh")]
    with environment.session("marie") as session, session.kernel() as kernel:
        told = printed(kernel.execute(_INGEST.format(folders=folders), timeout_s=600))
    return dict(zip(("ventoux", "gizeh"), json.loads(told.strip().splitlines()[-1]), strict=True))


def picture(page: Page, name: str) -> None:
    """Keep what the page shows for the documentation, when asked to."""
    if PICTURES:
        page.wait_for_timeout(1500)
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


def sign_in(visitor: Visit, environment: Environment) -> Page:
    """Marie in a Lab as new: without the tabs of the last visit."""
    visitor.page.set_viewport_size(SCREEN)
    visitor.sign_in("marie", environment.password("marie"))
    visitor.go("/user/marie/lab?reset")
    visitor.wait_for_lab()
    return visitor.page


def open_catalogue(visitor: Visit) -> Locator:
    """Open the catalogue's panel and search everything; its tab."""
    page = visitor.page
    panel = page.locator("#jupyterlab-stac")
    if panel.count() == 0:
        page.locator(".jp-LauncherCard", has_text="STAC catalogue").click()
    search = panel.get_by_role("button", name="Search", exact=True)
    expect(search).to_be_enabled()
    # the API is ours, asked in her name
    expect(panel.get_by_text("Asked in your name")).to_be_visible()
    search.click()
    panel.locator(".jp-Stac-card").first.wait_for()
    return panel


def find_pairs(visitor: Visit, item: str) -> Locator:
    """Choose an image and search its pairs; the panel of pairs."""
    panel = open_catalogue(visitor)
    panel.locator(".jp-Stac-card", has_text=item).click()
    panel.get_by_role("button", name="Find stereo pairs").first.click()
    found = visitor.page.locator("#boresight-pairs")
    found.locator(".jp-boresight-card").first.wait_for(timeout=120_000)
    return found


def ours(problems: list[str]) -> list[str]:
    """Faults of accessibility in our two panels."""
    return [one for one in problems if "boresight" in one]


def test_a_pair_is_found_made_and_seen(
    environment: Environment, browser: Browser, pairs: dict[str, list[str]], tmp_path: Path
) -> None:
    left, right = pairs["ventoux"]
    with visit(browser, environment.settings, tmp_path, "marie") as marie:
        page = sign_in(marie, environment)
        found = find_pairs(marie, right)

        # the other pair lies elsewhere: one pair, its five scores explained
        expect(found.locator(".jp-boresight-card")).to_have_count(1)
        expect(found.locator("h3")).to_have_text(f"{left} and {right}")
        expect(found).to_contain_text(re.compile(r"B/H 0\.3[56]"))
        expect(found.locator("dd")).to_have_count(5)
        expect(found).to_contain_text("Taken 33 s apart, in one pass")
        area = page.locator(".jp-Stac-map")
        before = look(area)
        found.get_by_role("button", name="Show on the map").click()
        expect(page.get_by_role("button", name="Take 2 off the map")).to_be_visible()
        page.wait_for_timeout(1500)
        assert (look(area) != before).any(), "both footprints are drawn"
        assert ours(accessibility_problems(page)) == []
        # images of 250 m fill the map
        expect(page.locator(".jp-Stac-map .ol-scale-line-inner")).to_have_text(
            re.compile(r"^(10|20|50|100) m$")
        )
        picture(page, "stereo-pairs")

        found.get_by_role("button", name="Make a DSM of this pair").click()
        jobs = page.locator("#boresight-jobs")
        card = jobs.locator("[data-job]")
        expect(card).to_have_count(1)
        job_id = card.get_attribute("data-job")
        jobs.locator("[data-state=running]").wait_for(timeout=_JOB_MS)
        expect(jobs).to_contain_text("of 2 workers")
        picture(page, "stereo-jobs")

        # the page goes, and the job does not
        page.reload()
        marie.wait_for_lab()
        card = open_jobs(page).locator(f"[data-job='{job_id}']")
        expect(card).to_be_visible()
        wait_for_end(card)
        assert ours(accessibility_problems(page)) == []
        item = re.search(r"\S+-dsm-[0-9a-f]{12}", card.inner_text())
        assert item, card.inner_text()

        card.get_by_role("button", name="Show on the map").click()
        expect(page.get_by_role("button", name="Take 1 off the map")).to_be_visible()
        picture(page, "stereo-result")
        card.get_by_role("button", name="Log").click()
        expect(card.locator(".jp-boresight-log")).to_contain_text("publishing")
        card.get_by_role("button", name="Open a notebook").click()
        page.locator(".jp-NotebookPanel .jp-CodeCell").first.wait_for()
        page.get_by_text("| Idle").wait_for(timeout=120_000)
        marie.run_all()
        marie.wait_for_end(300)
        assert page.locator(".jp-NotebookPanel .jp-RenderedImage img").count() == 1
        assert page.locator(".jp-NotebookPanel [data-mime-type*=stderr]").count() == 0
        assert marie.outside() == []
        assert marie.complaints() == []
    with environment.session("marie") as session, session.kernel() as kernel:
        told = printed(kernel.execute(_PUBLISHED.format(item=item[0]), timeout_s=120))
    valid_share, n_assets = json.loads(told.strip().splitlines()[-1])
    assert valid_share > 0.5
    assert n_assets == 7


def wait_for_end(card: Locator) -> None:
    """Wait until the job is done; one that ends otherwise says why."""
    state = re.compile("done|failed|interrupted|cancelled")
    expect(card.locator(".jp-boresight-state")).to_have_text(state, timeout=_JOB_MS)
    assert card.get_attribute("data-state") == "done", card.inner_text()


def open_jobs(page: Page) -> Locator:
    """Bring up the panel of jobs, which Lab may have brought up by itself."""
    panel = page.locator("#boresight-jobs")
    page.locator(".jp-SideBar [data-id=boresight-jobs]").wait_for()
    if not panel.is_visible():
        page.locator(".jp-SideBar [data-id=boresight-jobs]").click()
    panel.locator("[data-job]").first.wait_for()
    return panel


def test_a_job_is_cancelled_by_keyboard_and_leaves_no_cluster(
    environment: Environment, browser: Browser, pairs: dict[str, list[str]], tmp_path: Path
) -> None:
    with visit(browser, environment.settings, tmp_path, "marie-cancels") as marie:
        page = sign_in(marie, environment)
        found = find_pairs(marie, pairs["gizeh"][0])
        make = found.get_by_role("button", name="Make a DSM of this pair")
        make.focus()
        page.keyboard.press("Enter")
        jobs = page.locator("#boresight-jobs")
        card = jobs.locator("[data-job]", has_text="gizeh")
        card.wait_for()
        jobs.locator("[data-state=running]").wait_for(timeout=_JOB_MS)
        page.wait_for_timeout(5000)
        card.get_by_role("button", name="Cancel").focus()
        page.keyboard.press("Space")
        expect(card.locator(".jp-boresight-state")).to_have_text(
            re.compile("cancelling|cancelled"), timeout=30_000
        )
        expect(card.locator(".jp-boresight-state")).to_have_text("cancelled", timeout=120_000)
        clusters = jobs.locator(".jp-boresight-clusters")
        clusters.locator("summary").click()
        expect(clusters).to_contain_text("No cluster is running.", timeout=60_000)
        card.get_by_role("button", name="Forget").click()
        expect(card).to_have_count(0)
        assert marie.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_panels_meet_wcag_and_speak_french(
    environment: Environment,
    browser: Browser,
    pairs: dict[str, list[str]],
    tmp_path: Path,
    scheme: Any,
) -> None:
    theme = "JupyterLab Dark" if scheme == "dark" else "JupyterLab Light"
    settings = {
        "@jupyterlab/apputils-extension/themes.jupyterlab-settings": {"theme": theme},
        "@jupyterlab/translation-extension/plugin.jupyterlab-settings": {"locale": "fr_FR"},
    }
    home = environment.state / "homes" / "marie" / ".jupyter" / "lab" / "user-settings"
    written = []
    for name, content in settings.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        written.append(path)
    try:
        with visit(browser, environment.settings, tmp_path, f"marie-{scheme}") as marie:
            page = sign_in(marie, environment)
            page.locator(".jp-SideBar [data-id=boresight-pairs]").click()
            expect(page.locator("#boresight-pairs h2")).to_have_text("Couples stéréo")
            assert ours(accessibility_problems(page)) == []
            jobs = page.locator("#boresight-jobs")
            page.locator(".jp-SideBar [data-id=boresight-jobs]").click()
            expect(jobs.locator("h2")).to_have_text("Travaux")
            page.wait_for_timeout(2500)
            assert ours(accessibility_problems(page)) == []
            picture(page, f"stereo-jobs-{scheme}")
    finally:
        for path in written:
            path.unlink()
