"""From where an image was taken, by its RPC alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pyproj import Geod

from boresight.rpc import RpcModel

_WGS84 = Geod(ellps="WGS84")

#: difference of heights over which a line of sight is followed [m]
_RISE_M = 100.0


@dataclass(frozen=True)
class View:
    """Line of sight at the centre of an image.

    Parameters
    ----------
    incidence_deg : float
        Against the vertical, on the ground [deg].
    azimuth_deg : float
        From the ground to the satellite, clockwise from north [deg].
    gsd_m : float
        Ground distance of neighbouring pixels, mean of rows and columns [m].
    """

    incidence_deg: float
    azimuth_deg: float
    gsd_m: float


def view_at_centre(rpc: RpcModel, shape: tuple[int, int], height_ellipsoid_m: float) -> View:
    """View of the ground at the centre of an image.

    Parameters
    ----------
    rpc : RpcModel
        Model in pixels of the image.
    shape : tuple of int
        Rows, columns.
    height_ellipsoid_m : float
        Height of the ground above the ellipsoid [m].
    """
    row, col = shape[0] / 2, shape[1] / 2
    lon, lat = rpc.localize(
        np.array([row, row, row + 1, row]),
        np.array([col, col, col, col + 1]),
        height_ellipsoid_m + np.array([0.0, _RISE_M, 0.0, 0.0]),
    )
    azimuth, _, distance = _WGS84.inv(np.repeat(lon[0], 3), np.repeat(lat[0], 3), lon[1:], lat[1:])
    return View(
        incidence_deg=float(np.degrees(np.arctan2(distance[0], _RISE_M))),
        azimuth_deg=float(azimuth[0] % 360.0),
        gsd_m=float(np.sqrt(distance[1] * distance[2])),
    )


def base_to_height(left: View, right: View) -> float:
    """Base to height ratio of two views [1]: parallax on the ground for one metre of height."""
    leans = []
    for view in (left, right):
        azimuth = np.radians(view.azimuth_deg)
        lean = np.tan(np.radians(view.incidence_deg))
        leans.append(lean * np.array([np.sin(azimuth), np.cos(azimuth)]))
    return float(np.linalg.norm(leans[0] - leans[1]))
