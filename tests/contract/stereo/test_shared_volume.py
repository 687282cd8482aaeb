"""CARS' own tiles on real workers over a shared folder, against one whole-pair run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from distributed import Client
from numpy.typing import NDArray

from boresight.compute import Cluster, cluster, open_connection, write_connection
from boresight.compute.local import LocalBackend
from boresight.errors import ComputeError
from boresight.workflows.stereo import StereoOptions, StereoResult, stereo
from boresight.workflows.stereo.engine.process import RunCancelledError
from boresight.workflows.stereo.shared_volume.run import executing
from boresight.workflows.stereo.shared_volume.workers import (
    _folder_probe,
    check_folder,
    ready_workers,
)
from boresight.workflows.targets import FolderTarget

pytestmark = pytest.mark.timeout(1800)

_TOLERANCE_M = 0.0005

PairInFolder = tuple[FolderTarget, tuple[pystac.Item, pystac.Item]]
Run = Callable[..., StereoResult]


@pytest.fixture(scope="module")
def workers() -> Iterator[Cluster]:
    with cluster(2, worker_memory_gib=3, backend=LocalBackend(), timeout_s=120) as made:
        yield made


@pytest.fixture(scope="module")
def run(ventoux: PairInFolder, workers: Cluster) -> Run:
    """Call ``stereo()`` on Ventoux, for a collection of this name."""
    target, pair = ventoux

    def call(collection: str, **options: Any) -> StereoResult:
        progress, stop = options.pop("progress", None), options.pop("stop", None)
        return stereo(
            *pair, StereoOptions(**options), compute=workers, collection=f"volume-{collection}",
            target=target, progress=progress, stop=stop,
        )  # fmt: skip

    return call


@pytest.fixture(scope="module")
def whole(run: Run) -> StereoResult:
    made = run("whole")
    assert made.statistics["tiles"] == 1
    return made


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "volume"
    folder.mkdir()
    return folder


def _read(result: StereoResult, layer: str) -> NDArray[np.float64]:
    with rasterio.open(result.item.assets[layer].href) as file:
        values: NDArray[np.float64] = file.read(masked=True).astype(np.float64).filled(np.nan)
    return values


def _assert_same(result: StereoResult, whole: StereoResult) -> None:
    assert set(result.item.assets) == set(whole.item.assets)
    dsm, expected = _read(result, "dsm"), _read(whole, "dsm")
    assert dsm.shape == expected.shape
    assert np.isfinite(expected).mean() > 0.5
    np.testing.assert_array_equal(np.isnan(dsm), np.isnan(expected))
    np.testing.assert_allclose(dsm, expected, rtol=0, atol=_TOLERANCE_M)
    # ambiguity is what pandora's defect makes wrong, and what workers have to be mended for
    ambiguity = _read(whole, "ambiguity")
    assert np.nanstd(ambiguity) > 0
    np.testing.assert_allclose(_read(result, "ambiguity"), ambiguity, rtol=0, atol=1e-4)


def _mended(client: Client) -> list[bool]:
    def is_mended() -> bool:
        from types import SimpleNamespace

        from pandora.cost_volume_confidence import ambiguity

        return isinstance(vars(ambiguity)["cost_volume_confidence_cpp"], SimpleNamespace)

    return list(client.run(is_mended).values())


def _alive(client: Client) -> set[int]:
    return set(client.run(os.getpid).values())


@pytest.mark.slow
@pytest.mark.soak  # the gate compares tiles, through the gateway: tests/e2e/test_real_pairs.py
def test_equals_the_whole_run(
    run: Run, volume: Path, whole: StereoResult, workers: Cluster
) -> None:
    shares: list[float] = []
    keys: set[str] = set()

    def look(share: float, _what: str) -> None:
        shares.append(share)
        keys.update(path.name for path in volume.rglob("connection"))

    made = run("shared", distribution="shared-volume", shared_volume=str(volume), progress=look)
    _assert_same(made, whole)
    client = workers.client
    assert _mended(client) == [True, True]
    assert not any(client.run(lambda: os.environ.get("DASK_CONFIG")).values())
    assert shares == sorted(shares)
    assert len({share for share in shares if 0.1 < share < 0.9}) >= 3
    assert not keys, "the key of the cluster is not for the shared volume"
    assert list(volume.iterdir()) == []


@pytest.mark.slow
@pytest.mark.soak
def test_next_run_of_the_same_client_outlives_a_killed_worker(
    run: Run, volume: Path, whole: StereoResult, workers: Cluster
) -> None:
    pids = workers.client.run(os.getpid)
    address, victim = min(pids.items(), key=lambda item: item[1])
    killed: list[int] = []

    def kill_at_work() -> None:
        for _ in range(600):
            if workers.client.run(executing, workers=[address])[address]:
                killed.append(victim)
                os.kill(victim, signal.SIGKILL)
                return
            time.sleep(0.1)

    strike = threading.Thread(target=kill_at_work)

    def kill_one(_share: float, what: str) -> None:
        # not of the reduced images: at full resolution
        if what == "shared volume: disparity range" and not strike.ident:
            strike.start()

    made = run("killed", distribution="shared-volume", shared_volume=str(volume), progress=kill_one)
    strike.join(60)
    assert killed, "a worker was killed at work"
    _assert_same(made, whole)
    workers.wait_for_workers(2, timeout_s=60)
    assert victim not in _alive(workers.client)
    assert _mended(workers.client) == [True, True], "the worker started anew is mended too"


@pytest.mark.slow
def test_cancelled_run_leaves_nothing(run: Run, volume: Path, workers: Cluster) -> None:
    stop, at_work = threading.Event(), []

    def cancel_at_work() -> None:
        for _ in range(1200):
            if any(workers.client.run(executing).values()):
                at_work.append(True)
                stop.set()
                return
            time.sleep(0.1)

    cancelling = threading.Thread(target=cancel_at_work)
    cancelling.start()
    with pytest.raises(RunCancelledError):
        run("cancelled", distribution="shared-volume", shared_volume=str(volume), stop=stop)
    cancelling.join(10)
    assert at_work == [True]
    assert not any(workers.client.run(executing).values())
    assert list(volume.iterdir()) == []
    assert workers.client.submit(sum, [1, 2]).result(timeout=60) == 3


def test_folder_that_workers_do_not_see(
    run: Run, tmp_path: Path, workers: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_folder(workers.client, tmp_path)
    assert list(tmp_path.iterdir()) == []

    # /proc/self/cwd leads every process into its own working directory
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ComputeError, match="does not share the folder /proc/self/cwd/") as told:
        run("unseen", distribution="shared-volume", shared_volume="/proc/self/cwd")
    assert "is not there" in told.value.message
    assert "mount" in told.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_folder_that_does_not_exist(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ComputeError, match=r"shared_volume = '.*/absent' is not allowed"):
        run("absent", distribution="shared-volume", shared_volume=str(tmp_path / "absent"))


def test_folder_that_workers_may_not_write(tmp_path: Path, workers: Cluster) -> None:
    # a folder where the worker's file should be: nobody can write there, root included
    for pid in _alive(workers.client):
        (tmp_path / f".probe-{pid}").mkdir()
    probe = _folder_probe(str(tmp_path / ".probe"), "token", 1.0)
    (tmp_path / ".probe").write_text("token")
    answers = workers.client.run(probe)
    assert all("IsADirectoryError" in answer for answer in answers.values())


def test_workers_with_several_threads(tmp_path: Path) -> None:
    with (
        cluster(1, worker_cores=2, backend=LocalBackend(), timeout_s=120) as made,
        pytest.raises(ComputeError, match=r"has 2 threads.*worker_cores=1"),
    ):
        ready_workers(made.client, tmp_path)


def test_connection_file(tmp_path: Path, workers: Cluster) -> None:
    path = tmp_path / "connection"
    write_connection(workers.client, path)
    assert path.stat().st_mode & 0o777 == 0o600
    other = open_connection(path, timeout_s=30)
    try:
        assert other.id != workers.client.id
        assert other.submit(sum, [1, 2]).result(timeout=60) == 3
    finally:
        other.close()
    with (
        Client(processes=False, n_workers=1, dashboard_address=None) as inside,
        pytest.raises(ComputeError, match="another process can reach"),
    ):
        write_connection(inside, tmp_path / "inside")
    assert not (tmp_path / "inside").exists()


def test_import_of_cars_changes_nothing_in_a_process_and_works_in_a_thread() -> None:
    script = """
import os, signal, threading
os.environ.pop("DASK_CONFIG", None)
before = signal.getsignal(signal.SIGINT), signal.signal
failures = []
def load():
    try:
        import cars
    except BaseException as exc:
        failures.append(exc)
thread = threading.Thread(target=load)
thread.start()
thread.join()
assert not failures, failures
from cars.orchestrator.cluster.abstract_cluster import AbstractCluster
assert "boresight_attach" in AbstractCluster.available_modes
assert (signal.getsignal(signal.SIGINT), signal.signal) == before
assert "DASK_CONFIG" not in os.environ, os.environ["DASK_CONFIG"]
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
