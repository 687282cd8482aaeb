"""Fit a rational model to a simulated camera."""

from __future__ import annotations

import numpy as np

from boresight.rpc_fit import RpcFit, fit_rpc_points
from boresight.simulate.sensor import Camera

__all__ = ["RpcFit", "fit_rpc"]

#: the model holds a little beyond the image [px] and the heights [m]
_BEYOND_SHARE = 0.02
_BEYOND_M = 50.0


def fit_rpc(
    camera: Camera, heights: tuple[float, float], *, side_points: int = 25, height_points: int = 9
) -> RpcFit:
    """Fit a rational model over a camera's image and a range of heights.

    Parameters
    ----------
    camera : Camera
        Jitter should be off: twenty smooth terms cannot carry it.
    heights : tuple of float
        Lowest and highest terrain; the model is fitted 50 m beyond [m].
    side_points, height_points : int
        Points of the grid along each side of the image and in height.
    """
    beyond = _BEYOND_SHARE * camera.size_px
    edge = np.linspace(-beyond, camera.size_px + beyond, side_points)
    levels = np.linspace(heights[0] - _BEYOND_M, heights[1] + _BEYOND_M, height_points)
    row, col, height = (v.ravel() for v in np.meshgrid(edge, edge, levels, indexing="ij"))
    lon, lat = camera.localize(row, col, height)
    return fit_rpc_points(row, col, lon, lat, height)
