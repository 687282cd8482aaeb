"""Displacements of a site image: against the reference, and against the image turned by 90 degrees.

A block of rows is compared with what the camera as designed would see of the reference (or of the
other image), so that windows differ by a few pixels and not by rotation or relief.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.interpolate import RectBivariateSpline
from scipy.ndimage import map_coordinates

from boresight.errors import NonConvergenceError
from boresight.geometry import (
    CorrelationOptions,
    FrameCamera,
    correlate,
    interpolate,
    reference_view,
)
from boresight.geometry.virtual_sensor import HALO_PX
from boresight.instrument import Band
from boresight.io import image_info, read_image
from boresight.workflows.calibrate.campaign import STRAIGHT, Satellite, source_of
from boresight.workflows.calibrate.imagery import level1_rows
from boresight.workflows.calibrate.job import Arrays, Job

FloatArray = NDArray[np.float64]

#: distance of exact lines of sight; between, positions are smooth to 1e-4 px over flat ground [px]
_NODE_PX = 16

#: rounds between heights of the ground and where a line of sight meets it; at 2 deg one suffices
_ROUNDS = 4

#: the first look: few large windows with a wide search
_COARSE = CorrelationOptions(window_px=64, step_px=64, search_px=30, min_score=0.6)
#: around that: distortion and jitter are left
_SEARCH_PX = 7
_MIN_SCORE = 0.7

#: what correlation does not see inside a window: relief, light, the reference's own grid [px]
_U_FLOOR_PX = 0.02

#: room around a block: for windows across its border, and for the first look's search [px]
_BORDER_PX = 96


@dataclass(frozen=True)
class _Part:
    """A piece of a raster, and where it begins."""

    values: NDArray[np.float64]
    row: int
    col: int


def match_block(
    job: Job, satellite: Satellite, band: Band, name: str, other: str | None, block: int
) -> Arrays:
    """Match the windows of one block of rows.

    Parameters
    ----------
    job : Job
    satellite : Satellite
    band : Band
        Calibrated detector.
    name : str
        Which image.
    other : str, optional
        Image to compare with; none is the reference.
    block : int
        Number of the block of rows.

    Returns
    -------
    dict of ndarray, shape (n,) or (n, 2, 2)
        ``row``, ``col`` in the image, ``ideal_row``, ``ideal_col``, ``u_px``; of another image also
        ``second_row``, ``second_col`` and ``jacobian``.
    """
    rows, cols = satellite.shape
    options = job.options
    count = _block_count(job, satellite)
    first, last = block * rows // count, (block + 1) * rows // count
    top, bottom = max(first - _BORDER_PX, 0), min(last + _BORDER_PX, rows)
    image = level1_rows(source_of(job.storage, satellite.image(name).file.key), band, top, bottom)
    camera = satellite.image(name).camera(satellite.focal_px, satellite.ideal, (0.0, 0.0, 0.0))
    node_row = np.linspace(top, bottom, max((bottom - top) // _NODE_PX, 5) + 1)
    node_col = np.linspace(0, cols, max(cols // _NODE_PX, 5) + 1)
    grid = np.meshgrid(node_row, node_col, indexing="ij")
    ground = _ground(job, camera, *grid)
    if other is None:
        source = source_of(job.storage, job.campaign.ortho.key)
        places = _to_grid(source, ground[0], ground[1])
    else:
        seen_by = satellite.image(other).camera(satellite.focal_px, satellite.ideal, (0, 0, 0))
        source = source_of(job.storage, satellite.image(other).file.key)
        places = seen_by.project(*ground)
    splines = [RectBivariateSpline(node_row, node_col, place) for place in places]
    pixel = np.arange(top, bottom) + 0.5, np.arange(cols) + 0.5
    want_row, want_col = (spline(*pixel) for spline in splines)
    detector = None if other is None else band
    seen = _resampled(source, detector, want_row, want_col)
    if seen is None:
        return _nothing(other is not None)
    step, half = options.step_px, options.window_px // 2
    row_places = np.arange(half + 8, rows - half - 8, step)
    row_places = row_places[(row_places >= first) & (row_places < last)]
    where = np.meshgrid(row_places, np.arange(half + 8, cols - half - 8, step), indexing="ij")
    row, col = (v.ravel().astype(np.float64) for v in where)
    try:
        rough = correlate(image, seen, _COARSE)
        guess = tuple(float(np.median(d[rough.found])) for d in (rough.d_row, rough.d_col))
        found = correlate(
            image,
            seen,
            CorrelationOptions(
                window_px=options.window_px,
                step_px=step,
                search_px=_SEARCH_PX,
                min_score=_MIN_SCORE,
            ),
            places=(row - top, col),
            guess=(guess[0], guess[1]),
        )
    except NonConvergenceError:
        return _nothing(other is not None)
    view = reference_view(found, u_floor_px=_U_FLOOR_PX)
    row, col = view.row + top, view.col
    moved_row, moved_col = view.ideal_row + top, view.ideal_col
    if other is None:
        return {
            "row": row,
            "col": col,
            "ideal_row": moved_row,
            "ideal_col": moved_col,
            "u_px": view.u_px,
        }
    parts = [[spline.ev(row, col, dx=1), spline.ev(row, col, dy=1)] for spline in splines]
    return {
        "row": row,
        "col": col,
        "second_row": splines[0].ev(moved_row, moved_col),
        "second_col": splines[1].ev(moved_row, moved_col),
        "ideal_row": splines[0].ev(row, col),
        "ideal_col": splines[1].ev(row, col),
        "jacobian": np.moveaxis(np.array(parts), -1, 0),
        "u_px": view.u_px,
    }


def blocks(job: Job, satellite: Satellite) -> list[tuple[str, str | None, int]]:
    """Image, the other image, and number of the block, of every task of matching."""
    count = _block_count(job, satellite)
    names = [image.name for image in satellite.images[:-1]]
    views: list[tuple[str, str | None]] = [(name, None) for name in names]
    views += [(STRAIGHT, name) for name in names if name != STRAIGHT]
    return [(*view, block) for view in views for block in range(count)]


def _block_count(job: Job, satellite: Satellite) -> int:
    return -(-satellite.shape[0] // job.options.block_rows)


def _ground(
    job: Job, camera: FrameCamera, row: FloatArray, col: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Longitude, latitude [deg] and height [m] that the camera as designed sees."""
    source = source_of(job.storage, job.campaign.heights.key)
    middle = read_image(source, window=(slice(0, None, None), slice(0, 1))).values
    height = np.full(row.shape, float(np.nanmedian(middle)))
    for _ in range(_ROUNDS):
        lon, lat = camera.localize(row, col, height)
        at = _to_grid(source, lon, lat)
        part = _read(source, *at)
        if part is None:
            break
        places = np.stack([at[0] - part.row - 0.5, at[1] - part.col - 0.5])
        height = map_coordinates(part.values, places, order=1, mode="nearest")
    return lon, lat, height


def _to_grid(source: str, lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rows and columns of places in a map raster, internal pixel convention [px]."""
    info = image_info(source)
    x, y = Transformer.from_crs(4326, info.epsg, always_xy=True).transform(lon, lat)
    col, row = ~info.transform * (np.asarray(x), np.asarray(y))
    return row, col


def _read(source: str, row: FloatArray, col: FloatArray, band: Band | None = None) -> _Part | None:
    """The part of a raster that holds positions, with room for interpolation."""
    rows, cols = image_info(source).shape
    first_row, first_col = (max(int(np.floor(v.min())) - HALO_PX, 0) for v in (row, col))
    last_row = min(int(np.ceil(row.max())) + HALO_PX, rows)
    last_col = min(int(np.ceil(col.max())) + HALO_PX, cols)
    if last_row - first_row < 2 * HALO_PX or last_col - first_col < 2 * HALO_PX:
        return None
    if band is not None:
        values = level1_rows(source, band, first_row, last_row)[:, first_col:last_col]
    else:
        window = (slice(first_row, last_row), slice(first_col, last_col))
        values = read_image(source, window=window).values[0]
    return _Part(np.asarray(values, np.float64), first_row, first_col)


def _resampled(
    source: str, band: Band | None, row: FloatArray, col: FloatArray
) -> NDArray[np.float32] | None:
    """Values at positions; NaN outside. None where nothing lies inside."""
    part = _read(source, row, col, band)
    if part is None:
        return None
    values = interpolate(part.values, row - part.row, col - part.col)
    rows, cols = image_info(source).shape
    inside = (row > 1) & (col > 1) & (row < rows - 1) & (col < cols - 1)
    values[~inside] = np.nan
    return values if inside.any() else None


def _nothing(crossed: bool) -> Arrays:
    names = ["row", "col", "ideal_row", "ideal_col", "u_px"]
    empty: Arrays = {name: np.zeros(0) for name in names}
    if crossed:
        empty |= {"second_row": np.zeros(0), "second_col": np.zeros(0)}
        empty["jacobian"] = np.zeros((0, 2, 2))
    return empty
