"""Warnings, servers that are kept, and what people are told afterwards."""

from __future__ import annotations

import json
import signal
import time
from typing import Any

import httpx
import pytest

from boresight_hub.session import HubSession

from .conftest import AFTER_S, GONE_S, WARN_BEFORE_S, IdleStack, stays, until_gone

pytestmark = [pytest.mark.slow, pytest.mark.soak]


def server_route(
    session: HubSession, method: str, path: str = "", body: object = None
) -> httpx.Response:
    return httpx.request(
        method,
        f"{session.server_url()}boresight/api/idle{path}",
        headers={"Authorization": f"token {session.token}"},
        json=body,
        timeout=20,
    )


def judgement_of(session: HubSession) -> dict[str, Any]:
    found: dict[str, Any] = server_route(session, "GET", "?now=1").json()["judgement"]
    return found


def until_warned(session: HubSession) -> dict[str, Any]:
    until = time.monotonic() + AFTER_S + 20
    while time.monotonic() < until:
        # the latest answer, which the server has by itself; asking for a new one would do as well
        found = server_route(session, "GET").json()["judgement"]
        if found and found["state"] == "warned":
            return dict(found)
        time.sleep(0.3)
    raise AssertionError("there was no warning")


def test_warning_and_then_the_end_is_told(marie: HubSession, stack: IdleStack) -> None:
    marie.start_server()
    with marie.kernel():
        warned = until_warned(marie)
        assert 0 < warned["ends_in_s"] <= WARN_BEFORE_S + 1
        gone_s = until_gone(marie)
        assert gone_s > WARN_BEFORE_S * 0.5, "there was time after the warning"

    # home, where somebody with something to be told comes first
    front = marie.browser.get(f"{stack.settings.public_url}/hub/", follow_redirects=True)
    assert front.url.path == "/hub/home"
    assert "Your server was ended, because nobody had used it" in front.text
    assert "Open in it: boresight-" in front.text, "what was open"
    french = marie.browser.get(
        f"{stack.settings.public_url}/hub/home", headers={"Accept-Language": "fr"}
    )
    assert "Votre serveur a été arrêté, parce que personne" in french.text

    # Lab is told as well, once it runs again
    marie.start_server()
    (ended,) = judgement_of(marie)["ended_before"]
    assert ended["server"] == ""

    # until it has been read
    form = {"_xsrf": marie.browser.cookies.get("_xsrf", path="/hub/")}
    read = marie.browser.post(f"{stack.settings.public_url}/hub/boresight/seen", data=form)
    assert (read.status_code, read.url.path) == (200, "/hub/home")
    assert "was ended" not in marie.browser.get(f"{stack.settings.public_url}/hub/home").text
    assert judgement_of(marie)["ended_before"] == []


def test_who_says_that_they_are_here_is_ended_later(marie: HubSession) -> None:
    marie.start_server()
    until_warned(marie)
    answer = server_route(marie, "POST", "/here")
    assert answer.status_code == 200
    assert answer.json()["judgement"]["state"] == "quiet"
    assert until_gone(marie) > AFTER_S - 3


def test_a_server_that_is_kept_goes_on_and_no_longer_than_that(marie: HubSession) -> None:
    marie.start_server()
    kept_s = AFTER_S + WARN_BEFORE_S + 20
    begun = time.monotonic()
    kept = server_route(marie, "POST", "/keep", {"hours": kept_s / 3600})
    assert kept.status_code == 200, kept.text
    judgement = kept.json()["judgement"]
    assert judgement["keep_until"]
    assert judgement["quota_left_s"] == pytest.approx(900 - kept_s, abs=2)
    # without it this server would be over by then: test_true_idleness_ends_a_server
    stays(marie, kept_s - (time.monotonic() - begun) - 1)
    until_gone(marie, GONE_S)


def test_quota_refuses_what_is_too_much(marie: HubSession, stack: IdleStack) -> None:
    marie.start_server()
    left_s = judgement_of(marie)["quota_left_s"]
    assert server_route(marie, "POST", "/keep", {"hours": 500 / 3600}).status_code == 200
    assert server_route(marie, "POST", "/keep", {"hours": 0}).status_code == 200
    assert judgement_of(marie)["quota_left_s"] == pytest.approx(left_s, abs=30), "given back"

    too_long = server_route(marie, "POST", "/keep", {"hours": 601 / 3600})
    assert too_long.status_code == 409
    assert "10 minutes at most" in too_long.json()["message"]
    body = {"server": "", "for_s": 590}
    assert stack.hub.hub_api("POST", "boresight/users/marie/keep", token=marie.token, json=body)
    marie.start_server(name="second")
    try:
        more = stack.hub.hub_api(
            "POST",
            "boresight/users/marie/keep",
            token=marie.token,
            json={"server": "second", "for_s": 590},
        )
        assert more.status_code == 409
        assert "are left of the 15 minutes in seven days" in more.json()["message"]
    finally:
        marie.stop_server(name="second")
        server_route(marie, "POST", "/keep", {"hours": 0})


@pytest.mark.parametrize("hours", [-1, "x", None, 1e9, float("nan")])
def test_nonsense_keeps_nothing(marie: HubSession, hours: object) -> None:
    marie.start_server()
    headers = {"Authorization": f"token {marie.token}", "Content-Type": "application/json"}
    answer = httpx.post(
        f"{marie.server_url()}boresight/api/idle/keep",
        headers=headers,
        content=json.dumps({"hours": hours}),
        timeout=20,
    )
    assert answer.status_code == 400
    assert judgement_of(marie)["keep_until"] is None


def test_nobody_else_keeps_or_reports(marie: HubSession, stack: IdleStack) -> None:
    marie.start_server()
    pierre = next(s for name, s in stack.sessions.items() if name not in ("marie", "lea"))
    report = {"activities": [{"kind": "cell", "name": "a", "idle_s": 0}]}
    for path, body in (("keep", {"for_s": 5}), ("activity", report)):
        for token, status in (
            (marie.token, 200),
            (pierre.token, 404),  # as for somebody who does not exist
            (stack.settings.secret("culler-api-token"), 403),
            ("0" * 64, 403),
        ):
            answer = stack.hub.hub_api(
                "POST", f"boresight/users/marie/{path}", token=token, json=body
            )
            assert answer.status_code in ({status, 403} if status == 404 else {status}), (
                path,
                answer.text,
            )
    server_route(marie, "POST", "/keep", {"hours": 0})
    for token, status in (
        (stack.settings.secret("culler-api-token"), 200),
        (marie.token, 403),
        (stack.token("lea"), 403),
    ):
        answer = stack.hub.hub_api("POST", "boresight/idle", token=token)
        assert answer.status_code == status


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"activities": []},
        {"activities": [{"kind": "cell", "name": "a", "idle_s": -1}]},
        {"activities": [{"kind": "<b>", "name": "a", "idle_s": 0}]},
        {"activities": [{"kind": "cell", "name": "a" * 201, "idle_s": 0}]},
        {"activities": [{"kind": "cell", "name": "a", "idle_s": 0}], "more": 1},
    ],
    ids=str,
)
def test_reports_that_make_no_sense(marie: HubSession, stack: IdleStack, body: object) -> None:
    marie.start_server()
    path = "boresight/users/marie/activity"
    assert stack.hub.hub_api("POST", path, token=marie.token, json=body).status_code == 400


def test_hub_that_restarts_ends_nobody(marie: HubSession, stack: IdleStack) -> None:
    marie.start_server()
    assert server_route(marie, "POST", "/keep", {"hours": 0.1}).status_code == 200
    # the hub is killed: its servers go on
    stack.hub.stop("hub", signal.SIGKILL)
    time.sleep(3)
    stack.hub.start("hub")
    stays(marie, AFTER_S + WARN_BEFORE_S)
    assert judgement_of(marie)["keep_until"]
    server_route(marie, "POST", "/keep", {"hours": 0})
    until_gone(marie)
