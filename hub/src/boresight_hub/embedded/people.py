"""The people of an environment on one machine.

They stand in ``STATE/people.json``, which is their only directory: the embedded identity
provider reads it at each sign-in, Keycloak imports it at its first start. The file holds
passwords in plain because ``boresight users show`` has to tell them; it is its owner's alone
(0600), the passwords are generated, and no other machine knows them.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tempfile
import uuid
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from boresight_hub.errors import SettingsError
from boresight_hub.settings import HubSettings

_FILE = "people.json"
#: without l, o, 0 and 1, which look like each other
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_GROUPS_OF = 5
_GROUP_COUNT = 4

# a name is part of paths, keys and policies: nothing that any of them could read otherwise
_USERNAME = r"^[a-z][a-z0-9-]{0,30}[a-z0-9]$"
_GROUP = r"^[a-z][a-z0-9-]{0,62}$"


class Person(BaseModel):
    """Somebody who can sign in.

    Attributes
    ----------
    username : str
        Name to sign in with; 2 to 32 lower-case letters, digits and hyphens.
    subject : str
        Identifier that never changes (claim ``sub``).
    name : str
        As shown to people.
    password : str
    groups : tuple of str
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    username: str = Field(pattern=_USERNAME)
    subject: str = Field(min_length=1, max_length=64)
    name: str
    password: str = Field(min_length=12, repr=False)
    groups: tuple[str, ...] = ()

    @field_validator("groups")
    @classmethod
    def _safe_groups(cls, groups: tuple[str, ...]) -> tuple[str, ...]:
        for group in groups:
            if not re.fullmatch(_GROUP, group):
                raise ValueError(f"{group!r} is not a group name (lower-case, digits, hyphens)")
        return groups


class _Directory(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    people: tuple[Person, ...]

    @field_validator("people")
    @classmethod
    def _unique(cls, people: tuple[Person, ...]) -> tuple[Person, ...]:
        for attribute in ("username", "subject"):
            values = [getattr(person, attribute) for person in people]
            if len(set(values)) != len(values):
                raise ValueError(f"two people have the same {attribute}")
        return people


def people_file(settings: HubSettings) -> Path:
    """Path of the directory of people."""
    return settings.state_dir / _FILE


def generate_password() -> str:
    """Twenty random letters and digits in groups of five (100 bits)."""
    return "-".join(
        "".join(secrets.choice(_ALPHABET) for _ in range(_GROUPS_OF)) for _ in range(_GROUP_COUNT)
    )


def ensure_people(settings: HubSettings) -> tuple[Person, ...]:
    """Return the people; on first start the three demo people are made."""
    if not people_file(settings).exists():
        save_people(settings, _demo_people(settings))
    return load_people(settings)


def load_people(settings: HubSettings) -> tuple[Person, ...]:
    """Read the directory of people.

    Raises
    ------
    SettingsError
        When the file is absent, readable by others, or not as it should be.
    """
    path = people_file(settings)
    try:
        text = path.read_text()
        mode = path.stat().st_mode & 0o777
    except OSError as exc:
        raise SettingsError(
            f"The directory of people {path} cannot be read: {exc.strerror}.",
            remedy="Start the environment once with `boresight up`, which makes it.",
        ) from exc
    if mode & 0o077:
        raise SettingsError(
            f"{path} has mode {mode:04o}; it holds passwords and is its owner's alone (0600).",
            remedy=f"chmod 600 {path}, and think of who has read it.",
        )
    try:
        return _Directory.model_validate_json(text).people
    except ValidationError as exc:
        # the words of pydantic would show the input, which may be a password
        first = exc.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"{path} is not a directory of people: {where}: {first['msg']}.",
            remedy="Mend it, or remove it: the next start makes the demo people again.",
        ) from exc


def save_people(settings: HubSettings, people: tuple[Person, ...]) -> None:
    """Write the directory of people in one step; a running provider notices.

    Raises
    ------
    SettingsError
        When two of ``people`` have the same name.
    """
    try:
        directory = _Directory(people=people)
    except ValidationError as exc:
        raise SettingsError(
            f"These people cannot be kept: {exc.errors(include_input=False)[0]['msg']}.",
            remedy="Give everybody a name of their own.",
        ) from exc
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(people_file(settings), directory.model_dump_json(indent=2) + "\n")


def find(settings: HubSettings, username: str) -> Person:
    """Return the person of that name.

    Raises
    ------
    SettingsError
        When there is none.
    """
    people = load_people(settings)
    for person in people:
        if person.username == username:
            return person
    raise SettingsError(
        f"There is nobody called {username!r}.",
        remedy=f"Known: {', '.join(person.username for person in people)}.",
    )


def write_private(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in one step, readable by its owner alone."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w") as file:  # mkstemp gives mode 0600
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _demo_people(settings: HubSettings) -> tuple[Person, ...]:
    admin = settings.oidc.admin_group
    return tuple(
        Person(
            username=username,
            subject=str(uuid.uuid4()),
            name=name,
            password=generate_password(),
            groups=groups,
        )
        for username, name, groups in (
            ("marie", "Marie Calibration", ("co3d-calibration",)),
            ("paul", "Paul Sentinel", ("sentinel2-calibration",)),
            ("lea", "Léa Lead", ("co3d-calibration", admin)),
        )
    )
