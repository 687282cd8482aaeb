"""Sharing on a whole environment: what the colleague gets, and what stays closed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from support.batch_person import BatchPerson, notebook, wait_for
from support.environment import Environment

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(600)]

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    environment = Environment(tmp_path_factory.mktemp("share") / "state")
    environment.up()
    yield environment
    environment.down()


@pytest.fixture(scope="module")
def marie(environment: Environment) -> Iterator[BatchPerson]:
    with BatchPerson(environment, "marie") as person:
        yield person


@pytest.fixture(scope="module")
def paul(environment: Environment) -> Iterator[BatchPerson]:
    with BatchPerson(environment, "paul") as person:
        yield person


def page(person: BatchPerson, method: str, url: str, **options: object) -> httpx.Response:
    """The page of the link in the person's own server, with their token."""
    # the hub's redirect to one's own server is the browser's affair
    path = url.split("/hub/user-redirect/")[1]
    return httpx.request(
        method,
        f"{person.session.server_url()}{path}",
        headers={"Authorization": f"token {person.session.token}"},
        timeout=60,
        trust_env=False,
        **options,  # type: ignore[arg-type]
    )


def with_changes(url: str, **changes: str) -> str:
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    return f"{url.split('?')[0]}?{urlencode(query | changes)}"


def test_a_link_gives_the_version_that_was_shared(marie: BatchPerson, paul: BatchPerson) -> None:
    marie.write("dark frames.ipynb", notebook("'first'"))
    link = marie.boresight("share", "notebook", "dark frames.ipynb").strip()
    assert link.startswith(f"{marie.environment.settings.public_url}/hub/user-redirect/")
    marie.write("dark frames.ipynb", notebook("'second'"))

    # whoever is not signed in comes to the sign-in
    stranger = httpx.get(link, follow_redirects=True, trust_env=False)
    assert 'name="password"' in stranger.text
    # by way of the start of one's own server
    redirected = paul.session.browser.get(link, follow_redirects=False).headers["location"]
    next_url = parse_qs(urlsplit(redirected).query)["next"][0]
    assert next_url.startswith("/user/paul/boresight/open?owner=marie&version=")

    shown = page(paul, "GET", link)
    assert shown.status_code == 200
    assert "marie shares dark frames.ipynb with you" in shown.text
    copy = paul.home / "shared-with-me" / "marie" / "dark frames.ipynb"
    assert not copy.exists(), "a link alone changes nothing"
    opened = page(paul, "POST", link)
    assert opened.headers["location"].endswith("/lab/tree/shared-with-me/marie/dark%20frames.ipynb")
    assert json.loads(copy.read_text())["cells"][0]["source"] == "'first'"

    # what its reader has changed stays; the second version lies beside it
    copy.write_text(json.dumps(notebook("'mine'")))
    second = marie.boresight("share", "notebook", "dark frames.ipynb").strip()
    assert second != link
    place = page(paul, "POST", second).headers["location"]
    assert json.loads(copy.read_text())["cells"][0]["source"] == "'mine'"
    assert place != opened.headers["location"]
    (other,) = [p for p in copy.parent.glob("*.ipynb") if p != copy]
    assert json.loads(other.read_text())["cells"][0]["source"] == "'second'"

    assert marie.boresight("share", "notebook", "dark frames.ipynb", "--withdraw").strip() == (
        "Taken back."
    )
    gone = page(paul, "POST", second)
    assert (gone.status_code, "not there in this version" in gone.text) == (404, True)


def test_links_that_are_not_whole(marie: BatchPerson, paul: BatchPerson) -> None:
    marie.write("flat.ipynb", notebook("1"))
    link = marie.boresight("share", "notebook", "flat.ipynb").strip()
    assert page(paul, "POST", link).status_code == 302
    for changes in (
        {"name": "../../.bashrc.ipynb"},
        {"name": "flat.py"},
        {"name": ".flat.ipynb"},
        {"name": "a\\b.ipynb"},
        {"owner": "../marie"},
        {"owner": "<script>alert(1)</script>"},
        {"version": "x"},
        {"version": ""},
    ):
        refused = page(paul, "POST", with_changes(link, **changes))
        assert refused.status_code == 400, (changes, refused.text)
        assert "<script>alert" not in refused.text
    for changes in ({"version": "0" * 32}, {"owner": "paul"}):
        assert page(paul, "POST", with_changes(link, **changes)).status_code == 404, changes


WRITE = """
from boresight.access import write_bytes, read_bytes, list_keys
from boresight.errors import AccessError
def attempt(do):
    try:
        return do() is not None or True
    except AccessError as exc:
        return False
key = {key!r}
print([attempt(lambda: write_bytes(b'x', key)), attempt(lambda: read_bytes(key)),
       attempt(lambda: list_keys('s3://home/_shared'))])
"""


def test_nobody_else_writes_or_lists(marie: BatchPerson, paul: BatchPerson) -> None:
    mine = f"s3://home/_shared/marie/{'0' * 32}.ipynb"
    # the owner writes and reads; nobody lists
    assert marie.python(WRITE.format(key=mine)).strip() == "[True, True, False]"
    assert paul.python(WRITE.format(key=mine)).strip() == "[False, True, False]"
    # and what is Marie's own is still hers, also where its name has the word
    own = "s3://home/marie/_shared/marie/x"
    assert marie.python(WRITE.format(key=own)).strip() == "[True, True, False]"
    assert paul.python(WRITE.format(key=own)).strip() == "[False, False, False]"
    # what was put in the place of another version is found out
    link = (
        f"{marie.environment.settings.public_url}/hub/user-redirect/boresight/open?"
        f"owner=marie&version={'0' * 32}&name=flat.ipynb"
    )
    refused = page(paul, "POST", link)
    assert (refused.status_code, "another digest" in refused.text) == (400, True)


def status_of(person: BatchPerson, other: BatchPerson) -> int:
    return httpx.get(
        f"{other.session.server_url()}api/status",
        headers={"Authorization": f"token {person.session.token}"},
        timeout=30,
        trust_env=False,
    ).status_code


def until_status(person: BatchPerson, other: BatchPerson, wanted: int) -> None:
    # servers ask the hub for what somebody may do, and remember the answer for a minute
    wait_for(lambda: status_of(person, other) == wanted, timeout_s=100)


def test_a_server_is_shared_with_who_accepts(marie: BatchPerson, paul: BatchPerson) -> None:
    assert status_of(marie, marie) == 200
    assert status_of(paul, marie) == 403
    assert "shared with nobody" in marie.boresight("share", "list")
    link = marie.boresight("share", "server", "--hours", "1").strip()
    assert status_of(paul, marie) == 403, "an invitation alone opens nothing"
    browser = paul.session.browser
    invitation = browser.get(link)
    assert invitation.status_code == 200
    assert "marie" in invitation.text
    code = parse_qs(urlsplit(link).query)["code"][0]
    form = {"_xsrf": browser.cookies.get("_xsrf", path="/hub/"), "code": code}
    address = f"{marie.environment.settings.public_url}/hub/accept-share"
    assert browser.post(address, data=form, follow_redirects=False).status_code == 302
    until_status(paul, marie, 200)
    assert marie.boresight("share", "list").strip() == "paul"
    # Paul has no more than that: he shares it with nobody
    for path in ("shares/marie/", "share-codes/marie/"):
        answer = paul.session.api("POST", path, json={}, expect=(403, 404))
        assert answer.status_code in (403, 404)
    assert "not shared with lea" in marie.boresight("share", "revoke", "lea", code=1)
    marie.boresight("share", "revoke", "paul")
    assert "shared with nobody" in marie.boresight("share", "list")
    until_status(paul, marie, 403)
    marie.boresight("share", "revoke")
    assert "code" not in browser.get(link).url.params or browser.get(link).status_code >= 400


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no chromium")
@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_page_that_asks(
    marie: BatchPerson, paul: BatchPerson, tmp_path: Path, language: str
) -> None:
    pytest.importorskip("playwright")
    from support.browser import accessibility_problems, chromium, visit

    settings = marie.environment.settings
    marie.write("noise.ipynb", notebook("'noise'"))
    link = marie.boresight("share", "notebook", "noise.ipynb").strip()
    options = {"locale": {"en": "en-GB", "fr": "fr-FR"}[language], "color_scheme": "dark"}
    with chromium() as browser, visit(browser, settings, tmp_path, "share", **options) as visitor:
        visitor.go(link.removeprefix(settings.public_url))
        visitor.fill_form("paul", marie.environment.password("paul"))
        copy = visitor.page.get_by_role(
            "button", name={"en": "Copy and open", "fr": "Copier et ouvrir"}[language]
        )
        copy.wait_for(timeout=90_000)
        assert accessibility_problems(visitor.page) == []
        assert visitor.outside() == []
        folder = os.environ.get("BORESIGHT_PICTURES")
        if folder:
            visitor.page.screenshot(path=Path(folder) / f"share-{language}.png")
        copy.click()
        visitor.page.locator(".jp-NotebookPanel", has_text="noise").wait_for(timeout=120_000)
        assert visitor.page.url.endswith("/lab/tree/shared-with-me/marie/noise.ipynb")
