"""What people see: signing in, the notebook in Lab, its map and plots, refusals, signing out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from support.browser import (
    Visit,
    accessibility_problems,
    chromium,
    look,
    map_is_drawn,
    outputs_of,
    plots_are_drawn,
    visit,
)
from support.environment import Environment, printed

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

NOTEBOOK = "examples/quickstart/stereo_to_dsm.ipynb"
# not the pair of the main job's tests, whose result would be found and not computed
PARAMETERS: dict[str, int] = {"size_px": 500, "seed": 11}
_RUN_S = 900.0
#: folder for the pictures of the documentation, of the main job's own pair; none are kept without
PICTURES = os.environ.get("BORESIGHT_TEST_PICTURES")
if PICTURES:
    PARAMETERS = {}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def dashboard(environment: Environment) -> Iterator[str]:
    """Address of the dashboard of a cluster of marie's."""
    with environment.session("marie") as session, session.kernel() as kernel:
        kernel.execute("from boresight.compute import cluster\nc = cluster(n_workers=1)")
        yield printed(kernel.execute("print(c.__enter__().dashboard_link)")).split()[-1]
        kernel.execute("c.__exit__(None, None, None)")


def picture(page: Page, name: str) -> None:
    """Keep what the page shows for the documentation, when asked to."""
    if PICTURES:
        page.wait_for_timeout(1500)  # menus and toolbars come to rest
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


@pytest.mark.timeout(1500)
def test_an_engineer_signs_in_and_makes_a_surface_model(
    environment: Environment, browser: Browser, tmp_path: Path
) -> None:
    notebook = environment.state / "homes" / "marie" / NOTEBOOK
    with visit(browser, environment.settings, tmp_path, "marie") as marie:
        marie.go("/")
        picture(marie.page, "sign-in")
        marie.fill_form("marie", environment.password("marie"))
        marie.wait_for_lab()
        with environment.session("marie") as session:
            content = session.read_file(NOTEBOOK)
            cells = content["cells"]
            cell = next(c for c in cells if "parameters" in c["metadata"].get("tags", []))
            cell["source"] += "".join(f"\n{k} = {v}" for k, v in PARAMETERS.items())
            session.write_file(NOTEBOOK, content)
        marie.open_notebook("marie", NOTEBOOK)
        marie.run_all()
        _look_at_her_dashboard(marie)
        marie.wait_for_end(_RUN_S)
        code = [c for c in marie.save(notebook)["cells"] if c["cell_type"] == "code"]
        errors = [error for cell in code for error in outputs_of(cell, "error")]
        assert errors == []
        assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
        (result,) = outputs_of(code[-1], "display_data")
        assert "".join(result["data"]["text/plain"]) == "all numbers hold"

        map_is_drawn(marie.page)
        picture(marie.page, "lab-map")
        for name, figure in plots_are_drawn(marie.page, "dsm", "differences").items():
            figure.scroll_into_view_if_needed()
            picture(marie.page, f"lab-{name}")
        assert marie.outside() == []
        assert marie.complaints() == []


def _look_at_her_dashboard(marie: Visit) -> None:
    """The link that the notebook prints while the cluster works."""
    line = marie.page.locator(".jp-OutputArea-output", has_text="dashboard:").first
    line.wait_for(state="attached", timeout=_RUN_S * 1000)
    found = re.search(r"dashboard:\s*(\S+)", line.text_content() or "")
    assert found, line.text_content()
    page = marie.context.new_page()
    answer = page.goto(found[1])
    assert answer is not None
    assert answer.status == 200
    page.locator(".bk-Figure").first.wait_for()
    assert page.locator(".bk-Figure").count() >= 3
    if PICTURES:
        page.wait_for_timeout(25_000)  # the task stream has something to show
    picture(page, "dashboard")
    page.close()
    marie.page.bring_to_front()


def test_another_group_is_refused_where_she_is_let_in(
    environment: Environment, browser: Browser, dashboard: str, tmp_path: Path
) -> None:
    settings = environment.settings
    with (
        visit(browser, settings, tmp_path, "marie") as marie,
        visit(browser, settings, tmp_path, "paul") as paul,
    ):
        for username, visitor in (("marie", marie), ("paul", paul)):
            visitor.sign_in(username, environment.password(username))
            assert urlpath(visitor.page).startswith(f"/user/{username}/lab")

        assert marie.go("/user/marie/lab").status == 200
        assert paul.go("/user/marie/lab").status in (403, 404)
        assert paul.page.locator("#jp-main-dock-panel").count() == 0
        assert paul.page.get_by_role("heading", name=re.compile("40[34]")).count() == 1

        assert marie.go(dashboard).status == 200
        marie.page.locator(".bk-Figure").first.wait_for()
        assert paul.go(dashboard).status in (403, 404)
        assert paul.page.locator(".bk-Figure").count() == 0

        for visitor, seen in (
            (marie, ["co3d-dsm", "co3d-l1"]),
            (paul, ["sentinel2-l1"]),
        ):
            assert shown(visitor, None) == []
            username = "marie" if visitor is marie else "paul"
            assert sorted(shown(visitor, own_token(environment, username))) == seen
        assert marie.outside() == []
        assert paul.outside() == []


def urlpath(page: Page) -> str:
    return "/" + page.url.split("/", 3)[3]


def own_token(environment: Environment, username: str) -> str:
    folder = environment.state / "run" / "tokens" / username / "server-default"
    return (folder / "stac.jwt").read_text().strip()


def shown(visitor: Visit, token: str | None) -> list[str]:
    """Collections that the catalogue shows to a page of this person's."""
    visitor.go("/hub/home")
    answer = visitor.page.evaluate(
        """async ([url, token]) => {
            const headers = token ? {Authorization: `Bearer ${token}`} : {};
            const response = await fetch(url, {headers});
            return [response.status, await response.json()];
        }""",
        [f"{visitor.settings.stac_url}/collections", token],
    )
    assert answer[0] == 200
    return [collection["id"] for collection in answer[1]["collections"]]


def test_a_wrong_password_is_told_and_the_right_one_helps(
    environment: Environment, browser: Browser, tmp_path: Path
) -> None:
    with visit(browser, environment.settings, tmp_path, "lea") as lea:
        lea.go("/")
        lea.fill_form("lea", "not-her-password")
        lea.page.get_by_text(re.compile(r"wrong|invalid", re.I)).first.wait_for()
        assert lea.asks_for_password()
        assert lea.page.locator("input[name=username]").input_value() == "lea"
        assert lea.page.locator("input[name=password]").input_value() == ""
        lea.fill_form("lea", environment.password("lea"))
        lea.wait_for_lab()


def test_who_signs_out_is_asked_again(
    environment: Environment, browser: Browser, tmp_path: Path
) -> None:
    with visit(browser, environment.settings, tmp_path, "lea") as lea:
        lea.sign_in("lea", environment.password("lea"))
        assert lea.go("/hub/home").status == 200
        lea.page.get_by_role("link", name="Sign out").or_(
            lea.page.get_by_role("button", name="Sign out")
        ).first.click()
        lea.page.get_by_role("heading", name="You are signed out").wait_for()

        lea.page.go_back()
        lea.page.wait_for_load_state()
        assert lea.page.get_by_text("Stop it").count() == 0
        for place in ("/hub/home", "/user/lea/lab", "/"):
            lea.go(place)
            # neither the hub's session nor the provider's lets her in silently
            lea.page.locator("input[name=password]").wait_for()
        lea.fill_form("lea", environment.password("lea"))
        lea.wait_for_lab()


def test_the_sign_in_page_is_usable_by_keyboard(
    environment: Environment, browser: Browser, tmp_path: Path
) -> None:
    with visit(browser, environment.settings, tmp_path, "keyboard") as somebody:
        page = somebody.page
        somebody.go("/")
        name, password = (page.locator(f"input[name={n}]") for n in ("username", "password"))
        page.wait_for_function("() => document.activeElement.name === 'username'")
        for field in (name, password):
            label = field.evaluate("field => field.labels[0]?.textContent.trim()")
            assert label
        before = look(page.locator("form").first)
        page.keyboard.press("Tab")
        assert (look(page.locator("form").first) != before).any(), "one sees where the focus is"
        page.wait_for_function("() => document.activeElement.name !== 'username'")
        name.focus()
        page.keyboard.type("lea")
        password.focus()
        page.keyboard.type(environment.password("lea"))
        page.keyboard.press("Enter")
        somebody.wait_for_lab()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_meet_wcag(
    environment: Environment, browser: Browser, tmp_path: Path, scheme: Any
) -> None:
    settings = environment.settings
    with visit(browser, settings, tmp_path, scheme, color_scheme=scheme) as paul:
        problems: dict[str, list[str]] = {}
        paul.go("/")
        if environment.idp == "oidc-provider":  # Keycloak's pages are Keycloak's
            problems["sign-in"] = accessibility_problems(paul.page)
            paul.fill_form("paul", "not-his-password")
            paul.page.get_by_role("alert").wait_for()
            problems["wrong password"] = accessibility_problems(paul.page)
        paul.fill_form("paul", environment.password("paul"))
        paul.wait_for_lab()
        paul.go("/hub/home")
        problems["home"] = accessibility_problems(paul.page)
        paul.go("/user/marie/lab")
        problems["refused"] = accessibility_problems(paul.page)
        paul.go("/hub/logout")
        paul.page.get_by_role("heading", name="You are signed out").wait_for()
        problems["signed out"] = accessibility_problems(paul.page)
        assert {page: found for page, found in problems.items() if found} == {}
