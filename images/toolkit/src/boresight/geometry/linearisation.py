"""Closed-form derivatives of where images see places: by the place, by attitude, by a correction.

A Gauss-Newton step needs them for every measurement; differences of projections would cost two
projections an unknown and lose half of the digits.

References
----------
Right Jacobian of a rotation vector: Chirikjian 2012, Stochastic Models, Information Theory, and
Lie Groups 2, doi:10.1007/978-0-8176-4944-9, equation 10.86. Radii of curvature of the ellipsoid:
NGA.STND.0036_1.0.0_WGS84, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import Geod

from boresight.geometry.camera import FrameCamera, geodetic_to_ecef, rotation_matrix
from boresight.rpc import RpcModel

FloatArray = NDArray[np.float64]

_GEOD = Geod(ellps="WGS84")

#: below this angle the series of the Jacobian is exact in double precision [rad]
_SMALL_RAD = 1e-4


@dataclass(frozen=True)
class Sighting:
    """Where an image sees places, and how that changes.

    Parameters
    ----------
    row, col : ndarray, shape (n,)
        Internal pixel convention [px].
    by_value : ndarray, shape (n, 2, k)
        Derivatives of (row, col) by the image's unknowns [px] per unit of each.
    by_ground : ndarray, shape (n, 2, 3)
        Derivatives by longitude, latitude [px/deg] and height [px/m].
    """

    row: FloatArray
    col: FloatArray
    by_value: FloatArray
    by_ground: FloatArray


def see_by_rpc(
    rpc: RpcModel, lon: ArrayLike, lat: ArrayLike, height_ellipsoid_m: ArrayLike
) -> Sighting:
    """A rational model and its derivatives by the place; it has no unknowns of its own.

    Parameters
    ----------
    rpc : RpcModel
        As delivered.
    lon, lat, height_ellipsoid_m : array_like, shape (n,)
        Places [deg], [m].
    """
    row, col, by_ground = rpc.project_with_derivatives(lon, lat, height_ellipsoid_m)
    return Sighting(row, col, np.zeros((*np.shape(row), 2, 0)), by_ground)


def see_by_camera(
    camera: FrameCamera,
    turns: tuple[FloatArray, ...],
    lon: ArrayLike,
    lat: ArrayLike,
    height_ellipsoid_m: ArrayLike,
) -> Sighting:
    """A frame camera turned by rotation vectors, and its derivatives by places and by these.

    Parameters
    ----------
    camera : FrameCamera
        With its attitude as known so far.
    turns : tuple of ndarray, shape (3,)
        Unknown rotation vectors in the order in which the matrices are multiplied to the camera's
        own attitude: the last one is nearest to the line of sight [rad].
    lon, lat, height_ellipsoid_m : array_like, shape (n,)
        Places [deg], [m].

    Raises
    ------
    NonConvergenceError
        As :meth:`FrameCamera.project`.
    """
    to_camera = camera.axes_ecef @ rotation_matrix(camera.attitude_rad)
    offset = geodetic_to_ecef(lon, lat, height_ellipsoid_m) - camera.position_ecef
    matrices = [rotation_matrix(turn) for turn in turns]
    # rows are vectors: v @ M is the transposed matrix applied to v
    parts = []
    seen = offset @ to_camera
    for k, (turn, matrix) in enumerate(zip(turns, matrices, strict=True)):
        seen = seen @ matrix
        to_camera = to_camera @ matrix
        by_turn = _cross_matrix(seen) @ right_jacobian(turn)
        for later in matrices[k + 1 :]:
            by_turn = later.T @ by_turn
        parts.append(by_turn)
    by_ground = to_camera.T @ by_geodetic(lon, lat, height_ellipsoid_m)
    joined = np.concatenate([by_ground, *parts], axis=-1)
    x, y, z = (seen[..., axis, None] for axis in range(3))
    # of row and column on the ideal focal plane
    by_all = np.stack(
        [
            (joined[..., 1, :] - y / z * joined[..., 2, :]) / z,
            (joined[..., 0, :] - x / z * joined[..., 2, :]) / z,
        ],
        axis=-2,
    )
    row, col = camera.on_focal_plane(seen)
    slope = np.eye(2) + camera.focal_plane.slopes(row, col)
    by_all = np.asarray(np.linalg.solve(slope, camera.focal_px * by_all), np.float64)
    return Sighting(row, col, by_all[..., 3:], by_all[..., :3])


def by_geodetic(lon: ArrayLike, lat: ArrayLike, height_ellipsoid_m: ArrayLike) -> FloatArray:
    """Derivatives of earth-fixed coordinates by longitude, latitude [m/deg] and height [1].

    Returns
    -------
    ndarray, shape (..., 3, 3)
        Rows: x, y, z.
    """
    lo, la = np.radians(np.asarray(lon, np.float64)), np.radians(np.asarray(lat, np.float64))
    height = np.asarray(height_ellipsoid_m, np.float64)
    sin_lo, cos_lo, sin_la, cos_la = np.sin(lo), np.cos(lo), np.sin(la), np.cos(la)
    w2 = 1.0 - _GEOD.es * sin_la**2
    across = _GEOD.a / np.sqrt(w2) + height
    along = _GEOD.a * (1.0 - _GEOD.es) / w2**1.5 + height
    zero = np.zeros_like(lo)
    by_lon = np.stack([-sin_lo * cos_la * across, cos_lo * cos_la * across, zero], axis=-1)
    by_lat = np.stack([-sin_la * cos_lo, -sin_la * sin_lo, cos_la], axis=-1) * along[..., None]
    up = np.stack([cos_la * cos_lo, cos_la * sin_lo, sin_la], axis=-1)
    per_deg = np.pi / 180.0
    return np.stack([by_lon * per_deg, by_lat * per_deg, up], axis=-1)


def right_jacobian(rotation_rad: ArrayLike) -> FloatArray:
    """Small turn after a rotation vector's own that equals a small change of the vector.

    ``R(v + dv) = R(v) R(J dv)``.

    Returns
    -------
    ndarray, shape (3, 3)
        J [1].
    """
    vector = np.asarray(rotation_rad, dtype=np.float64)
    angle = float(np.linalg.norm(vector))
    cross = _cross_matrix(vector)
    if angle < _SMALL_RAD:
        first, second = 0.5 - angle**2 / 24.0, 1.0 / 6.0 - angle**2 / 120.0
    else:
        first = 0.5 * float(np.sinc(angle / (2.0 * np.pi))) ** 2
        second = (angle - np.sin(angle)) / angle**3
    result: FloatArray = np.eye(3) - first * cross + second * (cross @ cross)
    return result


def _cross_matrix(vector: FloatArray) -> FloatArray:
    """Matrices that multiply by a vector from the left, shape (..., 3) to (..., 3, 3)."""
    out = np.zeros((*vector.shape, 3))
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    out[..., 0, 1], out[..., 0, 2], out[..., 1, 2] = -z, y, -x
    out[..., 1, 0], out[..., 2, 0], out[..., 2, 1] = z, -y, x
    return out
