"""Where the ground of a pair is, found from its images: a start for CARS when no DEM is given.

CARS without a DEM begins at height 0: crops at altitude then see different ground ("envelopes do
not intersect") or match nothing. Here patches of the left image are looked for in the right one
along their lines of sight (a plane sweep with a free residual shift, so that errors of the RPC of
many pixels do no harm), and a smooth surface is laid through the heights that were found. It only
has to be right within some hundred metres; CARS replaces it by its own coarse surface.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.transform import from_bounds
from rasterio.warp import reproject
from scipy import fft
from scipy.ndimage import map_coordinates

from boresight.conventions import NMAD_SCALE
from boresight.errors import InputError, NonConvergenceError, OverlapError
from boresight.io import RpcModel, footprint, overlap_fraction
from boresight.io.gdal import quiet
from boresight.workflows.stereo.geoid import undulation

log = logging.getLogger(__name__)

Float = NDArray[np.float64]

#: longest side of the reduced images [px]
_REDUCED_PX = 1024
#: side of a patch and half of the residual shift that is searched [reduced px]
_PATCH_PX, _SEARCH_PX = 64, 16
_PATCHES_A_SIDE = 12
#: correlation from which a patch counts as found; wrong maxima over the sweep stay below
_MIN_CORRELATION = 0.6
#: patches that must agree before their heights are believed
_MIN_PATCHES = 4
#: a patch may leave the heights around it by so much [m], or 4 NMAD if that is more
_TOLERANCE_M = 60.0
#: heights of the Earth's surface above the ellipsoid [m], with room
EARTH_HEIGHTS_M = (-600.0, 9100.0)
#: exactly flat ground makes shareloc's intersection fail; this wave does no other harm [m]
_WAVE_M = 5.0
_DEM_PX = 400
_METRES_PER_DEGREE = 111_000.0
#: heights between which CARS asks for ground around the pair [m]
_CARS_HEIGHTS_M = (-1000.0, 9000.0)


@dataclass(frozen=True)
class View:
    """One image of the pair.

    Attributes
    ----------
    image : str
        Path or ``/vsi…``.
    rpc : RpcModel
        In pixels of the image.
    shape : tuple of int
        Rows, columns.
    """

    image: str
    rpc: RpcModel
    shape: tuple[int, int]


@dataclass(frozen=True)
class GroundGuess:
    """Heights found along the lines of sight.

    Attributes
    ----------
    lon, lat, height_ellipsoid_m : ndarray, shape (patches,)
        [deg, deg, m]; empty when nothing was found.
    fallback_m : float
        Height to assume where nothing was found [m].
    """

    lon: Float
    lat: Float
    height_ellipsoid_m: Float
    fallback_m: float

    @property
    def median_m(self) -> float:
        """Median height above the ellipsoid [m]."""
        found = self.height_ellipsoid_m
        return float(np.median(found)) if found.size else self.fallback_m

    @property
    def reach_m(self) -> float | None:
        """How far the ground may be from the surface [m]; None when nothing was found."""
        if self.height_ellipsoid_m.size == 0:
            return None
        north_m = np.ptp(self.lat) * _METRES_PER_DEGREE
        east_m = np.ptp(self.lon) * _METRES_PER_DEGREE * np.cos(np.radians(self.lat.mean()))
        # what lies between the patches may rise above them, the less so the smaller the scene
        between_m = float(np.clip(0.3 * max(north_m, east_m), 50.0, 200.0))
        return 1.5 * float(np.ptp(self.height_ellipsoid_m)) + between_m

    def surface(self, lon: Float, lat: Float) -> Float:
        """Smooth surface through the heights [m above the ellipsoid], defined everywhere."""
        if self.height_ellipsoid_m.size == 0:
            return np.full(np.shape(lon), self.fallback_m)
        stretch = np.cos(np.radians(self.lat.mean()))
        x, y = self.lon * stretch, self.lat
        # neighbours weigh over a third of the extent: smooth, yet mountains keep their side
        width = max(np.ptp(x), np.ptp(y), 1e-4) / 3
        squared = (np.asarray(lon)[..., None] * stretch - x) ** 2 + (
            np.asarray(lat)[..., None] - y
        ) ** 2
        # relative to the nearest: far outside, the nearest patch decides instead of 0/0
        squared -= squared.min(axis=-1, keepdims=True)
        weight = np.exp(-squared / (2 * width**2))
        surface: Float = (weight * self.height_ellipsoid_m).sum(-1) / weight.sum(-1)
        return surface


def find_ground(
    left: View, right: View, height_range_m: tuple[float, float] | None = None
) -> GroundGuess:
    """Find heights of the ground that both images show.

    Parameters
    ----------
    left, right : View
    height_range_m : tuple of float, optional
        Lowest and highest ground [m above the ellipsoid]. Default: what the RPC were made for,
        with 200 m of room.

    Raises
    ------
    OverlapError
        The images see common ground at no height of the range.
    """
    low, high = height_range_m or _rpc_heights(left.rpc, right.rpc)
    tried = np.linspace(low, high, 65)
    overlaps = np.array([_overlap(left, right, float(h)) for h in tried])
    seen = overlaps > 0.02
    if not seen.any():
        raise OverlapError(
            f"{left.image} and {right.image}: no common ground at any height from {low:.0f} to "
            f"{high:.0f} m; the rule is that both see the same ground.",
            remedy="Give two images of one place, or height_range_m if its height is outside.",
        )
    step = tried[1] - tried[0]
    low, high = tried[seen].min() - step, tried[seen].max() + step
    fallback_m = float(np.average(tried, weights=overlaps))
    sweep = _Sweep(left, right)
    heights = sweep.heights_to_try(low, high)
    correlation, height = sweep.run(heights)
    lon, lat = sweep.left.rpc.localize(sweep.row, sweep.col, height)
    found = (correlation >= _MIN_CORRELATION) & np.isfinite(lon)
    found[found] = _agree(lon[found], lat[found], height[found])
    log.info(
        "ground from %d of %d patches, %d heights tried from %.0f to %.0f m",
        found.sum(), found.size, heights.size, low, high,
    )  # fmt: skip
    if found.sum() < _MIN_PATCHES:
        nothing = np.empty(0)
        return GroundGuess(nothing, nothing, nothing, fallback_m)
    return GroundGuess(lon[found], lat[found], height[found], float(np.median(height[found])))


def write_initial_elevation(path: Path, guess: GroundGuess, left: View, right: View) -> None:
    """Write ``guess`` as a DEM above EGM96, as large as CARS asks for."""
    grid_x, grid_y, transform = _dem_grid(left, right)
    rows = [guess.surface(x, y) for x, y in zip(grid_x, grid_y, strict=True)]
    _write_dem(path, np.stack(rows) - undulation(grid_x, grid_y), transform)


def write_given_elevation(path: Path, source: str, datum: str, left: View, right: View) -> None:
    """Bring a DEM of the user's to the grid that CARS asks for, above EGM96.

    Raises
    ------
    InputError
        It does not open, or does not hold the ground of the pair.
    """
    grid_x, grid_y, transform = _dem_grid(left, right)
    heights = np.full(grid_x.shape, np.nan)
    try:
        with quiet(), rasterio.open(source) as dem:
            if dem.crs is None:
                raise InputError(
                    f"{source}: a DEM without reference system; the rule is one.",
                    remedy="Set its reference system, or give none.",
                )
            reproject(
                rasterio.band(dem, 1), heights, dst_transform=transform, dst_crs="EPSG:4326",
                src_nodata=dem.nodata, dst_nodata=np.nan, resampling=Resampling.bilinear,
            )  # fmt: skip
    except RasterioError as exc:
        raise InputError(
            f"{source}: cannot be read as a DEM ({exc}).", remedy="Check the address, or give none."
        ) from exc
    known = np.isfinite(heights)
    if not known[_DEM_PX // 3 : -_DEM_PX // 3, _DEM_PX // 3 : -_DEM_PX // 3].any():
        raise InputError(
            f"{source}: knows no height in the middle of the pair; the rule is that it holds its "
            "ground.",
            remedy="Give a DEM of the place, or none.",
        )
    if datum == "ellipsoid":
        heights -= undulation(grid_x, grid_y)
    _write_dem(path, np.where(known, heights, np.nanmedian(heights)), transform)


class _Sweep:
    """Patches of the left image, looked for in the right one height by height."""

    def __init__(self, left: View, right: View) -> None:
        self.left, self.right = _reduced(left), _reduced(right)
        self.left_image, self.right_image = _read(self.left), _read(self.right)
        rows, cols = self.left.shape
        half = _PATCH_PX // 2
        centres = [
            np.unique(np.linspace(half, max(half, size - half), _PATCHES_A_SIDE).round())
            for size in (rows, cols)
        ]
        row, col = np.meshgrid(*centres, indexing="ij")
        self.row, self.col = row.ravel(), col.ravel()
        inside = np.arange(_PATCH_PX) - half + 0.5
        self._d_row, self._d_col = np.meshgrid(inside, inside, indexing="ij")
        self._patches = self._cut_left()
        self._usable = np.isfinite(self._patches).mean((1, 2)) > 0.9

    def heights_to_try(self, low: float, high: float) -> Float:
        """Heights so close that a patch moves by less than the residual search between them."""
        ends = np.array([low, high])
        row, col = self._in_right(self.row[:, None], self.col[:, None], ends[None, :])
        moved = np.hypot(np.diff(row, axis=1), np.diff(col, axis=1))
        moved = moved[np.isfinite(moved)]
        parallax_px = float(np.max(moved)) if moved.size else 0.0
        count = int(np.clip(np.ceil(parallax_px / _SEARCH_PX) + 1, 2, 2000))
        return np.linspace(low, high, count)

    def run(self, heights: Float) -> tuple[Float, Float]:
        """Best correlation of each patch, and the height it stands for [m]."""
        best = np.full(self.row.size, -1.0)
        best_height = np.full(self.row.size, np.nan)
        template, weight = _normalised(self._patches)
        for height in heights:
            window = self._cut_right(float(height))
            # windows that leave the image by more than a tenth say nothing
            seen = np.flatnonzero(self._usable & (np.isfinite(window).mean((1, 2)) > 0.9))
            if seen.size == 0:
                continue
            row, col = self.row[seen], self.col[seen]
            centre = self._in_right(row, col, height)
            up = self._in_right(row, col, height + 1.0)
            per_metre = (up[0] - centre[0], up[1] - centre[1])
            correlation, d_row, d_col = _correlate(template[seen], weight[seen], window[seen])
            squared = per_metre[0] ** 2 + per_metre[1] ** 2
            with np.errstate(divide="ignore", invalid="ignore"):
                along_m = (d_row * per_metre[0] + d_col * per_metre[1]) / squared
            better = (correlation > best[seen]) & np.isfinite(along_m)
            best[seen[better]] = correlation[better]
            best_height[seen[better]] = height + along_m[better]
        return best, best_height

    def _in_right(self, row: Float, col: Float, height: Float | float) -> tuple[Float, Float]:
        try:
            lon, lat = self.left.rpc.localize(row, col, height)
        except NonConvergenceError:
            nothing = np.full(np.broadcast_shapes(np.shape(row), np.shape(height)), np.nan)
            return nothing, nothing
        return self.right.rpc.project(lon, lat, height)

    def _cut_left(self) -> Float:
        rows = self.row[:, None, None] + self._d_row - 0.5
        cols = self.col[:, None, None] + self._d_col - 0.5
        return _sample(self.left_image, rows, cols)

    def _cut_right(self, height: float) -> Float:
        """Surroundings of each patch in the right image, laid out as in the left."""
        half = _PATCH_PX // 2
        centre = self._in_right(self.row, self.col, height)
        down = self._in_right(self.row + half, self.col, height)
        aside = self._in_right(self.row, self.col + half, height)
        reach = np.arange(_PATCH_PX + 2 * _SEARCH_PX) - half - _SEARCH_PX + 0.5
        d_row, d_col = np.meshgrid(reach, reach, indexing="ij")
        position = [
            centre[i][:, None, None]
            + (down[i] - centre[i])[:, None, None] / half * d_row
            + (aside[i] - centre[i])[:, None, None] / half * d_col
            - 0.5
            for i in (0, 1)
        ]
        return _sample(self.right_image, position[0], position[1])


def _dem_grid(left: View, right: View) -> tuple[Float, Float, Affine]:
    """Longitudes, latitudes of pixel centres, and transform, of a grid CARS is content with."""
    lon, lat = [], []
    for view in (left, right):
        for height in _CARS_HEIGHTS_M:
            west, south, east, north = _extent(view, height)
            lon += [west, east]
            lat += [south, north]
    # CARS adds a quarter of the extent and 0.02 degrees; lines of sight may leave that by little
    width, tall = max(lon) - min(lon), max(lat) - min(lat)
    west, east = min(lon) - 0.6 * width - 0.05, max(lon) + 0.6 * width + 0.05
    south, north = min(lat) - 0.6 * tall - 0.05, max(lat) + 0.6 * tall + 0.05
    x = west + (np.arange(_DEM_PX) + 0.5) * (east - west) / _DEM_PX
    y = north - (np.arange(_DEM_PX) + 0.5) * (north - south) / _DEM_PX
    grid_x, grid_y = np.meshgrid(x, y)
    return grid_x, grid_y, from_bounds(west, south, east, north, _DEM_PX, _DEM_PX)


def _extent(view: View, height_m: float) -> tuple[float, float, float, float]:
    """West, south, east, north of an image at any height [deg].

    An RPC need not hold far from the heights it was fitted to. Beyond, lines of sight go on as
    straight as they are.
    """
    low_m = view.rpc.height_off - view.rpc.height_scale
    high_m = view.rpc.height_off + view.rpc.height_scale
    if low_m <= height_m <= high_m:
        west, south, east, north = footprint(view.rpc, view.shape, height_m).bounds
        return float(west), float(south), float(east), float(north)
    low, high = (np.array(footprint(view.rpc, view.shape, h).bounds) for h in (low_m, high_m))
    west, south, east, north = low + (high - low) * (height_m - low_m) / (high_m - low_m)
    return float(west), float(south), float(east), float(north)


def _write_dem(path: Path, heights: Float, transform: Affine) -> None:
    phase = np.linspace(0, 40, _DEM_PX)
    wave = _WAVE_M * np.sin(phase)[None, :] * np.cos(phase)[:, None]
    with (
        quiet(sidecars=False),
        rasterio.open(
            path, "w", driver="GTiff", height=_DEM_PX, width=_DEM_PX, count=1, dtype="float32",
            crs="EPSG:4326", transform=transform, nodata=-32768.0,
        ) as dem,
    ):  # fmt: skip
        dem.write((heights + wave).astype(np.float32), 1)


def _reduced(view: View) -> View:
    factor = max(1, -(-max(view.shape) // _REDUCED_PX))
    rows, cols = (max(1, size // factor) for size in view.shape)
    rpc = view.rpc.cropped(0.0, 0.0, row_step=view.shape[0] / rows, col_step=view.shape[1] / cols)
    return View(view.image, rpc, (rows, cols))


def _read(view: View) -> Float:
    with quiet(), rasterio.open(view.image) as dataset:
        band = dataset.read(1, out_shape=view.shape, resampling=Resampling.average, masked=True)
    return np.asarray(band.astype(np.float64).filled(np.nan))


def _sample(image: Float, rows: Float, cols: Float) -> Float:
    outside = ~((rows >= 0) & (rows <= image.shape[0] - 1))
    outside |= ~((cols >= 0) & (cols <= image.shape[1] - 1))
    at = np.where(outside, 0.0, np.stack([rows, cols]))
    values = map_coordinates(image, at, order=1, mode="nearest")
    return np.where(outside, np.nan, values)


def _normalised(patches: Float) -> tuple[Float, Float]:
    valid = np.isfinite(patches)
    count = np.maximum(valid.sum((1, 2)), 1)
    filled = np.where(valid, patches, 0.0)
    centred = np.where(valid, patches - (filled.sum((1, 2)) / count)[:, None, None], 0.0)
    norm = np.sqrt((centred**2).sum((1, 2)))
    return centred / np.maximum(norm, 1e-12)[:, None, None], valid.astype(np.float64)


def _correlate(template: Float, weight: Float, window: Float) -> tuple[Float, Float, Float]:
    """Highest normalised correlation over all shifts within the window, and that shift [px]."""
    valid = np.isfinite(window)
    filled = np.where(valid, window, 0.0)
    level = filled.sum((1, 2)) / np.maximum(valid.sum((1, 2)), 1)
    filled = np.where(valid, window - level[:, None, None], 0.0)
    size = window.shape[1:]
    spectrum = fft.rfft2(filled)
    shifts = slice(0, 2 * _SEARCH_PX + 1)

    def against(kernel: Float, other: NDArray[np.complex128]) -> Float:
        full = fft.irfft2(other * np.conj(fft.rfft2(kernel, size)), size)
        return np.asarray(full[:, shifts, shifts])

    product = against(template, spectrum)
    count = np.maximum(weight.sum((1, 2)), 1)[:, None, None]
    total = against(weight, spectrum)
    energy = against(weight, fft.rfft2(filled**2)) - total**2 / count
    scale = np.maximum(energy, 1e-9 * np.maximum(energy.max((1, 2)), 1e-30)[:, None, None])
    correlation = product / np.sqrt(scale)
    flat = correlation.reshape(correlation.shape[0], -1)
    at = flat.argmax(1)
    best = flat[np.arange(flat.shape[0]), at]
    d_row, d_col = np.divmod(at, correlation.shape[2])
    return best, d_row - float(_SEARCH_PX), d_col - float(_SEARCH_PX)


def _agree(lon: Float, lat: Float, height: Float) -> NDArray[np.bool_]:
    """Whether each height agrees with those around it."""
    if height.size < _MIN_PATCHES:
        return np.zeros(height.size, bool)
    stretch = np.cos(np.radians(lat.mean()))
    distance = np.hypot((lon[:, None] - lon) * stretch, lat[:, None] - lat)
    nearest = np.argsort(distance, axis=1)[:, : min(9, height.size)]
    around = np.median(height[nearest], axis=1)
    away = np.abs(height - around)
    return away <= max(_TOLERANCE_M, 4 * NMAD_SCALE * float(np.median(away)))


def _rpc_heights(left: RpcModel, right: RpcModel) -> tuple[float, float]:
    ranges = np.array([left.height_range, right.height_range])
    low = max(ranges[:, 0].min() - 200.0, EARTH_HEIGHTS_M[0])
    high = min(ranges[:, 1].max() + 200.0, EARTH_HEIGHTS_M[1])
    return (low, high) if low < high else EARTH_HEIGHTS_M


def _overlap(left: View, right: View, height: float) -> float:
    try:
        return overlap_fraction((left.rpc, left.shape), (right.rpc, right.shape), height)
    except NonConvergenceError:
        return 0.0
