"""Surface models on map grids: one grid to another, tiles to a whole.

A transform is six affine coefficients (a, b, c, d, e, f), as rasterio's ``Affine`` unpacks:
columns and rows, counted from the corner of the first pixel, to map coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boresight.conventions import NMAD_SCALE
from boresight.errors import InputError

FloatArray = NDArray[np.floating[Any]]

_STRIP_ROWS = 512


@dataclass(frozen=True)
class Tile:
    """A part of a mosaic.

    Parameters
    ----------
    values : ndarray, shape (rows, cols) or (bands, rows, cols)
        NaN where unknown.
    row, col : int
        Where its first pixel lies in the mosaic.
    """

    values: NDArray[Any]
    row: int
    col: int


@dataclass(frozen=True)
class SeamStatistics:
    """Steps of the surface across seams against those beside them.

    Parameters
    ----------
    n : int
        Pairs of pixels across seams.
    step_nmad_m, step_median_m, step_max_m : float
        Of the second difference across seams, which a plane does not have [m].
    beside_nmad_m : float
        The same, away from seams [m].
    """

    n: int
    step_nmad_m: float
    step_median_m: float
    step_max_m: float
    beside_nmad_m: float


def resample(
    dsm: FloatArray,
    transform: Sequence[float],
    target_transform: Sequence[float],
    target_shape: tuple[int, int],
) -> NDArray[np.float64]:
    """Bring a surface model to another grid of the same reference system, bilinearly.

    Parameters
    ----------
    dsm : ndarray, shape (rows, cols)
        Heights [m]; NaN where unknown.
    transform, target_transform : sequence of float
        Affine coefficients of either grid.
    target_shape : tuple of int
        Rows, columns.

    Returns
    -------
    ndarray, shape ``target_shape``
        NaN outside, and where any height with weight is unknown.
    """
    a, b, c, d, e, f = (float(v) for v in tuple(transform)[:6])
    ta, tb, tc, td, te, tf = (float(v) for v in tuple(target_transform)[:6])
    determinant = a * e - b * d
    if determinant == 0:
        raise InputError(f"transform {tuple(transform)[:6]} cannot be inverted.")
    out = np.empty(target_shape)
    col_centre = np.arange(target_shape[1]) + 0.5
    for first in range(0, target_shape[0], _STRIP_ROWS):
        last = min(first + _STRIP_ROWS, target_shape[0])
        row_centre = np.arange(first, last)[:, None] + 0.5
        x = ta * col_centre + tb * row_centre + tc - c
        y = td * col_centre + te * row_centre + tf - f
        col = (e * x - b * y) / determinant - 0.5
        row = (a * y - d * x) / determinant - 0.5
        out[first:last] = _bilinear(dsm, row, col)
    return out


def sample(dsm: FloatArray, row: FloatArray, col: FloatArray) -> NDArray[np.float64]:
    """Heights at positions (internal pixel convention), bilinearly; NaN outside."""
    return _bilinear(dsm, np.asarray(row) - 0.5, np.asarray(col) - 0.5)


def mosaic(tiles: Sequence[Tile], shape: tuple[int, ...]) -> NDArray[Any]:
    """Put tiles together; where they overlap, the first that knows a pixel gives it.

    Parameters
    ----------
    tiles : sequence of Tile
        All of one type; parts outside ``shape`` are cut off.
    shape : tuple of int
        Of the mosaic: rows and columns, or bands, rows and columns.

    Returns
    -------
    ndarray
        NaN (or 0, where the type has no NaN) in what no tile knows.
    """
    if not tiles:
        raise InputError("mosaic of no tiles; the rule is at least one.")
    kind = tiles[0].values.dtype
    floating = np.issubdtype(kind, np.floating)
    whole = np.full(shape, np.nan if floating else 0, dtype=kind)
    filled = np.zeros(shape, dtype=bool)
    for tile in tiles:
        if tile.values.dtype != kind or tile.values.ndim != len(shape):
            raise InputError(
                f"tile at row {tile.row}, column {tile.col} is {tile.values.dtype} with "
                f"{tile.values.ndim} dimensions; the rule is {kind} and {len(shape)}."
            )
        rows, cols = tile.values.shape[-2:]
        row_from, row_to = max(tile.row, 0), min(tile.row + rows, shape[-2])
        col_from, col_to = max(tile.col, 0), min(tile.col + cols, shape[-1])
        if row_from >= row_to or col_from >= col_to:
            continue
        inside = (
            ...,
            slice(row_from - tile.row, row_to - tile.row),
            slice(col_from - tile.col, col_to - tile.col),
        )
        place = (..., slice(row_from, row_to), slice(col_from, col_to))
        values = tile.values[inside]
        new = ~filled[place]
        if floating:
            new &= ~np.isnan(values)
        whole[place][new] = values[new]
        filled[place] |= new
    return whole


def seam_statistics(
    dsm: FloatArray, seam_rows: Sequence[int], seam_cols: Sequence[int]
) -> SeamStatistics:
    """Compare steps across the seams of a mosaic with steps beside them.

    Parameters
    ----------
    dsm : ndarray, shape (rows, cols)
        The mosaic [m]; NaN where unknown.
    seam_rows, seam_cols : sequence of int
        A seam lies between row ``r - 1`` and row ``r`` (column alike).
    """
    across, beside = [], []
    for axis, seams in ((0, seam_rows), (1, seam_cols)):
        z = np.moveaxis(dsm, axis, 0).astype(np.float64)
        if z.shape[0] < 4:
            continue
        # step from r - 1 to r less the mean of the steps before and after
        bend = z[2:-1] - z[1:-2] - 0.5 * ((z[1:-2] - z[:-3]) + (z[3:] - z[2:-1]))
        places = np.asarray([s - 2 for s in seams if 0 <= s - 2 < bend.shape[0]], dtype=np.int64)
        mask = np.zeros(bend.shape[0], dtype=bool)
        mask[places] = True
        across.append(bend[mask][np.isfinite(bend[mask])])
        beside.append(bend[~mask][np.isfinite(bend[~mask])])
    steps = np.concatenate(across) if across else np.empty(0)
    rest = np.concatenate(beside) if beside else np.empty(0)
    nan = float("nan")
    return SeamStatistics(
        n=steps.size,
        step_nmad_m=_spread(steps),
        step_median_m=float(np.median(steps)) if steps.size else nan,
        step_max_m=float(np.abs(steps).max()) if steps.size else nan,
        beside_nmad_m=_spread(rest),
    )


def _spread(values: NDArray[np.float64]) -> float:
    if values.size == 0:
        return float("nan")
    return float(NMAD_SCALE * np.median(np.abs(values - np.median(values))))


def _bilinear(dsm: FloatArray, row: FloatArray, col: FloatArray) -> NDArray[np.float64]:
    """Bilinear in a grid whose first pixel's centre is (0, 0); weightless NaN do no harm."""
    row, col = np.broadcast_arrays(row, col)
    rows, cols = dsm.shape
    # rounding may leave a position a hair outside
    eps = 1e-6
    inside = (row >= -eps) & (col >= -eps) & (row <= rows - 1 + eps) & (col <= cols - 1 + eps)
    r, c = np.where(inside, row, 0.0), np.where(inside, col, 0.0)
    nearest_r, nearest_c = np.rint(r), np.rint(c)
    r = np.clip(np.where(np.abs(r - nearest_r) < eps, nearest_r, r), 0, rows - 1)
    c = np.clip(np.where(np.abs(c - nearest_c) < eps, nearest_c, c), 0, cols - 1)
    r0, c0 = r.astype(np.int64), c.astype(np.int64)
    r1, c1 = np.minimum(r0 + 1, rows - 1), np.minimum(c0 + 1, cols - 1)
    dr, dc = r - r0, c - c0
    total = np.zeros(r.shape)
    for weight, i, j in (
        ((1 - dr) * (1 - dc), r0, c0),
        ((1 - dr) * dc, r0, c1),
        (dr * (1 - dc), r1, c0),
        (dr * dc, r1, c1),
    ):
        total += np.where(weight > 0, weight * dsm[i, j], 0.0)
    return np.where(inside, total, np.nan)
