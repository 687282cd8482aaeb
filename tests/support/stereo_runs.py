"""The child processes in which CARS runs, and a storage that breaks."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from boresight.errors import AccessError
from boresight.workflows.stereo.storage import FolderStorage


def runs_of_cars() -> list[int]:
    """Processes below this one in which CARS runs."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "boresight.workflows.stereo.engine.child" in process.cmdline():
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


class BreakingStorage(FolderStorage):
    """A folder that takes no tile while a file says so: as when storage is out of reach.

    Here and not beside its test, as workers load it by the name of its module.
    """

    def put(self, path: Path, key: str, media_type: str | None = None) -> None:
        if (Path(self.folder) / "broken").exists() and key.count("/tile-"):
            time.sleep(0.1)
            raise AccessError("The storage does not answer.", remedy="Run the job again.")
        super().put(path, key, media_type)
