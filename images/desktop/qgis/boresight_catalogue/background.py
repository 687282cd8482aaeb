"""Work aside, so that a service that is slow does not stop the person's hands."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from qgis.PyQt.QtCore import QObject, pyqtSignal

from .surroundings import CatalogueError


class Background(QObject):
    """Does work in a thread of its own and tells the result in that of the windows.

    QGIS's own tasks are deleted by whoever is first, Python or QGIS, and one that is deleted in its
    own end keeps all later ones waiting.
    """

    _done = pyqtSignal(object, object, object)

    def __init__(self) -> None:
        super().__init__()
        self._done.connect(self._tell)

    def run(self, work: Callable[[], object], then: Callable[..., None]) -> None:
        """Do ``work``; then call ``then(problem, found)``, one of which is None."""
        threading.Thread(target=self._work, args=(work, then), daemon=True).start()

    def _work(self, work: Callable[[], object], then: Callable[..., None]) -> None:
        found = problem = None
        try:
            found = work()
        except CatalogueError as exc:
            problem = exc
        except (KeyError, TypeError, ValueError) as exc:
            problem = CatalogueError(f"The answer is not understood ({type(exc).__name__}).")
        with contextlib.suppress(RuntimeError):  # the plugin has been taken away meanwhile
            self._done.emit(then, problem, found)

    def _tell(self, then: Callable[..., None], problem: object, found: object) -> None:
        then(problem, found)
