"""Folders in which token files are kept: ``<root>/<user>/<holder>/{s3,stac,access}.jwt``.

The folders are the registry: what exists is kept fresh, also after a restart of the hub. Names
become parts of paths only through :func:`folder_name` and :func:`check_holder`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote

from boresight_hub.environment import ACCESS_TOKEN_FILE, S3_TOKEN_FILE, STAC_TOKEN_FILE
from boresight_hub.errors import SettingsError

TOKEN_FILES = (S3_TOKEN_FILE, STAC_TOKEN_FILE, ACCESS_TOKEN_FILE)

_HOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# file systems end at 255 bytes a name
_MAX_FOLDER_CHARS = 200


class HolderNameError(SettingsError):
    """A name that must not become part of a path."""


def folder_name(username: str) -> str:
    """Name of the folder of ``username``: one path component, different for different people.

    Raises
    ------
    HolderNameError
        When the name is empty, too long or has control characters.

    Examples
    --------
    >>> folder_name("marie")
    'marie'
    >>> folder_name("../etc")
    '%2E.%2Fetc'
    """
    escaped = quote(username, safe="@+")
    if escaped.startswith("."):
        escaped = "%2E" + escaped[1:]
    if not username.isprintable() or not 0 < len(escaped) <= _MAX_FOLDER_CHARS:
        raise HolderNameError(
            f"The user name {username[:50]!r} cannot name a folder: it has to be 1 to "
            f"{_MAX_FOLDER_CHARS} printable characters.",
            remedy="Change it at the identity provider.",
        )
    return escaped


def check_holder(holder: str) -> str:
    """Return ``holder`` when it may name a folder.

    Raises
    ------
    HolderNameError
        When it is anything but letters, digits, ``.``, ``_`` and ``-``.
    """
    if not _HOLDER.fullmatch(holder) or ".." in holder:
        raise HolderNameError(
            f"The holder {holder[:50]!r} is not a name: 1 to 100 letters, digits, '.', '_' and "
            "'-', the first a letter or digit, and no '..'.",
            remedy="Choose another name.",
        )
    return holder


class HolderStore(Protocol):
    """Where token files are kept, and for whom: folders here, Secrets on Kubernetes."""

    async def load(self) -> None:
        """Read what is kept already. Comes first, and may come again."""

    async def flush(self) -> bool:
        """Carry out what was asked for; False when something is left for the next time."""

    def path(self, username: str, holder: str) -> Path:
        """Folder in which the holder finds its files."""

    def exists(self, username: str, holder: str) -> bool:
        """Whether a holder is registered."""

    def create(self, username: str, holder: str) -> Path:
        """Register a holder."""

    def remove(self, username: str, holder: str) -> None:
        """Remove a holder and its files; nothing happens when it is absent."""

    def empty(self, username: str, holder: str) -> None:
        """Remove a holder's files and keep it registered."""

    def users(self) -> list[str]:
        """Everybody who has a holder, by name."""

    def of(self, username: str) -> list[str]:
        """Holders of one person."""

    def write(self, username: str, holder: str, name: str, token: str) -> None:
        """Put ``token`` in place of the file ``name``."""

    def read(self, username: str, holder: str, name: str) -> str | None:
        """Content of the file ``name``; None when there is none."""


class Holders:
    """The folders below ``root``.

    Parameters
    ----------
    root : Path
        Made when absent, for its owner alone.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def load(self) -> None:
        """Nothing to do: the folders are the registry."""

    async def flush(self) -> bool:
        """Nothing to do: everything is done at once."""
        return True

    def exists(self, username: str, holder: str) -> bool:
        """Whether a holder is registered."""
        return self.path(username, holder).is_dir()

    def read(self, username: str, holder: str, name: str) -> str | None:
        """Content of the file ``name``; None when there is none."""
        try:
            return (self.path(username, holder) / name).read_text()
        except OSError:
            return None

    def path(self, username: str, holder: str) -> Path:
        """Folder of one holder, whether or not it exists."""
        return self.root / folder_name(username) / check_holder(holder)

    def create(self, username: str, holder: str) -> Path:
        """Make the folder of a holder."""
        path = self.path(username, holder)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def remove(self, username: str, holder: str) -> None:
        """Remove a holder's files and folder; nothing happens when it is absent."""
        path = self.path(username, holder)
        self.empty(username, holder)
        # what is not ours stays, and so does its folder
        for folder in (path, path.parent):
            try:
                folder.rmdir()
            except OSError:
                return

    def empty(self, username: str, holder: str) -> None:
        """Remove a holder's files and keep it registered."""
        path = self.path(username, holder)
        for name in TOKEN_FILES:
            (path / name).unlink(missing_ok=True)
            (path / f".{name}.new").unlink(missing_ok=True)

    def users(self) -> list[str]:
        """Everybody who has a holder, by name."""
        names = (unquote(entry.name) for entry in self.root.iterdir() if entry.is_dir())
        return sorted(name for name in names if _is_canonical(self.root, name))

    def of(self, username: str) -> list[str]:
        """Holders of one person."""
        folder = self.root / folder_name(username)
        if not folder.is_dir():
            return []
        return sorted(
            entry.name
            for entry in folder.iterdir()
            if entry.is_dir() and _HOLDER.fullmatch(entry.name) and ".." not in entry.name
        )

    def write(self, username: str, holder: str, name: str, token: str) -> None:
        """Put ``token`` in place of the file ``name``; readers see the old or the new one whole."""
        folder = self.path(username, holder)
        fresh = folder / f".{name}.new"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(token)
        fresh.replace(folder / name)


def _is_canonical(root: Path, username: str) -> bool:
    """Whether the folder of ``username`` is one of ours: a stray folder must stop nobody."""
    try:
        return (root / folder_name(username)).is_dir()
    except HolderNameError:
        return False
