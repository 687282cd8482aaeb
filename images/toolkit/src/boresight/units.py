"""Which numbers are digital numbers and which are radiances: checked where they enter.

Bare arrays tell by their kind (a detector counts in unsigned integers, radiance is a float) and
by size; an :class:`xarray.DataArray` tells by ``attrs["units"]``, which has to be right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from boresight.errors import NotFiniteError, UnitsError

#: digital numbers
DN = "DN"
#: spectral radiance
RADIANCE = "W m-2 sr-1 um-1"

#: A white Lambertian surface in full sun has at most about 690 W m-2 sr-1 um-1 (the solar spectrum
#: peaks near 2 170 W m-2 um-1 at 1 au, less than 3.5 % more at perihelion; over pi), so that only
#: glint or something that is no radiance lies above.
MAX_MEDIAN_RADIANCE = 1000.0


def counts(values: object, name: str, *, ndim: int | None = None) -> NDArray[Any]:
    """Check that an array holds digital numbers.

    Parameters
    ----------
    values : ndarray of unsigned or signed integers, or xarray.DataArray with units ``DN``
        A DataArray may hold floats (means of frames).
    name : str
        What the array is called in messages.
    ndim : int, optional
        Number of dimensions it must have.

    Returns
    -------
    ndarray
        The same values, not copied.

    Raises
    ------
    UnitsError
        Radiance, or floats that do not say that they are DN.
    """
    array = _stated(values, name, DN, remedy="Give raw digital numbers (level 0).")
    if array is None:
        array = np.asarray(values)
        if array.dtype.kind not in "ui":
            raise UnitsError(
                f"{name} is of type {array.dtype}; the rule is whole digital numbers (DN).",
                remedy="Give level 0, or a DataArray with attrs['units'] = 'DN' if it is DN.",
            )
    _check_ndim(array, name, ndim)
    return array


def radiances(values: object, name: str, *, ndim: int | None = None) -> NDArray[np.float64]:
    """Check that an array holds spectral radiances.

    Parameters
    ----------
    values : ndarray of float, or xarray.DataArray with units ``W m-2 sr-1 um-1``
        NaN is not allowed.
    name : str
        What the array is called in messages.
    ndim : int, optional
        Number of dimensions it must have.

    Raises
    ------
    UnitsError
        Digital numbers, or values no sunlit scene has.
    NotFiniteError
        NaN or infinity.
    """
    remedy = "Convert digital numbers with boresight.radiometry.level1 first."
    array = _stated(values, name, RADIANCE, remedy=remedy)
    if array is None:
        array = np.asarray(values)
        if array.dtype.kind != "f":
            raise UnitsError(
                f"{name} is of type {array.dtype}, as digital numbers are; the rule is radiance in "
                f"{RADIANCE}.",
                remedy=remedy,
            )
    _check_ndim(array, name, ndim)
    finite(array, name)
    median = float(np.median(array)) if array.size else 0.0
    if median > MAX_MEDIAN_RADIANCE or (array.size and float(array.min()) < 0):
        raise UnitsError(
            f"{name} has median {median:.6g} and minimum {float(array.min()):.6g} {RADIANCE}; the "
            f"rule is 0 to {MAX_MEDIAN_RADIANCE:g}, which sunlight cannot exceed.",
            remedy="They look like digital numbers: convert them with boresight.radiometry.level1.",
        )
    return array.astype(np.float64)


def finite(array: NDArray[Any], name: str) -> None:
    """Refuse NaN and infinity.

    Raises
    ------
    NotFiniteError
        With the number of such values.
    """
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise NotFiniteError(
            f"{name} has {bad} of {array.size} values that are NaN or infinite; the rule is none.",
            remedy="Mask them with the bad-pixel map, or leave the frame out.",
        )


def _stated(values: object, name: str, unit: str, *, remedy: str) -> NDArray[Any] | None:
    """Values of a DataArray, whose units have to be ``unit``; None of an array that states none."""
    if not isinstance(values, xr.DataArray):
        return None
    units = values.attrs.get("units")
    if units != unit:
        raise UnitsError(f"{name} has units {units!r}; the rule is {unit!r}.", remedy=remedy)
    return np.asarray(values.data)


def _check_ndim(array: NDArray[Any], name: str, ndim: int | None) -> None:
    if ndim is not None and array.ndim != ndim:
        raise UnitsError(
            f"{name} has {array.ndim} dimensions (shape {array.shape}); the rule is {ndim}.",
            remedy="Frames are (frame, row, col), one frame is (row, col).",
        )
