"""Artefacts of even scenes: fixed noise of columns and rows, striping.

Both take an image of an even scene (or of darkness). Slow changes of the scene are taken out
by a running median along the axis, so that what is measured are steps from neighbour to neighbour.

References
----------
Streaking metric: Morfitt et al. 2015, Remote Sensing 7(2):2208, doi:10.3390/rs70202208.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from boresight.errors import ImageError, InputError

FloatArray = NDArray[np.float64]

MIN_LINES = 16

#: a running median of this many neighbours, and the share of white noise that it leaves standing
_DETREND_PX = 21


@dataclass(frozen=True)
class LineNoise:
    """Fixed noise of the columns (or rows) of an image.

    Parameters
    ----------
    axis : {"row", "col"}
        Which lines: "col" compares columns.
    sigma, u_sigma : float
        Standard deviation of the lines' own offsets with what the pixels' noise contributes taken
        away, and its standard uncertainty [units of the image]. 0 where the pixels' noise explains
        all.
    relative : float
        ``sigma`` over the mean level [1].
    pixel_noise : float
        Noise of a pixel beside its column and row [units of the image].
    ratio : float
        ``sigma`` over ``pixel_noise`` [1]; above 0.1 to 0.2 lines are seen.
    means : ndarray, shape (n,)
        Lines' means less the slow part [units of the image].
    n_lines, n_pixels : int
        Lines, and pixels in each.
    """

    axis: str
    sigma: float
    u_sigma: float
    relative: float
    pixel_noise: float
    ratio: float
    means: FloatArray
    n_lines: int
    n_pixels: int


@dataclass(frozen=True)
class Striping:
    """Steps of every column (or row) against its two neighbours.

    Parameters
    ----------
    axis : {"row", "col"}
        Which lines.
    metric : ndarray, shape (n - 2,)
        Streaking metric of every line but the outer ones [1].
    worst, worst_line : float, int
        Largest metric and its line.
    index, u_index : float
        Root mean square of the metric with what the pixels' noise contributes taken away, and its
        standard uncertainty [1].
    u_metric : float
        What noise alone makes of the metric [1].
    n_lines : int
        Lines used.
    """

    axis: str
    metric: FloatArray
    worst: float
    worst_line: int
    index: float
    u_index: float
    u_metric: float
    n_lines: int


def line_noise(image: NDArray[Any], axis: Literal["row", "col"] = "col") -> LineNoise:
    """Fixed noise of columns or rows.

    Parameters
    ----------
    image : ndarray, shape (rows, cols)
        Even scene or darkness; NaN where missing.
    axis : {"row", "col"}
        Compare columns ("col") or rows.

    Raises
    ------
    ImageError
        Fewer than 16 rows or columns, or a line without a finite pixel.
    """
    values = _lines(image, axis)
    means, counts = np.nanmean(values, axis=0), np.isfinite(values).sum(axis=0)
    fast = means - median_filter(means, _DETREND_PX, mode="nearest")
    residual = values - means[None]
    residual = residual - np.nanmean(residual, axis=1, keepdims=True)
    n_pixels, n = values.shape
    pixel = math.sqrt(float(np.nansum(residual**2)) / max(int(counts.sum()) - n - n_pixels, 1))
    # a running median of white noise keeps about pi/2/width of its variance, and is correlated
    # with its own middle by about 1/width: the spread falls by 1 - 2/width + pi/(2 width)
    kept = 1.0 - (2.0 - math.pi / 2.0) / _DETREND_PX
    total = float(fast.var(ddof=1)) / kept
    from_pixels = float((pixel**2 / counts).mean())
    excess = total - from_pixels
    u_excess = total * math.sqrt(2.0 / (n - 1))
    sigma = math.sqrt(max(excess, 0.0))
    u_sigma = u_excess / (2.0 * sigma) if sigma**2 > u_excess else math.sqrt(u_excess)
    level = float(np.nanmean(values))
    return LineNoise(
        axis=axis,
        sigma=sigma,
        u_sigma=u_sigma,
        relative=sigma / abs(level) if level else math.nan,
        pixel_noise=pixel,
        ratio=sigma / pixel if pixel else math.inf,
        means=fast,
        n_lines=n,
        n_pixels=n_pixels,
    )


def striping(image: NDArray[Any], axis: Literal["row", "col"] = "col") -> Striping:
    """Streaking metric of the means m of neighbouring lines, ``|m - n| / n``, n = (m₋ + m₊) / 2.

    Parameters
    ----------
    image : ndarray, shape (rows, cols)
        Even scene, of positive mean; NaN where missing.
    axis : {"row", "col"}
        Compare columns ("col") or rows.

    Raises
    ------
    ImageError
        As :func:`line_noise`, or a mean that is not positive: the metric divides by it.
    """
    values = _lines(image, axis)
    means = np.nanmean(values, axis=0)
    neighbours = (means[:-2] + means[2:]) / 2.0
    if not (neighbours > 0).all():
        raise ImageError(
            f"lowest mean of neighbouring lines is {neighbours.min():.4g}; the rule is above 0.",
            remedy="Take an image of light: for darkness use line_noise.",
        )
    step = (means[1:-1] - neighbours) / neighbours
    noise = line_noise(image, axis)
    u_metric = noise.pixel_noise * math.sqrt(1.5 / noise.n_pixels) / float(neighbours.mean())
    square = float((step**2).mean())
    excess = square - u_metric**2
    # neighbouring steps share two means: their squares are correlated by (2/3)² and (1/6)²
    effective = step.size / (1.0 + 2.0 * ((2.0 / 3.0) ** 2 + (1.0 / 6.0) ** 2))
    u_excess = square * math.sqrt(2.0 / effective)
    index = math.sqrt(max(excess, 0.0))
    metric = np.abs(step)
    return Striping(
        axis=axis,
        metric=metric,
        worst=float(metric.max()),
        worst_line=int(metric.argmax()) + 1,
        index=index,
        u_index=u_excess / (2.0 * index) if index**2 > u_excess else math.sqrt(u_excess),
        u_metric=u_metric,
        n_lines=metric.size,
    )


def _lines(image: NDArray[Any], axis: str) -> FloatArray:
    """Image with the lines to compare as columns."""
    values = np.asarray(image, dtype=np.float64)
    if axis not in ("row", "col"):
        raise InputError(f'axis is {axis!r}; the rule is "row" or "col".')
    if values.ndim != 2 or min(values.shape) < MIN_LINES:
        raise ImageError(
            f"image has shape {values.shape}; the rule is at least {MIN_LINES} rows and columns."
        )
    values = np.where(np.isfinite(values), values, np.nan)
    if axis == "row":
        values = values.T
    empty = np.isnan(values).all(axis=0) | (np.isnan(values).sum(axis=0) > 0.5 * len(values))
    if empty.any() or np.isnan(values).all(axis=1).any():
        raise ImageError(
            f"{int(empty.sum())} lines have finite values in less than half of their pixels; the "
            "rule is none.",
            remedy="Cut the image to where it has data.",
        )
    return values
