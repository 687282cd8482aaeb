"""Running restic: where it is, how it finds the repository, and what it says when it fails.

restic takes S3 credentials by the same standard variables as every other client of this server
(container credentials, from version 0.18 on), so that it works with the person's own short-lived
ones and renews them by itself.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boresight.access import Environment
from boresight.errors import AccessError, HomeError, ProgramError
from boresight.workflows.ownprefix import own_prefix

#: Below the person's own prefix.
REPOSITORY = ".boresight/home-snapshots"
# exit codes of restic 0.18
NO_REPOSITORY, WRONG_PASSWORD = 10, 12
_PARTIAL = 3
_REFUSED = ("Access Denied", "AccessDenied", "InvalidAccessKeyId", "Forbidden")
_LOCK_PATIENCE = "2m"


class ResticError(HomeError):
    """restic ended with an error.

    Parameters
    ----------
    message : str
    remedy : str
    code : int
        Exit code.
    """

    def __init__(self, message: str, *, remedy: str = "", code: int = 1) -> None:
        super().__init__(message, remedy=remedy)
        self.code = code


@dataclass(frozen=True)
class Repository:
    """A repository of snapshots.

    Attributes
    ----------
    url : str
        As restic wants it.
    password_file : Path
    """

    url: str
    password_file: Path

    @classmethod
    def of(cls, environment: Environment, password_file: Path) -> Repository:
        """Repository in the person's own prefix."""
        key = own_prefix(environment).removeprefix("s3://")
        return cls(f"s3:{environment.s3_url}/{key}/{REPOSITORY}", password_file)

    def run(self, *arguments: str, cwd: Path | None = None) -> list[dict[str, Any]]:
        """Run restic; what it says as JSON, one value a line.

        Raises
        ------
        ProgramError
            When restic is not installed.
        AccessError
            When the store refuses.
        ResticError
            When it ends with another error.
        """
        done = subprocess.run(
            [
                str(program()),
                "--repo",
                self.url,
                "--password-file",
                str(self.password_file),
                "--json",
                "--quiet",
                "--retry-lock",
                _LOCK_PATIENCE,
                "-o",
                "s3.bucket-lookup=path",
                *arguments,
            ],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode not in (0, _PARTIAL):
            raise _failure(done.returncode, done.stderr)
        return list(_values(done.stdout))


def program() -> Path:
    """Path of restic.

    Raises
    ------
    ProgramError
        When it is not installed.
    """
    known = os.environ.get("BORESIGHT_RESTIC", "")
    if known and os.access(known, os.X_OK):
        return Path(known)
    found = shutil.which("restic")
    if found is None:
        raise ProgramError(
            "restic, which makes snapshots of homes, is not installed here.",
            remedy="Whoever runs the environment adds it: boresight add restic.",
        )
    return Path(found)


def _values(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        yield from value if isinstance(value, list) else [value]


def _failure(code: int, text: str) -> HomeError | AccessError:
    words = [str(v.get("message", "")) for v in _values(text) if isinstance(v, dict)]
    said = " ".join((" ".join(words) or text).split())[-500:]
    if any(word in text for word in _REFUSED):
        return AccessError(
            f"S3 refuses the repository of snapshots: {said}",
            remedy="It can be read and written by its owner alone, while signed in.",
        )
    if code == WRONG_PASSWORD:
        return ResticError(
            "The password does not open the repository of snapshots.",
            remedy="Remove ~/.config/boresight/home-snapshots.password: the second key is taken.",
            code=code,
        )
    return ResticError(f"restic ended with {code}: {said}", code=code)
