"""What is known of runs, as files: one folder a run, ``<root>/<user>/<run>/``.

================== ===========================================================================
``run.json``       what was asked for, and the process; written by the service alone
``outcome.json``   how far it is, and how it ended; written by the run's own process alone
``notebook.ipynb`` as it was handed in, with its parameters
``executed.ipynb`` the same with its outputs so far
``log.txt``        what the notebook printed
``credential``     of the batch grant; gone when the run has ended
``cancel``         its owner wants it to end
``outputs/``       what the notebook leaves there is kept with its results
================== ===========================================================================
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Container
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from boresight_hub.config.holders import folder_name

State = Literal[
    "queued", "running", "saving", "succeeded", "failed", "cancelled", "timed-out", "interrupted"
]
#: States that last.
ENDED: frozenset[str] = frozenset({"succeeded", "failed", "cancelled", "timed-out", "interrupted"})

_M = TypeVar("_M", bound=BaseModel)
_RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")


class Process(BaseModel):
    """What identifies a process for good."""

    pid: int
    started: float = Field(description="when it was made [s since 1970]")


class Run(BaseModel):
    """What was asked for."""

    model_config = ConfigDict(extra="ignore")

    run_id: str
    user: str
    name: str
    parameters: dict[str, Any]
    folder: str = Field(description="working folder, relative to the home")
    time_limit_s: int
    created_at: datetime
    grant: str = Field(description="id of its batch grant; no other run has it")
    rerun_of: str | None = None
    started_at: datetime | None = None
    process: Process | None = None


class Outcome(BaseModel):
    """What the run's own process says."""

    model_config = ConfigDict(extra="ignore")

    state: State
    cell: int = 0
    cells: int = 0
    ended_at: datetime | None = None
    error: str | None = None
    results: str | None = Field(None, description="s3:// address of what is kept")


class Runs:
    """The folders below ``root``.

    Parameters
    ----------
    root : Path
        Made when absent, for its owner alone.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def folder(self, run: Run) -> Path:
        """Folder of a run."""
        return self.root / folder_name(run.user) / run.run_id

    def add(self, run: Run, notebook: dict[str, Any], credential: str) -> None:
        """Keep a new run; it is there as a whole or not at all."""
        target = self.folder(run)
        draft = target.with_name(f".{run.run_id}")
        draft.mkdir(mode=0o700, parents=True)
        (draft / "outputs").mkdir(mode=0o700)
        write_private(draft / "notebook.ipynb", json.dumps(notebook))
        write_private(draft / "credential", credential)
        write_private(draft / "run.json", run.model_dump_json(indent=1))
        draft.rename(target)

    def save(self, run: Run) -> None:
        """Write down what has changed."""
        write_private(self.folder(run) / "run.json", run.model_dump_json(indent=1))

    def find(self, user: str, run_id: str) -> Run | None:
        """Run of a person; None when they have none of that id."""
        if not _RUN_ID.fullmatch(run_id):
            return None
        return _read(self.root / folder_name(user) / run_id / "run.json", Run)

    def of(self, user: str, *, without: Container[str] = ()) -> list[Run]:
        """Runs of a person, the oldest first; those of the ids in ``without`` are not read."""
        folder = self.root / folder_name(user)
        names = sorted(path.name for path in folder.glob("[0-9]*")) if folder.is_dir() else []
        found = (self.find(user, name) for name in names if name not in without)
        return [run for run in found if run is not None]

    def users(self) -> list[str]:
        """Everybody who has runs."""
        return sorted(unquote(path.name) for path in self.root.iterdir() if path.is_dir())

    def outcome(self, run: Run) -> Outcome | None:
        """What the run's process has said last."""
        return _read(self.folder(run) / "outcome.json", Outcome)

    def settle(self, run: Run, outcome: Outcome) -> None:
        """Say how a run ended whose process can no longer do so."""
        write_private(self.folder(run) / "outcome.json", outcome.model_dump_json(indent=1))

    def notebook(self, run: Run) -> dict[str, Any]:
        """Notebook of a run as it was handed in, with its parameters."""
        content: dict[str, Any] = json.loads((self.folder(run) / "notebook.ipynb").read_text())
        return content

    def forget(self, run: Run) -> None:
        """Remove what is kept here; what lies in S3 stays."""
        shutil.rmtree(self.folder(run), ignore_errors=True)


def new_run_id(now: datetime) -> str:
    """Name of a run: its time, and something nobody else has."""
    return f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def write_private(path: Path, text: str) -> None:
    """Put ``text`` in place of ``path``, in one step, for its owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def _read(path: Path, model: type[_M]) -> _M | None:
    try:
        return model.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
