"""Starting and stopping an environment on one machine, as a caller sees it.

Usage::

    running = control.start(place, settings, reporter)   # returns when everything is ready
    control.stop(place.path)
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from boresight_hub.embedded import ports, processes, provision, services, state
from boresight_hub.embedded.plan import RestartRules
from boresight_hub.errors import ServiceError
from boresight_hub.reporting import Reporter
from boresight_hub.settings import HubSettings

_POLL_S = 0.05
#: An environment is down after so long, or is killed.
STOP_TIMEOUT_S = 9.5
_KILL_TIMEOUT_S = 6.0


@dataclass(frozen=True)
class Running:
    """An environment that is ready.

    Parameters
    ----------
    guard : subprocess.Popen
        Ends when the environment does.
    seconds : float
        From the call to readiness [s].
    """

    guard: subprocess.Popen[bytes]
    seconds: float


def start(
    place: state.Place,
    settings: HubSettings,
    reporter: Reporter,
    *,
    attached: bool = False,
    only: Iterable[str] | None = None,
    rules: RestartRules | None = None,
) -> Running:
    """Bring an environment up; returns when every service is ready.

    Parameters
    ----------
    attached : bool
        Whether the environment ends with this process.
    only : iterable of str, optional
        Names of the services to start, default all.

    Raises
    ------
    StateError
        When it runs already, or the disk is nearly full.
    PortInUseError
        When somebody listens where a service has to; nothing was written then.
    ProvisionError
        When the first start could not fetch or build what it needs.
    ServiceError
        When a service did not become ready; everything was stopped again.
    """
    started = time.monotonic()
    os.umask(0o077)
    state.check_disk(place)
    if place.identity is None:
        ports.check_ports(settings)
        state.create(place, settings)
    with state.lock(place.path) as lock:
        # what a double death left behind would hold our ports
        processes.end_marked(place.path, patience_s=3.0)
        ports.check_ports(settings)
        state.create(place, settings)
        with _marked_children(place.path):
            provision.provision(settings, reporter)
        plan = services.make_plan(settings, only=only, rules=rules)
        run = settings.folder("run")
        plan.write(run / "plan.json")
        (run / "failure.txt").unlink(missing_ok=True)
        (run / "supervisor.json").unlink(missing_ok=True)
        guard = _spawn_guard(settings, run / "plan.json", lock, attached=attached)
    try:
        _await_ready(place.path, guard, reporter, [service.name for service in plan.services])
    except BaseException:
        _end(guard)
        raise
    return Running(guard, time.monotonic() - started)


@contextmanager
def _marked_children(path: Path) -> Iterator[None]:
    """Let what the first start runs bear our mark: a killed command leaves no build behind."""
    before = os.environ.get(processes.MARK_VARIABLE)
    os.environ[processes.MARK_VARIABLE] = str(path)
    try:
        yield
    finally:
        del os.environ[processes.MARK_VARIABLE]
        if before is not None:
            os.environ[processes.MARK_VARIABLE] = before


def _spawn_guard(
    settings: HubSettings, plan: Path, lock: int, *, attached: bool
) -> subprocess.Popen[bytes]:
    log = settings.folder("logs") / "supervisor.log"
    with log.open("ab") as output:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "boresight_hub.embedded.guard",
                str(plan),
                *([str(os.getpid())] if attached else []),
            ],
            env=services.base_environment(settings),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=[lock],
        )


def _await_ready(
    path: Path, guard: subprocess.Popen[bytes], reporter: Reporter, names: list[str]
) -> None:
    begun = time.monotonic()
    shown: dict[str, str] = {}
    for name in names:
        reporter.begin(name)
    while True:
        code = guard.poll()
        report = state.read_report(path)
        for name, service in report.services.items() if report else ():
            if shown.get(name) == "ready" or service.state == shown.get(name):
                continue
            shown[name] = service.state
            if service.state == "ready":
                reporter.end(name, time.monotonic() - begun)
            else:
                reporter.say(name, f"{service.state} {service.message}".strip())
        if report and report.phase == "ready":
            return
        if code is not None:
            raise ServiceError(*_failure(path, code))
        time.sleep(_POLL_S)


def _failure(path: Path, code: int) -> tuple[str]:
    try:
        return ((path / "run" / "failure.txt").read_text(),)
    except OSError:
        return (
            f"The environment ended while it was starting (code {code}). "
            f"See {path / 'logs' / 'supervisor.log'}.",
        )


def _end(guard: subprocess.Popen[bytes]) -> None:
    for _ in range(2):
        if guard.poll() is not None:
            return
        guard.send_signal(signal.SIGTERM)
        try:
            guard.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            continue


@dataclass(frozen=True)
class Stopped:
    """How a stop went.

    Parameters
    ----------
    was_running : bool
    seconds : float
        How long it took [s].
    leftovers : int
        Processes of an earlier, dead supervisor that were found and ended.
    """

    was_running: bool
    seconds: float
    leftovers: int


def stop(path: Path) -> Stopped:
    """Stop the environment in ``path``, and end whatever bears its mark.

    Raises
    ------
    ServiceError
        When something cannot be ended.
    """
    started = time.monotonic()
    path = state.look(path).path
    was_running = state.is_held(path)
    if was_running:
        _ask(path, signal.SIGTERM)
        if not _await_free(path, STOP_TIMEOUT_S):
            # the guard ends what is left when its supervisor is gone
            _ask(path, signal.SIGKILL)
            if not _await_free(path, _KILL_TIMEOUT_S):
                raise ServiceError(
                    f"The environment in {path} did not end (process {state.holder_pid(path)}).",
                    remedy="Look for processes in uninterruptible sleep (state D).",
                )
    left = processes.end_marked(path, patience_s=2.0)
    return Stopped(was_running, time.monotonic() - started, len(left))


def _ask(path: Path, signum: int) -> None:
    report = state.read_report(path)
    if report is None:
        # still provisioning: there is only the command that took the lock
        pid = state.holder_pid(path)
        if pid is not None and _is_boresight(pid, path):
            processes.send([pid], signum)
    elif signum == signal.SIGTERM and processes.alive(report.guard_pid):
        processes.send([report.guard_pid], signum)
    else:
        processes.send([report.pid], signum)


def _is_boresight(pid: int, path: Path) -> bool:
    """Whether ``pid`` has the lock of ``path`` open; a number alone may be anybody's by now."""
    lock = path / "run" / "lock"
    try:
        return any(entry.resolve() == lock for entry in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def _await_free(path: Path, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while state.is_held(path):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
