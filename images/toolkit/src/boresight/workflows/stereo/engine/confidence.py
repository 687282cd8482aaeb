"""Ambiguity and risk of a cost volume, in place of pandora 1.9.0's.

pandora's ``min_max_cost`` returns a reference into an array that is freed when it returns; what
reads it next sees freed memory: a crash where the allocator has given it back (Dask's nanny sets
``MALLOC_TRIM_THRESHOLD_`` so), silently wrong values where it was used again. The two functions
that call it are replaced by the same definitions over arrays that live. Where pandora reads
memory that is still intact, the values are equal bit for bit; the tests hold both to a reference
in numpy.

Definitions (costs are to be minimised; *n* is a cost normalised by the volume's extremes):

* ambiguity of a pixel: number of (η, d) with ``n(d) ≤ min n + η``; a missing cost counts as found
  inside the pixel's disparity range, as not found outside;
* risk: mean over η of the distance between the first and the last such d (``max``), and what of
  it ambiguity does not explain (``min``); with the mean first and last disparities.

References
----------
Sarrazin et al. 2021, "Ambiguity concept in stereo matching pipeline", ISPRS Archives XLIII-B2,
383-390. DOI 10.5194/isprs-archives-XLIII-B2-2021-383-2021.
"""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


def install() -> None:
    """Have pandora, in this process, use the functions of this module."""
    modules: list[Any] = [
        import_module(f"pandora.cost_volume_confidence.{name}") for name in ("ambiguity", "risk")
    ]
    compiled = modules[0].cost_volume_confidence_cpp
    if isinstance(compiled, SimpleNamespace):
        return
    mended = SimpleNamespace(
        compute_ambiguity_and_sampled_ambiguity=compute_ambiguity_and_sampled_ambiguity,
        compute_risk_and_sampled_risk=compute_risk_and_sampled_risk,
        compute_interval_bounds=compiled.compute_interval_bounds,
    )
    for module in modules:
        module.cost_volume_confidence_cpp = mended


def compute_ambiguity_and_sampled_ambiguity(
    cost_volume: Float32,
    etas: NDArray[Any],
    n_etas: int,
    grids: NDArray[Any],
    disparities: Float32,
    sample_ambiguity: bool,
) -> list[Float32]:
    """Ambiguity, in pandora's calling convention.

    Parameters
    ----------
    cost_volume : ndarray, shape (rows, cols, disparities)
        Costs to be minimised; NaN where there is none.
    etas : ndarray, shape (n_etas,)
        Ascending from 0.
    n_etas : int
    grids : ndarray of int, shape (2, rows, cols)
        Lowest and highest disparity of each pixel [px].
    disparities : ndarray, shape (disparities,)
        [px]
    sample_ambiguity : bool
        Whether to return the count of each η too.

    Returns
    -------
    list of ndarray
        Sum over η, shape (rows, cols); then, if asked for, shape (rows, cols, n_etas).
    """
    total, samples = _ambiguity(
        np.asarray(cost_volume, dtype=np.float32),
        np.asarray(etas, dtype=np.float32)[:n_etas],
        np.asarray(grids, dtype=np.int32),
        np.asarray(disparities, dtype=np.float32),
        sample_ambiguity,
    )
    return [total, samples] if sample_ambiguity else [total]


def compute_risk_and_sampled_risk(
    cost_volume: Float32,
    sampled_ambiguity: Float32,
    etas: NDArray[Any],
    n_etas: int,
    grids: NDArray[Any],
    disparities: Float32,
    sample_risk: bool,
) -> list[Float32]:
    """Risk, in pandora's calling convention (see the module for definitions).

    Returns
    -------
    list of ndarray
        Highest risk, lowest risk, mean last disparity, mean first disparity [px], each of shape
        (rows, cols), NaN where a pixel has no cost; then, if asked for, highest and lowest risk
        of each η, shape (rows, cols, n_etas).
    """
    layers, samples = _risk(
        np.asarray(cost_volume, dtype=np.float32),
        np.asarray(sampled_ambiguity, dtype=np.float32),
        np.asarray(etas, dtype=np.float64)[:n_etas],
        np.asarray(grids, dtype=np.int32),
        np.asarray(disparities, dtype=np.float32),
        sample_risk,
    )
    result = [layers[i] for i in range(4)]
    return [*result, samples[0], samples[1]] if sample_risk else result


@njit(cache=True, nogil=True, error_model="numpy")
def _extremes(cost_volume: Float32) -> tuple[np.float32, np.float32, Float32]:
    rows, cols, n_disparities = cost_volume.shape
    lowest = np.empty((rows, cols), np.float32)
    minimum = np.float32(np.inf)
    maximum = np.float32(-np.inf)
    for row in range(rows):
        for col in range(cols):
            low = np.float32(np.inf)
            high = np.float32(-np.inf)
            for d in range(n_disparities):
                cost = cost_volume[row, col, d]
                # comparisons with NaN are false: missing costs are passed over
                if cost < low:
                    low = cost
                if cost > high:
                    high = cost
            if high == np.float32(-np.inf):
                lowest[row, col] = np.nan
                continue
            lowest[row, col] = low
            minimum = min(minimum, low)
            maximum = max(maximum, high)
    return minimum, np.float32(maximum - minimum), lowest


@njit(cache=True, nogil=True, error_model="numpy")
def _position(disparities: Float32, value: np.float32) -> int:
    """Index of the first disparity not below ``value``; the last one if there is none."""
    left, right = 0, disparities.size - 1
    while left < right:
        middle = left + (right - left) // 2
        if disparities[middle] < value:
            left = middle + 1
        else:
            right = middle
    return left


@njit(cache=True, nogil=True, error_model="numpy")
def _normalise(
    costs: Float32,
    minimum: np.float32,
    spread: np.float32,
    first: int,
    last: int,
    normalised: Float32,
) -> None:
    """Normalise the costs of one pixel; missing ones are found inside the range, else not."""
    for d in range(costs.size):
        cost = costs[d]
        if np.isnan(cost):
            normalised[d] = np.float32(-np.inf) if first <= d <= last else np.float32(np.inf)
        else:
            normalised[d] = (cost - minimum) / spread


@njit(cache=True, nogil=True, error_model="numpy")
def _ambiguity(
    cost_volume: Float32,
    etas: Float32,
    grids: NDArray[np.int32],
    disparities: Float32,
    with_samples: bool,
) -> tuple[Float32, Float32]:
    rows, cols, n_disparities = cost_volume.shape
    n_etas = etas.size
    minimum, spread, lowest = _extremes(cost_volume)
    total = np.empty((rows, cols), np.float32)
    samples = np.empty((rows, cols, n_etas) if with_samples else (0, 0, 0), np.float32)
    normalised = np.empty(n_disparities, np.float32)
    for row in range(rows):
        for col in range(cols):
            extremum = np.float32((lowest[row, col] - minimum) / spread)
            if np.isnan(extremum):
                total[row, col] = n_etas * n_disparities
                if with_samples:
                    samples[row, col, :] = n_disparities
                continue
            first = _position(disparities, np.float32(grids[0, row, col]))
            last = _position(disparities, np.float32(grids[1, row, col]))
            _normalise(cost_volume[row, col], minimum, spread, first, last, normalised)
            count = 0
            for e in range(n_etas):
                threshold = np.float32(extremum + etas[e])
                found = 0
                for d in range(n_disparities):
                    found += normalised[d] <= threshold
                count += found
                if with_samples:
                    samples[row, col, e] = found
            total[row, col] = count
    return total, samples


@njit(cache=True, nogil=True, error_model="numpy")
def _risk(
    cost_volume: Float32,
    ambiguity: Float32,
    etas: NDArray[np.float64],
    grids: NDArray[np.int32],
    disparities: Float32,
    with_samples: bool,
) -> tuple[Float32, Float32]:
    rows, cols, n_disparities = cost_volume.shape
    n_etas = etas.size
    divisor = np.float32(n_etas)
    minimum, spread, lowest = _extremes(cost_volume)
    layers = np.empty((4, rows, cols), np.float32)
    samples = np.empty((2, rows, cols, n_etas) if with_samples else (2, 0, 0, 0), np.float32)
    normalised = np.empty(n_disparities, np.float32)
    for row in range(rows):
        for col in range(cols):
            extremum = np.float32((lowest[row, col] - minimum) / spread)
            if np.isnan(extremum):
                layers[:, row, col] = np.nan
                if with_samples:
                    samples[:, row, col, :] = np.nan
                continue
            first = _position(disparities, np.float32(grids[0, row, col]))
            last = _position(disparities, np.float32(grids[1, row, col]))
            _normalise(cost_volume[row, col], minimum, spread, first, last, normalised)
            sum_high = np.float32(0)
            sum_low = np.float32(0)
            sum_last = np.float32(0)
            sum_first = np.float32(0)
            begin, end = n_disparities, -1
            for e in range(n_etas):
                # this comparison is in double precision, as pandora's is
                threshold = np.float64(extremum) + etas[e]
                # η ascends: what one η has found, the next finds too
                for d in range(begin):
                    if normalised[d] <= threshold:
                        begin = d
                        break
                for d in range(n_disparities - 1, end, -1):
                    if normalised[d] <= threshold:
                        end = d
                        break
                high = np.float32(end - begin)
                low = np.float32(np.float32(1) + high - ambiguity[row, col, e])
                sum_last += np.float32(disparities[end])
                sum_first += np.float32(disparities[begin])
                sum_low += low
                sum_high += high
                if with_samples:
                    samples[0, row, col, e] = high
                    samples[1, row, col, e] = low
            layers[0, row, col] = sum_high / divisor
            layers[1, row, col] = sum_low / divisor
            layers[2, row, col] = sum_last / divisor
            layers[3, row, col] = sum_first / divisor
    return layers, samples
