"""Announcements: by the API and by the command, on pages and in servers, until they expire."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from boresight_hub.session import HubSession

from .conftest import IdleStack, state_of

API = "boresight/announcements"


@pytest.fixture(autouse=True)
def nothing_is_announced(stack: IdleStack) -> Iterator[None]:
    token = stack.settings.secret("supervisor-api-token")
    yield
    assert stack.hub.hub_api("DELETE", API, token=token).status_code == 200


def boresight(stack: IdleStack, *arguments: str, token: str = "") -> tuple[int, str]:
    environment = {
        "PATH": os.environ["PATH"],
        "COLUMNS": "200",
        "BORESIGHT_STATE_DIR": str(stack.settings.state_dir),
        "BORESIGHT_PORT": str(stack.settings.port),
        **({"BORESIGHT_HUB_TOKEN": token} if token else {}),
    }
    program = Path(sys.executable).with_name("boresight")
    done = subprocess.run(
        [str(program), "announce", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_command_page_server_and_end(stack: IdleStack, marie: HubSession) -> None:
    origin = ("--origin", stack.settings.public_url)
    lea = stack.token("lea")
    text = ("Storage is away on <Friday>.", "--fr", "Pas de stockage vendredi.", "--warning")
    code, said = boresight(stack, *text, *origin, "--for", "1h", token=lea)
    assert code == 0, said
    number = said.split()[2].rstrip(",")
    code, said = boresight(stack, *origin, token=lea)
    assert "Storage is away on <Friday>. / Pas de stockage vendredi." in said

    home = f"{stack.settings.public_url}/hub/home"
    assert "Storage is away on &lt;Friday&gt;." in marie.browser.get(home).text
    french = marie.browser.get(home, headers={"Accept-Language": "fr"}).text
    assert "Pas de stockage vendredi." in french
    marie.start_server()
    (found,) = state_of(marie)["judgement"]["announcements"]  # type: ignore[index]
    assert found["text"]["fr"] == "Pas de stockage vendredi."

    assert boresight(stack, *origin, "--withdraw", number, token=lea) == (0, "Withdrawn: 1.\n")
    assert "Storage is away" not in marie.browser.get(home).text
    code, said = boresight(stack, *origin, "--withdraw", number, token=lea)
    assert code == 2
    assert f"There is no announcement {number}" in said


def test_announcement_expires(stack: IdleStack, marie: HubSession) -> None:
    token = stack.token("lea")
    body = {"text": {"en": "For three seconds."}, "for_s": 3}
    assert stack.hub.hub_api("POST", API, token=token, json=body).status_code == 201
    home = f"{stack.settings.public_url}/hub/home"
    assert "For three seconds." in marie.browser.get(home).text
    time.sleep(3.5)
    assert "For three seconds." not in marie.browser.get(home).text
    assert stack.hub.hub_api("GET", API, token=marie.token).json() == {"announcements": []}


def test_only_administrators_announce(stack: IdleStack, marie: HubSession) -> None:
    body = {"text": {"en": "Mine."}}
    for token, status in (
        (stack.token("lea"), 201),
        (stack.settings.secret("supervisor-api-token"), 201),
        (marie.token, 403),
        (stack.settings.secret("culler-api-token"), 403),
        ("0" * 64, 403),
    ):
        assert stack.hub.hub_api("POST", API, token=token, json=body).status_code == status
    assert stack.hub.hub_api("DELETE", API, token=marie.token).status_code == 403
    # a token that an administrator made for less is for less
    made = stack.hub.hub_api(
        "POST", "users/lea/tokens", token=stack.token("lea"), json={"scopes": ["read:users!user"]}
    ).json()["token"]
    assert stack.hub.hub_api("POST", API, token=made, json=body).status_code == 403
    code, said = boresight(stack, "x", "--origin", stack.settings.public_url, token=marie.token)
    assert code == 9
    assert "Take one of an administrator" in said


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": {}},
        {"text": {"en": ""}},
        {"text": {"en": "x", "de": "y"}},
        {"text": {"en": "x"}, "level": "fatal"},
        {"text": {"en": "x"}, "for_s": 0},
        {"text": {"en": "x"}, "for_s": 1e9},
    ],
    ids=str,
)
def test_nonsense_is_not_announced(stack: IdleStack, body: object) -> None:
    token = stack.token("lea")
    assert stack.hub.hub_api("POST", API, token=token, json=body).status_code == 400
    assert stack.hub.hub_api("GET", API, token=token).json() == {"announcements": []}
