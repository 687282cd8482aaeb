"""Co-registration of a surface model with a reference, and error against slope.

References
----------
Nuth and Kääb 2011, The Cryosphere 5:271, doi:10.5194/tc-5-271-2011; the implementation is xdem's.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boresight.dsm.accuracy import nmad
from boresight.dsm.grids import resample
from boresight.dsm.shading import slope_deg
from boresight.dsm.uncertainty import shift_uncertainty
from boresight.errors import InputError, NonConvergenceError

FloatArray = NDArray[np.floating[Any]]

#: pixels known in both below which a shift means nothing
MIN_PIXELS = 1000

_MIN_CLASS = 50

#: rounds in which a class' errors are brought to one slope: the second moves a result by 1e-3
_ROUNDS = 3


@dataclass(frozen=True)
class Shift:
    """Shift of a surface model against a reference.

    Parameters
    ----------
    east_m, north_m, up_m : float
        To be added to the model's coordinates to bring it onto the reference [m].
    aligned : ndarray
        The model moved, on the reference's grid [m].
    nmad_before_m, nmad_after_m : float
        Spread of the difference [m].
    n : int
        Pixels known in both.
    u_east_m, u_north_m, u_up_m : float
        Standard uncertainties from how blocks of the model differ; NaN where it is too small or
        too incomplete for that [m].
    """

    east_m: float
    north_m: float
    up_m: float
    aligned: FloatArray
    nmad_before_m: float
    nmad_after_m: float
    n: int
    u_east_m: float = math.nan
    u_north_m: float = math.nan
    u_up_m: float = math.nan


@dataclass(frozen=True)
class SlopeError:
    """Spread of the error as the slope grows: σ² = vertical² + (horizontal · tan slope)².

    Parameters
    ----------
    vertical_m, u_vertical_m : float
        On level ground [m].
    horizontal_m, u_horizontal_m : float
        What an error of position along the slope would explain [m].
    tan_slope, nmad_m, n : ndarray
        Root mean square slope [1], spread brought to that slope [m] and pixels of each class.
    """

    vertical_m: float
    u_vertical_m: float
    horizontal_m: float
    u_horizontal_m: float
    tan_slope: FloatArray
    nmad_m: FloatArray
    n: NDArray[np.int64]


def coregister(
    dsm: FloatArray,
    reference: FloatArray,
    transform: tuple[float, float, float, float, float, float],
    epsg: int,
) -> Shift:
    """Shift by Nuth and Kääb's method.

    Parameters
    ----------
    dsm, reference : ndarray, same shape
        Heights above one datum on one metric grid, north up [m]; NaN where unknown.
    transform : tuple of 6 float
        Affine coefficients of columns and rows to the map [m].
    epsg : int
        Metric coordinate system.

    Raises
    ------
    InputError
        Shapes differ, or fewer than 1000 pixels are known in both.
    NonConvergenceError
        The method found no shift: level ground shows none.
    """
    if dsm.shape != reference.shape:
        raise InputError(
            f"shapes {dsm.shape} and {reference.shape} differ; the rule is one grid.",
            remedy="Bring the model to the reference's grid with boresight.dsm.resample.",
        )
    both = np.isfinite(dsm) & np.isfinite(reference)
    if both.sum() < MIN_PIXELS:
        raise InputError(
            f"{int(both.sum())} pixels are known in both; the rule is at least {MIN_PIXELS}.",
            remedy="Check that both cover the same place.",
        )
    # slow to load, and needed here only
    import xdem
    from affine import Affine
    from pyproj import CRS

    method = xdem.coreg.NuthKaab()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            method.fit(
                reference_elev=reference.astype(np.float32),
                to_be_aligned_elev=dsm.astype(np.float32),
                inlier_mask=both,
                transform=Affine(*transform),
                crs=CRS.from_epsg(epsg),
                random_state=0,
            )
        except (ValueError, RuntimeError) as exc:
            raise NonConvergenceError(
                f"no shift was found ({exc}).", remedy="Use ground with slopes of all directions."
            ) from exc
    found = method.meta["outputs"]["affine"]
    east, north, up = (float(found[name]) for name in ("shift_x", "shift_y", "shift_z"))
    a, b, c, d, e, f = transform
    aligned = resample(dsm + up, (a, b, c + east, d, e, f + north), transform, dsm.shape)
    try:
        uncertainty = shift_uncertainty(aligned - reference, reference, abs(a))
    except InputError:
        # too little is known in both to see how parts of it differ
        uncertainty = (math.nan,) * 3
    return Shift(
        east_m=east,
        north_m=north,
        up_m=up,
        aligned=aligned,
        nmad_before_m=nmad(dsm - reference),
        nmad_after_m=nmad(aligned - reference),
        n=int(both.sum()),
        u_east_m=uncertainty[0],
        u_north_m=uncertainty[1],
        u_up_m=uncertainty[2],
    )


def slope_error(
    dsm: FloatArray, reference: FloatArray, resolution_m: float, *, classes: int = 12
) -> SlopeError:
    """Error against slope of the reference.

    Parameters
    ----------
    dsm, reference : ndarray, same shape
        On one grid [m]; NaN where unknown.
    resolution_m : float
        Side of a pixel [m].
    classes : int
        Classes of equal numbers of pixels, at least 3.

    Raises
    ------
    InputError
        Shapes differ, or fewer than 50 pixels a class.
    """
    if dsm.shape != reference.shape or classes < 3:
        raise InputError(
            f"shapes {dsm.shape} and {reference.shape}, {classes} classes; the rule is one grid and"
            " at least 3 classes."
        )
    tangent = np.tan(np.radians(slope_deg(reference, resolution_m)))
    error = np.asarray(dsm, dtype=np.float64) - reference
    known = np.isfinite(tangent) & np.isfinite(error)
    if known.sum() < classes * _MIN_CLASS:
        raise InputError(
            f"{int(known.sum())} known pixels for {classes} classes; the rule is at least "
            f"{_MIN_CLASS} each.",
            remedy="Use fewer classes or a larger model.",
        )
    tangent, error = tangent[known], error[known]
    order = np.argsort(tangent, kind="stable")
    parts = np.array_split(order, classes)
    square = np.array([float((tangent[part] ** 2).mean()) for part in parts])
    count = np.array([part.size for part in parts])
    spread = np.array([nmad(error[part]) for part in parts])
    fit, normal = _slope_law(square, spread, count)
    for _ in range(_ROUNDS):
        # where slopes of a class differ its NMAD is below the root of its mean variance
        law = np.maximum(fit[0], 0.0) + np.maximum(fit[1], 0.0) * tangent**2 + 1e-12
        alike = [
            (error[part] - np.median(error[part])) * np.sqrt(law[part].mean() / law[part])
            for part in parts
        ]
        spread = np.array([nmad(values) for values in alike])
        fit, normal = _slope_law(square, spread, count)
    vertical, horizontal = (math.sqrt(max(v, 0.0)) for v in fit)
    return SlopeError(
        vertical_m=vertical,
        u_vertical_m=math.sqrt(normal[0, 0]) / (2.0 * max(vertical, 1e-6)),
        horizontal_m=horizontal,
        u_horizontal_m=math.sqrt(normal[1, 1]) / (2.0 * max(horizontal, 1e-6)),
        tan_slope=np.sqrt(square),
        nmad_m=spread,
        n=count,
    )


def _slope_law(
    square: NDArray[np.float64], spread: NDArray[np.float64], count: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variance on level ground and by the square of the slope, and their covariance."""
    classes = square.size
    # a NMAD's relative uncertainty is 1.17 / √(2 n) · √2 for independent errors (efficiency 37 %)
    u_square = 2.0 * spread**2 * np.sqrt(1.36 / count) + 1e-30
    design = np.stack([np.ones(classes), square], axis=1) / u_square[:, None]
    normal: NDArray[np.float64] = np.asarray(np.linalg.inv(design.T @ design), np.float64)
    fit: NDArray[np.float64] = normal @ (design.T @ (spread**2 / u_square))
    misfit = design @ fit - spread**2 / u_square
    normal *= max(float(misfit @ misfit) / (classes - 2), 1.0)
    return fit, normal
