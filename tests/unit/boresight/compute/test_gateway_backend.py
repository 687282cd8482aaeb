"""Calls of the gateway's backend: what is repeated, and the words of each refusal."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from boresight.compute import ClusterRequest, ClusterStatus, backend, backends
from boresight.compute import gateway as module
from boresight.compute.gateway import GatewayBackend
from boresight.errors import ComputeError

REPORT = {
    "name": "abc",
    "status": "RUNNING",
    "workers": {"requested": 2, "running": 1, "maximum": 3},
    "pending_reason": "1 workers are starting.",
    "failure": "",
    "dashboard_route": "/clusters/abc/status",
}

Answers = Callable[[httpx.Request], httpx.Response]


def made(answers: Answers, retry_for_s: float = 5.0) -> GatewayBackend:
    transport = httpx.MockTransport(answers)
    return GatewayBackend(
        "http://gateway/", "secret-token", retry_for_s=retry_for_s, transport=transport
    )


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RETRY_PAUSE_S", 0.0)


def test_report_becomes_info() -> None:
    def answers(request: httpx.Request) -> httpx.Response:
        assert request.url == "http://gateway/api/boresight/clusters/abc"
        assert request.headers["Authorization"] == "jupyterhub secret-token"
        return httpx.Response(200, json=REPORT)

    info = made(answers).info("abc")
    assert info.status is ClusterStatus.RUNNING
    assert (info.workers_requested, info.workers_running, info.workers_maximum) == (2, 1, 3)
    assert info.dashboard_link == "http://gateway/clusters/abc/status"


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_that_is_away_is_asked_again(status: int) -> None:
    waiting = [
        httpx.Response(status),
        httpx.Response(404, text="404 page not found"),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
    ]

    def answers(request: httpx.Request) -> httpx.Response:
        if not waiting:
            return httpx.Response(200, json=REPORT)
        answer = waiting.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert made(answers).info("abc").name == "abc"
    assert waiting == []


def test_a_cluster_is_asked_for_once_only() -> None:
    asked: list[str] = []

    def answers(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        if request.method == "POST":
            raise httpx.ReadTimeout("slow")
        return httpx.Response(200, json={})

    with pytest.raises(ComputeError, match=r"out of reach \(ReadTimeout\).*Try again"):
        made(answers).create(ClusterRequest())
    assert asked == ["GET", "POST"]


def test_only_what_was_chosen_is_sent() -> None:
    sent: list[object] = []

    def answers(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            sent.append(json.loads(request.content))
            return httpx.Response(201, json={"name": "abc"})
        return httpx.Response(200, json={})

    assert made(answers).create(ClusterRequest(2, None, 60)) == "abc"
    assert sent == [{"cluster_options": {"worker_cores": 2, "idle_timeout_s": 60}}]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "session is over"),
        (403, "no cluster of this name"),
        (404, "no cluster of this name"),
        (409, "what the gateway says"),
        (422, "what the gateway says"),
        (500, "what the gateway says"),
    ],
)
def test_refusals_are_said_and_not_repeated(status: int, words: str) -> None:
    asked: list[int] = []

    def answers(request: httpx.Request) -> httpx.Response:
        asked.append(1)
        return httpx.Response(status, json={"error": "what the gateway says"})

    with pytest.raises(ComputeError, match=words) as caught:
        made(answers).info("abc")
    assert len(asked) == 1
    assert "secret-token" not in str(caught.value)


@pytest.mark.parametrize("name", ["../options", "a/b", "", "a?b", "a b"])
def test_a_name_is_no_path(name: str) -> None:
    def answers(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    with pytest.raises(ComputeError, match="not the name of a cluster"):
        made(answers).info(name)


def test_a_pending_cluster_has_no_client() -> None:
    answer = httpx.Response(200, json={"status": "PENDING", "tls_key": None})
    with pytest.raises(ComputeError, match="PENDING, not running"):
        made(lambda _: answer).open_client("abc", timeout_s=1)


@pytest.mark.parametrize(
    ("present", "missing"),
    [
        ({}, "BORESIGHT_GATEWAY_URL"),
        ({"BORESIGHT_GATEWAY_URL": "http://g"}, "JUPYTERHUB_API_TOKEN"),
    ],
)
def test_outside_the_environment(
    monkeypatch: pytest.MonkeyPatch, present: dict[str, str], missing: str
) -> None:
    for name in ("BORESIGHT_GATEWAY_URL", "JUPYTERHUB_API_TOKEN", "BORESIGHT_COMPUTE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in present.items():
        monkeypatch.setenv(name, value)
    backends._make.cache_clear()
    with pytest.raises(ComputeError, match=f"{missing} is not set.*BORESIGHT_COMPUTE=local"):
        backend()


def test_unknown_backend_names_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BORESIGHT_COMPUTE", "moon")
    with pytest.raises(ComputeError, match=r"'moon' is no compute backend.*gateway, local"):
        backend()


def test_backend_of_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name = "other"

        @staticmethod
        def load() -> type[object]:
            return object

    def points(group: str) -> list[type[Point]]:
        assert group == "boresight.compute"
        return [Point]

    monkeypatch.setattr(backends, "entry_points", points)
    assert type(backend("other")) is object
    backends._make.cache_clear()
