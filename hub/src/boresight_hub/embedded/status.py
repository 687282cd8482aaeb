"""What runs in an environment, since when, and how much memory it has."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from boresight_hub.embedded import processes, state


@dataclass(frozen=True)
class ServiceStatus:
    """One service.

    Parameters
    ----------
    state : str
        ``waiting``, ``starting``, ``ready``, ``unresponsive``, ``restarting``, ``failed`` or
        ``stopped``.
    uptime_s : float or None
        Since it entered its state [s]; None when it does not run.
    restarts : int
        Since the supervisor started.
    memory_bytes : int
        Proportional set size with its own children, people's processes left out [byte].
    """

    state: str
    message: str
    pid: int | None
    uptime_s: float | None
    restarts: int
    memory_bytes: int
    url: str


@dataclass(frozen=True)
class Status:
    """An environment.

    Parameters
    ----------
    phase : str
        ``stopped``, ``starting``, ``ready``, ``degraded`` (a service was given up) or
        ``stopping``.
    memory_at_rest_bytes : int
        Services, supervisor and guard together: proportional set size [byte].
    memory_of_people_bytes : int
        User servers, kernels, schedulers and workers [byte].
    """

    state_dir: str
    phase: str
    url: str = ""
    pid: int | None = None
    uptime_s: float | None = None
    memory_at_rest_bytes: int = 0
    memory_of_supervision_bytes: int = 0
    memory_of_people_bytes: int = 0
    services: dict[str, ServiceStatus] = field(default_factory=dict)

    @property
    def is_well(self) -> bool:
        """Whether everything runs as it should."""
        return self.phase == "ready" and all(s.state == "ready" for s in self.services.values())

    def as_dict(self) -> dict[str, object]:
        """Give the status as ``boresight status --json`` prints it."""
        return asdict(self)


def read(path: Path) -> Status:
    """Look at the environment in ``path``."""
    report = state.read_report(path)
    if report is None:
        phase = "starting" if state.is_held(path) else "stopped"
        return Status(state_dir=str(path), phase=phase)
    now = time.time()
    children: dict[int, list[int]] = {}
    for pid, parent in processes.parents().items():
        children.setdefault(parent, []).append(pid)
    people: set[int] = set()
    services = {}
    for name, service in report.services.items():
        own = _own(service.pid, children, people, path) if service.pid else []
        services[name] = ServiceStatus(
            state=service.state,
            message=service.message,
            pid=service.pid,
            uptime_s=now - service.since if service.pid else None,
            restarts=service.restarts,
            memory_bytes=sum(map(processes.proportional_memory_bytes, own)),
            url=service.url,
        )
    # what was adopted from a service that died is below the supervisor itself
    known = {service.pid for service in report.services.values()}
    adopted = [pid for pid in children.get(report.pid, []) if pid not in known]
    for pid in adopted:
        _own(pid, children, people, path)
    watchers = {report.pid, report.guard_pid, _terminal(report.guard_pid)} - {None}
    supervision = sum(
        processes.proportional_memory_bytes(pid) for pid in watchers if pid is not None
    )
    return Status(
        state_dir=str(path),
        phase=report.phase,
        url=report.url,
        pid=report.pid,
        uptime_s=now - report.started_at,
        memory_at_rest_bytes=supervision + sum(s.memory_bytes for s in services.values()),
        memory_of_supervision_bytes=supervision,
        memory_of_people_bytes=sum(map(processes.proportional_memory_bytes, people)),
        services=services,
    )


def _own(pid: int, children: dict[int, list[int]], people: set[int], path: Path) -> list[int]:
    """``pid`` and what is below it; people's processes are put into ``people`` instead."""
    if pid in people or processes.is_persons(processes.environment_of(pid), path):
        people.add(pid)
        for child in children.get(pid, []):
            people.update(_below(child, children))
        return []
    own = [pid]
    for child in children.get(pid, []):
        own += _own(child, children, people, path)
    return own


def _below(pid: int, children: dict[int, list[int]]) -> list[int]:
    found = [pid]
    for child in children.get(pid, []):
        found += _below(child, children)
    return found


def _terminal(guard_pid: int) -> int | None:
    """The `boresight up` that waits in a terminal, if it does."""
    try:
        stat = Path(f"/proc/{guard_pid}/stat").read_text()
        parent = int(stat.rpartition(")")[2].split()[1])
        words = Path(f"/proc/{parent}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return parent if parent != os.getpid() and b"boresight_hub.embedded.attach" in words else None
