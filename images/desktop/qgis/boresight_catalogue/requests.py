"""What others ask this QGIS to open: files in a folder of this desktop, answered beside them."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from qgis.PyQt.QtCore import QFileSystemWatcher, QObject

from .surroundings import CatalogueError

_VARIABLE = "BORESIGHT_DESKTOP_REQUESTS"
_BUCKETS = "/vsis3/"


class Requests(QObject):
    """Looks for requests and has them opened.

    Parameters
    ----------
    open_image : callable
        Takes a path and a name.
    """

    def __init__(self, open_image) -> None:
        super().__init__()
        self._open = open_image
        self._folder = Path(os.environ.get(_VARIABLE) or os.devnull)
        self._watcher = QFileSystemWatcher(self)
        if self._folder.is_dir():
            self._watcher.addPath(str(self._folder))
            self._watcher.directoryChanged.connect(self.look)

    def look(self, *_: object) -> None:
        """Open what is waiting, oldest first."""
        if not self._folder.is_dir():
            return
        waiting = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for path in waiting:
            with contextlib.suppress(FileNotFoundError):  # another QGIS was faster
                taken = path.with_suffix(".taken")
                path.rename(taken)
                answer = self._answer(taken)
                hidden = taken.with_suffix(".part")
                hidden.write_text(json.dumps(answer))
                hidden.rename(path.with_suffix(".answer"))
                taken.unlink()

    def _answer(self, path: Path) -> dict[str, str]:
        try:
            request = json.loads(path.read_text())
            source = str(request["path"])
            if not source.startswith(_BUCKETS):
                raise CatalogueError(f"{source[:100]} is no image of the catalogue.")
            self._open(source, str(request["name"]))
        except (CatalogueError, ValueError, KeyError) as exc:
            return {"state": "failed", "why": str(exc)}
        return {"state": "opened", "why": ""}
