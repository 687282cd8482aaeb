"""Snapshots of the home in the person's own prefix of the object store, and what comes back.

The repository has two keys. One is a password in the home, which nobody else can read; the other,
for the day the home is lost, lies in the person's own prefix beside the repository (decision 22).
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from boresight.access import Environment, exists, read_bytes, write_bytes
from boresight.errors import HomeError, InputError
from boresight.workflows.home.restic import NO_REPOSITORY, Repository, ResticError
from boresight.workflows.ownprefix import own_prefix

_SECOND_KEY = ".boresight/home-snapshots.key"
_PASSWORD = Path(".config") / "boresight" / "home-snapshots.password"
#: What can be made again, or belongs to nobody's work; with a slash before it, of the home itself.
EXCLUDED = (
    "/.cache",
    "/.local/share/Trash",
    "/.local/share/jupyter/runtime",
    "/.config/boresight/home-snapshots.password",
    "__pycache__",
    ".ipynb_checkpoints",
    "node_modules",
)
#: Snapshots that stay: the last three, and one for each of so many days, weeks and months.
KEPT = {"last": 3, "daily": 14, "weekly": 8, "monthly": 12}
_TAG = "boresight-home"
# as restic itself shortens them
_ID_CHARS = 8


@dataclass(frozen=True)
class Snapshot:
    """One snapshot of the home.

    Attributes
    ----------
    snapshot_id : str
        Eight characters, enough to name it.
    taken_at : datetime
        Aware.
    size_bytes : int
        Of all that it holds; files that are in others too take no more room in the store.
    files : int
    """

    snapshot_id: str
    taken_at: datetime
    size_bytes: int
    files: int


class HomeSnapshots:
    """Snapshots of one person's home.

    Parameters
    ----------
    environment : Environment, optional
        Default: that of this server.
    home : Path, optional
        Default: one's own.
    """

    def __init__(self, environment: Environment | None = None, home: Path | None = None) -> None:
        self._environment = environment or Environment.from_env()
        self.home = (home or Path.home()).resolve()
        self._second_key = f"{own_prefix(self._environment)}/{_SECOND_KEY}"

    def take(self) -> Snapshot:
        """Take a snapshot; the first one makes the repository and its two keys.

        Snapshots that are older than :data:`KEPT` says are forgotten.

        Raises
        ------
        HomeError, AccessError, ProgramError
        """
        with self._repository(make=True) as repository:
            # restic compares with where a file lies on the disk
            root = _literal(str(self.home))
            excluded = [
                f"--exclude={root if name.startswith('/') else ''}{name}" for name in EXCLUDED
            ]
            # relative names: the same home may lie elsewhere next time
            said = repository.run(
                "backup",
                "--tag",
                _TAG,
                "--host",
                socket.gethostname(),
                "--exclude-caches",
                "--one-file-system",
                "--no-scan",
                *excluded,
                ".",
                cwd=self.home,
            )
            summary = next(v for v in said if v.get("message_type") == "summary")
            # a restic that was killed with its server has left its lock: those of the dead go
            repository.run("unlock")
            kept = [f"--keep-{name}={count}" for name, count in KEPT.items()]
            repository.run("forget", "--tag", _TAG, "--group-by", "tags", "--prune", *kept)
        return Snapshot(
            snapshot_id=str(summary["snapshot_id"])[:_ID_CHARS],
            taken_at=_moment(summary["backup_start"]),
            size_bytes=int(summary["total_bytes_processed"]),
            files=int(summary["total_files_processed"]),
        )

    def all(self) -> list[Snapshot]:
        """All snapshots, the oldest first; none when there is no repository.

        Raises
        ------
        HomeError, AccessError, ProgramError
        """
        try:
            with self._repository() as repository:
                return self._list(repository)
        except ResticError as exc:
            if exc.code == NO_REPOSITORY:
                return []
            raise

    def holding(self, path: str | Path) -> list[Snapshot]:
        """Snapshots that hold a file or folder, the oldest first.

        Parameters
        ----------
        path : str or Path
            Absolute, or relative to the home.

        Raises
        ------
        HomeError, AccessError, ProgramError
        """
        name = self._name(path)
        with self._repository() as repository:
            return [s for s in self._list(repository) if self._holds(repository, s, name)]

    def restore(
        self, path: str | Path, *, snapshot_id: str = "latest", overwrite: bool = False
    ) -> Path:
        """Bring a file or folder back to its place.

        Parameters
        ----------
        path : str or Path
            Absolute, or relative to the home; it need not be there any more.
        snapshot_id : str
            Default: the latest one that holds it.
        overwrite : bool
            Replace what is there; else the restored one is put beside it, under another name.

        Returns
        -------
        Path
            Where it was put.

        Raises
        ------
        InputError
            When ``path`` lies outside of the home.
        HomeError
            When no snapshot holds it.
        AccessError, ProgramError
        """
        name = self._name(path)
        with self._repository() as repository:
            found = self._list(repository)
            if snapshot_id != "latest":
                found = [s for s in found if snapshot_id.startswith(s.snapshot_id)]
            holding = next((s for s in reversed(found) if self._holds(repository, s, name)), None)
            if holding is None:
                raise HomeError(
                    f"No snapshot{'' if snapshot_id == 'latest' else f' {snapshot_id}'} holds "
                    f"~{name}.",
                    remedy="See what there is: boresight home list.",
                )
            return self._bring(repository, holding, name, overwrite=overwrite)

    def _bring(
        self, repository: Repository, snapshot: Snapshot, name: str, *, overwrite: bool
    ) -> Path:
        target = self.home / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        # beside its place, so that it gets there in one step
        draft = Path(tempfile.mkdtemp(prefix=".restored-", dir=target.parent))
        try:
            repository.run(
                "restore", snapshot.snapshot_id, "--target", str(draft), "--include", _literal(name)
            )
            restored = draft / name.lstrip("/")
            if os.path.lexists(target):
                if overwrite:
                    _remove(target)
                else:
                    taken = f"{snapshot.taken_at:%Y%m%d-%H%M%S}"
                    target = _free(target.with_name(f"{target.name}.of-{taken}"))
            restored.rename(target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return target

    def _list(self, repository: Repository) -> list[Snapshot]:
        found = []
        for told in repository.run("snapshots", "--tag", _TAG):
            summary = told.get("summary") or {}
            found.append(
                Snapshot(
                    snapshot_id=told["short_id"],
                    taken_at=_moment(told["time"]),
                    size_bytes=int(summary.get("total_bytes_processed", 0)),
                    files=int(summary.get("total_files_processed", 0)),
                )
            )
        return sorted(found, key=lambda s: s.taken_at)

    def _holds(self, repository: Repository, snapshot: Snapshot, name: str) -> bool:
        told = repository.run("ls", snapshot.snapshot_id, name)
        return any(entry.get("path") == name for entry in told)

    def _name(self, path: str | Path) -> str:
        """Name of ``path`` as the snapshots have it: absolute, the home being the root."""
        # what is gone cannot be resolved, and a link is restored as a link
        given = Path(os.path.normpath(self.home / Path(path).expanduser()))
        try:
            relative = given.relative_to(self.home)
        except ValueError:
            raise InputError(
                f"{str(path)!r} lies outside of your home {self.home}.",
                remedy="Snapshots are of the home alone.",
            ) from None
        if relative == Path():
            raise InputError(
                "The whole home is not restored in one go.",
                remedy="Name a file or a folder in it: boresight home list --in SNAPSHOT.",
            )
        return str(PurePosixPath("/") / relative)

    @contextmanager
    def _repository(self, *, make: bool = False) -> Iterator[Repository]:
        """The repository, with a key that opens it."""
        password = self.home / _PASSWORD
        if not password.exists() and exists(self._second_key):
            # the home is new: the key beside the repository opens it
            with tempfile.TemporaryDirectory(prefix="boresight-") as folder:
                second = Path(folder) / "key"
                _write_private(second, read_bytes(self._second_key).decode())
                repository = Repository.of(self._environment, second)
                self._add_password(repository, password)
        if not password.exists():
            if not make:
                raise ResticError(
                    "There are no snapshots of this home yet.",
                    remedy="Take one: boresight home snapshot.",
                    code=NO_REPOSITORY,
                )
            self._make(password)
        yield Repository.of(self._environment, password)

    def _make(self, password: Path) -> None:
        """Make the repository with its two keys; one that was left half-made is finished."""
        draft = password.with_name(f"{password.name}.new")
        if not draft.exists():
            _write_private(draft, secrets.token_urlsafe(32))
        repository = Repository.of(self._environment, draft)
        try:
            repository.run("init")
        except ResticError:
            # it is there: of an attempt before, which this password opens
            repository.run("cat", "config")
        with tempfile.TemporaryDirectory(prefix="boresight-") as folder:
            second = Path(folder) / "key"
            _write_private(second, secrets.token_urlsafe(32))
            repository.run("key", "add", "--new-password-file", str(second))
            write_bytes(second.read_bytes(), self._second_key, content_type="text/plain")
        draft.rename(password)

    @staticmethod
    def _add_password(repository: Repository, password: Path) -> None:
        draft = password.with_name(f"{password.name}.again")
        _write_private(draft, secrets.token_urlsafe(32))
        repository.run("key", "add", "--new-password-file", str(draft))
        draft.rename(password)


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _free(path: Path) -> Path:
    """``path``, or the same with a number behind it when that name is taken."""
    number, free = 1, path
    while os.path.lexists(free):
        number, free = number + 1, path.with_name(f"{path.name}.{number}")
    return free


def _literal(name: str) -> str:
    """``name`` as a pattern of restic that nothing else matches."""
    return "".join(f"\\{char}" if char in "*?[\\" else char for char in name)


def _moment(text: str) -> datetime:
    """Time as restic writes it, with nine decimals, to the second."""
    zone = "+00:00" if text.endswith("Z") else text[-6:]
    return datetime.fromisoformat(text[:19] + zone)
