"""A worker's own disk: folders that go away, a cache that stays, and when to stop."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from distributed import get_worker

from boresight.workflows.stereo.engine.process import RunLimits
from boresight.workflows.stereo.engine.runs import Surroundings

#: names a folder for compiled code that outlives workers; compiling takes most of a minute
CACHE_VARIABLE = "BORESIGHT_COMPILE_CACHE"

_PREFIX = "stereo-"
#: share of a worker's memory for its runs; the rest is the worker itself
_MEMORY_SHARE = 0.9


@dataclass(frozen=True)
class Place:
    """Where a task works.

    Attributes
    ----------
    folder : Path
        Gone when the task ends, however it ends.
    cache : Path
        Compiled code; lives as long as the worker, or longer (:data:`CACHE_VARIABLE`).
    memory_bytes : int, optional
        For one run.
    is_cancelled : callable
    tell : callable
        Takes a dict of news for the caller.
    """

    folder: Path
    cache: Path
    memory_bytes: int | None
    is_cancelled: Callable[[], bool]
    tell: Callable[[dict[str, object]], None]

    def surroundings(self, name: str, timeout_s: float) -> Surroundings:
        """Surroundings of one run of CARS."""
        return Surroundings(
            folder=self.folder / name,
            limits=RunLimits(timeout_s, self.memory_bytes),
            cache=self.cache,
            is_cancelled=self.is_cancelled,
            progress=lambda share, what: self.tell({"share": share, "what": what}),
        )


@contextmanager
def task_place(topic: str) -> Iterator[Place]:
    """Give the running task a folder on its worker; outside a worker, one below the temporary."""
    try:
        worker = get_worker()
        key = worker.get_current_task()
    except (ValueError, AttributeError):
        with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
            folder = Path(name)
            yield Place(folder / "task", folder / "cache", None, lambda: False, lambda _news: None)
        return
    home = Path(worker.local_directory)
    _sweep(home)
    limit = worker.memory_manager.memory_limit
    memory = memory_for_run(limit, worker.state.nthreads)

    def is_cancelled() -> bool:
        # a released or cancelled task is not told: its thread runs on
        task = worker.state.tasks.get(key)
        return task is None or task.state not in ("executing", "long-running", "resumed")

    def tell(news: dict[str, object]) -> None:
        worker.log_event(topic, {**news, "key": key})

    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=home))
    try:
        yield Place(folder / "task", _cache(home), memory, is_cancelled, tell)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def memory_for_run(limit_bytes: int | None, n_threads: int) -> int | None:
    """What each run on a worker may take [byte]; None without a limit."""
    return int(limit_bytes * _MEMORY_SHARE / max(1, n_threads)) if limit_bytes else None


def _cache(home: Path) -> Path:
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) / "stereo" if named else home / f"{_PREFIX}cache"


def _sweep(home: Path) -> None:
    """Remove what a worker process that was killed has left in its nanny's folder."""
    for folder in home.glob(f"{_PREFIX}[0-9]*-*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
