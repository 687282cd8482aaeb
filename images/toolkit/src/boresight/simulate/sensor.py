"""Geometry of a frame camera in orbit: lines of sight, and where they meet a height.

Exact on the WGS 84 ellipsoid; no refraction, no light-time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boresight.errors import NonConvergenceError
from boresight.simulate.config import PairConfig

FloatArray = NDArray[np.float64]

#: WGS 84 (NGA.STND.0036): semi-axes [m] and first eccentricity squared
SEMI_MAJOR_M = 6378137.0
_FLATTENING = 1 / 298.257223563
SEMI_MINOR_M = SEMI_MAJOR_M * (1 - _FLATTENING)
_E2 = 1 - (SEMI_MINOR_M / SEMI_MAJOR_M) ** 2

_MAX_STEPS = 10
_TOLERANCE_M = 1e-6


def geodetic_to_ecef(lon: ArrayLike, lat: ArrayLike, height_ellipsoid_m: ArrayLike) -> FloatArray:
    """Longitude, latitude [deg] and height [m] to earth-fixed coordinates, shape (..., 3) [m]."""
    lo, la = np.radians(lon), np.radians(lat)
    height = np.asarray(height_ellipsoid_m, dtype=np.float64)
    n = SEMI_MAJOR_M / np.sqrt(1 - _E2 * np.sin(la) ** 2)
    x, y = (n + height) * np.cos(la) * np.cos(lo), (n + height) * np.cos(la) * np.sin(lo)
    return np.stack(np.broadcast_arrays(x, y, (n * (1 - _E2) + height) * np.sin(la)), axis=-1)


def ecef_to_geodetic(position_ecef: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Earth-fixed coordinates, shape (..., 3) [m], to longitude, latitude [deg] and height [m].

    Bowring's method, twice: below 1e-12 rad near the ground.
    """
    x, y, z = position_ecef[..., 0], position_ecef[..., 1], position_ecef[..., 2]
    r = np.hypot(x, y)
    second = _E2 / (1 - _E2)
    reduced = np.arctan2(z * SEMI_MAJOR_M, r * SEMI_MINOR_M)
    for _ in range(2):
        sine, cosine = np.sin(reduced), np.cos(reduced)
        lat = np.arctan2(
            z + second * SEMI_MINOR_M * sine**3,
            r - _E2 * SEMI_MAJOR_M * cosine**3,
        )
        reduced = np.arctan2((1 - _FLATTENING) * np.sin(lat), np.cos(lat))
    sine, cosine = np.sin(lat), np.cos(lat)
    # r cos + z sin - a sqrt(1 - e2 sin2) holds at the poles too
    height = r * cosine + z * sine - SEMI_MAJOR_M * np.sqrt(1 - _E2 * sine**2)
    return np.degrees(np.arctan2(y, x)), np.degrees(lat), height


@dataclass(frozen=True)
class Camera:
    """A frame camera at one place, with its errors.

    Parameters
    ----------
    size_px : int
        Side of the image [px].
    focal_px : float
        Focal length [px].
    position_ecef : ndarray, shape (3,)
        [m].
    axes_ecef : ndarray, shape (3, 3)
        Columns: unit vectors along columns, along rows and of the line of sight.
    bias_rad : tuple of 3 float
        Attitude error: shifts of the line of sight along columns and rows, turn about it [rad].
    distortion_px : tuple of two tuples of 7 float, or None
        See :class:`PairConfig`.
    jitter : tuple of 4 float
        Amplitude [rad], frequency [Hz], phase [rad], line time [s].
    """

    size_px: int
    focal_px: float
    position_ecef: FloatArray
    axes_ecef: FloatArray
    bias_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)
    distortion_px: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    jitter: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    def los_ecef(self, row: ArrayLike, col: ArrayLike) -> FloatArray:
        """Unit vectors of the lines of sight, shape (..., 3).

        Parameters
        ----------
        row, col : array_like
            Position, internal pixel convention [px].
        """
        row, col = np.broadcast_arrays(
            np.asarray(row, dtype=np.float64), np.asarray(col, dtype=np.float64)
        )
        half = self.size_px / 2
        x, y = col - half, row - half
        if self.distortion_px is not None:
            u, v = x / half, y / half
            terms = np.stack([u * u, u * v, v * v, u**3, u * u * v, u * v * v, v**3], axis=-1)
            x = x + terms @ np.asarray(self.distortion_px[0])
            y = y + terms @ np.asarray(self.distortion_px[1])
        x, y = x / self.focal_px, y / self.focal_px
        along, across, turn = self.bias_rad
        x, y = x - turn * y + along, y + turn * x + across
        amplitude, frequency, phase, line_time = self.jitter
        if amplitude:
            shake = amplitude * np.sin(2 * np.pi * frequency * row * line_time + phase)
            x, y = x + shake, y + 0.6 * shake
        los = np.stack([x, y, np.ones_like(x)], axis=-1)
        los /= np.linalg.norm(los, axis=-1, keepdims=True)
        result: FloatArray = los @ self.axes_ecef.T
        return result

    def localize(
        self, row: ArrayLike, col: ArrayLike, height_ellipsoid_m: ArrayLike
    ) -> tuple[FloatArray, FloatArray]:
        """Longitude and latitude [deg] where lines of sight meet a height [m]."""
        los = self.los_ecef(row, col)
        height = np.broadcast_to(np.asarray(height_ellipsoid_m, dtype=np.float64), los.shape[:-1])
        axes = np.array([SEMI_MAJOR_M, SEMI_MAJOR_M, SEMI_MINOR_M])
        d, p = los / axes, self.position_ecef / axes
        a, b, c = (d * d).sum(-1), (d * p).sum(-1), float(p @ p) - 1.0
        discriminant = b * b - a * c
        if (discriminant <= 0).any():
            raise NonConvergenceError(
                f"{int((discriminant <= 0).sum())} lines of sight miss the Earth.",
                remedy="Choose a smaller incidence or image.",
            )
        distance = (-b - np.sqrt(discriminant)) / a
        for _ in range(_MAX_STEPS):
            point = self.position_ecef + los * distance[..., None]
            lon, lat, found = ecef_to_geodetic(point)
            lo, la = np.radians(lon), np.radians(lat)
            up = np.stack([np.cos(la) * np.cos(lo), np.cos(la) * np.sin(lo), np.sin(la)], axis=-1)
            error = found - height
            if float(np.abs(error).max(initial=0.0)) < _TOLERANCE_M:
                return lon, lat
            distance = distance - error / (los * up).sum(-1)
        raise NonConvergenceError(
            f"lines of sight: {float(np.abs(error).max()):.3g} m from the height after "
            f"{_MAX_STEPS} steps; the rule is {_TOLERANCE_M:g} m."
        )


def make_camera(
    config: PairConfig,
    side: str,
    *,
    bias: bool = True,
    distortion: bool = True,
    jitter: bool = True,
) -> Camera:
    """Camera of one side of a pair, with the chosen ones of its errors.

    Parameters
    ----------
    config : PairConfig
        Geometry and errors.
    side : {"left", "right"}
        Which satellite.
    bias, distortion, jitter : bool
        Errors that the camera has: all for the images, no jitter for the calibrated model, none
        for the nominal one.
    """
    lo, la = np.radians(config.lon_deg), np.radians(config.lat_deg)
    east = np.array([-np.sin(lo), np.cos(lo), 0.0])
    north = np.array([-np.sin(la) * np.cos(lo), -np.sin(la) * np.sin(lo), np.cos(la)])
    up = np.cross(east, north)
    target = geodetic_to_ecef(config.lon_deg, config.lat_deg, config.base_height_m)
    incidence = np.radians(config.incidence_deg)
    azimuth = np.radians(config.azimuth_deg + (0.0 if side == "left" else 180.0))
    sideways = np.sin(azimuth) * east + np.cos(azimuth) * north
    to_satellite = np.sin(incidence) * sideways + np.cos(incidence) * up
    distance = config.altitude_m / np.cos(incidence)
    position = target + to_satellite * distance
    sight = -to_satellite
    # columns go east and rows south, as in a delivered image
    along_cols = east - sight * (east @ sight)
    along_cols /= np.linalg.norm(along_cols)
    along_rows = np.cross(sight, along_cols)
    errors = config.bias_left_urad if side == "left" else config.bias_right_urad
    phase = 0.3 if side == "left" else 1.9
    return Camera(
        size_px=config.size_px,
        focal_px=distance / config.gsd_m,
        position_ecef=position,
        axes_ecef=np.stack([along_cols, along_rows, sight], axis=1),
        bias_rad=(errors[0] * 1e-6, errors[1] * 1e-6, errors[2] * 1e-6) if bias else (0, 0, 0),
        distortion_px=config.distortion_px if distortion else None,
        jitter=(config.jitter_urad * 1e-6, config.jitter_hz, phase, config.line_time_s)
        if jitter
        else (0, 0, 0, 0),
    )
