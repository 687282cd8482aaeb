"""Layers of QGIS out of what the catalogue holds."""

from __future__ import annotations

import json

from osgeo import gdal
from qgis.core import (
    QgsContrastEnhancement,
    QgsFillSymbol,
    QgsJsonUtils,
    QgsProject,
    QgsRasterLayer,
    QgsRasterMinMaxOrigin,
    QgsRasterRange,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QTextCodec

from .surroundings import CatalogueError

FOOTPRINTS = "Footprints"
_FIELDS = ("id", "collection", "datetime")


def open_raster(path: str, name: str) -> QgsRasterLayer:
    """Add an image to the project, stretched from its 2nd to its 98th percentile.

    Raises
    ------
    CatalogueError
        When GDAL cannot open it.
    """
    layer = QgsRasterLayer(path, name, "gdal")
    if not layer.isValid():
        reason = layer.error().message() or "it is not there, or not for you"
        raise CatalogueError(f"{name} cannot be opened: {reason}")
    _hide_frame(layer, path)
    layer.setContrastEnhancement(
        QgsContrastEnhancement.StretchToMinimumMaximum, QgsRasterMinMaxOrigin.CumulativeCut
    )
    QgsProject.instance().addMapLayer(layer)
    return layer


def _hide_frame(layer: QgsRasterLayer, path: str) -> None:
    """Leave out the zeros around a raw image that QGIS warps by its sensor model."""
    provider = layer.dataProvider()
    dataset = gdal.Open(path)
    if dataset is None or not dataset.GetMetadata("RPC"):
        return
    for band in range(1, provider.bandCount() + 1):
        if not provider.sourceHasNoDataValue(band):
            provider.setUserNoDataValue(band, [QgsRasterRange(0, 0)])


def show_footprints(items: list[dict]) -> QgsVectorLayer:
    """Put the footprints of ``items`` on the map, in the place of those before."""
    project = QgsProject.instance()
    for before in project.mapLayersByName(FOOTPRINTS):
        project.removeMapLayer(before)
    fields = "&".join(f"field={name}:string" for name in _FIELDS)
    layer = QgsVectorLayer(f"MultiPolygon?crs=EPSG:4326&{fields}", FOOTPRINTS, "memory")
    content = json.dumps(
        {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "geometry": item["geometry"],
                    "properties": {
                        "id": item["id"],
                        "collection": item["collection"],
                        "datetime": item["properties"].get("datetime") or "",
                    },
                }
                for item in items
                if item.get("geometry")
            ],
        }
    )
    features = QgsJsonUtils.stringToFeatureList(
        content, layer.fields(), QTextCodec.codecForName("UTF-8")
    )
    for feature in features:
        geometry = feature.geometry()
        geometry.convertToMultiType()
        feature.setGeometry(geometry)
    layer.dataProvider().addFeatures(features)
    layer.updateExtents()
    layer.renderer().setSymbol(
        QgsFillSymbol.createSimple(
            {"color": "58,110,165,40", "outline_color": "224,162,74", "outline_width": "0.6"}
        )
    )
    project.addMapLayer(layer)
    return layer
