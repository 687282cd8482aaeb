"""The plugin: a dock, a button for it, and requests from outside."""

from __future__ import annotations

from pathlib import Path

from qgis.core import Qgis
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QAction

from .catalogue import Catalogue
from .credentials import Credentials
from .dock import CatalogueDock
from .layers import open_raster
from .requests import Requests
from .surroundings import CatalogueError, Surroundings


class CataloguePlugin:
    """What QGIS loads.

    Parameters
    ----------
    iface : QgisInterface
    """

    def __init__(self, iface) -> None:
        self._iface = iface
        self._dock = self._button = self._credentials = self._requests = None

    def initGui(self) -> None:  # noqa: N802 - QGIS asks for this name
        """Add dock and button."""
        try:
            surroundings = Surroundings.from_env()
        except CatalogueError as exc:
            self._iface.messageBar().pushMessage("Boresight", str(exc), Qgis.Warning)
            return
        self._credentials = Credentials(surroundings)
        self._dock = CatalogueDock(self._iface, Catalogue(surroundings))
        self._dock.wanted.connect(self._open_and_tell)
        self._iface.addDockWidget(Qt.RightDockWidgetArea, self._dock)
        icon = QIcon(str(Path(__file__).with_name("icon.svg")))
        self._button = QAction(icon, "Boresight catalogue", self._iface.mainWindow())
        self._button.setCheckable(True)
        self._button.setChecked(True)
        self._button.toggled.connect(self._dock.setVisible)
        self._iface.addToolBarIcon(self._button)
        self._requests = Requests(self.open_image)
        # an image that is added while QGIS still starts is lost with its first, empty project
        self._iface.initializationCompleted.connect(self._requests.look)
        if self._iface.mainWindow().isVisible():
            self._requests.look()

    def unload(self) -> None:
        """Take them away."""
        if self._dock is None:
            return
        self._credentials.stop()
        self._iface.removeDockWidget(self._dock)
        self._iface.removeToolBarIcon(self._button)
        self._dock.deleteLater()
        self._requests.deleteLater()

    def open_image(self, path: str, name: str) -> None:
        """Open an image of the catalogue and show the whole of it.

        Raises
        ------
        CatalogueError
            When there are no credentials, or GDAL cannot open it.
        """
        self._credentials.ensure()
        layer = open_raster(path, name)
        self._iface.setActiveLayer(layer)
        self._iface.zoomToActiveLayer()

    def _open_and_tell(self, path: str, name: str) -> None:
        try:
            self.open_image(path, name)
        except CatalogueError as exc:
            self._iface.messageBar().pushMessage("Boresight", str(exc), Qgis.Warning)
        else:
            self._dock.say(name)
