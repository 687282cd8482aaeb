"""Processes of one environment: who descends from whom, who bears our mark, how they are ended.

Standard library only, since the guard and the supervisor import this module and stay for as long
as the environment lives. Linux only: child subreapers and ``/proc``.

mark
    Tells the processes of one environment from any other, also after every parent they had is
    gone: a service has ``BORESIGHT_SUPERVISED=<state directory>`` in its environment, a person's
    server, kernel, scheduler or worker has a ``HOME`` below that directory. ``BORESIGHT_STATE_DIR``
    would be no mark: people set it in their shells.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

MARK_VARIABLE = "BORESIGHT_SUPERVISED"
_TOKEN_VARIABLE = "BORESIGHT_S3_TOKEN_FILE"  # noqa: S105 - the name of a variable

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_POLL_S = 0.02


def become_subreaper() -> None:
    """Adopt every descendant whose own parent dies."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent_pid: int, signum: int = signal.SIGTERM) -> bool:
    """Have the kernel send us ``signum`` when our parent dies.

    Returns
    -------
    bool
        False when the parent was gone already, so that nothing would ever be sent.
    """
    _prctl(_PR_SET_PDEATHSIG, int(signum))
    return os.getppid() == parent_pid


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        errno = ctypes.get_errno()
        raise OSError(errno, f"prctl({option}): {os.strerror(errno)}")


def parents() -> dict[int, int]:
    """Parent of every process that lives (zombies are left out)."""
    table: dict[int, int] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - called often: plain names are enough
        if not entry.isdigit():
            continue
        try:
            text = Path(f"/proc/{entry}/stat").read_text(errors="replace")
        except OSError:
            continue
        # the command name stands in parentheses and may hold anything, a parenthesis too
        state, ppid = text.rpartition(")")[2].split()[:2]
        if state not in "ZX":
            table[int(entry)] = int(ppid)
    return table


def descendants(root: int) -> list[int]:
    """Every living descendant of ``root``, parents before children."""
    children: dict[int, list[int]] = {}
    for pid, ppid in parents().items():
        children.setdefault(ppid, []).append(pid)
    found: list[int] = []
    queue = [root]
    while queue:
        below = children.get(queue.pop(0), [])
        found += below
        queue += below
    return found


def environment_of(pid: int) -> dict[str, str]:
    """Environment ``pid`` was started with; empty when it is gone or not ours to read."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (entry.partition(b"=") for entry in raw.split(b"\0") if entry)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def marked(state_dir: Path) -> list[int]:
    """Living processes of our own uid that bear the mark of ``state_dir``, this one left out."""
    own, uid, found = os.getpid(), os.getuid(), []
    for pid in parents():
        if pid == own:
            continue
        try:
            if Path(f"/proc/{pid}").stat().st_uid != uid:
                continue
        except OSError:
            continue
        variables = environment_of(pid)
        if variables.get(MARK_VARIABLE) == str(state_dir) or is_persons(variables, state_dir):
            found.append(pid)
    return found


def is_persons(variables: dict[str, str], state_dir: Path) -> bool:
    """Whether a process with this environment is a person's, not a service."""
    return variables.get("HOME", "").startswith(f"{state_dir}/")


def alive(pid: int) -> bool:
    """Whether ``pid`` lives; a zombie does not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def started_at_ticks(pid: int) -> int | None:
    """Start of ``pid`` in clock ticks since boot; with the pid it names one process for ever."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return int(text.rpartition(")")[2].split()[19])


def send(pids: Iterable[int], signum: int) -> None:
    """Signal each of ``pids`` that still is there."""
    for pid in pids:
        try:
            os.kill(pid, signum)
        except (ProcessLookupError, PermissionError):
            continue


def reap() -> dict[int, int]:
    """Take note of every child that ended: exit code by pid, negative for a signal."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = os.waitstatus_to_exitcode(status)


def end_descendants(root: int, *, patience_s: float) -> int:
    """End everything below ``root``: SIGTERM, and SIGKILL after ``patience_s``.

    A process may start others while it is being ended, so the tree is read again until it is
    empty.

    Returns
    -------
    int
        How many had to be killed.
    """
    return _end(lambda: descendants(root), patience_s=patience_s, reaping=root == os.getpid())


def end_marked(state_dir: Path, *, patience_s: float) -> list[int]:
    """End every process that bears the mark of ``state_dir``; returns the pids that were found."""
    found = marked(state_dir)
    if found:
        _end(lambda: marked(state_dir), patience_s=patience_s, reaping=False)
    return found


def _end(find: Callable[[], list[int]], *, patience_s: float, reaping: bool) -> int:
    kill_at = time.monotonic() + patience_s
    asked: set[int] = set()
    killed: set[int] = set()
    while True:
        if reaping:
            reap()
        pids = find()
        if not pids:
            return len(killed)
        if time.monotonic() < kill_at:
            send([pid for pid in pids if pid not in asked], signal.SIGTERM)
            asked.update(pids)
        else:
            send(pids, signal.SIGKILL)
            killed.update(pids)
            if time.monotonic() > kill_at + 10:
                return len(killed)  # uninterruptible sleep: nobody can end those
        time.sleep(_POLL_S)


def proportional_memory_bytes(pid: int) -> int:
    """Proportional set size of ``pid`` [byte]: shared pages count by the part each sharer has."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0
