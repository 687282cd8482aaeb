"""The process of one job: ``python -m boresight.workflows.jobs.process FOLDER LOCK``.

It is started by :mod:`.start` with the lock of its record as an open file, and writes the record
from then on.
"""

from __future__ import annotations

import _thread
import json
import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

import pystac

from boresight.compute import Cluster, backend, cluster, connect
from boresight.errors import BoresightError, CatalogueError, ComputeError
from boresight.workflows.jobs.records import (
    CANCEL,
    PROGRESS,
    REQUEST,
    RESULT,
    STATE,
    ClusterNews,
    JobState,
    now_text,
    read_json,
    write_json,
)
from boresight.workflows.jobs.request import ItemReference, StereoRequest
from boresight.workflows.stereo import stereo
from boresight.workflows.stereo.engine.process import RunCancelledError
from boresight.workflows.targets import CatalogueTarget, FolderTarget, Target

log = logging.getLogger("boresight.jobs")

_LOOK_S = 0.5
_CLUSTER_LOOK_S = 2.0
#: after so long, a job that does not heed its cancellation is interrupted where it is [s]
_PATIENCE_S = 60.0
_ALL_WORKERS_WITHIN_S = 30.0


class _TerminatedError(BaseException):
    """Somebody ends this process: tiles stay, so that the next attempt goes on."""


class Record:
    """What the process writes of itself.

    Parameters
    ----------
    folder : Path
        Of the job.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._state = read_json(folder / STATE) | {"pid": os.getpid()}
        self._told = (-1.0, "")
        self.write()

    def write(self, **news: Any) -> None:
        """Add to the state and write it."""
        with self._lock:
            if all(self._state.get(name) == value for name, value in news.items()) and news:
                return
            self._state |= news
            write_json(self._folder / STATE, self._state)

    def progress(self, share: float, what: str) -> None:
        """Add a line of news, unless it says nothing new."""
        news = (round(share, 2), what)
        if news == self._told:
            return
        self._told = news
        log.info("%3.0f %% %s", 100 * share, what)
        line = json.dumps({"at": now_text(), "share": round(share, 4), "what": what})
        with (self._folder / PROGRESS).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def end(self, state: JobState, error: str = "", remedy: str = "") -> None:
        """Write how it ended."""
        log.info("%s %s", state, error)
        self.write(state=state, error=error, remedy=remedy, ended_at=now_text())


class Watch(threading.Thread):
    """Looks for the wish to cancel, and at the cluster.

    Parameters
    ----------
    folder : Path
    record : Record
    """

    def __init__(self, folder: Path, record: Record) -> None:
        super().__init__(name="watch", daemon=True)
        self.stop = threading.Event()
        self.heeds_stop = False
        self.cluster: Cluster | None = None
        self._folder, self._record = folder, record
        self._over = threading.Event()

    def run(self) -> None:
        """Look until the job is over."""
        asked_at_s, next_look_s = 0.0, 0.0
        while not self._over.wait(_LOOK_S):
            now_s = time.monotonic()
            if not self.stop.is_set() and (self._folder / CANCEL).exists():
                asked_at_s = now_s
                self.stop.set()
                if not self.heeds_stop:
                    _thread.interrupt_main()
            elif self.stop.is_set() and now_s - asked_at_s > _PATIENCE_S:
                asked_at_s = now_s
                _thread.interrupt_main()
            if self.cluster is not None and now_s >= next_look_s:
                next_look_s = now_s + _CLUSTER_LOOK_S
                self.look()

    def look(self) -> None:
        """Write down how the cluster stands."""
        looked_at = self.cluster
        if looked_at is None:
            return
        # the next look tells what this one could not
        with suppress(ComputeError, OSError):
            info = looked_at.info
            running = looked_at.n_workers()
            news = ClusterNews(
                name=info.name,
                workers_running=running,
                workers_requested=info.workers_requested,
                # the backend hears of workers later than the scheduler
                pending_reason=info.pending_reason if running < info.workers_requested else "",
                dashboard_link=info.dashboard_link,
            )
            self._record.write(cluster=asdict(news))

    def end(self) -> None:
        """Look no more."""
        self._over.set()
        self.cluster = None
        self.join(timeout=20)


def run(folder: Path) -> JobState:
    """Do the job of ``folder``; how it ended."""
    record = Record(folder)
    watch = Watch(folder, record)
    watch.start()
    state, error, remedy = JobState.FAILED, "", ""
    try:
        _work(folder, record, watch)
        state = JobState.DONE
    except (KeyboardInterrupt, RunCancelledError):
        state = JobState.CANCELLED
    except _TerminatedError:
        state, error = JobState.INTERRUPTED, "The job was ended with its server."
        remedy = "Run it again: what is done is not done anew."
    except BoresightError as exc:
        log.exception("The job failed")
        error, remedy = exc.message, exc.remedy
    except Exception as exc:
        log.exception("The job failed")
        error = f"The job failed with an error that nobody foresaw ({type(exc).__name__})."
        remedy = "Its log has the details."
    watch.end()
    record.end(state, error, remedy)
    return state


def _work(folder: Path, record: Record, watch: Watch) -> None:
    request = StereoRequest.model_validate(read_json(folder / REQUEST))
    target: Target = (
        FolderTarget(Path(request.folder)) if request.folder else CatalogueTarget("products")
    )
    record.progress(0.0, "finding the images")
    left, right = (_find(target, one) for one in (request.left, request.right))
    wish = request.compute
    chosen = backend(wish.backend)
    record.progress(0.0, "starting a cluster")
    made = (
        connect(wish.cluster, backend=chosen)
        if wish.cluster
        else cluster(
            0,
            worker_cores=wish.worker_cores,
            worker_memory_gib=wish.worker_memory_gib,
            backend=chosen,
        )
    )
    with made as workers:
        watch.cluster = workers
        try:
            record.progress(0.0, "waiting for workers")
            if not wish.cluster:
                workers.scale(wish.n_workers)
            watch.look()
            workers.wait_for_workers(1, timeout_s=wish.workers_within_s)
            if not wish.cluster:
                # tiles are cut for the workers there are; a late one helps all the same
                with suppress(ComputeError):
                    workers.wait_for_workers(wish.n_workers, timeout_s=_ALL_WORKERS_WITHIN_S)
            watch.look()
            record.write(state=JobState.RUNNING, began_at=now_text())
            watch.heeds_stop = True
            result = stereo(
                left,
                right,
                request.options,
                compute=workers,
                collection=request.collection,
                target=target,
                progress=record.progress,
                force=request.force,
                stop=watch.stop,
            )
        finally:
            watch.cluster = None
    write_json(
        folder / RESULT,
        {
            "collection": request.collection,
            "item_id": result.item.id,
            "item": result.item.to_dict(include_self_link=False, transform_hrefs=False),
            "statistics": result.statistics,
            "was_there": result.was_there,
            "elapsed_s": result.elapsed_s,
        },
    )


def _find(target: Target, wanted: ItemReference) -> pystac.Item:
    found = target.find_item(wanted.collection, wanted.id)
    if found is None:
        raise CatalogueError(
            f"There is no item {wanted.id!r} in a collection {wanted.collection!r} that you may "
            "read.",
            remedy="Search it anew: it may have been removed.",
        )
    return found


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise _TerminatedError


def main(arguments: list[str]) -> int:
    """Run the job of a folder."""
    folder, lock = Path(arguments[0]), int(arguments[1])
    # children of this process must not keep the record alive
    os.set_inheritable(lock, False)
    os.umask(0o077)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # a line for every call of a service would hide what the job says
    for name in ("httpx", "botocore", "distributed"):
        logging.getLogger(name).setLevel(logging.WARNING)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)
    return 0 if run(folder) is JobState.DONE else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
