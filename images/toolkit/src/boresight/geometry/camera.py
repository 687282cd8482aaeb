"""Frame camera: where a pixel looks, and where a place is seen.

Axes of the camera are (along columns, along rows, line of sight). The attitude correction is a
rotation vector (about columns, about rows, about the line of sight) in these axes, applied
exactly. With a rolling shutter a row's attitude is that of its time; callers add it row by row.
Ground coordinates go to and from earth-fixed ones by PROJ.

References
----------
Rotation of a vector: Rodrigues, as in JPL's SPICE rotation required reading, section "Rotation".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import Transformer

from boresight.errors import InputError, NonConvergenceError
from boresight.geometry.focal_plane import FocalPlane
from boresight.rpc_fit import RpcFit, fit_rpc_points

FloatArray = NDArray[np.float64]

_MAX_STEPS = 20
_TOLERANCE_PX = 1e-8
_TOLERANCE_M = 1e-6

#: a step as long as this leads nowhere [px]
_FAR_PX = 1e5


@cache
def _to_ecef() -> Transformer:
    return Transformer.from_crs(4979, 4978, always_xy=True)


def geodetic_to_ecef(lon: ArrayLike, lat: ArrayLike, height_ellipsoid_m: ArrayLike) -> FloatArray:
    """Longitude, latitude [deg] and height [m] to earth-fixed coordinates, shape (..., 3) [m]."""
    lon, lat, height = np.broadcast_arrays(
        *(np.asarray(v, np.float64) for v in (lon, lat, height_ellipsoid_m))
    )
    return np.stack(_to_ecef().transform(lon, lat, height), axis=-1)


def ecef_to_geodetic(position_ecef: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Earth-fixed coordinates, shape (..., 3) [m], to longitude, latitude [deg] and height [m]."""
    lon, lat, height = _to_ecef().transform(
        position_ecef[..., 0], position_ecef[..., 1], position_ecef[..., 2], direction="INVERSE"
    )
    return np.asarray(lon), np.asarray(lat), np.asarray(height)


def rotation_matrix(rotation_rad: ArrayLike) -> FloatArray:
    """Matrices of rotation vectors, shape (..., 3) to (..., 3, 3)."""
    vector = np.asarray(rotation_rad, dtype=np.float64)
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    cross = np.zeros((*vector.shape, 3))
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    cross[..., 0, 1], cross[..., 0, 2], cross[..., 1, 2] = -z, y, -x
    cross[..., 1, 0], cross[..., 2, 0], cross[..., 2, 1] = z, -y, x
    # sin(a)/a and (1 - cos a)/a², without loss for small angles
    first = np.sinc(angle / np.pi)
    second = 0.5 * np.sinc(angle / (2.0 * np.pi)) ** 2
    result: FloatArray = np.eye(3) + first * cross + second * (cross @ cross)
    return result


@dataclass(frozen=True)
class FrameCamera:
    """A frame camera at one place.

    Parameters
    ----------
    focal_px : float
        Focal length, above 0 [px].
    position_ecef : ndarray, shape (3,)
        Earth-fixed [m].
    axes_ecef : ndarray, shape (3, 3)
        Columns: unit vectors along columns, along rows, and of the line of sight.
    focal_plane : FocalPlane
        Size of the frame and offsets of its viewing directions.
    attitude_rad : ndarray, shape (3,)
        Rotation vector in the camera's axes [rad].
    """

    focal_px: float
    position_ecef: FloatArray
    axes_ecef: FloatArray
    focal_plane: FocalPlane
    attitude_rad: FloatArray

    def __post_init__(self) -> None:
        axes = np.asarray(self.axes_ecef, dtype=np.float64)
        if axes.shape != (3, 3) or not np.allclose(axes.T @ axes, np.eye(3), atol=1e-9):
            raise InputError(
                "axes_ecef is not orthonormal; the rule is three perpendicular unit vectors.",
                remedy="Give the axes as columns.",
            )
        if not self.focal_px > 0:
            raise InputError(f"focal_px is {self.focal_px}; the rule is above 0.")

    def turned(self, rotation_rad: ArrayLike) -> FrameCamera:
        """The camera with its attitude correction replaced [rad]."""
        return replace(self, attitude_rad=np.asarray(rotation_rad, dtype=np.float64))

    def los_ecef(
        self, row: ArrayLike, col: ArrayLike, shake_rad: FloatArray | None = None
    ) -> FloatArray:
        """Unit vectors of lines of sight, shape (..., 3).

        Parameters
        ----------
        row, col : array_like
            Internal pixel convention [px].
        shake_rad : ndarray, shape (..., 3), optional
            Further rotation of each position (rolling shutter) [rad].
        """
        row, col = np.broadcast_arrays(np.asarray(row, np.float64), np.asarray(col, np.float64))
        rows, cols = self.focal_plane.shape
        d_row, d_col = self.focal_plane.offsets(row, col)
        x = (col + d_col - cols / 2.0) / self.focal_px
        y = (row + d_row - rows / 2.0) / self.focal_px
        los = np.stack([x, y, np.ones_like(x)], axis=-1)
        los /= np.linalg.norm(los, axis=-1, keepdims=True)
        if shake_rad is not None:
            los = np.einsum("...ij,...j->...i", rotation_matrix(shake_rad), los)
        result: FloatArray = los @ (self.axes_ecef @ rotation_matrix(self.attitude_rad)).T
        return result

    def project(
        self, lon: ArrayLike, lat: ArrayLike, height_ellipsoid_m: ArrayLike
    ) -> tuple[FloatArray, FloatArray]:
        """Ground [deg], [m] to image, internal pixel convention [px].

        Raises
        ------
        NonConvergenceError
            The offsets of the focal plane are so steep that a position cannot be found.
        """
        ground = geodetic_to_ecef(lon, lat, height_ellipsoid_m) - self.position_ecef
        return self.on_focal_plane(ground @ (self.axes_ecef @ rotation_matrix(self.attitude_rad)))

    def on_focal_plane(self, seen: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Directions in the camera's axes, shape (..., 3), to image [px].

        Raises
        ------
        NonConvergenceError
            As :meth:`project`.
        """
        rows, cols = self.focal_plane.shape
        want_col = seen[..., 0] / seen[..., 2] * self.focal_px + cols / 2.0
        want_row = seen[..., 1] / seen[..., 2] * self.focal_px + rows / 2.0
        row, col = want_row, want_col
        # offsets are small and smooth: each round gains about two digits
        for _ in range(_MAX_STEPS):
            d_row, d_col = self.focal_plane.offsets(row, col)
            step = np.maximum(np.abs(want_row - d_row - row), np.abs(want_col - d_col - col))
            row, col = want_row - d_row, want_col - d_col
            if not np.nanmax(step, initial=0.0) > _TOLERANCE_PX:
                return row, col
            if np.nanmax(step) > _FAR_PX:
                break
        raise NonConvergenceError(
            f"project: {float(np.nanmax(step)):.3g} px off after at most {_MAX_STEPS} rounds; "
            f"the rule is {_TOLERANCE_PX:g} px.",
            remedy="Project points near the image only.",
        )

    def localize(
        self,
        row: ArrayLike,
        col: ArrayLike,
        height_ellipsoid_m: ArrayLike,
        shake_rad: FloatArray | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Image to ground at heights above the ellipsoid [px], [m] to [deg].

        Raises
        ------
        NonConvergenceError
            A line of sight misses the height.
        """
        los = self.los_ecef(row, col, shake_rad)
        height = np.broadcast_to(np.asarray(height_ellipsoid_m, np.float64), los.shape[:-1])
        _, _, above = ecef_to_geodetic(self.position_ecef)
        nadir = -self.position_ecef / np.linalg.norm(self.position_ecef)
        distance = (float(above) - height) / np.maximum(los @ nadir, 1e-3)
        for _ in range(_MAX_STEPS):
            lon, lat, found = ecef_to_geodetic(self.position_ecef + los * distance[..., None])
            error = found - height
            if not np.nanmax(np.abs(error), initial=0.0) > _TOLERANCE_M:
                return lon, lat
            lo, la = np.radians(lon), np.radians(lat)
            up = np.stack([np.cos(la) * np.cos(lo), np.cos(la) * np.sin(lo), np.sin(la)], axis=-1)
            distance = distance - error / (los * up).sum(axis=-1)
        raise NonConvergenceError(
            f"localize: {float(np.nanmax(np.abs(error))):.3g} m from the height after {_MAX_STEPS} "
            f"steps; the rule is {_TOLERANCE_M:g} m.",
            remedy="Check that the camera looks at the Earth.",
        )

    def fit_rpc(
        self, heights_m: tuple[float, float], *, side_points: int = 25, height_points: int = 9
    ) -> RpcFit:
        """Rational model over the frame and a range of heights [m].

        Parameters
        ----------
        heights_m : tuple of float
            Lowest and highest height above the ellipsoid [m].
        side_points, height_points : int
            Points of the grid along each side of the image and in height.
        """
        rows, cols = self.focal_plane.shape
        row, col, height = (
            v.ravel()
            for v in np.meshgrid(
                np.linspace(0, rows, side_points),
                np.linspace(0, cols, side_points),
                np.linspace(*heights_m, height_points),
                indexing="ij",
            )
        )
        lon, lat = self.localize(row, col, height)
        return fit_rpc_points(row, col, lon, lat, height)
