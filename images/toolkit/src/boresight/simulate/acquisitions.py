"""What a detector is shown for its calibration: darkness, even light, ladders, landscapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from boresight.errors import InputError
from boresight.simulate.focal_plane import FocalPlane
from boresight.simulate.terrain import fractal

#: nodes of a landscape in one pixel: displacements are known to this fraction
FINE = 4

#: Gaussian part of the point spread [px]
_PSF_SIGMA_PX = 0.5

Frames = NDArray[np.uint16]


@dataclass(frozen=True)
class Ladder:
    """Even light at several levels.

    Parameters
    ----------
    radiance_true : ndarray, shape (levels,)
        What fell in [W m-2 sr-1 um-1].
    radiance_stated : ndarray, shape (levels,)
        What the source says [W m-2 sr-1 um-1].
    u_relative : float
        How well the source repeats: standard deviation of stated over true [1].
    frames : ndarray, shape (levels, n, rows, cols), uint16
        [DN]
    """

    radiance_true: NDArray[np.float64]
    radiance_stated: NDArray[np.float64]
    u_relative: float
    frames: Frames


@dataclass(frozen=True)
class YawSteered:
    """A push-broom line turned by 90 degrees, so that all detectors pass over one ground track.

    Parameters
    ----------
    dn : ndarray, shape (lines, cols), uint16
        [DN]
    lines_per_detector : float
        Lines from one detector to the next over the same ground.
    cross_drift_px : float
        Truth: how far off the track the last detector passes [px].
    """

    dn: Frames
    lines_per_detector: float
    cross_drift_px: float


@dataclass(frozen=True)
class MovedFrames:
    """Frames of one landscape from several places.

    Parameters
    ----------
    dn : ndarray, shape (n, rows, cols), uint16
        [DN]
    row_px, col_px : ndarray, shape (n,)
        Where each frame's upper-left corner lies in the landscape [px].
    """

    dn: Frames
    row_px: NDArray[np.float64]
    col_px: NDArray[np.float64]


def dark_frames(plane: FocalPlane, n: int, *, stream: int = 0) -> Frames:
    """Frames without light, shape (n, rows, cols) [DN]."""
    return np.stack([plane.expose(0.0, 1, stream, k) for k in range(n)])


def uniform_frames(
    plane: FocalPlane,
    radiance: float,
    n: int,
    *,
    gradient: float = 0.0,
    texture: float = 0.0,
    stream: int = 0,
) -> Frames:
    """Frames of an even scene.

    Parameters
    ----------
    plane : FocalPlane
    radiance : float
        [W m-2 sr-1 um-1]
    n : int
        Frames.
    gradient : float
        Change of radiance from the left to the right edge, relative, the same in all frames [1].
    texture : float
        Standard deviation of the ground's own texture, relative; another piece of it in each
        frame [1].
    stream : int
        Which random numbers.
    """
    slope = 1.0 + gradient * (np.linspace(-0.5, 0.5, plane.config.cols))[None]
    even = np.broadcast_to(radiance * slope, plane.gain.shape)
    frames = []
    for k in range(n):
        scene = even
        if texture:
            rng = np.random.default_rng([plane.config.seed, 102, stream, k])
            field = fractal(max(plane.gain.shape), 1.2, rng)
            scene = even * (1.0 + texture * field[: plane.config.rows, : plane.config.cols])
        frames.append(plane.expose(np.maximum(scene, 0.0), 2, stream, k))
    return np.stack(frames)


def light_ladder(
    plane: FocalPlane,
    radiances: NDArray[np.float64],
    n: int,
    *,
    u_relative: float = 0.0,
    stream: int = 0,
) -> Ladder:
    """Even light at several levels, stated with an error of ``u_relative`` each."""
    rng = np.random.default_rng([plane.config.seed, 103, stream])
    true = np.asarray(radiances, np.float64)
    stated = true * (1.0 + u_relative * rng.standard_normal(true.size))
    frames = [
        [plane.expose(float(level), 3, stream, k, i) for i in range(n)]
        for k, level in enumerate(true)
    ]
    return Ladder(true, stated, u_relative, np.array(frames))


def yaw_steered(
    plane: FocalPlane,
    lines: int,
    *,
    radiance: float = 120.0,
    contrast: float = 0.25,
    cross_drift_px: float = 0.0,
    stream: int = 0,
) -> YawSteered:
    """A landscape seen by a push-broom line that moves along itself, one pixel a line.

    Parameters
    ----------
    plane : FocalPlane
        One row.
    lines : int
        Lines of the acquisition; ``lines - cols`` of them are seen by all detectors.
    radiance, contrast : float
        Mean [W m-2 sr-1 um-1] and relative standard deviation of the landscape.
    cross_drift_px : float
        Residual yaw: how far off the track the last detector passes [px].
    stream : int
        Which random numbers.
    """
    cols = plane.config.cols
    if plane.config.rows != 1 or lines <= cols:
        raise InputError(
            f"The detector has {plane.config.rows} rows and the scene {lines} lines for {cols} "
            "columns; the rule is a line detector and more lines than columns.",
            remedy="Set rows=1, and lines to some times cols.",
        )
    width = int(np.ceil(abs(cross_drift_px))) + 3
    ground = _landscape(lines + cols, width, radiance, contrast, plane.config.seed, stream)
    along = (np.arange(lines)[:, None] - np.arange(cols)[None] + cols) * FINE
    across = 1.0 + np.linspace(0.0, abs(cross_drift_px), cols)
    scene = np.empty((lines, cols))
    for col in range(cols):
        low = round(across[col] * FINE)
        strip = ground[:, low : low + FINE].mean(axis=1)
        pixels = ndimage.uniform_filter1d(strip, FINE, mode="nearest")
        scene[:, col] = pixels[along[:, col]]
    return YawSteered(plane.expose(scene, 4, stream), 1.0, cross_drift_px)


def moved_frames(
    plane: FocalPlane,
    n: int,
    *,
    reach_px: float,
    radiance: float = 120.0,
    contrast: float = 0.2,
    stream: int = 0,
) -> MovedFrames:
    """Frames of one landscape, the camera turned from frame to frame.

    Parameters
    ----------
    plane : FocalPlane
    n : int
        Frames.
    reach_px : float
        Largest displacement in either direction [px].
    radiance, contrast : float
        Mean [W m-2 sr-1 um-1] and relative standard deviation of the landscape.
    stream : int
        Which random numbers.
    """
    rows, cols = plane.gain.shape
    rng = np.random.default_rng([plane.config.seed, 104, stream])
    row = rng.integers(0, int(reach_px) + 1, n)
    col = rng.integers(0, int(reach_px) + 1, n)
    size = (rows + int(reach_px), cols + int(reach_px))
    ground = _landscape(*size, radiance, contrast, plane.config.seed, stream)
    pixels = ground.reshape(size[0], FINE, size[1], FINE).mean(axis=(1, 3))
    frames = [
        plane.expose(pixels[i : i + rows, j : j + cols], 5, stream, k)
        for k, (i, j) in enumerate(zip(row, col, strict=True))
    ]
    return MovedFrames(np.stack(frames), row.astype(np.float64), col.astype(np.float64))


def _landscape(
    rows_px: int, cols_px: int, radiance: float, contrast: float, seed: int, stream: int
) -> NDArray[np.float64]:
    """Ground in :data:`FINE` nodes a pixel, seen through the optics."""
    rng = np.random.default_rng([seed, 105, stream])
    rows, cols = rows_px * FINE, cols_px * FINE
    if cols < rows // 8:
        # a long strip: pieces of a square, one after the other, melted together by the optics
        side = max(cols, 512)
        count = -(-rows // side)
        field = np.concatenate([fractal(side, 1.6, rng)[:, :cols] for _ in range(count)])[:rows]
    else:
        field = fractal(max(rows, cols), 1.6, rng)[:rows, :cols]
    field = ndimage.gaussian_filter(field, _PSF_SIGMA_PX * FINE, mode="nearest")
    ground = radiance * (1.0 + contrast * field.astype(np.float64))
    return np.asarray(np.maximum(ground, 0.02 * radiance))
