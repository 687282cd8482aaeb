"""What bounds the memory of a process, how much of it is used, and how often it ran out.

A control group bounds pods (version 2, or 1 on older machines); on one machine a spawner says in
``MEM_LIMIT`` what it grants, and without either the machine itself is the bound.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

GROUPS = Path("/sys/fs/cgroup")
LIMIT_VARIABLE = "MEM_LIMIT"
_V1, _V2 = "memory.limit_in_bytes", "memory.max"


@dataclass(frozen=True)
class Memory:
    """How much memory there is, and how much of it is used.

    Attributes
    ----------
    limit_bytes : int
    used_bytes : int
        Without what the system gives back when it is needed.
    source : str
        What sets the limit: ``cgroup``, ``spawner`` or ``machine``.
    """

    limit_bytes: int
    used_bytes: int
    source: str


@dataclass(frozen=True)
class _Group:
    """A control group for memory that has a limit."""

    folder: Path
    limit_bytes: int
    used_bytes: int


def memory_of_server(
    own_bytes: int,
    *,
    pid: int | None = None,
    groups: Path = GROUPS,
    environ: Mapping[str, str] | None = None,
) -> Memory:
    """Find the narrowest bound on a process.

    Parameters
    ----------
    own_bytes : int
        Resident memory of all processes of this server: what counts against a spawner's limit.
    pid : int, optional
        Default: this process.
    groups : Path
        Where control groups are mounted.
    environ : mapping, optional
        Default: the environment of this process.
    """
    machine = psutil.virtual_memory()
    found = [Memory(int(machine.total), int(machine.total - machine.available), "machine")]
    group = min(
        (g for g in _groups_of(pid or os.getpid(), groups)),
        key=lambda g: g.limit_bytes,
        default=None,
    )
    if group is not None:
        found.append(Memory(group.limit_bytes, group.used_bytes, "cgroup"))
    given = (environ if environ is not None else os.environ).get(LIMIT_VARIABLE, "")
    if given.isdigit() and int(given) > 0:
        found.append(Memory(int(given), own_bytes, "spawner"))
    # the later one where two are alike: it is nearer to this server
    return min(reversed(found), key=lambda m: m.limit_bytes)


class OomCounter:
    """Counts how often memory ran out in the control groups of a process.

    Parameters
    ----------
    pid : int
    groups : Path
        Where control groups are mounted.
    """

    def __init__(self, pid: int, groups: Path = GROUPS) -> None:
        self._pid, self._groups = pid, groups
        self._folders: list[Path] = []
        self._before: dict[Path, int] = {}
        self.follow()

    def follow(self) -> None:
        """Look where the process is now, while it lives; counts from before it came do not count.

        A process may be moved into a group after it was started.
        """
        folders = list(_folders_of(self._pid, self._groups))
        if folders and folders != self._folders:
            self._folders = folders
            self._before = {**self._counts(), **self._before}

    def grown(self) -> bool:
        """Whether some process was ended for want of memory since the last look."""
        counts = self._counts()
        grown = any(counts[f] > self._before.get(f, 0) for f in counts)
        self._before = counts
        return grown

    def _counts(self) -> dict[Path, int]:
        found = {}
        for folder in self._folders:
            for name in ("memory.events", "memory.oom_control"):
                values = _values(folder / name)
                if "oom_kill" in values:
                    found[folder] = values["oom_kill"]
        return found


def _groups_of(pid: int, groups: Path) -> Iterator[_Group]:
    for folder in _folders_of(pid, groups):
        limit = _number(folder / _V2) or _number(folder / _V1)
        if limit is None:
            continue
        used = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes") or 0
        values = _values(folder / "memory.stat")
        idle = values.get("total_inactive_file", values.get("inactive_file", 0))
        yield _Group(folder, limit, max(0, used - idle))


def _folders_of(pid: int, groups: Path) -> Iterator[Path]:
    """Folders of the control groups of a process, up to the root, as far as they are seen here."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers == "":
            roots = [groups, groups / "unified"]
        elif "memory" in controllers.split(","):
            roots = [groups / "memory"]
        else:
            continue
        for root in roots:
            folder = root / name.lstrip("/")
            # a container may see its own group as the root, under the name it has outside
            while not folder.is_dir() and folder != root:
                folder = folder.parent
            while True:
                if (folder / _V2).exists() or (folder / _V1).exists():
                    yield folder
                if folder == root or root not in folder.parents:
                    break
                folder = folder.parent


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None  # version 2 says "max" for none


def _values(path: Path) -> dict[str, int]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split() for line in lines)
    return {p[0]: int(p[1]) for p in pairs if len(p) == 2 and p[1].isdigit()}
