"""A notebook at one version, published for whoever signs in and has the link.

The copy lies below ``_shared/`` of the bucket of homes: no person can have that name, so nobody's
own files are opened by it. Its place holds the digest of its content; a reader checks it, so that a
link always gives the version that was shared. Nobody but its owner lists or writes there.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlencode

from boresight.access import Environment, delete, exists, read_bytes, write_bytes
from boresight.errors import AccessError, InputError

#: Below the home, what others have shared.
COPIES = "shared-with-me"
_PREFIX = "_shared"
_MAX_BYTES = 32 * 2**20
_VERSION_CHARS = 32
_OWNER = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,39}")
_VERSION = re.compile(rf"[0-9a-f]{{{_VERSION_CHARS}}}")
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Shared:
    """A notebook that was shared.

    Parameters
    ----------
    owner, version, name : str
        Who shared it, the digest of its content, its file name.

    Raises
    ------
    InputError
        When one of them cannot be one.
    """

    owner: str
    version: str
    name: str

    def __post_init__(self) -> None:
        is_name = (
            self.name.endswith(".ipynb")
            and not self.name.startswith(".")
            and PurePosixPath(self.name).name == self.name
            and self.name.isprintable()
            and "\\" not in self.name
            and len(self.name.encode()) <= _LONGEST_NAME
        )
        if not (is_name and _OWNER.fullmatch(self.owner) and _VERSION.fullmatch(self.version)):
            raise InputError(
                f"The link names no shared notebook: owner {self.owner[:40]!a}, version "
                f"{self.version[:40]!a}, name {self.name[:60]!a}.",
                remedy="Open it whole, as it was given to you.",
            )

    def link(self, environment: Environment) -> str:
        """Address that opens it in the server of whoever follows it."""
        hub = environment.access_url.removesuffix("/services/access")
        query = urlencode({"owner": self.owner, "version": self.version, "name": self.name})
        return f"{hub}/hub/user-redirect/boresight/open?{query}"

    def address(self, environment: Environment) -> str:
        """``s3://`` address of the published copy."""
        bucket = environment.buckets[-1]  # the variable lists that of homes last
        return f"s3://{bucket}/{_PREFIX}/{self.owner}/{self.version}.ipynb"


def publish(path: Path, environment: Environment | None = None) -> Shared:
    """Publish a notebook as it is now, outputs and all.

    Raises
    ------
    InputError
        When it is no notebook, or too long.
    AccessError
        When the store refuses.
    """
    environment = environment or Environment.from_env()
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror}.") from exc
    _check(content, str(path))
    shared = Shared(environment.user, _digest(content), path.name)
    write_bytes(content, shared.address(environment), content_type="application/x-ipynb+json")
    return shared


def withdraw(path: Path, environment: Environment | None = None) -> bool:
    """Take the version that a notebook has now back; whether it was shared."""
    environment = environment or Environment.from_env()
    address = Shared(environment.user, _digest(path.read_bytes()), path.name).address(environment)
    was_there = exists(address)
    if was_there:
        delete(address)
    return was_there


def copy_shared(
    shared: Shared, environment: Environment | None = None, home: Path | None = None
) -> Path:
    """Copy a shared notebook into one's own home; a copy that was changed stays.

    Returns
    -------
    Path
        Where it lies, relative to the home.

    Raises
    ------
    InputError
        When what lies there is not what was shared.
    AccessError
        When it was withdrawn, or the store refuses.
    """
    environment = environment or Environment.from_env()
    root = home or Path.home()
    try:
        content = read_bytes(shared.address(environment))
    except AccessError as exc:
        raise AccessError(
            f"{shared.owner}'s notebook {shared.name} is not there in this version.",
            remedy="It was taken back, or the link is not whole: ask for a new one.",
        ) from exc
    if _digest(content) != shared.version:
        raise InputError(
            f"{shared.name} is not what was shared: its content has another digest.",
            remedy=f"Tell {shared.owner}, and do not open it.",
        )
    _check(content, shared.name)
    stem = PurePosixPath(shared.name).stem
    folder = Path(COPIES) / shared.owner
    for name in (shared.name, f"{stem}.{shared.version[:8]}.ipynb"):
        target = root / folder / name
        if not target.exists():
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = target.with_name(f".{name}.new")
            draft.write_bytes(content)
            draft.replace(target)
            return folder / name
        if _digest(target.read_bytes()) == shared.version:
            return folder / name
    # the copy of this very version, which its reader has changed since
    return folder / name


def _check(content: bytes, name: str) -> None:
    if len(content) > _MAX_BYTES:
        raise InputError(
            f"{name} has {len(content)} bytes: at most {_MAX_BYTES} are shared.",
            remedy="Clear its outputs first.",
        )
    try:
        found = json.loads(content)
        is_notebook = isinstance(found["cells"], list) and found["nbformat"] == 4
    except (ValueError, KeyError, TypeError):
        is_notebook = False
    if not is_notebook:
        raise InputError(
            f"{name} is no notebook of format 4.", remedy="Share a file that ends in .ipynb."
        )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_VERSION_CHARS]
