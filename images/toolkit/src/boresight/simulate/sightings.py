"""Where things on the ground are seen, and images from cameras turned and aimed at will."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boresight.errors import NonConvergenceError
from boresight.simulate.config import PairConfig
from boresight.simulate.rendering import Renderer
from boresight.simulate.sensor import Camera

FloatArray = NDArray[np.float64]

_MAX_STEPS = 12
_TOLERANCE_PX = 1e-7

#: metres of a degree of latitude: only steps of the search hang on it
_METRES_PER_DEG = 111_320.0


def sight(
    camera: Camera, lon: ArrayLike, lat: ArrayLike, height_ellipsoid_m: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Row and column at which places are seen: the camera's lines of sight, searched.

    Newton's method with differences, from the middle of the frame; a place may lie outside of it.

    Parameters
    ----------
    camera : Camera
        With all its errors.
    lon, lat, height_ellipsoid_m : array_like
        [deg], [m]; they broadcast.

    Raises
    ------
    NonConvergenceError
        No line of sight meets a place.
    """
    lon, lat, height = np.broadcast_arrays(
        *(np.asarray(v, np.float64) for v in (lon, lat, height_ellipsoid_m))
    )
    east = _METRES_PER_DEG * np.cos(np.radians(lat))
    metres = np.stack([east, np.full(lat.shape, _METRES_PER_DEG)])
    row = np.full(lon.shape, camera.size_px / 2.0)
    col = row.copy()
    step = np.full(lon.shape, np.inf)
    for _ in range(_MAX_STEPS):
        at = np.stack(camera.localize(row, col, height)) * metres
        miss = np.stack([lon, lat]) * metres - at
        by_row = np.stack(camera.localize(row + 0.5, col, height)) * metres - at
        by_col = np.stack(camera.localize(row, col + 0.5, height)) * metres - at
        determinant = 2.0 * (by_row[0] * by_col[1] - by_row[1] * by_col[0])
        d_row = (miss[0] * by_col[1] - miss[1] * by_col[0]) / determinant
        d_col = (by_row[0] * miss[1] - by_row[1] * miss[0]) / determinant
        row, col = row + d_row, col + d_col
        step = np.hypot(d_row, d_col)
        if not float(step.max(initial=0.0)) > _TOLERANCE_PX:
            return row, col
    raise NonConvergenceError(
        f"a place is still {float(step.max()):.3g} px off after {_MAX_STEPS} steps; the rule is "
        f"{_TOLERANCE_PX:g} px.",
        remedy="Look for places near the frame.",
    )


def see_again(
    camera: Camera, turn_deg: float, *, row_px: float = 0.0, col_px: float = 0.0
) -> Camera:
    """The camera at the same place, turned about its line of sight and aimed aside.

    Parameters
    ----------
    camera : Camera
    turn_deg : float
        Of the frame, from its columns towards its rows [deg].
    row_px, col_px : float
        Where the middle of the new frame lies from the middle of the old one, in the old one's
        rows and columns [px].
    """
    angle = np.radians(turn_deg)
    x, y, z = camera.axes_ecef.T
    aim = z + (col_px * x + row_px * y) / camera.focal_px
    aim /= np.linalg.norm(aim)
    along = np.cos(angle) * x + np.sin(angle) * y
    along -= aim * (along @ aim)
    along /= np.linalg.norm(along)
    return replace(camera, axes_ecef=np.stack([along, np.cross(aim, along), aim], axis=1))


def sight_offsets(camera: Camera, row: ArrayLike, col: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Where the camera without errors would see what is seen at a position, less that position.

    Attitude error, distortion and jitter together, of rows and of columns [px].
    """
    plain = replace(
        camera, bias_rad=(0.0, 0.0, 0.0), distortion_px=None, jitter=(0.0, 0.0, 0.0, 0.0)
    )
    seen = camera.los_ecef(row, col) @ camera.axes_ecef
    straight = plain.los_ecef(row, col) @ camera.axes_ecef
    offset = seen[..., :2] / seen[..., 2:] - straight[..., :2] / straight[..., 2:]
    return camera.focal_px * offset[..., 1], camera.focal_px * offset[..., 0]


def take_image(
    renderer: Renderer, camera: Camera, config: PairConfig, *, stream: int = 0
) -> NDArray[np.float32]:
    """Image with noise, equalised: what level 1 shows [DN].

    Parameters
    ----------
    renderer : Renderer
        Of a scene that is larger than the frame.
    camera : Camera
    config : PairConfig
        Point spread, gain and noise.
    stream : int
        Which random numbers.
    """
    light = renderer.image(camera, config.psf_sigma_px) * np.float32(config.gain_dn)
    rng = np.random.default_rng([config.seed, 111, stream])
    noise = rng.standard_normal(light.shape, dtype=np.float32)
    noise *= np.sqrt(np.float32(config.noise_a) + np.float32(config.noise_b) * light)
    return np.asarray(light + noise, np.float32)
