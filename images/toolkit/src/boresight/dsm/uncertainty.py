"""Uncertainty of what is said of a surface model, where errors of neighbours hang together.

Pixels are no independent observations: matching windows overlap. The model is cut into blocks
larger than that; each statistic is written as a sum of what every pixel contributes to it (its
influence), and how these sums differ from block to block gives the uncertainty.

References
----------
Hampel et al. 1986, Robust Statistics, section 2.1 (influence functions); Lahiri 2003, Resampling
Methods for Dependent Data, section 2.5 (blocks).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boresight.conventions import NMAD_SCALE
from boresight.errors import InputError

FloatArray = NDArray[np.float64]

#: blocks along each side: the uncertainty is then known to 9 %
BLOCKS = 8

#: pixels of a block below which neighbours on its two sides are alike
MIN_BLOCK_PX = 16

#: bins of aspect in which xdem takes medians
_ASPECT_BINS = 72

#: least pixels of a bin, and the share of them on either side of a quantile that tells its density
_MIN_BIN = 50
_HALF_WIDTH = 0.03
_HALF_WIDTH_OF_BINS = 0.1

#: ground below this slope is level: its aspect says nothing [m/px]
_MIN_RISE = 1e-6


@dataclass(frozen=True)
class ComparisonUncertainty:
    """Standard uncertainties of a :class:`boresight.dsm.Comparison`.

    Parameters
    ----------
    u_bias_mean_m, u_median_m, u_nmad_m, u_le90_m : float
        [m]
    n_blocks : int
        Blocks with known errors.
    block_px : tuple of int
        Rows and columns of a block [px].
    """

    u_bias_mean_m: float
    u_median_m: float
    u_nmad_m: float
    u_le90_m: float
    n_blocks: int
    block_px: tuple[int, int]


def comparison_uncertainty(
    dsm: NDArray[np.floating[Any]],
    reference: NDArray[np.floating[Any]],
    *,
    block_px: int | None = None,
) -> ComparisonUncertainty:
    """Uncertainty of bias, median, NMAD and LE90 of a model against a reference.

    Parameters
    ----------
    dsm, reference : ndarray, same shape
        Heights above one datum on one grid [m]; NaN where unknown.
    block_px : int, optional
        Side of a block, several times as large as errors hang together; default: an eighth of
        each side [px].

    Raises
    ------
    InputError
        Shapes differ, blocks below 16 px, or fewer than 8 blocks with a known error.
    """
    if dsm.shape != reference.shape or dsm.ndim != 2:
        raise InputError(
            f"shapes {dsm.shape} and {reference.shape} differ; the rule is one grid.",
            remedy="Bring the model to the reference's grid with boresight.dsm.resample.",
        )
    error: FloatArray = np.asarray(dsm, np.float64) - np.asarray(reference, np.float64)
    known = np.isfinite(error)
    blocks, count, size = _blocks(known, block_px)
    e = error[known]
    median = float(np.median(e))
    away = np.abs(e - median)
    mad, size90 = float(np.median(away)), float(np.percentile(np.abs(e), 90))
    above, below = (_density(e, median + s * mad) for s in (1.0, -1.0))
    of_median = (0.5 - (e < median)) / _density(e, median)
    of_mad = (0.5 - (away <= mad) - (above - below) * of_median) / (above + below)
    of_le90 = (0.9 - (np.abs(e) <= size90)) / _density(np.abs(e), size90)
    parts: FloatArray = np.stack([e, of_median, NMAD_SCALE * of_mad, of_le90], axis=1)
    u_mean, u_median, u_nmad, u_le90 = np.sqrt(np.diag(_variance(parts, blocks, count))).tolist()
    return ComparisonUncertainty(u_mean, u_median, u_nmad, u_le90, count, size)


def shift_uncertainty(
    residual: NDArray[np.floating[Any]], reference: NDArray[np.floating[Any]], resolution_m: float
) -> tuple[float, float, float]:
    """Standard uncertainty of a shift found by Nuth and Kääb's method: east, north, up [m].

    Parameters
    ----------
    residual : ndarray, shape (rows, cols)
        Aligned model less reference [m]; NaN where unknown.
    reference : ndarray, same shape
        North up [m].
    resolution_m : float
        Side of a pixel [m].

    Notes
    -----
    At its last step the method fits ``δ_east sin(aspect) + δ_north cos(aspect) + c`` to medians of
    error over slope in bins of aspect, each with the same weight; the height is a median. What
    every block contributes to these medians is carried through that fit.
    """
    surface = np.asarray(reference, np.float64)
    down, east = (np.asarray(part, np.float64) for part in np.gradient(surface))
    rise: FloatArray = np.hypot(down, east)
    known = np.isfinite(residual) & np.isfinite(rise) & (rise > _MIN_RISE)
    blocks, count, _ = _blocks(known, None)
    e = np.asarray(residual, np.float64)[known]
    centred = e - np.median(e)
    y, aspect = centred / rise[known], np.arctan2(-east[known], down[known]) + np.pi
    edges = np.linspace(aspect.min(), aspect.max(), _ASPECT_BINS + 1)
    index = np.clip(np.searchsorted(edges, aspect, side="right") - 1, 0, _ASPECT_BINS - 1)
    size = np.bincount(index, minlength=_ASPECT_BINS)
    used = np.flatnonzero(size >= _MIN_BIN)
    middle = (edges[:-1] + edges[1:])[used] / 2.0
    design = np.stack([np.sin(middle), np.cos(middle), np.ones_like(middle)], axis=1)
    fit = np.linalg.pinv(design)[:2]
    influence = np.zeros((e.size, 3))
    for column, k in enumerate(used):
        own = index == k
        values = y[own]
        at = float(np.median(values))
        density = _density(values, at, _HALF_WIDTH_OF_BINS)
        # a mean over all pixels: those of other bins contribute nothing
        part = (0.5 - (values < at)) / density * (e.size / values.size)
        influence[own, :2] = part[:, None] * fit[:, column]
    slope = np.array([east[known].mean(), -down[known].mean()])
    influence[:, 2] = influence[:, :2] @ slope - (0.5 - (centred < 0)) / _density(centred, 0.0)
    u = np.sqrt(np.diag(_variance(influence, blocks, count)))
    return float(u[0] * resolution_m), float(u[1] * resolution_m), float(u[2])


def _blocks(
    known: NDArray[np.bool_], block_px: int | None
) -> tuple[NDArray[np.int64], int, tuple[int, int]]:
    """Block of each known pixel, how many there are, and their size."""
    rows, cols = known.shape
    size = (block_px, block_px) if block_px is not None else (rows // BLOCKS, cols // BLOCKS)
    if min(size) < MIN_BLOCK_PX:
        raise InputError(
            f"blocks of {size[0]} by {size[1]} px; the rule is at least {MIN_BLOCK_PX}.",
            remedy="Use a larger model.",
        )
    by_row = np.minimum(np.arange(rows) // size[0], max(rows // size[0], 1) - 1)
    by_col = np.minimum(np.arange(cols) // size[1], max(cols // size[1], 1) - 1)
    number = by_row[:, None] * (by_col[-1] + 1) + by_col[None]
    _, dense = np.unique(number[known], return_inverse=True)
    count = int(dense.max()) + 1 if dense.size else 0
    if count < BLOCKS:
        raise InputError(
            f"{count} blocks have a known error; the rule is at least {BLOCKS}.",
            remedy="Use a larger or more complete model.",
        )
    return dense.astype(np.int64), count, (int(size[0]), int(size[1]))


def _variance(influence: FloatArray, blocks: NDArray[np.int64], count: int) -> FloatArray:
    """Covariance of means of pixels' influences, by how sums over blocks differ."""
    n = len(influence)
    centred = influence - influence.mean(axis=0)
    sums = np.stack([np.bincount(blocks, column, minlength=count) for column in centred.T], axis=1)
    result: FloatArray = sums.T @ sums / n**2 * (count / (count - 1))
    return result


def _density(values: FloatArray, at: float, half_width: float = _HALF_WIDTH) -> float:
    """Probability density at a place, from the distance of quantiles on its two sides."""
    place = float((values <= at).mean())
    low, high = max(place - half_width, 0.0), min(place + half_width, 1.0)
    near, far = np.quantile(values, (low, high))
    return (high - low) / max(float(far - near), 1e-12)
