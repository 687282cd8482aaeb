"""S3 credentials for GDAL, renewed before they end, so that an image that is open stays readable.

GDAL reads the token file by itself from version 3.9.1 on. Debian's is older: there this module
trades the token and gives GDAL the keys. An image that is open keeps the keys it was opened with,
so images of ours are opened anew with each renewal.
"""

from __future__ import annotations

import datetime as dt

from osgeo import gdal
from qgis.core import Qgis, QgsMessageLog, QgsProject
from qgis.PyQt.QtCore import QObject, QTimer

from .background import Background
from .surroundings import CatalogueError, Surroundings, ask, token_of

_KNOWS_TOKEN_FILES = 3_090_100
_RENEWED_AT = 0.5  # of their life
_SHORTEST_S = 2.0
_AGAIN_S = 10.0


class Credentials(QObject):
    """Keys of this user in GDAL's configuration.

    Parameters
    ----------
    surroundings : Surroundings
    """

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__()
        self._surroundings = surroundings
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._renew)
        self._is_due = int(gdal.VersionInfo()) < _KNOWS_TOKEN_FILES
        self._background = Background()
        #: How often keys were given to GDAL.
        self.count = 0
        # the folder of an image is nobody's to list, and costs a request an image
        gdal.SetConfigOption("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")

    def ensure(self) -> None:
        """See that GDAL has keys.

        Raises
        ------
        CatalogueError
            When there are none to be had.
        """
        if self._is_due and self.count == 0:
            self._take(self._fetch())

    def stop(self) -> None:
        """Renew no more."""
        self._timer.stop()

    def _fetch(self) -> dict:
        part = self._surroundings
        return ask(part.credentials_url, token_of(part.s3_token_file))

    def _take(self, keys: dict) -> None:
        gdal.SetConfigOption("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
        gdal.SetConfigOption("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
        gdal.SetConfigOption("AWS_SESSION_TOKEN", keys.get("Token") or None)
        self.count += 1
        ends_at = dt.datetime.fromisoformat(keys["Expiration"].replace("Z", "+00:00"))
        left_s = (ends_at - dt.datetime.now(dt.UTC)).total_seconds()
        self._timer.start(int(1000 * max(left_s * _RENEWED_AT, _SHORTEST_S)))

    def _renew(self) -> None:
        self._background.run(self._fetch, self._renewed)

    def _renewed(self, problem: CatalogueError | None, keys: dict | None) -> None:
        if keys is None:
            QgsMessageLog.logMessage(str(problem), "Boresight", Qgis.Warning)
            self._timer.start(int(1000 * _AGAIN_S))
            return
        self._take(keys)
        for layer in QgsProject.instance().mapLayers().values():
            if layer.source().startswith("/vsis3/"):
                layer.dataProvider().reloadData()
