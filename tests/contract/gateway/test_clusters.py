"""A cluster's life: made, scaled, worked on, stopped, and nothing of it left."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from support.gateway_stack import GatewayStack

from boresight.compute import Backend, Cluster, ClusterStatus, cluster, clusters, connect
from boresight.errors import ComputeError

Compute = Callable[[str], Backend]


def started(backend: Backend, n_workers: int = 1, **options: float) -> Cluster:
    options = {"worker_memory_gib": 0.5, **options}
    return cluster(n_workers, backend=backend, timeout_s=90, **options)  # type: ignore[arg-type]


def until(condition: Callable[[], object], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.1)


def test_work_is_done_and_nothing_is_left(stack: GatewayStack, compute: Compute) -> None:
    said: list[str] = []

    def environment() -> dict[str, str]:
        return dict(os.environ)

    with cluster(
        1, worker_memory_gib=0.5, backend=compute("marie"), progress=said.append, timeout_s=90
    ) as made:
        assert made.client.submit(sum, [1, 2, 3]).result(timeout=30) == 6
        made.scale(2)
        made.wait_for_workers(2, timeout_s=60)
        assert made.n_workers() == 2
        assert [c.name for c in clusters(backend=compute("marie"))] == [made.name]
        # each worker has token files of its own, as the hub wrote them, and no token besides
        worker_environments = list(made.client.run(environment).values())
        files = {Path(e["BORESIGHT_S3_TOKEN_FILE"]) for e in worker_environments}
        assert len(files) == 2
        for file in files:
            assert file.read_text().count(".") == 2
            assert file.stat().st_mode & 0o777 == 0o600
            assert file.parent.parent.name == "marie"
        for there in worker_environments:
            assert there["BORESIGHT_USER"] == "marie"
            assert there["OMP_NUM_THREADS"] == "1"
            assert there["MALLOC_TRIM_THRESHOLD_"] == "134217728"
            assert not [v for v in there.values() if "eyJ" in v]
            assert "DASK_GATEWAY_API_TOKEN" not in there
        scratch = [Path(e["TMPDIR"]) for e in worker_environments]
        assert all(folder.is_dir() for folder in scratch)
        name = made.name
        assert stack.cluster_processes()
    assert clusters(backend=compute("marie")) == []
    assert stack.cluster_processes() == []
    assert not any(folder.exists() for folder in scratch)
    assert not (stack.settings.state_dir / "gateway" / "clusters" / name).exists()
    assert not any(file.exists() for file in files)
    assert any("starting" in sentence for sentence in said)


def test_workers_share_this_environment(compute: Compute) -> None:
    with started(compute("marie")) as made:

        def executable() -> str:
            import sys

            return sys.executable

        import sys

        assert set(made.client.run(executable).values()) == {sys.executable}


def test_what_a_worker_started_ends_with_it(stack: GatewayStack, compute: Compute) -> None:
    def leave_behind() -> int:
        import subprocess

        # a session of its own and none of the worker's environment
        return subprocess.Popen(["/bin/sleep", "300"], start_new_session=True).pid

    with started(compute("marie")) as made:
        pid = made.client.submit(leave_behind).result(timeout=30)
        assert psutil.pid_exists(pid)
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie", 5)


def test_a_killed_worker_is_replaced(stack: GatewayStack, compute: Compute) -> None:
    def my_pid() -> int:
        return os.getpid()

    def slow(number: int) -> int:
        import time

        time.sleep(0.5)
        return number * 2

    with started(compute("marie"), 2) as made:
        victim = next(iter(made.client.run(my_pid).values()))
        futures = made.client.map(slow, range(12))
        time.sleep(1)
        psutil.Process(victim).kill()  # at work
        assert sum(made.client.gather(futures)) == 132
        made.wait_for_workers(2, timeout_s=60)


def test_connecting_does_not_own(compute: Compute) -> None:
    with started(compute("marie")) as made:
        with connect(made.name, backend=compute("marie")) as again:
            assert again.client.submit(sum, [4]).result(timeout=30) == 4
        assert made.info.status is ClusterStatus.RUNNING


def test_an_idle_cluster_ends_and_says_so(stack: GatewayStack, compute: Compute) -> None:
    with started(compute("marie"), idle_timeout_s=15) as made:
        # idle counts from the end of the last work, however long the start has taken
        made.client.submit(sum, [1]).result(timeout=10)
        begun = time.monotonic()
        until(lambda: not made.info.status.is_live, 40)
        assert time.monotonic() - begun > 13
        with pytest.raises(ComputeError, match="idle"):
            made.wait_for_workers(1, timeout_s=5)
        until(lambda: stack.cluster_processes() == [], 10)


def test_nothing_secret_shows(stack: GatewayStack, compute: Compute) -> None:
    part = stack.settings
    with started(compute("marie")) as made:
        made.client.submit(sum, [1]).result(timeout=30)
        folder = part.state_dir / "gateway" / "clusters" / made.name
        known = [
            *(path.read_text().strip() for path in part.secrets_dir.iterdir()),
            *(path.read_text().strip() for path in (folder / "certs").iterdir()),
            *(stack.token(name) for name in stack.sessions),
        ]
        assert len(known) > 10
        lines = [" ".join(process.cmdline()) for process in stack.processes()]
        assert any("scheduler" in line for line in lines)
        texts = [*lines, stack.log(), *(p.read_text() for p in (folder / "logs").iterdir())]
        for secret in known:
            assert not [text for text in texts if secret in text]
        modes = {p.stat().st_mode & 0o077 for p in folder.rglob("*") if not p.is_socket()}
        assert modes == {0}
        database = part.state_dir / "gateway" / "gateway.sqlite"
        assert database.stat().st_mode & 0o077 == 0
        assert (folder / "certs" / "gateway-token").read_bytes() not in database.read_bytes()
