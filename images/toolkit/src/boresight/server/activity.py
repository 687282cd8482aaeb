"""What works in a server: cells, terminals, jobs, Dask clusters, a desktop.

Every function returns :class:`Activity` objects, looks once, and raises nothing because something
it looks at has just ended.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from boresight.server import desktop

#: A process with this variable in its environment is a job, and its value the job's name.
JOB_VARIABLE = "BORESIGHT_JOB"
#: On one machine all processes are of one account; this tells whose server each belongs to.
_HOLDER_VARIABLE = "BORESIGHT_HOLDER"
_LONGEST_NAME = 200
_WORKFLOWS = "boresight.workflows."


@dataclass(frozen=True)
class Activity:
    """Something that works, or was used.

    Attributes
    ----------
    kind : str
        ``lab`` (the person, in the browser), ``notebook``, ``cell``, ``terminal``, ``process``
        (in the foreground of a terminal), ``job``, ``dask``, ``desktop``.
    name : str
        Which one: a notebook's path, a process's name.
    idle_s : float
        Time since it was last used [s]; 0 when it is at work.
    """

    kind: str
    name: str
    idle_s: float

    def as_json(self) -> dict[str, object]:
        """Form in which it is reported."""
        # 0 is said of what is at work, and of nothing that has just ended
        idle_s = 0.0 if self.idle_s == 0 else max(0.1, round(self.idle_s, 1))
        return {"kind": self.kind, "name": self.name[:_LONGEST_NAME], "idle_s": idle_s}


def job_environment(name: str) -> dict[str, str]:
    """Variables with which a process is started that has to keep its server, as ``name``.

    Examples
    --------
    >>> job_environment("stereo of pair 7")
    {'BORESIGHT_JOB': 'stereo of pair 7'}
    """
    return {JOB_VARIABLE: name}


async def kernels(kernel_manager: Any, session_manager: Any) -> list[Activity]:
    """Kernels of a Jupyter server: running cells, and when the others were last used."""
    sessions = await session_manager.list_sessions()
    names = {s["kernel"]["id"]: s.get("path") or s.get("name") or "" for s in sessions}
    found = []
    for kernel_id in list(kernel_manager.list_kernel_ids()):
        try:
            kernel = kernel_manager.get_kernel(kernel_id)
        except KeyError:
            continue
        name = names.get(kernel_id) or f"kernel {kernel_id[:8]}"
        # what starts or dies is nobody's work
        if getattr(kernel, "execution_state", "") == "busy":
            found.append(Activity("cell", name, 0.0))
        elif (last := getattr(kernel, "last_activity", None)) is not None:
            found.append(Activity("notebook", name, _since_s(last)))
    return found


def terminals(terminal_manager: Any) -> list[Activity]:
    """Terminals of a Jupyter server: what runs in the foreground, or when one was last used."""
    found = []
    for name, terminal in list(getattr(terminal_manager, "terminals", {}).items()):
        process = _foreground(terminal.ptyproc)
        if process:
            found.append(Activity("process", process, 0.0))
        elif (last := getattr(terminal, "last_activity", None)) is not None:
            found.append(Activity("terminal", str(name), _since_s(last)))
    return found


def other_terminals(known: Iterable[int] = ()) -> list[Activity]:
    """What runs in the foreground of terminals that are not Jupyter's: of a desktop, of an editor.

    Parameters
    ----------
    known : iterable of int
        Shells of terminals that :func:`terminals` has looked at.
    """
    left_out = set(known)
    found = []
    for process in own_processes():
        try:
            if process.pid in left_out:
                continue
            group = _foreground_of_leader(process.pid)
            if group is not None:
                found.append(Activity("process", psutil.Process(group).name(), 0.0))
        except (psutil.Error, OSError, ValueError):
            continue
    return found


def jobs() -> list[Activity]:
    """Jobs of this server, each name once.

    They are living processes that carry :data:`JOB_VARIABLE`, and those that run a module of
    ``boresight.workflows``.
    """
    names: dict[str, None] = {}
    for process in own_processes():
        try:
            name = process.environ().get(JOB_VARIABLE) or _workflow(process.cmdline())
            if name and process.status() != psutil.STATUS_ZOMBIE:
                names[name] = None
        except (psutil.Error, OSError):
            continue
    return [Activity("job", name, 0.0) for name in names]


def desktops() -> list[Activity]:
    """Desktops of this server, by the last key or movement that reached them."""
    servers = [p for p in own_processes() if desktop.is_x_server(p)]
    return [Activity("desktop", name, idle_s) for name, idle_s in desktop.idle_times_s(servers)]


def own_processes() -> Iterable[psutil.Process]:
    """Processes of this server: all of this account in a pod, those marked so on one machine."""
    holder = os.environ.get(_HOLDER_VARIABLE)
    uid = os.geteuid()
    for process in psutil.process_iter():
        try:
            if process.uids().effective != uid:
                continue
            if holder is None or process.environ().get(_HOLDER_VARIABLE) == holder:
                yield process
        except (psutil.Error, OSError):
            continue


def _workflow(command: list[str]) -> str:
    """Name of the workflow that a command runs, with its folder's; empty when it runs none."""
    for option, module, *arguments in zip(command, command[1:], [*command[2:], ""], strict=False):
        if option == "-m" and module.startswith(_WORKFLOWS):
            name = module.removeprefix(_WORKFLOWS).removesuffix(".process")
            return f"{name} {Path(arguments[0]).name}".strip()
    return ""


def _foreground(pty: Any) -> str:
    """Name of what runs in the foreground of a terminal; empty when its shell waits for input."""
    try:
        group = os.tcgetpgrp(pty.fd)
        if group == os.getpgid(pty.pid):
            return ""
        return str(psutil.Process(group).name())
    except (OSError, ValueError, psutil.Error):
        return ""


def _foreground_of_leader(pid: int) -> int | None:
    """Foreground process group of the terminal that ``pid`` is the shell of; None: it waits."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    # proc_pid_stat(5), from the 3rd field on: state, parent, group, session, terminal, foreground
    _, _, group, session, terminal, foreground = stat.rpartition(")")[2].split()[:6]
    if int(session) != pid or int(terminal) == 0 or int(foreground) in (-1, int(group)):
        return None
    return int(foreground)


def _since_s(moment: datetime) -> float:
    return (datetime.now(UTC) - moment).total_seconds()
