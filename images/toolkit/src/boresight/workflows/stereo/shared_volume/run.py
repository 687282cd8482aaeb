"""One run of CARS that drives the workers of a cluster over a shared volume."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from distributed import Client, Worker

from boresight.compute import write_connection
from boresight.errors import ComputeError
from boresight.workflows.stereo import worker
from boresight.workflows.stereo.engine.process import RunRecord
from boresight.workflows.stereo.engine.recipe import Recipe
from boresight.workflows.stereo.engine.runs import Surroundings, run_whole_pair
from boresight.workflows.stereo.job import Job, ProductRecord
from boresight.workflows.stereo.progress import Teller
from boresight.workflows.stereo.scratch import Place
from boresight.workflows.stereo.shared_volume.workers import ready_workers

#: name of the orchestrator mode; that of :mod:`.plugin`, which only CARS' processes load
MODE = "boresight_attach"

#: what keys of CARS' tasks begin with: the function that wraps every one of them
_TASK = "cars_profile_wrapper"
#: a tile takes seconds
_SETTLE_S = 60.0
_POLL_S = 0.5


def run_on_shared_volume(
    recipe: Recipe, initial_elevation: Path, place: Surroundings, client: Client
) -> tuple[dict[str, Path], RunRecord]:
    """Make the DSM of all the common ground, CARS' tiles being tasks of the cluster.

    Parameters
    ----------
    recipe : Recipe
    initial_elevation : Path
        On the shared volume.
    place : Surroundings
        Its folder lies on the shared volume, under the same path for all. Limits are of the
        process that drives the run; its tiles have the workers' memory.
    client : Client
        Of a cluster of workers with one thread each.

    Returns
    -------
    layers : dict
        Files by layer.
    record : RunRecord
        Of the process that drives the run.

    Raises
    ------
    ComputeError
        The workers cannot be used (each reason by name), or the run was ended.
    InputError, StereoError
        What CARS refused.
    """
    place.folder.mkdir(parents=True, exist_ok=True)
    ready_workers(client, place.folder)
    # not on the shared volume: the file holds the cluster's key
    with tempfile.TemporaryDirectory(prefix="boresight-stereo-") as private:
        connection = Path(private) / "connection"
        write_connection(client, connection)
        orchestrator = {
            "mode": MODE,
            "connection": str(connection),
            "max_ram_per_worker": recipe.max_ram_mb,
        }
        try:
            return run_whole_pair(recipe, initial_elevation, place, orchestrator=orchestrator)
        except BaseException:
            _settle(client)
            raise


def _settle(client: Client) -> None:
    """Wait until workers have ended the tiles they are at: the folder is removed next.

    With the driving process its client is gone, so the scheduler has dropped all other tasks.
    """
    until_s = time.monotonic() + _SETTLE_S
    with suppress(OSError, TimeoutError, RuntimeError, ValueError):
        while time.monotonic() < until_s:
            busy = client.sync(client._run, executing, callback_timeout=_SETTLE_S)
            if not any(busy.values()):
                return
            time.sleep(_POLL_S)


def executing(dask_worker: Worker) -> list[str]:
    """Tasks of CARS whose threads are at work on a worker."""
    keys = (str(key) for key in dask_worker.active_threads.values())
    return [key for key in keys if key.startswith(_TASK)]


def make_product(
    job: Job, client: Client, teller: Teller, stop: threading.Event | None = None
) -> ProductRecord:
    """Make the product of ``job`` from the caller's process; errors as of the run."""
    volume = Path(job.options.shared_volume or "")

    def run(
        recipe: Recipe, initial_elevation: Path, place: Surroundings
    ) -> tuple[dict[str, Path], RunRecord]:
        return run_on_shared_volume(recipe, initial_elevation, place, client)

    with _volume_place(volume, teller, stop or threading.Event()) as place:
        made = worker.whole(job, run, place)
    if isinstance(made, ProductRecord):
        return made
    raise made.error


@contextmanager
def _volume_place(volume: Path, teller: Teller, stop: threading.Event) -> Iterator[Place]:
    """Give a folder of the volume, gone at the end, and the caller's ears."""
    if not volume.is_absolute() or not volume.is_dir() or not os.access(volume, os.W_OK):
        raise ComputeError(
            f"shared_volume = {str(volume)!r} is not allowed: it is the absolute path of a "
            "folder that exists and can be written.",
            remedy="Name a folder of a volume that you and all workers mount.",
        )

    def tell(news: dict[str, object]) -> None:
        teller.news((0.0, {**news, "key": "shared-volume"}))
        teller.tell()

    folder = Path(tempfile.mkdtemp(prefix="boresight-stereo-", dir=volume))
    try:
        yield Place(folder / "task", folder / "cache", None, stop.is_set, tell)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
