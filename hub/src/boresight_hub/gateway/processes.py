"""The processes of a cluster: how they are found and how they end.

Each scheduler and worker leads a session of its own and carries two marks in its environment. They
are found by these marks, never by a stored process id alone: an id may belong to somebody else by
the time it is used, and a killed gateway does not know what its workers started. What a worker
started without the marks is found as its descendant or by its session.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil

from boresight_hub.gateway.names import CLUSTER_MARK, MEMBER_MARK

_POLL_S = 0.05


def identity(pid: int) -> dict[str, float]:
    """What identifies process ``pid`` for good: its id and the time it was made [s]."""
    return {"pid": pid, "started": psutil.Process(pid).create_time()}


def is_alive(state: dict[str, float]) -> bool:
    """Whether the process that :func:`identity` described is at work."""
    try:
        process = psutil.Process(int(state["pid"]))
        same = bool(process.create_time() == state["started"])
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (KeyError, psutil.NoSuchProcess):
        return False


def members(cluster: str, member: str | None = None) -> list[psutil.Process]:
    """Find the living processes of ``cluster``, or of one ``member`` of it.

    Parameters
    ----------
    cluster : str
        Name of the cluster.
    member : str, optional
        ``scheduler`` or ``worker-<name>``; default all of them.
    """
    found: dict[int, psutil.Process] = {}
    sessions: set[int] = set()
    everybody = [p for p in psutil.process_iter() if p.pid != os.getpid()]
    for process in everybody:
        with suppress(psutil.Error, OSError):
            marks = process.environ()
            if marks.get(CLUSTER_MARK) != cluster:
                continue
            if member is not None and marks.get(MEMBER_MARK) != member:
                continue
            found[process.pid] = process
            sessions.add(os.getsid(process.pid))
            found.update((child.pid, child) for child in process.children(recursive=True))
    sessions.discard(os.getsid(0))
    for process in everybody:
        with suppress(OSError):
            if os.getsid(process.pid) in sessions:
                found.setdefault(process.pid, process)
    return [p for p in found.values() if _lives(p)]


async def stop(cluster: str, member: str | None = None, *, grace_s: float = 2.0) -> int:
    """End the processes of ``cluster``, or of one ``member``: SIGTERM, then SIGKILL.

    Returns
    -------
    int
        Number of processes that could not be ended; 0 when all is well.
    """
    found = members(cluster, member)
    _signal(found, signal.SIGTERM)
    if await _gone(found, grace_s):
        # a process that was just being started has not been seen yet
        found = members(cluster, member)
    for _ in range(3):
        found = members(cluster, member) or [p for p in found if _lives(p)]
        if not found:
            return 0
        _signal(found, signal.SIGKILL)
        await _gone(found, 1.0)
    return len([p for p in found if _lives(p)])


async def start(
    command: list[str], *, env: dict[str, str], cwd: Path, log: Path, pass_fd: int | None = None
) -> dict[str, float]:
    """Start ``command`` in a session of its own, its output in ``log``; return its identity."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=env,
            cwd=cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=descriptor,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            pass_fds=() if pass_fd is None else (pass_fd,),
        )
    finally:
        os.close(descriptor)
    return identity(process.pid)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _signal(processes: list[psutil.Process], number: int) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)  # psutil checks that the id was not given away


async def _gone(processes: list[psutil.Process], within_s: float) -> bool:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while any(_lives(p) for p in processes):
        if loop.time() > deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True
