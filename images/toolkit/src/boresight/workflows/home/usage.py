"""How full the home is, and what fills it."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

#: Below this there is no room to work [byte]; a server still starts.
FULL_BELOW_BYTES = 16 * 2**20
#: From here on people should know [1].
WARN_FROM = 0.9
# of a file's blocks, whatever those of the file system are (stat(2))
_BLOCK_BYTES = 512


@dataclass(frozen=True)
class Entry:
    """Something in the home, with everything below it.

    Attributes
    ----------
    path : str
        Relative to the home.
    size_bytes : int
        Room it takes on the disk.
    files : int
    """

    path: str
    size_bytes: int
    files: int


@dataclass(frozen=True)
class Usage:
    """How full a home is.

    Attributes
    ----------
    home : str
    quota_bytes : int
        What the home may hold: the size of its file system, or of the quota set on it.
    used_bytes, free_bytes : int
        Of the file system or quota, whoever uses it.
    own_bytes : int
        What lies in the home itself.
    is_shared : bool
        Whether others use the same file system, so that their files count as well.
    biggest : tuple of Entry
        What lies directly in the home, or one below, the biggest first.
    """

    home: str
    quota_bytes: int
    used_bytes: int
    free_bytes: int
    own_bytes: int
    is_shared: bool
    biggest: tuple[Entry, ...]

    @property
    def is_full(self) -> bool:
        """Whether there is no room to work."""
        return self.free_bytes < FULL_BELOW_BYTES

    @property
    def is_nearly_full(self) -> bool:
        """Whether people should know."""
        return self.is_full or self.used_bytes >= WARN_FROM * self.quota_bytes


def home_usage(home: Path | None = None, *, count: int = 10) -> Usage:
    """Measure the home.

    Parameters
    ----------
    home : Path, optional
        Default: one's own.
    count : int
        How many of the biggest entries are named.

    Returns
    -------
    Usage
    """
    root = (home or Path.home()).resolve()
    disk = shutil.disk_usage(root)
    sizes, files = _measured(root)
    # a folder that has nearly all of it in one below is named by that one
    biggest = sorted(sizes.items(), key=lambda item: -item[1])
    named = [
        Entry(path, size, files[path])
        for path, size in biggest
        if not any(
            other != path and other.startswith(f"{path}/") and 2 * sizes[other] > size
            for other in sizes
        )
    ]
    return Usage(
        home=str(root),
        # what is kept for the system alone is nobody's to use
        quota_bytes=disk.used + disk.free,
        used_bytes=disk.used,
        free_bytes=disk.free,
        own_bytes=sum(size for path, size in sizes.items() if "/" not in path),
        is_shared=not root.is_mount(),
        biggest=tuple(named[:count]),
    )


def _measured(root: Path) -> tuple[Counter[str], Counter[str]]:
    """Bytes and files by path, of what lies directly in ``root`` and one below."""
    sizes: Counter[str] = Counter()
    files: Counter[str] = Counter()
    seen: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(root):
        for name in [*names, *subfolders]:
            path = Path(folder, name)
            try:
                status = path.lstat()
            except OSError:
                continue
            if status.st_nlink > 1 and name not in subfolders:
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
            parts = path.relative_to(root).parts
            for depth in (1, 2):
                if len(parts) >= depth:
                    key = "/".join(parts[:depth])
                    sizes[key] += status.st_blocks * _BLOCK_BYTES
                    files[key] += name not in subfolders
    return sizes, files
