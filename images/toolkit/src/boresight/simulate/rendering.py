"""What a camera sees of a surface: each ray is followed down to the first thing it meets."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.ndimage import correlate1d, maximum_filter

from boresight.errors import InputError
from boresight.simulate.sensor import Camera
from boresight.simulate.terrain import Scene

FloatImage = NDArray[np.float32]
FloatArray = NDArray[np.float64]

#: rays in a pixel, along each side
RAYS_PER_PIXEL = 2

#: rows rendered at once; random numbers follow strips too, so that it may not depend on threads
STRIP_ROWS = 128

#: distance of exact lines of sight along a row; between, they are cubic as the distortion is [px]
_NODE_PX = 64

#: nodes of the surface in a cell of the map of upper bounds
_CELL = 32


@dataclass(frozen=True)
class Renderer:
    """A scene made ready to be seen.

    Parameters
    ----------
    scene : Scene
        Surface and brightness.
    upper : ndarray, float32
        Highest surface within one cell of each cell [m]: above it a ray meets nothing.
    """

    scene: Scene
    upper: FloatImage

    @classmethod
    def of(cls, scene: Scene) -> Renderer:
        """Prepare ``scene``."""
        rows, cols = (-(-n // _CELL) * _CELL for n in scene.heights.shape)
        padded = np.pad(
            scene.heights,
            ((0, rows - scene.heights.shape[0]), (0, cols - scene.heights.shape[1])),
            mode="edge",
        )
        cells = padded.reshape(rows // _CELL, _CELL, cols // _CELL, _CELL).max(axis=(1, 3))
        return cls(scene, maximum_filter(cells, size=3, mode="nearest"))

    def trace(
        self, camera: Camera, rows: FloatArray, cols: FloatArray
    ) -> tuple[FloatImage, FloatImage]:
        """Brightness and height [m] of what is seen at each of ``rows`` × ``cols``.

        Parameters
        ----------
        camera : Camera
            The eye.
        rows, cols : ndarray, shape (n,), (m,)
            Positions, internal pixel convention; ``cols`` evenly spaced [px].

        Returns
        -------
        brightness, height : ndarray, shape (n, m), float32
            NaN where a ray leaves the scene.
        """
        scene = self.scene
        low, high = scene.height_bounds
        nodes = np.arange(-1, int(np.ceil((cols[-1] - cols[0]) / _NODE_PX)) + 3)
        node_cols = cols[0] + _NODE_PX * nodes.astype(np.float64)
        to_map = Transformer.from_crs(4326, scene.epsg, always_xy=True)
        ends = []
        for height in (low, high):
            lon, lat = camera.localize(rows[:, None], node_cols[None, :], height)
            x, y = to_map.transform(lon, lat)
            ends.append((x - scene.west_m) / scene.step_m)
            ends.append((scene.north_m - y) / scene.step_m)
        place = (cols - cols[0]) / _NODE_PX
        first = place.astype(np.int64)
        weights = _cubic_weights(place - first)
        # half a node sideways at most in one step down
        run = np.hypot(ends[2] - ends[0], ends[3] - ends[1]).max() / (high - low)
        step = 0.5 / max(float(run), 0.5 / 2.0)
        brightness = np.empty((rows.size, cols.size), np.float32)
        heights = np.empty_like(brightness)
        march: Callable[..., None] = _march  # numba's own types know no arguments
        march(
            *ends,
            first,
            weights,
            scene.heights,
            scene.brightness,
            self.upper,
            low,
            high,
            step,
            brightness,
            heights,
        )
        return brightness, heights

    def image(
        self,
        camera: Camera,
        psf_sigma_px: float,
        *,
        threads: int = 2,
        progress: Callable[[float], None] | None = None,
    ) -> FloatImage:
        """Image of the scene: seen, blurred, and integrated over the pixels.

        Parameters
        ----------
        camera : Camera
            The eye.
        psf_sigma_px : float
            Gaussian point spread [px].
        threads : int
            Strips rendered at once; the result does not depend on it.
        progress : callable, optional
            Called with the share done, 0 to 1.

        Returns
        -------
        ndarray, shape (size_px, size_px), float32
            Brightness 0 to 1.
        """
        n = camera.size_px
        out = np.empty((n, n), np.float32)
        firsts = range(0, n, STRIP_ROWS)

        def strip(first: int) -> None:
            last = min(first + STRIP_ROWS, n)
            halo = _halo(psf_sigma_px)
            rows = _positions(first, last, halo)
            cols = _positions(0, n, halo)
            seen, _ = self.trace(camera, rows, cols)
            if np.isnan(seen).any():
                raise InputError(
                    f"{int(np.isnan(seen).sum())} rays of rows {first} to {last} leave the scene; "
                    "the rule is that every ray meets the ground.",
                    remedy="Lower attitude bias, distortion or incidence.",
                )
            out[first:last] = sample(seen, psf_sigma_px)

        with ThreadPoolExecutor(max_workers=threads) as pool:
            for done, _ in enumerate(pool.map(strip, firsts), start=1):
                if progress is not None:
                    progress(done / len(firsts))
        return out


def sample(rays: FloatImage, psf_sigma_px: float) -> FloatImage:
    """Blur rays by the point spread and average them over pixels.

    Parameters
    ----------
    rays : ndarray
        Rays, ``RAYS_PER_PIXEL`` a pixel along each side, with the halo of the point spread around.
    psf_sigma_px : float
        [px].
    """
    halo = _halo(psf_sigma_px)
    blurred = rays
    if halo:
        sigma = psf_sigma_px * RAYS_PER_PIXEL
        kernel = np.exp(-0.5 * (np.arange(-halo, halo + 1) / sigma) ** 2)
        kernel /= kernel.sum()
        blurred = correlate1d(correlate1d(rays, kernel, axis=0), kernel, axis=1)
        blurred = blurred[halo:-halo, halo:-halo]
    rows, cols = (size // RAYS_PER_PIXEL for size in blurred.shape)
    blocks = blurred.reshape(rows, RAYS_PER_PIXEL, cols, RAYS_PER_PIXEL)
    result: FloatImage = blocks.mean(axis=(1, 3), dtype=np.float32)
    return result


def _halo(psf_sigma_px: float) -> int:
    """Rays around a strip that its pixels' point spread reaches: whole pixels."""
    return int(np.ceil(4.0 * psf_sigma_px)) * RAYS_PER_PIXEL


def _positions(first: int, last: int, halo: int) -> FloatArray:
    """Positions of rays in pixels ``first`` to ``last`` and the halo around."""
    index = np.arange(-halo, (last - first) * RAYS_PER_PIXEL + halo)
    result: FloatArray = first + (index + 0.5) / RAYS_PER_PIXEL
    return result


def _cubic_weights(t: FloatArray) -> FloatArray:
    """Lagrange weights of nodes -1, 0, 1, 2 at ``t`` in 0 to 1, shape (n, 4)."""
    return np.stack(
        [
            -t * (t - 1) * (t - 2) / 6,
            (t + 1) * (t - 1) * (t - 2) / 2,
            -(t + 1) * t * (t - 2) / 2,
            (t + 1) * t * (t - 1) / 6,
        ],
        axis=-1,
    )


@njit(nogil=True, cache=True)
def _bilinear(image: FloatArray, x: float, y: float) -> float:
    col, row = int(x), int(y)
    dx, dy = x - col, y - row
    top = image[row, col] * (1 - dx) + image[row, col + 1] * dx
    bottom = image[row + 1, col] * (1 - dx) + image[row + 1, col + 1] * dx
    return float(top * (1 - dy) + bottom * dy)


@njit(nogil=True, cache=True)
def _march(
    x_low: FloatArray,
    y_low: FloatArray,
    x_high: FloatArray,
    y_high: FloatArray,
    first: NDArray[np.int64],
    weights: FloatArray,
    surface: FloatArray,
    bright: FloatArray,
    upper: FloatArray,
    low: float,
    high: float,
    step: float,
    out: FloatArray,
    out_height: FloatArray,
) -> None:
    rows, cols = out.shape
    last_row, last_col = surface.shape[0] - 1, surface.shape[1] - 1
    for i in range(rows):
        for j in range(cols):
            k = first[j]
            x0 = y0 = x1 = y1 = 0.0
            for m in range(4):
                w = weights[j, m]
                x0 += w * x_low[i, k + m]
                y0 += w * y_low[i, k + m]
                x1 += w * x_high[i, k + m]
                y1 += w * y_high[i, k + m]
            run_x, run_y = (x1 - x0) / (high - low), (y1 - y0) / (high - low)
            run = max((run_x**2 + run_y**2) ** 0.5, 1e-9)
            out[i, j] = np.nan
            out_height[i, j] = np.nan
            h, above = high, high
            while h >= low:
                x, y = x0 + run_x * (h - low), y0 + run_y * (h - low)
                if not (x >= 0 and y >= 0 and x < last_col and y < last_row):
                    break
                bound = upper[int(y) // _CELL, int(x) // _CELL]
                if h > bound + step:
                    # nothing within a cell's width reaches this high: fall freely
                    above = h
                    h = max(bound, h - 0.99 * _CELL / run)
                    continue
                if h <= _bilinear(surface, x, y):
                    under = h
                    for _ in range(12):
                        h = 0.5 * (above + under)
                        x, y = x0 + run_x * (h - low), y0 + run_y * (h - low)
                        if h <= _bilinear(surface, x, y):
                            under = h
                        else:
                            above = h
                    out[i, j] = _bilinear(bright, x, y)
                    out_height[i, j] = h
                    break
                above = h
                h -= step
