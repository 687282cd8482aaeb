"""Procedural ground: a fractal surface with buildings, and how bright it looks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from scipy import fft

from boresight.simulate.config import PairConfig

FloatImage = NDArray[np.float32]

#: nodes of the surface in one pixel of the images
NODES_PER_PIXEL = 2

#: room around what the images see, beside what the relief shifts [m]
_MARGIN_M = 40.0

#: direction to the sun (east, north, up) and light of a face turned away
_SUN = np.array([0.45, 0.35, 0.82]) / np.linalg.norm([0.45, 0.35, 0.82])
_AMBIENT = 0.08


@dataclass(frozen=True)
class Scene:
    """A surface on a map grid.

    Parameters
    ----------
    heights : ndarray, shape (rows, cols), float32
        Height above the ellipsoid at the nodes [m].
    brightness : ndarray, shape (rows, cols), float32
        Reflectance times light, 0 to 1, at the nodes.
    west_m, north_m : float
        Map coordinates of the first node [m].
    step_m : float
        Distance of nodes [m].
    epsg : int
        UTM zone of the scene.
    """

    heights: FloatImage
    brightness: FloatImage
    west_m: float
    north_m: float
    step_m: float
    epsg: int

    @property
    def height_bounds(self) -> tuple[float, float]:
        """Lowest and highest node with some room [m]."""
        return float(self.heights.min()) - 5.0, float(self.heights.max()) + 5.0


def utm_epsg(lon_deg: float, lat_deg: float) -> int:
    """EPSG code of the (regular) UTM zone of a place."""
    zone = min(int((lon_deg + 180.0) // 6.0) + 1, 60)
    return (32600 if lat_deg >= 0 else 32700) + zone


def make_scene(config: PairConfig) -> Scene:
    """Make the ground of a pair: deterministic by ``config.seed``."""
    epsg = utm_epsg(config.lon_deg, config.lat_deg)
    to_map = Transformer.from_crs(4326, epsg, always_xy=True)
    centre_x, centre_y = to_map.transform(config.lon_deg, config.lat_deg)
    step = config.gsd_m / NODES_PER_PIXEL
    lean = np.tan(np.radians(config.incidence_deg))
    # an edge point of the image is on the ground anywhere along its ray
    margin = _MARGIN_M + 10 * config.gsd_m + lean * (config.relief_m + 30.0)
    half = config.size_px * config.gsd_m / 2 / np.cos(np.radians(config.incidence_deg)) + margin
    # grid convergence turns the image against the map by up to 3 degrees
    half *= 1.06
    # whole pixels of the truth grid: their centres are nodes
    west = np.floor((centre_x - half) / config.gsd_m) * config.gsd_m
    north = np.ceil((centre_y + half) / config.gsd_m) * config.gsd_m
    size = int(np.ceil(2 * half / config.gsd_m)) * NODES_PER_PIXEL + 1
    rng = np.random.default_rng([config.seed, 1])
    heights = fractal(size, 3.6, rng)
    heights -= heights.min()
    heights *= np.float32(config.relief_m) / heights.max()
    heights += np.float32(config.base_height_m) - heights.mean()
    reflectance = np.float32(0.22) + np.float32(0.05) * fractal(size, 1.6, rng)
    reflectance += np.float32(0.03) * fractal(size, 0.8, rng)
    _build(heights, reflectance, step, config.buildings_per_km2, rng)
    np.clip(reflectance, 0.02, 0.9, out=reflectance)
    _light(heights, reflectance, step)
    return Scene(heights, reflectance, float(west), float(north), step, epsg)


def truth_grid(scene: Scene) -> tuple[FloatImage, tuple[float, float, float, float, float, float]]:
    """Surface at the centres of pixels of the images' size on the map.

    Returns
    -------
    heights : ndarray, shape (rows, cols), float32
        Height above the ellipsoid [m].
    transform : tuple of 6 float
        Affine coefficients (a, b, c, d, e, f) of columns and rows to map.
    """
    half = NODES_PER_PIXEL // 2
    heights = scene.heights[half::NODES_PER_PIXEL, half::NODES_PER_PIXEL]
    pixel = scene.step_m * NODES_PER_PIXEL
    return heights.copy(), (pixel, 0.0, scene.west_m, 0.0, -pixel, scene.north_m)


def fractal(size: int, beta: float, rng: np.random.Generator) -> FloatImage:
    """Random field with power spectrum f**-beta, mean 0 and standard deviation 1.

    Parameters
    ----------
    size : int
        Side of the square field.
    beta : float
        Exponent: larger is smoother.
    rng : Generator
        Source of randomness.
    """
    n = fft.next_fast_len(size, real=True)
    frequency = np.hypot(
        np.fft.fftfreq(n).astype(np.float32)[:, None],
        np.fft.rfftfreq(n).astype(np.float32)[None],
    )
    frequency[0, 0] = 1.0
    amplitude = frequency ** np.float32(-beta / 2)
    amplitude[0, 0] = 0.0
    spectrum = np.empty(frequency.shape, np.complex64)
    spectrum.real = rng.standard_normal(frequency.shape, dtype=np.float32) * amplitude
    spectrum.imag = rng.standard_normal(frequency.shape, dtype=np.float32) * amplitude
    del frequency, amplitude
    field = np.ascontiguousarray(fft.irfft2(spectrum, s=(n, n))[:size, :size])
    field -= field.mean(dtype=np.float64).astype(np.float32)
    field /= field.std(dtype=np.float64).astype(np.float32)
    return field


def _build(
    heights: FloatImage,
    reflectance: FloatImage,
    step_m: float,
    per_km2: float,
    rng: np.random.Generator,
) -> None:
    """Put blocks with flat roofs on the ground, in place."""
    size = heights.shape[0]
    count = int(per_km2 * (size * step_m / 1000.0) ** 2)
    longest = int(30.0 / step_m)
    if longest >= size // 2 or longest < 4:
        return
    grain = fractal(longest, 0.8, rng) * np.float32(0.03)
    for _ in range(count):
        width, length = rng.integers(int(8.0 / step_m), longest, 2)
        row, col = rng.integers(0, size - longest, 2)
        block = np.s_[row : row + length, col : col + width]
        heights[block] = np.median(heights[block]) + np.float32(rng.uniform(4.0, 15.0))
        turned = np.rot90(grain, int(rng.integers(4)))
        reflectance[block] = np.float32(rng.uniform(0.15, 0.45)) + turned[:length, :width]


def _light(heights: FloatImage, reflectance: FloatImage, step_m: float, strip: int = 1024) -> None:
    """Multiply reflectance by the light each face gets, in place and strip by strip."""
    size = heights.shape[0]
    for first in range(0, size, strip):
        low, high = max(first - 1, 0), min(first + strip + 1, size)
        slope_row, slope_col = np.gradient(heights[low:high], np.float32(step_m))
        light = -slope_col * _SUN[0] + slope_row * _SUN[1] + _SUN[2]
        light /= np.sqrt(1 + slope_row**2 + slope_col**2)
        inner = np.s_[first - low : min(first + strip, size) - low]
        reflectance[first : first + strip] *= np.clip(light, _AMBIENT, None)[inner]
