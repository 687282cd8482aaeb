"""Fit a rational model to positions in the image and on the ground.

Reference: Tao and Hu 2001, Photogrammetric Engineering & Remote Sensing 67(12): iterative
least squares with a small ridge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boresight.errors import SingularError
from boresight.rpc import RpcModel

FloatArray = NDArray[np.float64]

#: weight of the ridge: keeps the 39 nearly dependent unknowns in bounds; 1e-6 costs 1e-3 px
_RIDGE = 1e-9
_ROUNDS = 4

#: points below which the 39 unknowns of a coordinate are not held
MIN_POINTS = 60


@dataclass(frozen=True)
class RpcFit:
    """A model and how well it fits.

    Parameters
    ----------
    rpc : RpcModel
        Internal pixel convention.
    max_residual_px : float
        Largest distance from what it was fitted to [px].
    rms_residual_px : float
        Root mean square of these distances [px].
    n : int
        Points of the fit.
    """

    rpc: RpcModel
    max_residual_px: float
    rms_residual_px: float = 0.0
    n: int = 0


def fit_rpc_points(
    row: FloatArray, col: FloatArray, lon: FloatArray, lat: FloatArray, height_m: FloatArray
) -> RpcFit:
    """Fit a rational model to points spread over an image and a range of heights.

    Parameters
    ----------
    row, col : ndarray, shape (n,)
        Internal pixel convention [px].
    lon, lat : ndarray, shape (n,)
        [deg]; may cross the antimeridian.
    height_m : ndarray, shape (n,)
        Above the ellipsoid [m].

    Raises
    ------
    SingularError
        Fewer than 60 points, points that are not finite, or all on one row, column or height.
    """
    arrays = row, col, lon, lat, height_m
    finite = all(np.isfinite(v).all() for v in arrays)
    if row.size < MIN_POINTS or not finite or any(np.ptp(v) == 0 for v in arrays):
        raise SingularError(
            f"{row.size} points for a rational model, {'all' if finite else 'not all'} finite; the "
            f"rule is at least {MIN_POINTS} finite ones on several rows, columns and heights.",
            remedy="Spread the points over the image and over several heights.",
        )
    # one turn of longitude, also across the antimeridian
    lon = lon[0] + (lon - lon[0] + 180.0) % 360.0 - 180.0
    (lon_off, lon_scale), (lat_off, lat_scale) = _domain(lon), _domain(lat)
    (row_off, row_scale), (col_off, col_scale) = _domain(row), _domain(col)
    height_off, height_scale = _domain(height_m)
    terms = _terms(
        (lon - lon_off) / lon_scale,
        (lat - lat_off) / lat_scale,
        (height_m - height_off) / height_scale,
    )
    row_num, row_den, row_error = _fit(terms, (row - row_off) / row_scale)
    col_num, col_den, col_error = _fit(terms, (col - col_off) / col_scale)
    rpc = RpcModel(
        row_off=row_off,
        col_off=col_off,
        row_scale=row_scale,
        col_scale=col_scale,
        lon_off=lon_off,
        lat_off=lat_off,
        lon_scale=lon_scale,
        lat_scale=lat_scale,
        height_off=height_off,
        height_scale=height_scale,
        row_num=tuple(row_num),
        row_den=tuple(row_den),
        col_num=tuple(col_num),
        col_den=tuple(col_den),
    )
    residual = np.hypot(row_error * row_scale, col_error * col_scale)
    rms = float(np.sqrt((residual**2).mean()))
    return RpcFit(rpc, float(residual.max()), rms, int(row.size))


def _domain(values: FloatArray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low + high) / 2, (high - low) / 2


def _terms(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    """Twenty terms in RPC00B order, shape (n, 20)."""
    one = np.ones_like(x)
    first = [one, x, y, z, x * y, x * z, y * z, x * x, y * y, z * z, x * y * z]
    third = [x**3, x * y * y, x * z * z, x * x * y, y**3, y * z * z, x * x * z, y * y * z, z**3]
    return np.stack(first + third, axis=-1)


def _fit(terms: FloatArray, target: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    weight = np.ones_like(target)
    ridge = np.sqrt(_RIDGE) * np.eye(39)
    for _ in range(_ROUNDS):
        design = np.hstack([terms, -target[:, None] * terms[:, 1:]]) * weight[:, None]
        stacked = np.vstack([design, ridge])
        wanted = np.concatenate([target * weight, np.zeros(39)])
        unknowns = np.linalg.lstsq(stacked, wanted, rcond=None)[0]
        denominator = 1.0 + terms[:, 1:] @ unknowns[20:]
        weight = 1.0 / denominator
    num, den = unknowns[:20], np.concatenate([[1.0], unknowns[20:]])
    return num, den, terms @ num / denominator - target
