"""Share of missing values in a moving window, in place of CARS' call of Python for each pixel.

CARS 1.3.0 has scipy call a function once a pixel to count NaN: a twelfth of the time of a run. Sums
of whole numbers give the same values, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage


def install() -> None:
    """Have CARS, in this process, count missing values by sums."""
    module: Any = import_module("cars.applications.dense_matching.dense_matching_wrappers")
    counted = module.nan_ratio_func

    def generic_filter(
        values: ArrayLike, function: Callable[..., float], size: int, **other: Any
    ) -> NDArray[Any]:
        if function is counted and not other:
            return missing_share(values, size)
        filtered: NDArray[Any] = ndimage.generic_filter(values, function, size=size, **other)
        return filtered

    module.generic_filter = generic_filter


def missing_share(values: ArrayLike, size: int) -> NDArray[Any]:
    """Share of NaN in the window around each pixel; the border is reflected.

    Parameters
    ----------
    values : array_like of float, shape (rows, cols)
    size : int
        Side of the window [px].

    Returns
    -------
    ndarray, shape (rows, cols)
        Share [1], of the type of ``values``.
    """
    array = np.asarray(values)
    count = np.isnan(array).astype(np.int64)
    for axis in (0, 1):
        count = ndimage.correlate1d(count, np.ones(size, np.int64), axis=axis, mode="reflect")
    share: NDArray[Any] = (count / size**2).astype(array.dtype)
    return share
