"""The hub's pages in a browser: accessible, in two languages, nothing from outside.

With ``BORESIGHT_PICTURES`` the pages are kept in that folder as pictures.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import IdleStack

if TYPE_CHECKING:
    from support.browser import Visit

CHROMIUM = Path("/usr/bin/chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    pytest.importorskip("playwright")
    from support.browser import chromium

    with chromium() as found:
        yield found


@pytest.fixture(params=["en-light", "fr-dark"])
def visitor(
    request: pytest.FixtureRequest, browser: Any, stack: IdleStack, tmp_path: Path
) -> Iterator[Visit]:
    from support.browser import visit

    language, scheme = request.param.split("-")
    options = {"locale": {"en": "en-GB", "fr": "fr-FR"}[language], "color_scheme": scheme}
    with visit(browser, stack.settings, tmp_path, "pages", **options) as found:
        found.language = language  # type: ignore[attr-defined]
        yield found


def look_at(visitor: Visit, name: str) -> None:
    """Judge the page as it is: its language, axe, what it has asked for."""
    from support.browser import accessibility_problems

    language = visitor.language  # type: ignore[attr-defined]
    assert visitor.page.locator("html").get_attribute("lang") == language
    assert visitor.page.locator("h1").count() == 1, name
    assert accessibility_problems(visitor.page) == [], name
    assert visitor.outside() == [], name
    folder = os.environ.get("BORESIGHT_PICTURES")
    if folder:
        visitor.page.screenshot(path=Path(folder) / f"{name}-{language}.png")


def test_pages(visitor: Visit, stack: IdleStack) -> None:
    language = visitor.language  # type: ignore[attr-defined]
    says = {
        "en": ["Start it", "Unless it is used, it ends at", "There is no such page", "Sign out"],
        "fr": ["Le démarrer", "Sans utilisation, il s", "Cette page n", "Se déconnecter"],
    }[language]
    token = stack.token("lea")
    marie = stack.sessions["marie"]
    marie.stop_server()
    text = {
        "en": "Storage is away on Friday from 18:00.",
        "fr": "Pas de stockage vendredi dès 18 h.",
    }
    stack.hub.hub_api("POST", "boresight/announcements", token=token, json={"text": text})
    try:
        visitor.go("/hub/home")
        visitor.fill_form("marie", stack.hub.password("marie"))
        page = visitor.page
        page.get_by_text(says[0]).wait_for()
        page.get_by_text(text[language]).wait_for()
        look_at(visitor, "home")

        marie.start_server()
        body = {"server": "", "for_s": 400}
        kept = stack.hub.hub_api("POST", "boresight/users/marie/keep", token=marie.token, json=body)
        assert kept.status_code == 200, kept.text
        visitor.go("/hub/home?now")
        page.get_by_text(says[1]).wait_for()
        look_at(visitor, "home-running")

        visitor.go("/hub/token")
        options = page.locator("#token-expiration-seconds option").all_inner_texts()
        assert {"en": "1 week", "fr": "1 semaine"}[language] in options
        look_at(visitor, "tokens")
        visitor.go("/hub/nowhere")
        page.get_by_text(says[2]).wait_for()
        look_at(visitor, "not-found")
        marie.stop_server()
        visitor.go("/user/marie/lab")
        look_at(visitor, "not-running")

        # a choice is kept, whatever the browser prefers
        other = {"en": "fr", "fr": "en"}[language]
        page.locator(f"a[data-language][lang={other}]").click()
        page.wait_for_function("l => document.documentElement.lang === l", arg=other)
        assert page.url.split("?")[0].endswith("/user/marie/lab"), "where one was"
        visitor.go("/hub/home")
        assert page.locator("html").get_attribute("lang") == other
        page.locator(f"a[data-language][lang={language}]").click()
        page.wait_for_function("l => document.documentElement.lang === l", arg=language)

        page.get_by_role("button", name=says[3]).click()
        page.locator("#logout-main").wait_for()
        look_at(visitor, "signed-out")
    finally:
        stack.hub.hub_api("DELETE", "boresight/announcements", token=token)


@pytest.mark.soak
def test_what_was_stopped_is_told_after_the_sign_in(visitor: Visit, stack: IdleStack) -> None:
    from boresight_hub.session import HubSession

    from .conftest import until_gone

    language = visitor.language  # type: ignore[attr-defined]
    with HubSession(stack.settings) as marie:
        marie.sign_in("marie", stack.hub.password("marie"))
        marie.start_server()
        with marie.kernel(path="radiometry"):
            until_gone(marie)
    visitor.go("/")
    visitor.fill_form("marie", stack.hub.password("marie"))
    told = visitor.page.locator("#endings")
    told.wait_for()
    assert {"en": "was ended", "fr": "a été arrêté"}[language] in told.inner_text()
    look_at(visitor, "ended")
    visitor.page.get_by_role("button", name={"en": "I have read", "fr": "lu"}[language]).click()
    visitor.page.wait_for_function("() => !document.querySelector('#endings')")


def test_page_of_the_server_itself(visitor: Visit, stack: IdleStack) -> None:
    language = visitor.language  # type: ignore[attr-defined]
    from boresight_hub.session import HubSession

    with HubSession(stack.settings) as marie:
        marie.sign_in("marie", stack.hub.password("marie"))
        marie.start_server()
        visitor.go("/user/marie/boresight/idle")
        visitor.fill_form("marie", stack.hub.password("marie"))
        visitor.page.get_by_role(
            "button", name={"en": "I am here", "fr": "Je suis"}[language]
        ).click()
        time.sleep(1)
        look_at(visitor, "server")
        visitor.page.locator("select[name=hours]").select_option("24")
        visitor.page.get_by_role("button", name="OK").click()
        visitor.page.get_by_role("alert").wait_for()  # the quota here is a quarter of an hour
        marie.stop_server()
