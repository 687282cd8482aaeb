"""Ground tiles on real workers: equal to the whole run, through kills, cancels and breaks."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pystac
import pytest
import rasterio
from distributed import Client
from numpy.typing import NDArray
from support.stereo_runs import BreakingStorage, runs_of_cars

from boresight.compute import Cluster
from boresight.errors import AccessError, ComputeError
from boresight.workflows.stereo import StereoOptions, StereoResult, stereo
from boresight.workflows.targets import FolderTarget

pytestmark = [pytest.mark.timeout(1800), pytest.mark.slow]

PairInFolder = tuple[FolderTarget, tuple[pystac.Item, pystac.Item]]

#: makes 2 by 2 tiles of the Ventoux pair [px]
TILE_PX = 280


def _read(result: StereoResult, name: str) -> tuple[NDArray[np.float64], tuple[float, ...]]:
    with rasterio.open(result.item.assets[name].href) as file:
        return file.read(masked=True).astype(np.float64).filled(np.nan), tuple(file.transform)


@pytest.mark.soak  # the gate runs it too, through the gateway: tests/e2e/test_real_pairs.py
def test_tiles_equal_the_whole_run(ventoux: PairInFolder, two_workers: Cluster) -> None:
    target, pair = ventoux
    whole = stereo(*pair, compute=two_workers, collection="whole", target=target)
    assert whole.statistics["tiles"] == 1
    options = StereoOptions(tile_size_px=TILE_PX, shared_matching_px=0)
    news: list[tuple[float, str]] = []
    answers: set[str] = set()

    def hear(share: float, what: str) -> None:
        news.append((share, what))
        answers.update(path.name for path in (target.folder / "tiled").rglob("matching-*-answer-*"))

    tiled = stereo(
        *pair, options, compute=two_workers, collection="tiled", target=target, progress=hear
    )
    assert answers, "the other worker has matched with the first"
    assert tiled.statistics["tiles"] >= 4
    assert tiled.statistics["seams"]["n"] > 100
    assert [share for share, _ in news] == sorted(share for share, _ in news)
    assert any("tiles: 1 of" in what and "for the others" in what for _, what in news)
    assert news[-1][0] == 1.0
    for layer in ("dsm", "color", "ambiguity"):
        expected, expected_transform = _read(whole, layer)
        found, transform = _read(tiled, layer)
        assert transform == expected_transform
        known = np.isfinite(expected)
        if layer == "dsm":
            assert known.mean() > 0.5
            np.testing.assert_array_equal(found, expected)
        else:
            # other layers may know more at the rim, where no height is
            heights, _ = _read(whole, "dsm")
            both = np.isfinite(heights) & known
            np.testing.assert_array_equal(found[both], expected[both])
    folder = target.folder / "tiled" / tiled.item.id
    assert not (folder / ".scratch").exists()


def _kill_a_worker(client: Client, children: list[int]) -> int:
    parents = {psutil.Process(child).ppid() for child in children}
    victim = min(parents & set(client.run(os.getpid).values()))
    os.kill(victim, signal.SIGKILL)
    return victim


@pytest.mark.soak
def test_killed_worker_costs_a_tile(ventoux: PairInFolder, two_workers: Cluster) -> None:
    target, pair = ventoux
    killed: list[int] = []
    orphans: list[int] = []

    def kill_one(_share: float, what: str) -> None:
        if what.startswith("tiles") and not killed and (children := runs_of_cars()):
            victims = list(children)
            killed.append(_kill_a_worker(two_workers.client, victims))
            orphans.extend(c for c in victims if psutil.pid_exists(c) and _parent(c) == killed[0])

    options = StereoOptions(tile_size_px=TILE_PX)
    result = stereo(
        *pair, options, compute=two_workers, collection="killed", target=target, progress=kill_one
    )
    assert killed
    assert result.statistics["dsm"]["n_valid"] > 10_000
    assert not [pid for pid in orphans if psutil.pid_exists(pid) and _parent(pid) == 1]


def _parent(pid: int) -> int:
    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return -1


@pytest.mark.soak  # the gate cancels one on a shared volume
def test_cancelled_job_leaves_nothing(ventoux: PairInFolder, two_workers: Cluster) -> None:
    target, pair = ventoux
    stop = threading.Event()

    def cancel(_share: float, what: str) -> None:
        if what.startswith("tiles") and runs_of_cars():
            stop.set()

    options = StereoOptions(tile_size_px=TILE_PX)
    with pytest.raises(ComputeError, match="cancelled"):
        stereo(
            *pair, options, compute=two_workers, collection="cancelled", target=target,
            progress=cancel, stop=stop,
        )  # fmt: skip
    assert runs_of_cars() == []
    left = [path for path in (target.folder / "cancelled").rglob("*") if path.is_file()]
    assert left == []

    def scratch(dask_worker: Any) -> list[str]:
        return [path.name for path in Path(dask_worker.local_directory).glob("stereo-[0-9]*")]

    assert set(map(tuple, two_workers.client.run(scratch).values())) == {()}
    assert two_workers.client.submit(sum, [1, 2]).result(timeout=60) == 3


@pytest.mark.soak
def test_job_goes_on_after_the_storage_was_away(
    ventoux: PairInFolder, two_workers: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, pair = ventoux
    monkeypatch.setattr(
        "boresight.workflows.stereo.workflow.storage_of",
        lambda target: BreakingStorage(str(target.folder)),
    )
    options = StereoOptions(tile_size_px=TILE_PX, retries=0)
    broken = target.folder / "broken"
    broken.touch()
    with pytest.raises(AccessError, match="does not answer"):
        stereo(*pair, options, compute=two_workers, collection="broken-off", target=target)
    kept = list((target.folder / "broken-off").rglob("once.tar"))
    assert len(kept) == 1
    assert not list((target.folder / "broken-off").rglob("dsm.tif"))
    written_ns = kept[0].stat().st_mtime_ns
    broken.unlink()
    once_seen: list[int] = []

    def look(_share: float, what: str) -> None:
        if what.startswith("tiles"):
            once_seen.append(kept[0].stat().st_mtime_ns)

    result = stereo(
        *pair, options, compute=two_workers, collection="broken-off", target=target, progress=look
    )
    assert once_seen
    assert set(once_seen) == {written_ns}, "what is global is not computed again"
    assert result.statistics["dsm"]["n_valid"] > 10_000
    assert not kept[0].exists()
