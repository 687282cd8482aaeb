"""A cluster in its user's hands, on a backend whose every answer the test decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from boresight.compute import (
    ClusterInfo,
    ClusterRequest,
    ClusterStatus,
    cluster,
    connect,
    handle,
    stop_all,
)
from boresight.compute import clusters as listed
from boresight.errors import ComputeError


class FakeClient:
    """As much of a Dask client as is used."""

    def __init__(self, backend: FakeBackend) -> None:
        self._backend = backend
        self.scheduler = object()
        self.is_closed = False

    def sync(self, function: Any, *args: Any, callback_timeout: float, **kwargs: Any) -> Any:
        assert callback_timeout > 0
        if function == self._run:
            return {"tls://w": self._backend.versions(args[0])}
        return self._backend.workers()

    def _run(self) -> None: ...

    def close(self, timeout: float) -> None:
        self.is_closed = True


class FakeBackend:
    """One cluster, called ``one``; workers come a poll after they are asked for."""

    def __init__(self) -> None:
        self.state = ClusterInfo("one", ClusterStatus.PENDING, workers_maximum=3)
        self.delays = 1
        self.stopped: list[str] = []
        self.clients: list[FakeClient] = []
        self.reason = ""
        self.versions: Callable[[Any], Any] = lambda probe: probe()

    def create(self, request: ClusterRequest) -> str:
        self.request = request
        return "one"

    def info(self, name: str) -> ClusterInfo:
        seen = self.state
        if seen.status is ClusterStatus.PENDING:
            self.state = replace(seen, status=ClusterStatus.RUNNING)
        return replace(seen, pending_reason=self.reason)

    def live(self) -> list[ClusterInfo]:
        return [self.state] if self.state.status.is_live else []

    def open_client(self, name: str, *, timeout_s: float) -> Any:
        self.clients.append(FakeClient(self))
        return self.clients[-1]

    def scale(self, name: str, n_workers: int) -> None:
        self.state = replace(self.state, workers_requested=n_workers)

    def adapt(self, name: str, minimum: int, maximum: int) -> None:
        self.adapted = (minimum, maximum)

    def stop(self, name: str) -> None:
        self.stopped.append(name)
        self.state = replace(self.state, status=ClusterStatus.STOPPED)

    def workers(self) -> dict[str, int]:
        if self.delays > 0:
            self.delays -= 1
            return {}
        return dict.fromkeys(map(str, range(self.state.workers_requested)), 1)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    monkeypatch.setattr(handle, "_POLL_S", 0.0)
    return FakeBackend()


def test_from_start_to_stop(fake: FakeBackend) -> None:
    said: list[str] = []
    fake.reason = "They start."
    with cluster(2, worker_memory_gib=1, backend=fake, progress=said.append) as made:
        assert fake.request == ClusterRequest(1, 1, None)
        assert made.n_workers() == 2
        assert listed(backend=fake)[0].name == "one"
    assert said == ["They start.", "0 of 2 workers. They start.", "2 of 2 workers."]
    assert fake.stopped == ["one"]
    assert fake.clients[0].is_closed
    made.close()
    assert fake.stopped == ["one"]
    with pytest.raises(ComputeError, match="one is closed"):
        _ = made.client


@pytest.mark.parametrize("n_workers", [4, -1, True, 1.5])
def test_a_size_that_cannot_be_leaves_nothing(fake: FakeBackend, n_workers: int) -> None:
    with pytest.raises(ComputeError, match=f"n_workers = {n_workers}"):
        cluster(n_workers, backend=fake)
    assert fake.stopped == ["one"]


def test_too_late_says_why_and_leaves_nothing(fake: FakeBackend) -> None:
    fake.delays, fake.reason = 10**9, "There is no room."
    with pytest.raises(ComputeError, match=r"0 of 1 workers are there after .* no room"):
        cluster(1, backend=fake, timeout_s=0.05)
    assert fake.stopped == ["one"]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"status": ClusterStatus.FAILED, "failure": "No session."}, "is FAILED. No session."),
        ({"status": ClusterStatus.STOPPED}, "idle time"),
    ],
)
def test_a_cluster_that_ended_is_not_waited_for(
    fake: FakeBackend, state: dict[str, Any], words: str
) -> None:
    fake.delays = 10**9
    made = cluster(0, backend=fake)
    fake.state = replace(fake.state, **state)
    with pytest.raises(ComputeError, match=words):
        made.wait_for_workers(1)
    made.close()


def test_a_cluster_that_never_runs(fake: FakeBackend) -> None:
    fake.state = replace(fake.state, status=ClusterStatus.FAILED, failure="No scheduler.")
    with pytest.raises(ComputeError, match=r"No scheduler"):
        cluster(1, backend=fake)
    assert fake.stopped == ["one"]


def test_a_client_that_cannot_connect_leaves_nothing(
    fake: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str, *, timeout_s: float) -> Any:
        raise ComputeError("no answer")

    monkeypatch.setattr(fake, "open_client", refuse)
    with pytest.raises(ComputeError, match="no answer"):
        cluster(1, backend=fake)
    assert fake.stopped == ["one"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda probe: {**probe(), "boresight": "9.9"}, r"boresight 9\.9 there, .* here"),
        (lambda probe: {**probe(), "python": "3.99"}, r"python 3\.99 there"),
        (lambda probe: OSError("lost"), "did not tell its versions: lost"),
    ],
)
def test_other_software_on_a_worker_is_refused(
    fake: FakeBackend, answer: Callable[[Any], Any], words: str
) -> None:
    fake.versions = answer
    with pytest.raises(ComputeError, match=words):
        cluster(1, backend=fake)
    assert fake.stopped == ["one"]


def test_connecting_owns_nothing(fake: FakeBackend) -> None:
    with connect("one", backend=fake):
        pass
    assert fake.stopped == []
    assert stop_all(backend=fake) == 1
    assert stop_all(backend=fake) == 0
    assert fake.stopped == ["one"]


def test_adapting_within_the_limit(fake: FakeBackend) -> None:
    with cluster(0, backend=fake) as made:
        made.adapt()
        assert fake.adapted == (0, 3)
        made.adapt(1, 2)
        assert fake.adapted == (1, 2)
        with pytest.raises(ComputeError, match="minimum = 3"):
            made.adapt(3, 2)
        with pytest.raises(ComputeError, match="maximum = 4"):
            made.adapt(0, 4)


def test_a_stop_that_fails_does_not_hide_the_works_own_error(
    fake: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> None:
        raise ComputeError("gateway away")

    made = cluster(0, backend=fake)
    monkeypatch.setattr(fake, "stop", refuse)
    with pytest.raises(ZeroDivisionError), made:
        _ = 1 / 0
