"""Running uv, which finds versions and installs packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from boresight.errors import PackagesError, ProgramError

_LONGEST_S = 1800
_LONGEST_WORDS = 1500


def run_uv(*arguments: str, about: str, remedy: str) -> None:
    """Run uv.

    Parameters
    ----------
    *arguments : str
    about, remedy : str
        Beginning of the message when it fails, and what can be done.

    Raises
    ------
    ProgramError
        When uv is not installed.
    PackagesError
        When it fails, with its words.
    """
    # a virtual environment that happens to be active is not meant
    env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    try:
        done = subprocess.run(
            [str(_program()), "--no-progress", "--color=never", *arguments],
            env={**env, "UV_PYTHON_DOWNLOADS": "never"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise PackagesError(f"{about}: uv has not ended within {_LONGEST_S} s.") from exc
    if done.returncode:
        words = " ".join(done.stderr.split())[-_LONGEST_WORDS:]
        raise PackagesError(f"{about}. uv says: {words}", remedy=remedy)


def _program() -> Path:
    beside = Path(sys.executable).with_name("uv")
    found = beside if os.access(beside, os.X_OK) else shutil.which("uv")
    if found is None:
        raise ProgramError(
            "uv, which installs packages, is not here.",
            remedy="Install it into the environment: it is on the package index as uv.",
        )
    return Path(found)
