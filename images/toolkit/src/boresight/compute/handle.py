"""A cluster as its user sees it, and how to get one."""

from __future__ import annotations

import atexit
import logging
import time
import weakref
from collections.abc import Callable
from importlib import metadata
from types import TracebackType
from typing import Self

import dask
from distributed import Client, default_client

from boresight.compute.backends import backend as chosen_backend
from boresight.compute.interface import Backend, ClusterInfo, ClusterRequest, ClusterStatus
from boresight.compute.versions import check_versions
from boresight.errors import ComputeError

log = logging.getLogger(__name__)

#: Entry points that are called with the client of each cluster that is connected to.
CONNECTED = "boresight.compute.connected"

Progress = Callable[[str], None]

_POLL_S = 0.25
_CALL_TIMEOUT_S = 15.0
_STOP_TIMEOUT_S = 15.0
_VERSIONS_TIMEOUT_S = 60.0

_owned: weakref.WeakSet[Cluster] = weakref.WeakSet()


class Cluster:
    """A running cluster. Use it as a context manager, or :meth:`close` it.

    Parameters
    ----------
    name : str
        Name by which the backend knows it.
    backend : Backend
    is_owned : bool
        Whether closing also stops the cluster: so for one that was made here, not for one that
        was only connected to.
    timeout_s : float
        Longest time for the scheduler to be there [s].
    progress : callable, optional
        Called with a sentence whenever something has changed.
    """

    def __init__(
        self,
        name: str,
        backend: Backend,
        *,
        is_owned: bool,
        timeout_s: float = 120.0,
        progress: Progress | None = None,
    ) -> None:
        self.name = name
        self._backend = backend
        self._is_owned = is_owned
        self._client: Client | None = None
        if is_owned:
            _owned.add(self)
        try:
            self._wait_until_running(timeout_s, progress)
            self._client = backend.open_client(name, timeout_s=min(timeout_s, 30.0))
            for entry in metadata.entry_points(group=CONNECTED):
                entry.load()(self._client)
        except BaseException:
            self.__exit__(None, None, None)
            raise

    @property
    def client(self) -> Client:
        """The Dask client."""
        if self._client is None:
            raise ComputeError(f"The cluster {self.name} is closed.", remedy="Start a new one.")
        return self._client

    @property
    def info(self) -> ClusterInfo:
        """What the backend knows of the cluster now."""
        return self._backend.info(self.name)

    @property
    def dashboard_link(self) -> str:
        """Address of the dashboard; empty when there is none."""
        return self.info.dashboard_link

    def scale(self, n_workers: int) -> None:
        """Ask for ``n_workers`` workers, ≥ 0. Returns at once.

        Raises
        ------
        ComputeError
            When the cluster may never have so many.
        """
        self._check_size("n_workers", n_workers)
        self._backend.scale(self.name, n_workers)

    def adapt(self, minimum: int = 0, maximum: int | None = None) -> None:
        """Let the number of workers follow the load, between ``minimum`` and ``maximum``.

        Parameters
        ----------
        minimum : int
        maximum : int, optional
            Default: as many as the cluster may have.
        """
        limit = self.info.workers_maximum
        maximum = maximum if maximum is not None else (limit or max(minimum, 1))
        self._check_size("maximum", maximum)
        if not 0 <= minimum <= maximum:
            raise ComputeError(
                f"minimum = {minimum} is not allowed: it is from 0 to maximum, here {maximum}.",
                remedy="Choose a smaller one.",
            )
        self._backend.adapt(self.name, minimum, maximum)

    def n_workers(self) -> int:
        """Count the workers that are at work, as the scheduler knows."""
        client = self.client
        try:
            return len(client.sync(_ncores, client, callback_timeout=_CALL_TIMEOUT_S))
        except (OSError, TimeoutError) as exc:
            info = self.info
            if not info.status.is_live:
                raise self._ended(info) from exc
            raise ComputeError(
                f"The scheduler of {self.name} does not answer.",
                remedy="Try again; start a new cluster if it stays so.",
            ) from exc

    def wait_for_workers(
        self, n_workers: int, *, timeout_s: float = 120.0, progress: Progress | None = None
    ) -> None:
        """Wait until ``n_workers`` are at work and run the same software as this process.

        Parameters
        ----------
        n_workers : int
        timeout_s : float
            [s]
        progress : callable, optional
            Called with a sentence whenever something has changed, also why workers are missing.

        Raises
        ------
        ComputeError
            When they are not there in time, with the reason; when the cluster has ended; when
            versions differ.
        """
        tell = _Teller(progress)
        until_s = time.monotonic() + timeout_s
        while True:
            running = self._running()
            if running >= n_workers:
                break
            info = self.info
            if not info.status.is_live:
                raise self._ended(info)
            tell(f"{running} of {n_workers} workers. {info.pending_reason}".strip())
            if time.monotonic() > until_s:
                raise ComputeError(
                    f"{running} of {n_workers} workers are there after {timeout_s:g} s. "
                    f"{info.pending_reason}".strip(),
                    remedy="" if info.pending_reason else "Wait longer, or ask for fewer.",
                )
            time.sleep(_POLL_S)
        check_versions(self.client, timeout_s=_VERSIONS_TIMEOUT_S)
        tell(f"{running} of {n_workers} workers.")

    def close(self) -> None:
        """Disconnect; stop the cluster if it was made here. A second call does nothing."""
        client, self._client = self._client, None
        if client is not None:
            try:
                client.close(timeout=5)
            except (OSError, TimeoutError) as exc:
                log.warning("The client of %s did not close: %s", self.name, exc)
            _restore_default_scheduler()
        if self._is_owned:
            self._is_owned = False
            _owned.discard(self)
            _stop(self._backend, self.name)

    def __enter__(self) -> Self:
        """Return the cluster."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close. The work is done or has failed for its own reason: a failed stop is logged."""
        try:
            self.close()
        except ComputeError as exc:
            log.warning("The cluster %s could not be stopped; idle, it ends: %s", self.name, exc)

    def __repr__(self) -> str:
        """Name only: nothing is asked for it."""
        return f"Cluster({self.name!r})"

    def _wait_until_running(self, timeout_s: float, progress: Progress | None) -> None:
        tell = _Teller(progress)
        until_s = time.monotonic() + timeout_s
        while True:
            info = self.info
            if info.status is ClusterStatus.RUNNING:
                return
            if not info.status.is_live:
                raise self._ended(info)
            tell(info.pending_reason)
            if time.monotonic() > until_s:
                raise ComputeError(
                    f"The scheduler of {self.name} is not there after {timeout_s:g} s. "
                    f"{info.pending_reason}",
                    remedy="Try again; the machine may be busy.",
                )
            time.sleep(_POLL_S)

    def _check_size(self, what: str, n_workers: int) -> None:
        if isinstance(n_workers, bool) or not isinstance(n_workers, int) or n_workers < 0:
            raise ComputeError(
                f"{what} = {n_workers!r} is not allowed: it is a whole number from 0.",
                remedy="Choose such a number.",
            )
        limit = self.info.workers_maximum
        if limit is not None and n_workers > limit:
            raise ComputeError(
                f"{what} = {n_workers} is too many: with its worker_cores this cluster has at "
                f"most {limit} workers.",
                remedy="Ask for fewer workers, or for workers with fewer cores.",
            )

    def _running(self) -> int:
        """Count the workers; none while a lost connection is being made again."""
        client = self.client
        try:
            return len(client.sync(_ncores, client, callback_timeout=_CALL_TIMEOUT_S))
        except (OSError, TimeoutError):
            return 0

    def _ended(self, info: ClusterInfo) -> ComputeError:
        why = info.failure or "It was stopped, or ended after its idle time."
        return ComputeError(
            f"The cluster {self.name} is {info.status}. {why}", remedy="Start a new one."
        )


def cluster(
    n_workers: int = 2,
    *,
    worker_cores: int = 1,
    worker_memory_gib: float | None = None,
    idle_timeout_s: int | None = None,
    timeout_s: float = 180.0,
    progress: Progress | None = None,
    backend: Backend | None = None,
) -> Cluster:
    """Start a cluster and wait until its workers are there.

    Parameters
    ----------
    n_workers : int
        Workers to start with, ≥ 0.
    worker_cores : int
        Threads of each.
    worker_memory_gib : float, optional
        Memory of each [GiB]; default is the environment's.
    idle_timeout_s : int, optional
        Without work for so long, the cluster ends [s]; default is the environment's.
    timeout_s : float
        Longest time for scheduler and workers together [s].
    progress : callable, optional
        Called with a sentence whenever something has changed.
    backend : Backend, optional
        Default: what ``BORESIGHT_COMPUTE`` names.

    Returns
    -------
    Cluster
        Use it in a ``with`` statement; at its end the cluster stops.

    Raises
    ------
    ComputeError
        When a value is not allowed, a limit is reached, or it takes too long. Nothing is left
        running then.
    """
    chosen = backend or chosen_backend()
    until_s = time.monotonic() + timeout_s
    request = ClusterRequest(worker_cores, worker_memory_gib, idle_timeout_s)
    name = chosen.create(request)
    made = Cluster(name, chosen, is_owned=True, timeout_s=timeout_s, progress=progress)
    try:
        made.scale(n_workers)
        left_s = max(1.0, until_s - time.monotonic())
        made.wait_for_workers(n_workers, timeout_s=left_s, progress=progress)
    except BaseException:
        made.__exit__(None, None, None)
        raise
    return made


def connect(name: str, *, timeout_s: float = 60.0, backend: Backend | None = None) -> Cluster:
    """Connect to a running cluster of yours; it goes on when you close the connection."""
    return Cluster(name, backend or chosen_backend(), is_owned=False, timeout_s=timeout_s)


def clusters(*, backend: Backend | None = None) -> list[ClusterInfo]:
    """List your live clusters."""
    return (backend or chosen_backend()).live()


def stop_all(*, backend: Backend | None = None) -> int:
    """Stop all your clusters; returns how many there were."""
    chosen = backend or chosen_backend()
    live = chosen.live()
    for info in live:
        _stop(chosen, info.name)
    return len(live)


class _Teller:
    """Passes a sentence on when it is new."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._last = ""

    def __call__(self, sentence: str) -> None:
        if self._progress is not None and sentence and sentence != self._last:
            self._progress(sentence)
        self._last = sentence


async def _ncores(client: Client) -> dict[str, int]:
    if client.scheduler is None:
        raise OSError("not connected")
    answer: dict[str, int] = await client.scheduler.ncores()
    return answer


def _restore_default_scheduler() -> None:
    """Let ``.compute()`` run here again once no client is left.

    Of two clients, closed in the order in which they were opened, the second restores what the
    first had set: Dask would then ask for a cluster that is gone.
    """
    if dask.config.get("scheduler", None) != "dask.distributed":
        return
    try:
        default_client()
    except ValueError:
        dask.config.set(scheduler=None)


def _stop(backend: Backend, name: str) -> None:
    """Stop a cluster and wait, for a while, until it has stopped."""
    backend.stop(name)
    until_s = time.monotonic() + _STOP_TIMEOUT_S
    while time.monotonic() < until_s:
        try:
            status = backend.info(name).status
        except ComputeError:
            return  # it is not even known any more
        if status in (ClusterStatus.STOPPED, ClusterStatus.FAILED):
            return
        time.sleep(_POLL_S)
    log.warning("The cluster %s is still stopping after %.0f s.", name, _STOP_TIMEOUT_S)


@atexit.register
def _stop_owned() -> None:
    """Stop what a notebook or script has left; a killed one is ended by the idle timeout."""
    for left in list(_owned):
        left.__exit__(None, None, None)
