"""Slope and hillshade.

Horn's 3 by 3 gradient: Horn 1981, Proceedings of the IEEE 69(1), doi:10.1109/PROC.1981.11918.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]


def gradient(dsm: FloatArray, resolution_m: float) -> tuple[FloatArray, FloatArray]:
    """Slope to the east and to the north.

    Parameters
    ----------
    dsm : ndarray, shape (rows, cols)
        Heights, north up [m]; NaN where unknown.
    resolution_m : float
        Side of a pixel [m].

    Returns
    -------
    east, north : ndarray
        Rise over run [1]; NaN beside unknown heights. At the border the outermost row is repeated.
    """
    z = np.pad(dsm.astype(np.float64), 1, mode="edge")
    left = z[:-2, :-2] + 2 * z[1:-1, :-2] + z[2:, :-2]
    right = z[:-2, 2:] + 2 * z[1:-1, 2:] + z[2:, 2:]
    upper = z[:-2, :-2] + 2 * z[:-2, 1:-1] + z[:-2, 2:]
    lower = z[2:, :-2] + 2 * z[2:, 1:-1] + z[2:, 2:]
    # the middle of the window has no weight, but what is unknown has no slope
    unknown = np.where(np.isnan(z[1:-1, 1:-1]), np.nan, 0.0)
    scale = 8 * resolution_m
    return (right - left) / scale + unknown, (upper - lower) / scale + unknown


def slope_deg(dsm: FloatArray, resolution_m: float) -> FloatArray:
    """Angle of the surface against the horizontal [deg]; NaN beside unknown heights."""
    east, north = gradient(dsm, resolution_m)
    result: FloatArray = np.degrees(np.arctan(np.hypot(east, north)))
    return result


def hillshade(
    dsm: FloatArray,
    resolution_m: float,
    *,
    sun_azimuth_deg: float = 315.0,
    sun_elevation_deg: float = 45.0,
    exaggeration: float = 1.0,
) -> NDArray[np.float32]:
    """Light on the surface from one direction.

    Parameters
    ----------
    dsm : ndarray, shape (rows, cols)
        Heights, north up [m]; NaN where unknown.
    resolution_m : float
        Side of a pixel [m].
    sun_azimuth_deg, sun_elevation_deg : float
        Where the light comes from: clockwise from north, above the horizon [deg].
    exaggeration : float
        Factor on heights [1].

    Returns
    -------
    ndarray, float32
        0 (turned away) to 1 (facing the light); NaN beside unknown heights.
    """
    east, north = gradient(dsm * exaggeration, resolution_m)
    azimuth, elevation = np.radians(sun_azimuth_deg), np.radians(sun_elevation_deg)
    light = np.sin(elevation) - np.cos(elevation) * (
        east * np.sin(azimuth) + north * np.cos(azimuth)
    )
    light /= np.sqrt(1 + east**2 + north**2)
    result: NDArray[np.float32] = np.clip(light, 0.0, 1.0).astype(np.float32)
    return result
