"""Simulated cameras turned into what an estimator is given: the camera as designed, and points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from boresight.geometry import (
    CrossedView,
    FocalPlane,
    FocalPlaneCalibration,
    FrameCamera,
    ReferenceView,
)
from boresight.simulate import Camera, PairConfig, make_camera, sight, sight_offsets


def designed(camera: Camera) -> FrameCamera:
    """The estimator's camera without any of the simulator's errors."""
    shape = (camera.size_px, camera.size_px)
    return FrameCamera(
        camera.focal_px,
        camera.position_ecef,
        camera.axes_ecef,
        FocalPlane.ideal(shape),
        np.zeros(3),
    )


def biased(side: str, bias_urad: tuple[float, float, float], **config: float) -> Camera:
    """Simulator's camera with an attitude error and nothing else."""
    base = replace(PairConfig(), bias_left_urad=bias_urad, bias_right_urad=bias_urad, **config)
    return make_camera(base, side, distortion=False, jitter=False)


def as_rotation(bias_urad: tuple[float, float, float]) -> np.ndarray:
    """The simulator's shifts and turn as a rotation vector about columns, rows and sight [rad]."""
    along, across, turn = bias_urad
    return np.array([-across, along, turn]) * 1e-6


def moved(lon: np.ndarray, lat: np.ndarray, east_m: np.ndarray, north_m: np.ndarray):
    """Places moved by metres; 1e-3 of the way is good enough for errors."""
    return lon + east_m / (111_320.0 * np.cos(np.radians(lat))), lat + north_m / 111_132.0


#: how the crossed images are taken: a quarter turn, and a quarter turn aimed aside [deg], [px]
CROSSED = (
    {"turn_deg": 90.0},
    {"turn_deg": 90.0, "row_px": 260.0, "col_px": -180.0},
)


def views_on_reference(
    camera: Camera, ideal: FrameCamera, side: int, u_px: float, rng: np.random.Generator
) -> ReferenceView:
    """Where windows are seen, and where the camera as designed would see them."""
    grid = np.linspace(20, camera.size_px - 20, side)
    row, col = (v.ravel() for v in np.meshgrid(grid, grid))
    height = rng.uniform(100, 300, row.size)
    lon, lat = camera.localize(row, col, height)
    at = ideal.project(lon, lat, height)
    noise = u_px * rng.normal(size=(2, row.size))
    return ReferenceView(row, col, at[0] + noise[0], at[1] + noise[1], np.full(row.size, u_px))


def field_error(
    found: FocalPlaneCalibration, camera: Camera, *, scale: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Error of the calibrated offsets (rows, columns) on a grid, and their uncertainties [px].

    The mean shift and turn (and the scale, where it was held) belong to the attitude: fitted away.
    """
    grid = np.linspace(10, camera.size_px - 10, 25)
    row, col = (v.ravel() for v in np.meshgrid(grid, grid))
    # without attitude error: where the true line of sight cuts the ideal focal plane
    true = sight_offsets(replace(camera, bias_rad=(0.0, 0.0, 0.0)), row, col)
    difference = np.stack(found.focal_plane.offsets(row, col)) - np.stack(true)
    v, u = row / camera.size_px * 2 - 1, col / camera.size_px * 2 - 1
    one, none = np.ones_like(u), np.zeros_like(u)
    own = [np.stack([one, none]), np.stack([none, one]), np.stack([u, -v])]
    if not scale:
        own.append(np.stack([v, u]))
    design = np.stack([part.ravel() for part in own], axis=1)
    fit = np.linalg.lstsq(design, difference.ravel(), rcond=None)[0]
    left = difference - (design @ fit).reshape(2, -1)
    return left, np.stack(found.uncertainty(row, col))


def crossed_view(cameras: list[Camera], index: int, rng: np.random.Generator) -> CrossedView:
    """Ties of the first camera and another, found by the simulator's lines of sight alone."""
    grid = np.linspace(40, 960, 22)
    row, col = (v.ravel() for v in np.meshgrid(grid, grid))
    first, second = cameras[0], cameras[index]
    height = np.full(row.size, 200.0)
    ground = first.localize(row, col, height)
    seen = np.stack(sight(second, *ground, height))
    inside = (seen > 0).all(axis=0) & (seen < 1000).all(axis=0)
    seen = (seen + 0.05 * rng.normal(size=seen.shape))[:, inside]
    row, col, height = row[inside], col[inside], height[inside]
    ideal_first, ideal_second = designed(first), designed(second)

    def ideal(r: np.ndarray, c: np.ndarray) -> np.ndarray:
        return np.stack(ideal_second.project(*ideal_first.localize(r, c, height), height))

    at = ideal(row, col)
    jacobian = np.stack([ideal(row + 1, col) - at, ideal(row, col + 1) - at], axis=-1)
    return CrossedView(
        0, index, row, col, seen[0], seen[1], at[0], at[1], np.moveaxis(jacobian, 1, 0),
        np.full(row.size, 0.05),
    )  # fmt: skip
