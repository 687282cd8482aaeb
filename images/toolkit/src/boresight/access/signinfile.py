"""Where a sign-in is kept: a file for each environment, its owner's alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import platformdirs
from pydantic import BaseModel, ConfigDict, ValidationError

from boresight.errors import AccessError, ExpiredSessionError


class Places(BaseModel):
    """What the environment says of itself."""

    model_config = ConfigDict(frozen=True)

    issuer: str
    client_id: str
    access_url: str
    stac_url: str
    s3_url: str
    s3_region: str
    sts_url: str
    role_arn: str
    buckets: tuple[str, ...]


class Endpoints(BaseModel):
    """What the provider says of itself (OpenID Connect discovery)."""

    model_config = ConfigDict(frozen=True)

    issuer: str
    token_endpoint: str
    device_authorization_endpoint: str
    revocation_endpoint: str = ""


class SignIn(BaseModel):
    """What is kept of a sign-in."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    url: str
    user: str
    places: Places
    endpoints: Endpoints
    access_token: str
    refresh_token: str
    renew_at: float  # [s since 1970]

    def __repr__(self) -> str:
        """Tokens stay out of logs and tracebacks."""
        return f"SignIn({self.url!r}, {self.user!r})"

    __str__ = __repr__


def folder() -> Path:
    """Folder of all of them, made when absent."""
    # not the environment's own state folder: on one machine that is another program's
    path = Path(platformdirs.user_state_path("boresight-access"))
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def file_of(origin: str) -> Path:
    """File of the sign-in at ``origin``, whether or not it exists."""
    return folder() / f"{quote(origin, safe='')}.json"


def read(file: Path) -> SignIn:
    """Read a sign-in.

    Raises
    ------
    ExpiredSessionError
        When there is none any more.
    AccessError
        When others may read it, or it is not one.
    """
    try:
        with file.open(encoding="utf-8") as stream:
            mode = os.fstat(stream.fileno()).st_mode & 0o777
            text = stream.read()
    except OSError as exc:
        raise ExpiredSessionError(
            f"The sign-in {file.name} cannot be read ({exc.strerror}).",
            remedy="Sign in again: boresight.access.sign_in(url).",
        ) from exc
    if mode & 0o077:
        raise AccessError(
            f"The file {file} has mode {mode:04o}; tokens are their owner's alone (0600).",
            remedy=f"Sign out everywhere, since others may have read it; then remove {file}.",
        )
    try:
        return SignIn.model_validate_json(text)
    except ValidationError:
        # its message would show the content
        raise AccessError(
            f"The file {file} is not a sign-in.", remedy="Remove it and sign in again."
        ) from None


def write(file: Path, state: SignIn) -> None:
    """Replace the file; readers see the old or the new one whole."""
    fresh = file.with_suffix(f".{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(fresh, flags, 0o600), "w", encoding="utf-8") as stream:
        stream.write(state.model_dump_json())
        stream.flush()
        # a refresh token that is lost costs a sign-in
        os.fsync(stream.fileno())
    fresh.replace(file)


@contextlib.contextmanager
def turn(file: Path) -> Iterator[None]:
    """One process or thread at a time."""
    lock = os.open(file.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
