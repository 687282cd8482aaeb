"""Pictures on a map, for notebooks: needs the extra ``lab`` (ipyleaflet).

No base map is fetched from anywhere: the environment may have no way out.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pystac
from matplotlib import pyplot as plt
from numpy.typing import NDArray

from boresight.access import to_vsis3
from boresight.io import RpcModel, read_image, read_rpc

if TYPE_CHECKING:
    from ipyleaflet import ImageOverlay, Map

#: side of a draped picture; enough for a screen, small enough to live in a notebook
_DRAPE_PX = 512

_MAP_HEIGHT_PX = 480
#: narrowest output of a cell on a usual screen
_MAP_WIDTH_PX = 640
_MAX_ZOOM = 22


def drape(
    image: NDArray[Any], rpc: RpcModel, bounds: tuple[float, float, float, float], height_m: float
) -> NDArray[np.uint8]:
    """Resample a sensor image to a north-up longitude/latitude grid at one height.

    Parameters
    ----------
    image : ndarray, shape (rows, cols)
        Any real type; NaN is transparent.
    rpc : RpcModel
        Geometry of ``image``.
    bounds : tuple of float
        West, south, east, north [deg].
    height_m : float
        Height above the ellipsoid at which the picture is laid [m].

    Returns
    -------
    ndarray, shape (512, 512, 4), uint8
        RGBA; alpha is 0 outside the image.
    """
    west, south, east, north = bounds
    lon, lat = np.meshgrid(
        np.linspace(west, east, _DRAPE_PX), np.linspace(north, south, _DRAPE_PX), indexing="xy"
    )
    row, col = rpc.project(lon, lat, np.full(lon.shape, height_m))
    # internal positions count from the corner of a pixel: its number is the integer part
    inside = (row >= 0) & (col >= 0) & (row < image.shape[0]) & (col < image.shape[1])
    values = np.full(lon.shape, np.nan)
    values[inside] = image[row[inside].astype(int), col[inside].astype(int)]
    low, high = np.nanpercentile(values, [1, 99]) if inside.any() else (0.0, 1.0)
    grey = np.clip((values - low) / max(high - low, 1e-9), 0, 1)
    rgba = np.zeros((*lon.shape, 4), np.uint8)
    rgba[..., :3] = np.nan_to_num(grey * 255)[..., None].astype(np.uint8)
    rgba[..., 3] = np.where(np.isfinite(values), 255, 0)
    return rgba


def pair_map(*items: pystac.Item, height_m: float | None = None) -> Map:
    """Map with the images of ``items`` laid on the ground, and their footprints.

    Parameters
    ----------
    *items : pystac.Item
        Items with an asset of role ``data`` that carries an RPC.
    height_m : float, optional
        Height above the ellipsoid at which images are laid [m]; default: the RPC's mean height.
    """
    from ipyleaflet import GeoJSON, LayersControl, Map, ScaleControl

    boxes = np.array([item.bbox[:4] for item in items if item.bbox])
    west, south = boxes[:, :2].min(axis=0)
    east, north = boxes[:, 2:].max(axis=0)
    canvas = Map(
        layers=(),
        center=((south + north) / 2, (west + east) / 2),
        zoom=_zoom(west, south, east, north),
        zoom_snap=0.25,
        max_zoom=_MAX_ZOOM,
        scroll_wheel_zoom=True,
    )
    canvas.layout.height = f"{_MAP_HEIGHT_PX}px"
    for item, colour in zip(items, ("#0072b2", "#d55e00", "#009e73"), strict=False):
        canvas.add(_overlay(item, height_m))
        canvas.add(
            GeoJSON(
                data=item.geometry,
                style={"color": colour, "weight": 2, "fillOpacity": 0.0},
                name=f"footprint {item.id}",
            )
        )
    canvas.add(ScaleControl(position="bottomleft", imperial=False))
    canvas.add(LayersControl(position="topright"))
    return canvas


def png_data_url(rgba: NDArray[np.uint8]) -> str:
    """Encode ``rgba`` (rows, cols, 4) as a ``data:`` address."""
    buffer = io.BytesIO()
    plt.imsave(buffer, rgba, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _overlay(item: pystac.Item, height_m: float | None) -> ImageOverlay:
    from ipyleaflet import ImageOverlay

    href = next(a.href for a in item.assets.values() if "data" in (a.roles or []))
    source = to_vsis3(href)
    rpc = read_rpc(source)
    image = read_image(source).isel(band=0).values
    west, south, east, north = item.bbox[:4] if item.bbox else (0.0, 0.0, 0.0, 0.0)
    bounds = (west, south, east, north)
    rgba = drape(image, rpc, bounds, rpc.height_off if height_m is None else height_m)
    return ImageOverlay(
        url=png_data_url(rgba),
        bounds=((bounds[1], bounds[0]), (bounds[3], bounds[2])),
        name=item.id,
    )


def _zoom(west: float, south: float, east: float, north: float) -> float:
    """Zoom level, in quarters, at which the box fills a map of usual width with a margin."""
    # web Mercator: 256 px around the world at level 0, heights stretched by 1/cos(latitude)
    stretched = (north - south) / np.cos(np.radians((south + north) / 2))
    fits = min(
        0.9 * _MAP_HEIGHT_PX / max(stretched, 1e-6), 0.9 * _MAP_WIDTH_PX / max(east - west, 1e-6)
    )
    level = np.log2(fits * 360.0 / 256.0)
    return float(np.clip(np.floor(level * 4) / 4, 1, _MAX_ZOOM))
