"""Height of the EGM96 geoid above the WGS 84 ellipsoid, from the grid that CARS brings along."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
import rasterio
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates


def grid_path() -> str:
    """Path of the grid, the one that CARS itself uses."""
    return str(files("cars") / "conf" / "geoid" / "egm96.grd")


def undulation(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.float64]:
    """Height of the geoid above the ellipsoid, N [m], bilinear.

    Parameters
    ----------
    lon, lat : array_like
        [deg]; any turn of the longitude is understood.
    """
    grid, west, north, step_x, step_y = _grid()
    x = np.mod(np.asarray(lon, dtype=np.float64) - west, 360.0) / step_x
    y = (north - np.asarray(lat, dtype=np.float64)) / step_y
    x, y = np.broadcast_arrays(x, y)
    # the grid's columns go round the Earth, its rows end at the poles
    values = map_coordinates(grid, np.stack([np.clip(y, 0, grid.shape[0] - 1), x]), order=1)
    return np.asarray(values)


@cache
def _grid() -> tuple[NDArray[np.float64], float, float, float, float]:
    with rasterio.open(grid_path()) as dataset:
        values = dataset.read(1).astype(np.float64)
        t = dataset.transform
    columns = round(360.0 / t.a)
    values = values[:, :columns]
    # one more column, equal to the first, closes the circle
    closed = np.concatenate([values, values[:, :1]], axis=1)
    return closed, t.c + t.a / 2, t.f + t.e / 2, t.a, -t.e
