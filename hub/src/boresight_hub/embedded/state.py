"""The state directory: whose it is, what it was made for, who uses it now.

``boresight.json`` makes a directory ours and is the first file written; ``config.json`` keeps what
an environment cannot change later (its port stands in every href of its catalogue). A directory
that is neither empty nor ours is never touched.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from boresight_hub import __version__
from boresight_hub.embedded.plan import write_private
from boresight_hub.embedded.processes import started_at_ticks
from boresight_hub.errors import StateError
from boresight_hub.settings import HubSettings, OidcSettings

#: Format of the state directory this version reads and writes.
FORMAT = 1
#: Free space a first start needs, with room for a stereo job [byte].
FIRST_START_FREE_BYTES = 2 * 1024**3
#: Free space a later start needs [byte].
LATER_START_FREE_BYTES = 200 * 1024**2

#: What is ours in a state directory; nothing else is removed by a purge.
ENTRIES = (
    "access",
    "batch",
    "bin",
    "cache",
    "config.json",
    "gateway",
    "homes",
    "hub",
    "idp",
    "keycloak",
    "logs",
    "node",
    "people.json",
    "run",
    "s3",
    "secrets",
    "stac",
    "boresight.json",
)

# what an interrupted step may have left
_SCRAPS = ("node-*.new", "node-*.old", ".node.*", "keycloak-*.new", ".people.json-*", ".*.json.*")

Idp = Literal["oidc-provider", "keycloak"]


class Identity(BaseModel):
    """Content of ``boresight.json``."""

    model_config = ConfigDict(frozen=True)

    format: int
    version: str
    created_at: datetime


class Choices(BaseModel):
    """Content of ``config.json``: what holds for the life of an environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    port: int
    idp: Idp


@dataclass(frozen=True)
class Place:
    """A state directory that was looked at.

    Parameters
    ----------
    path : Path
        Absolute, symbolic links resolved.
    identity : Identity or None
        None when there is nothing there yet.
    choices : Choices or None
    """

    path: Path
    identity: Identity | None
    choices: Choices | None

    @property
    def is_new(self) -> bool:
        """Whether there is no environment in it yet."""
        return self.identity is None or self.choices is None


def look(path: Path) -> Place:
    """See what ``path`` holds; nothing is written.

    Raises
    ------
    StateError
        When it is not a directory of ours, of a newer version, or cannot be read.
    """
    path = path.expanduser().resolve()
    if not path.exists():
        return Place(path, None, None)
    if not path.is_dir():
        raise StateError(
            f"The state directory {path} is a file.", remedy="Name a directory with --state."
        )
    marker = path / "boresight.json"
    try:
        if not marker.exists():
            if any(path.iterdir()):
                raise StateError(
                    f"The state directory {path} holds files, but none of Boresight's; only an "
                    "empty directory or one of Boresight's own is used.",
                    remedy="Name another one with --state.",
                )
            return Place(path, None, None)
        if path.stat().st_uid != os.geteuid():
            raise StateError(
                f"The state directory {path} belongs to uid {path.stat().st_uid}, and you are "
                f"{os.geteuid()}; an environment runs as its owner.",
                remedy="Name one of your own with --state.",
            )
        identity = _identity(marker)
        config = path / "config.json"
        choices = Choices.model_validate_json(config.read_text()) if config.exists() else None
    except ValidationError as exc:
        raise StateError(
            f"{exc.title} of the state directory {path} cannot be read: "
            f"{exc.errors(include_input=False)[0]['msg']}.",
            remedy="Restore its *.json files, or name another directory with --state.",
        ) from exc
    except OSError as exc:
        raise StateError(
            f"The state directory {path} cannot be read: {exc.strerror}.",
            remedy="Name one of your own with --state.",
        ) from exc
    return Place(path, identity, choices)


def _identity(marker: Path) -> Identity:
    identity = Identity.model_validate_json(marker.read_text())
    if identity.format > FORMAT:
        raise StateError(
            f"The state directory {marker.parent} has format {identity.format} of Boresight "
            f"{identity.version}; this is {__version__}, which knows formats up to {FORMAT}.",
            remedy=f"Update Boresight to {identity.version} or later, or name another directory "
            "with --state.",
        )
    return identity


def settings_for(place: Place, *, port: int | None = None, idp: Idp | None = None) -> HubSettings:
    """Build the settings of the environment at ``place``.

    Parameters
    ----------
    port, idp
        As asked for; None takes what the environment was made with, or the default.

    Raises
    ------
    StateError
        When an existing environment was made with another port or provider.
    """
    # what is not given comes from the environment's own file, then from BORESIGHT_* variables
    base = HubSettings(state_dir=place.path)
    kept = place.choices
    if kept is not None:
        _refuse_change(place, "--port", kept.port, port)
        _refuse_change(place, "--idp", kept.idp, idp)
        port, idp = kept.port, kept.idp
    oidc = OidcSettings(**{**base.oidc.model_dump(), "kind": idp or base.oidc.kind})
    return HubSettings(state_dir=place.path, port=port or base.port, oidc=oidc)


def _refuse_change(place: Place, option: str, kept: object, asked: object) -> None:
    if asked is not None and asked != kept:
        raise StateError(
            f"{option} {asked} was asked for, but the environment in {place.path} was made with "
            f"{option} {kept}, and the addresses in its catalogue say so.",
            remedy=f"Leave {option} out, or name another directory with --state.",
        )


def load_settings(path: Path) -> HubSettings:
    """Settings of the existing environment in ``path``.

    Raises
    ------
    StateError
        When there is none.
    """
    place = look(path)
    if place.is_new:
        raise StateError(
            f"There is no environment in {place.path}.",
            remedy="Make one with `boresight up`, or name another directory with --state.",
        )
    return settings_for(place)


def check_disk(place: Place, *, free_bytes: int | None = None) -> None:
    """Refuse a disk that is nearly full; nothing is written.

    Parameters
    ----------
    free_bytes : int, optional
        Free space [byte]; default: as the file system says.

    Raises
    ------
    StateError
        When there is less than a start needs.
    """
    folder = place.path
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free if free_bytes is None else free_bytes
    needed = FIRST_START_FREE_BYTES if place.is_new else LATER_START_FREE_BYTES
    if free < needed:
        when = "a first" if place.is_new else "a"
        raise StateError(
            f"The disk of {place.path} has {free / 1024**2:.0f} MiB free; {when} start needs "
            f"{needed / 1024**2:.0f} MiB.",
            remedy="Make room, or name a directory on another disk with --state.",
        )


def create(place: Place, settings: HubSettings) -> None:
    """Make the directory ours, and keep what was chosen."""
    try:
        place.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.path.chmod(0o700)
        if place.identity is None:
            identity = Identity(format=FORMAT, version=__version__, created_at=datetime.now(UTC))
            write_private(place.path / "boresight.json", identity.model_dump_json(indent=1))
        if place.choices is None:
            choices = Choices(port=settings.port, idp=settings.oidc.kind)
            write_private(place.path / "config.json", choices.model_dump_json(indent=1))
    except OSError as exc:
        raise StateError(
            f"The state directory {place.path} cannot be made: {exc.strerror}.",
            remedy="Name a directory that you may write with --state.",
        ) from exc


@contextmanager
def lock(path: Path) -> Iterator[int]:
    """Hold the environment; yields a descriptor that holds it for whoever inherits it.

    Raises
    ------
    StateError
        When somebody else holds it: says who, where and since when.
    """
    (path / "run").mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path / "run" / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise StateError(
                _who_holds(path),
                remedy="Use it, or stop it with `boresight down`, or name another directory with "
                "--state.",
            ) from exc
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether an environment runs, starts or stops in ``path``."""
    try:
        descriptor = os.open(path / "run" / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def holder_pid(path: Path) -> int | None:
    """Process that took the lock; it may have passed it on since."""
    try:
        return int((path / "run" / "lock").read_text())
    except (OSError, ValueError):
        return None


def _who_holds(path: Path) -> str:
    report = read_report(path)
    if report is None:
        return f"An environment in {path} is being started or stopped (process {holder_pid(path)})."
    since = datetime.fromtimestamp(report.started_at, UTC).astimezone()
    return (
        f"An environment runs in {path}: process {report.pid}, {report.url}, "
        f"since {since:%Y-%m-%d %H:%M:%S}."
    )


class ServiceReport(BaseModel):
    """What the supervisor says of one service; ``since`` in seconds since the epoch."""

    model_config = ConfigDict(frozen=True)

    state: str
    message: str
    pid: int | None
    since: float
    restarts: int
    url: str


class Report(BaseModel):
    """What the supervisor says of itself; ``started_at`` in seconds since the epoch."""

    model_config = ConfigDict(frozen=True)

    pid: int
    start_ticks: int
    guard_pid: int
    url: str
    started_at: float
    phase: str
    services: dict[str, ServiceReport]


def read_report(path: Path) -> Report | None:
    """What the supervisor last said of itself; None when it says nothing, or is gone."""
    try:
        report = Report.model_validate_json((path / "run" / "supervisor.json").read_text())
    except (OSError, ValidationError):
        return None
    return report if started_at_ticks(report.pid) == report.start_ticks else None


def purge(path: Path) -> list[Path]:
    """Remove an environment that does not run.

    Returns
    -------
    list of Path
        What is not Boresight's and therefore was left, with the directory itself.

    Raises
    ------
    StateError
        When it runs, or when there is none.
    """
    place = look(path)
    if place.identity is None:
        raise StateError(f"There is no environment in {place.path}.", remedy="Nothing to do.")
    with lock(place.path):
        scraps = [entry for pattern in _SCRAPS for entry in place.path.glob(pattern)]
        for entry in [*scraps, *(place.path / name for name in ENTRIES)]:
            if entry.is_dir() and not entry.is_symlink():
                _remove_tree(entry)
            else:
                entry.unlink(missing_ok=True)
    left = sorted(place.path.iterdir())
    if not left:
        place.path.rmdir()
    return left


def _remove_tree(folder: Path) -> None:
    # Go's module cache is read-only, and a folder has to be writable to be emptied
    for root, folders, _ in os.walk(folder):
        for name in folders:
            entry = Path(root) / name
            if not entry.is_symlink():
                entry.chmod(0o700)
    shutil.rmtree(folder)
