"""The dock in which the catalogue is searched."""

from __future__ import annotations

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsProject,
)
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDockWidget,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from .background import Background
from .catalogue import Catalogue, Wish
from .layers import show_footprints

_ITEM = Qt.UserRole
_EVERYWHERE_DEG = (-180.0, -90.0, 180.0, 90.0)


class CatalogueDock(QDockWidget):
    """Search form and results.

    Parameters
    ----------
    iface : QgisInterface
    catalogue : Catalogue
    """

    #: Path and name of an image that is to be opened.
    wanted = pyqtSignal(str, str)

    def __init__(self, iface, catalogue: Catalogue) -> None:
        super().__init__("Boresight catalogue")
        self.setObjectName("boresight-catalogue")
        self._iface = iface
        self._catalogue = catalogue
        self._background = Background()
        self._items: list[dict] = []
        self._collection = QComboBox()
        self._words = QLineEdit()
        self._words.setPlaceholderText("part of a name")
        self._begin, self._end = QLineEdit(), QLineEdit()
        for edit in (self._begin, self._end):
            edit.setPlaceholderText("2026-11-22")
        self._here = QCheckBox("Only where the map is")
        self._search = QPushButton("Search")
        self._outlines = QPushButton("Footprints")
        self._state = QLabel()
        self._state.setWordWrap(True)
        self._results = QTreeWidget()
        self._results.setHeaderLabels(["Scene and images", "Time"])
        self._results.setColumnWidth(0, 240)
        self._arrange()
        self._search.clicked.connect(self.search)
        self._words.returnPressed.connect(self.search)
        self._outlines.clicked.connect(lambda: show_footprints(self._items))
        self._outlines.setEnabled(False)
        self._results.itemActivated.connect(self._activate)
        self._run(self._catalogue.collections, self._show_collections)

    def _arrange(self) -> None:
        form = QFormLayout()
        for name, widget in (
            ("Collection", self._collection),
            ("Name", self._words),
            ("From", self._begin),
            ("To", self._end),
            ("", self._here),
        ):
            form.addRow(name, widget)
        buttons = QHBoxLayout()
        buttons.addWidget(self._search)
        buttons.addWidget(self._outlines)
        body = QVBoxLayout()
        body.addLayout(form)
        body.addLayout(buttons)
        body.addWidget(self._state)
        body.addWidget(self._results)
        widget = QWidget()
        widget.setLayout(body)
        self.setWidget(widget)

    def search(self) -> None:
        """Search for what the form says."""
        wish = Wish(
            collection=self._collection.currentData() or "",
            words=self._words.text(),
            begin=self._begin.text().strip(),
            end=self._end.text().strip(),
            bbox=self._extent() if self._here.isChecked() else (),
        )
        self._run(lambda: self._catalogue.search(wish), self._show_items)

    def say(self, text: str) -> None:
        """Show a line of text."""
        self._state.setText(text)

    def _extent(self) -> tuple[float, ...]:
        """West, south, east, north of the map [deg]."""
        canvas = self._iface.mapCanvas()
        to_degrees = QgsCoordinateTransform(
            canvas.mapSettings().destinationCrs(),
            QgsCoordinateReferenceSystem("EPSG:4326"),
            QgsProject.instance(),
        )
        box = to_degrees.transformBoundingBox(canvas.extent())
        west, south, east, north = _EVERYWHERE_DEG
        return (
            max(west, box.xMinimum()),
            max(south, box.yMinimum()),
            min(east, box.xMaximum()),
            min(north, box.yMaximum()),
        )

    def _run(self, work, then) -> None:
        """Do ``work`` aside, ``then`` show what it found, or say why it did not."""
        self.say("…")
        self._search.setEnabled(False)

        def finished(problem, found) -> None:
            self._search.setEnabled(True)
            if problem is not None:
                self.say(str(problem))
            else:
                then(found)

        self._background.run(work, finished)

    def _show_collections(self, collections: list[dict]) -> None:
        self._collection.addItem("all", "")
        for collection in collections:
            self._collection.addItem(collection.get("title") or collection["id"], collection["id"])
        self.say(f"{len(collections)} collections")

    def _show_items(self, items: list[dict]) -> None:
        self._items = items
        self._results.clear()
        for item in items:
            time = (item["properties"].get("datetime") or "")[:16].replace("T", " ")
            row = QTreeWidgetItem([item["id"], time])
            for name, path in self._catalogue.rasters(item).items():
                child = QTreeWidgetItem([name, ""])
                child.setData(0, _ITEM, (path, f"{item['id']} · {name}"))
                row.addChild(child)
            self._results.addTopLevelItem(row)
        self._outlines.setEnabled(bool(items))
        count = f"{len(items)} scene" + ("s" if len(items) > 1 else "")
        self.say(count if items else "Nothing was found.")

    def _activate(self, row: QTreeWidgetItem) -> None:
        chosen = row.data(0, _ITEM)
        if chosen:
            self.wanted.emit(*chosen)
