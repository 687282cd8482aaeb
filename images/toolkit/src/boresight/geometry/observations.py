"""What an adjustment is made from: places on the ground, and where images see them.

Ground control points and ties are the same thing: points with a place known to some uncertainty,
which for a tie is infinite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boresight.errors import PointsError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Points:
    """Places on the ground.

    Parameters
    ----------
    lon, lat : ndarray, shape (n,)
        [deg].
    height_m : ndarray, shape (n,)
        Above the ellipsoid [m].
    u_m : ndarray, shape (n, 3)
        Standard uncertainty east, north and up; infinite where unknown [m].
    """

    lon: FloatArray
    lat: FloatArray
    height_m: FloatArray
    u_m: FloatArray

    @classmethod
    def control(
        cls, lon: ArrayLike, lat: ArrayLike, height_m: ArrayLike, u_m: float | Sequence[float]
    ) -> Points:
        """Points of known place; ``u_m`` for all three axes, or each [m]."""
        lon, lat, height = (np.asarray(v, np.float64).ravel() for v in (lon, lat, height_m))
        return cls(lon, lat, height, np.broadcast_to(np.asarray(u_m, float), (lon.size, 3)).copy())

    @classmethod
    def ties(cls, lon: ArrayLike, lat: ArrayLike, height_m: ArrayLike) -> Points:
        """Points of unknown place, with a first guess."""
        return cls.control(lon, lat, height_m, np.inf)

    def joined(self, other: Points) -> Points:
        """These points, then others."""
        return Points(
            np.concatenate([self.lon, other.lon]),
            np.concatenate([self.lat, other.lat]),
            np.concatenate([self.height_m, other.height_m]),
            np.concatenate([self.u_m, other.u_m]),
        )


@dataclass(frozen=True)
class Measurements:
    """Where points are seen.

    Parameters
    ----------
    image, point : ndarray of int, shape (n,)
        Which image and which point.
    row, col : ndarray, shape (n,)
        Internal pixel convention [px].
    u_px : ndarray, shape (n,)
        Standard uncertainty of either coordinate, above 0 [px].
    """

    image: NDArray[np.int64]
    point: NDArray[np.int64]
    row: FloatArray
    col: FloatArray
    u_px: FloatArray

    @classmethod
    def of(
        cls, image: ArrayLike, point: ArrayLike, row: ArrayLike, col: ArrayLike, u_px: ArrayLike
    ) -> Measurements:
        """Measurements of numbers that broadcast."""
        row = np.asarray(row, np.float64).ravel()

        def spread(value: ArrayLike, kind: type) -> NDArray[Any]:
            return np.broadcast_to(np.asarray(value, dtype=kind), row.shape).copy()

        return cls(
            spread(image, np.int64),
            spread(point, np.int64),
            row,
            spread(col, np.float64),
            spread(u_px, np.float64),
        )

    def joined(self, other: Measurements, *, points: int = 0) -> Measurements:
        """These measurements, then others, whose point numbers begin at ``points``."""
        return Measurements(
            np.concatenate([self.image, other.image]),
            np.concatenate([self.point, other.point + points]),
            np.concatenate([self.row, other.row]),
            np.concatenate([self.col, other.col]),
            np.concatenate([self.u_px, other.u_px]),
        )


def check_observations(measurements: Measurements, points: Points, n_images: int) -> None:
    """Refuse points and measurements that cannot be adjusted.

    Raises
    ------
    PointsError
        None, numbers that are not finite, wrong numbers of images or points, ties seen once.
    """
    m, n = measurements, points.lon.size
    if m.row.size == 0 or n == 0:
        raise PointsError(
            f"{m.row.size} measurements of {n} points; the rule is at least one each."
        )
    arrays = (m.row, m.col, m.u_px, points.lon, points.lat, points.height_m)
    if not all(np.isfinite(v).all() for v in arrays) or not (m.u_px > 0).all():
        raise PointsError(
            "measurements or points are not finite, or u_px is not above 0; the rule is finite "
            "numbers and uncertainties above 0.",
            remedy="Leave out what was not found.",
        )
    if not (np.isnan(points.u_m).sum() == 0 and (points.u_m >= 0).all()):
        raise PointsError("u_m of points is negative or NaN; the rule is 0 to infinite.")
    if m.image.min() < 0 or m.image.max() >= n_images or m.point.min() < 0 or m.point.max() >= n:
        raise PointsError(
            f"measurements name images to {m.image.max()} of {n_images} and points to "
            f"{m.point.max()} of {n}; the rule is numbers from 0."
        )
    free = ~np.isfinite(points.u_m).all(axis=1)
    seen = np.bincount(m.point, minlength=n)
    # a known height is worth one measured coordinate
    needed = 2 * seen + np.isfinite(points.u_m).sum(axis=1)
    short = free & (needed < 3)
    if short.any():
        raise PointsError(
            f"{int(short.sum())} ties are seen in fewer than two images; the rule is two at least.",
            remedy="Leave them out, or give their heights.",
        )
