"""Start a run of CARS as child process, watch it, end it."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psutil

from boresight.errors import ComputeError
from boresight.workflows.stereo.engine.child import FAILURE
from boresight.workflows.stereo.engine.failures import StereoRunError, named_error
from boresight.workflows.stereo.engine.matching import Sharing
from boresight.workflows.stereo.engine.milestones import Milestones

logger = logging.getLogger(__name__)

_POLL_S = 0.2
_LOOK_EVERY_S = 1.0
_TERM_S = 2.0
_LOG = "run.log"
_LOG_TAIL = 40
#: a socket's path has at most 107 bytes; multiprocessing adds ``/pymp-xxxxxxxx/listener-xxxxxxxx``
_LONGEST_TMPDIR = 107 - 40
_NOT_SMOOTHED = "Bulldozer failed on its second execution"

#: one run is one thread: the cluster is what runs them side by side
_ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "GDAL_NUM_THREADS",
    ),
    "1",
)
#: reading through the network: list no folders, ask for no sidecars, keep blocks. Not EMPTY_DIR:
#: the geoid of CARS has a sidecar on disk.
_READING = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "tif,tiff,TIF,TIFF,vrt,jp2,JP2",
    "VSI_CACHE": "TRUE",
    "VSI_CACHE_SIZE": str(64 * 2**20),
    "GDAL_HTTP_MAX_RETRY": "5",
    "GDAL_HTTP_RETRY_DELAY": "1",
    "GDAL_HTTP_CONNECTTIMEOUT": "10",
    "GDAL_HTTP_TIMEOUT": "120",
}


class RunCancelledError(ComputeError):
    """The run was cancelled."""


@dataclass(frozen=True)
class RunLimits:
    """What a run may take.

    Attributes
    ----------
    timeout_s : float
        [s]
    memory_bytes : int, optional
        Resident memory of the child.
    """

    timeout_s: float
    memory_bytes: int | None = None


@dataclass(frozen=True)
class RunRecord:
    """What a run took.

    Attributes
    ----------
    wall_s, cpu_s : float
        [s]
    peak_memory_mb : float
        Largest resident memory [MB].
    """

    wall_s: float
    cpu_s: float
    peak_memory_mb: float


class Helpers(Protocol):
    """Others that match for a run, as :mod:`boresight.workflows.stereo.engine.matching` says."""

    @property
    def sharing(self) -> Sharing:
        """How the run shares with them."""
        ...

    def match(self, request: Path) -> None:
        """Begin on ``request``, and return."""
        ...

    def collect(self) -> None:
        """Leave the answers that have come; called about once a second."""
        ...


def run_cars(
    configuration: dict[str, Any],
    folder: Path,
    *,
    shared: Path | None = None,
    limits: RunLimits,
    cache: Path | None = None,
    is_cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[float, str], None] = lambda _share, _what: None,
    part: tuple[float, float] = (0.0, 1.0),
    helpers: Helpers | None = None,
) -> RunRecord:
    """Run CARS in a child process and wait for its end.

    Parameters
    ----------
    configuration : dict
        Of CARS; its output directory lies in ``folder``.
    folder : Path
        Scratch of this run alone; the log is ``run.log`` in it.
    shared : Path, optional
        Folder of files made once per pair.
    limits : RunLimits
    cache : Path, optional
        Where compiled code is kept from run to run.
    is_cancelled : callable
        Asked several times a second; when true, the child is ended.
    progress : callable
        Told the share done (0 to 1) and what is being done, whenever that has changed.
    part : tuple of float
        Which part of a whole run this one is, as :mod:`.milestones` counts.
    helpers : Helpers, optional
        Who shares the matching.

    Raises
    ------
    RunCancelledError
    ComputeError
        Out of time or memory, or the child was killed.
    InputError, StereoError
        What CARS refused, by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sharing = helpers.sharing if helpers else None
    spec = folder / "spec.json"
    spec.write_text(
        json.dumps(
            {
                "configuration": configuration,
                "shared": str(shared) if shared else None,
                "sharing": [str(sharing.folder), sharing.parts, sharing.least_px]
                if sharing
                else None,
                "parent": os.getpid(),
            }
        )
    )
    record = _run_child(
        ["boresight.workflows.stereo.engine.child", str(spec)],
        folder,
        limits=limits,
        cache=cache,
        is_cancelled=is_cancelled,
        looks=[
            _Follower(folder / _LOG, progress, Milestones(*part)).look,
            *([_Handing(helpers).look] if helpers else []),
        ],
    )
    if _NOT_SMOOTHED in (folder / _LOG).read_text(errors="replace"):
        logger.warning(
            "CARS could not smooth the coarse surface: disparity ranges are less sure, and some "
            "heights may be missing. See run.log for bulldozer's reason."
        )
    return record


def run_matching(
    request: Path,
    folder: Path,
    *,
    limits: RunLimits,
    cache: Path | None = None,
    is_cancelled: Callable[[], bool] = lambda: False,
    look: Callable[[], None] = lambda: None,
) -> RunRecord:
    """Match the epipolar tiles of ``request`` in a child process; leaves an answer for each.

    ``look`` is called about once a second; ``request`` may come into being only then.

    Raises
    ------
    RunCancelledError
    ComputeError
        Out of time or memory, or the child was killed.
    StereoError
        It failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return _run_child(
        ["boresight.workflows.stereo.engine.matching", str(request), str(os.getpid())],
        folder,
        limits=limits,
        cache=cache,
        is_cancelled=is_cancelled,
        looks=[look],
    )


def _run_child(
    command: list[str],
    folder: Path,
    *,
    limits: RunLimits,
    cache: Path | None,
    is_cancelled: Callable[[], bool],
    looks: list[Callable[[], None]],
) -> RunRecord:
    """Run a module of ours in a process of its own, to its end."""
    began_s = time.monotonic()
    with (folder / _LOG).open("wb") as log, _temporary_folder(folder) as temporary:
        child = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=_environment(temporary, cache),
            start_new_session=True,
        )
        watch = _Watch(child, limits, looks)
        try:
            code = watch.wait(is_cancelled)
        finally:
            _end(child)
    if code != 0:
        raise _failure(code, folder)
    return RunRecord(time.monotonic() - began_s, watch.cpu_s, watch.peak_bytes / 1e6)


class _Follower:
    """Tells how a run goes, by its log."""

    def __init__(
        self, log: Path, progress: Callable[[float, str], None], milestones: Milestones
    ) -> None:
        self._log, self._progress = log, progress
        self._read_to, self._milestones = 0, milestones

    def look(self) -> None:
        with self._log.open("rb") as log:
            log.seek(self._read_to)
            news = log.read()
        self._read_to += len(news)
        if self._milestones.read(news.decode(errors="replace")):
            self._progress(self._milestones.share, self._milestones.words)


class _Handing:
    """Hands requests of a run to its helpers as they appear, and has answers brought."""

    def __init__(self, helpers: Helpers) -> None:
        self._helpers = helpers
        self._handed: set[Path] = set()

    def look(self) -> None:
        for request in self._helpers.sharing.requests():
            if request not in self._handed:
                self._handed.add(request)
                self._helpers.match(request)
        if self._handed:
            self._helpers.collect()


class _Watch:
    """Waits for a child within limits."""

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        limits: RunLimits,
        looks: list[Callable[[], None]],
    ) -> None:
        self._child, self._limits, self._looks = child, limits, looks
        self.cpu_s, self.peak_bytes = 0.0, 0

    def wait(self, is_cancelled: Callable[[], bool]) -> int:
        until_s = time.monotonic() + self._limits.timeout_s
        next_look_s = 0.0
        while (code := self._child.poll()) is None:
            now_s = time.monotonic()
            if is_cancelled():
                raise RunCancelledError("The run was cancelled.")
            if now_s > until_s:
                raise ComputeError(
                    f"A run of CARS is not done after {self._limits.timeout_s:g} s "
                    "(run_timeout_s).",
                    remedy="Take smaller tiles, or allow more time.",
                )
            if now_s >= next_look_s:
                self._look()
                for look in self._looks:
                    look()
                next_look_s = now_s + _LOOK_EVERY_S
            time.sleep(_POLL_S)
        return code

    def _look(self) -> None:
        try:
            process = psutil.Process(self._child.pid)
            with process.oneshot():
                times, used = process.cpu_times(), process.memory_info().rss
        except psutil.Error:
            return
        self.cpu_s = times.user + times.system
        self.peak_bytes = max(self.peak_bytes, used)
        limit = self._limits.memory_bytes
        if limit is not None and used > limit:
            raise ComputeError(
                f"A run of CARS uses {used / 2**30:.1f} GiB; the worker has "
                f"{limit / 2**30:.1f} GiB for it.",
                remedy="Ask for workers with more memory, or take smaller tiles.",
            )


@contextmanager
def _temporary_folder(folder: Path) -> Iterator[Path]:
    """Give ``folder/tmp`` a path short enough for the sockets that bulldozer makes in it."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    if len(os.fsencode(temporary)) <= _LONGEST_TMPDIR:
        yield temporary
        return
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) > _LONGEST_TMPDIR // 2:
        base = "/tmp"  # noqa: S108 - the folder made in it is private
    with tempfile.TemporaryDirectory(prefix="boresight-", dir=base) as private:
        short = Path(private) / "t"
        short.symlink_to(temporary.absolute())
        yield short


def _environment(temporary: Path, cache: Path | None) -> dict[str, str]:
    environment = {**os.environ, **_READING, **_ONE_THREAD, "TMPDIR": str(temporary)}
    # CARS sets this to a folder of its own; what Dask set for the worker is not for the child
    environment.pop("DASK_CONFIG", None)
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        environment["NUMBA_CACHE_DIR"] = str(cache / "numba")
        environment["MPLCONFIGDIR"] = str(cache / "matplotlib")
    return environment


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child and all of its session, politely at first."""
    if child.poll() is not None:
        return
    for sign, patience_s in ((signal.SIGTERM, _TERM_S), (signal.SIGKILL, 30.0)):
        try:
            os.killpg(child.pid, sign)
        except ProcessLookupError:
            break
        try:
            child.wait(patience_s)
            break
        except subprocess.TimeoutExpired:
            continue


def _failure(code: int, folder: Path) -> Exception:
    tail = log_tail(folder / _LOG)
    report = folder / FAILURE
    if report.exists():
        return named_error(json.loads(report.read_text()), tail)
    if code < 0:
        name = signal.Signals(-code).name
        return ComputeError(
            f"A run of CARS was ended by {name}.",
            remedy="SIGKILL mostly means that memory ran out: ask for workers with more.",
        )
    return StereoRunError(
        f"A run of CARS ended with code {code} and no report.",
        remedy="See the last lines of its log.",
        log_tail=tail,
    )


def log_tail(path: Path, lines: int = _LOG_TAIL) -> str:
    """Last lines of a log."""
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
