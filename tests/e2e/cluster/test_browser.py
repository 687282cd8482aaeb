"""The main job in a browser: Keycloak's form, the choice of a profile, the notebook in Lab."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from support.browser import (
    accessibility_problems,
    chromium,
    map_is_drawn,
    outputs_of,
    plots_are_drawn,
    visit,
)
from support.cluster import NAMESPACE, ORIGIN, USERS, Cluster, Person

from boresight_hub.settings import HubSettings

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(900)]

NOTEBOOK = "examples/quickstart/stereo_to_dsm.ipynb"
_PARAMETERS = {"size_px": 400, "seed": 12}
#: what the browser says of a request that it breaks off then, and what its page says
_NETWORK_CHANGED = re.compile(r"net::ERR_NETWORK_CHANGED|^uncaught: Failed to fetch$")
#: folder for the pictures of the documentation; none are kept without
_PICTURES = os.environ.get("BORESIGHT_TEST_PICTURES")


@pytest.fixture(scope="module")
def browser(cluster: Cluster) -> Iterator[Browser]:
    certificate = cluster.secret("boresight-tls", "tls.crt", NAMESPACE).encode()
    with chromium(ORIGIN.removeprefix("https://"), certificate) as browser:
        yield browser


def picture(page: Page, name: str) -> None:
    if _PICTURES:
        page.wait_for_timeout(800)
        page.screenshot(path=Path(_PICTURES) / f"{name}.png")


def test_from_the_form_to_the_surface_model(
    cluster: Cluster, person: Person, authorities: Path, browser: Browser, tmp_path: Path
) -> None:
    settings = HubSettings(platform="kubernetes", origin=ORIGIN, authorities_path=authorities)
    with person("marie", start=False) as session, visit(browser, settings, tmp_path, "marie") as m:
        m.go("/")
        m.fill_form("marie", cluster.password("marie"))
        _choose(m.page, "Standard")
        # what is told while the pod starts
        m.page.locator("#progress-message, .progress-bar").first.wait_for()
        picture(m.page, "cluster-spawn")
        m.wait_for_lab()

        content = session.read_file(NOTEBOOK)
        cells = content["cells"]
        cell = next(c for c in cells if "parameters" in c["metadata"].get("tags", []))
        cell["source"] += "".join(f"\n{k} = {v}" for k, v in _PARAMETERS.items())
        session.write_file(NOTEBOOK, content)
        m.open_notebook("marie", NOTEBOOK)
        m.run_all()
        workers = m.page.locator(".jp-OutputArea-output", has_text="dashboard:").first
        workers.wait_for(state="attached", timeout=300_000)
        pods = cluster.get("pods", "--namespace", USERS)["items"]
        kinds = {one["metadata"]["labels"].get("app.kubernetes.io/component") for one in pods}
        assert {"dask-scheduler", "dask-worker"} <= kinds
        m.wait_for_end(600)
        # each pod that ends breaks the connections of this browser, which runs on the node
        _wait_for_the_end_of_dask(cluster)
        m.page.keyboard.press("Control+s")
        m.page.locator(".jp-NotebookPanel").first.wait_for()
        m.page.wait_for_timeout(2000)

        code = [c for c in session.read_file(NOTEBOOK)["cells"] if c["cell_type"] == "code"]
        assert [error for c in code for error in outputs_of(c, "error")] == []
        assert [c["execution_count"] for c in code] == list(range(1, len(code) + 1))
        (result,) = outputs_of(code[-1], "display_data")
        assert "".join(result["data"]["text/plain"]) == "all numbers hold"
        map_is_drawn(m.page)
        plots_are_drawn(m.page, "dsm", "differences")
        picture(m.page, "cluster-lab")
        assert m.outside() == []
        # this browser runs on the node, whose network changes with each pod that starts
        assert [one for one in m.complaints() if not _NETWORK_CHANGED.search(one)] == []
        session.stop_server()


def _wait_for_the_end_of_dask(cluster: Cluster) -> None:
    until = time.monotonic() + 120
    chosen = "--selector=app.kubernetes.io/component in (dask-scheduler, dask-worker)"
    while cluster.get("pods", "--namespace", USERS, chosen)["items"]:
        assert time.monotonic() < until, "pods of the Dask cluster are left"
        time.sleep(1)
    time.sleep(2)


def _choose(page: Page, name: str) -> None:
    """Take one of the profiles on offer."""
    page.get_by_role("radio", name=re.compile(name)).first.wait_for()
    picture(page, "cluster-profiles")
    page.get_by_role("radio", name=re.compile(name)).first.check()
    page.get_by_role("button", name=re.compile("Start")).click()


def test_the_form_says_why_a_profile_is_not_for_somebody(
    cluster: Cluster, authorities: Path, browser: Browser, tmp_path: Path
) -> None:
    settings = HubSettings(platform="kubernetes", origin=ORIGIN, authorities_path=authorities)
    with visit(browser, settings, tmp_path, "tycho") as tycho:
        tycho.go("/")
        tycho.fill_form("tycho", cluster.password("tycho"))
        large = tycho.page.get_by_role("radio", name=re.compile("Large"))
        large.wait_for()
        assert large.is_disabled()
        reason = tycho.page.locator(f"#{large.get_attribute('aria-describedby')}")
        assert "For members of co3d-calibration" in (reason.text_content() or "")
        assert tycho.page.get_by_role("radio", name=re.compile("Standard")).is_enabled()
        assert accessibility_problems(tycho.page) == []
        picture(tycho.page, "cluster-profiles-refused")
