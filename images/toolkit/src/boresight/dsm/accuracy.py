"""Statistics of a surface model, and how it compares with a reference."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boresight.conventions import NMAD_SCALE
from boresight.dsm.shading import slope_deg
from boresight.errors import InputError

FloatArray = NDArray[np.floating[Any]]

#: bounds of the slope classes of :func:`compare` [deg]
SLOPE_CLASSES_DEG = (0.0, 5.0, 15.0, 30.0, 45.0, 90.0)

_PERCENTILES = (1, 5, 25, 50, 75, 95, 99)

#: how le90_m is estimated, wherever it is printed
LE90_ESTIMATOR = "empirical 90th percentile of |error|, bias included"


@dataclass(frozen=True)
class Statistics:
    """What a surface model holds.

    Parameters
    ----------
    n, n_valid : int
        Pixels, and those with a height.
    minimum, maximum, mean, median, std : float
        [m]; NaN without a valid pixel.
    percentiles : dict of int to float
        [m].
    """

    n: int
    n_valid: int
    minimum: float
    maximum: float
    mean: float
    median: float
    std: float
    percentiles: dict[int, float]

    @property
    def valid_share(self) -> float:
        """Share of pixels with a height [1]."""
        return self.n_valid / self.n if self.n else 0.0

    def as_dict(self) -> dict[str, Any]:
        """All values, and the share, as JSON takes them."""
        values = asdict(self) | {"valid_share": self.valid_share}
        values["percentiles"] = {str(key): value for key, value in self.percentiles.items()}
        return values


@dataclass(frozen=True)
class ErrorSummary:
    """Distribution of height errors (model less reference).

    Parameters
    ----------
    n : int
        Pixels compared.
    bias_mean_m, median_m : float
        Mean and median error [m].
    nmad_m : float
        1.4826 times the median of the distances from the median [m].
    rmse_m : float
        Root mean square, bias included [m].
    le90_m : float
        Empirical 90th percentile of the absolute error, bias included [m].
    le90_centred_m : float
        The same, of distances from the median [m].
    median_abs_m : float
        Median of the absolute error [m].
    """

    n: int
    bias_mean_m: float
    median_m: float
    nmad_m: float
    rmse_m: float
    le90_m: float
    le90_centred_m: float
    median_abs_m: float


@dataclass(frozen=True)
class Comparison(ErrorSummary):
    """A surface model against a reference.

    Parameters
    ----------
    completeness : float
        Share of the reference's valid pixels for which the model has a height [1].
    n_reference : int
        Valid pixels of the reference.
    percentiles : dict of int to float
        Of the error [m].
    by_slope : dict of str to ErrorSummary
        By slope of the reference, where the resolution was given.
    le90_estimator : str
        How ``le90_m`` is estimated.
    """

    completeness: float = 0.0
    n_reference: int = 0
    percentiles: dict[int, float] | None = None
    by_slope: dict[str, ErrorSummary] | None = None
    le90_estimator: str = LE90_ESTIMATOR

    def as_dict(self) -> dict[str, Any]:
        """All values as JSON takes them."""
        values = asdict(self)
        values["percentiles"] = {str(k): v for k, v in (self.percentiles or {}).items()}
        return values

    def __str__(self) -> str:
        return (
            f"N {self.n}, completeness {100 * self.completeness:.1f} %, bias "
            f"{self.bias_mean_m:+.3f} m, median {self.median_m:+.3f} m, NMAD {self.nmad_m:.3f} m, "
            f"LE90 {self.le90_m:.3f} m ({self.le90_estimator})"
        )


def statistics(dsm: FloatArray) -> Statistics:
    """Statistics of the valid pixels.

    Parameters
    ----------
    dsm : ndarray
        Heights [m]; NaN where unknown.
    """
    valid = dsm[np.isfinite(dsm)].astype(np.float64)
    if valid.size == 0:
        nan = float("nan")
        return Statistics(dsm.size, 0, nan, nan, nan, nan, nan, dict.fromkeys(_PERCENTILES, nan))
    values = np.percentile(valid, _PERCENTILES)
    return Statistics(
        n=dsm.size,
        n_valid=valid.size,
        minimum=float(valid.min()),
        maximum=float(valid.max()),
        mean=float(valid.mean()),
        median=float(np.median(valid)),
        std=float(valid.std()),
        percentiles=dict(zip(_PERCENTILES, values.tolist(), strict=True)),
    )


def compare(
    dsm: FloatArray, reference: FloatArray, *, resolution_m: float | None = None
) -> Comparison:
    """Compare a surface model with a reference on the same grid.

    Parameters
    ----------
    dsm, reference : ndarray, same shape
        Heights above the same datum [m]; NaN where unknown.
    resolution_m : float, optional
        Side of a pixel [m]; when given, errors are also summarised by slope of the reference.

    Raises
    ------
    InputError
        Shapes differ, or no pixel is valid in both.
    """
    if dsm.shape != reference.shape:
        raise InputError(
            f"shapes {dsm.shape} and {reference.shape} differ; the rule is one grid.",
            remedy="Bring the model to the reference's grid with boresight.dsm.resample.",
        )
    known = np.isfinite(reference)
    both = known & np.isfinite(dsm)
    n_reference = int(known.sum())
    if not both.any():
        raise InputError(
            f"no pixel is valid in both: {int(np.isfinite(dsm).sum())} in the model, {n_reference} "
            "in the reference; the rule is at least one.",
            remedy="Check that both cover the same place.",
        )
    error = dsm.astype(np.float64) - reference
    by_slope = None
    if resolution_m is not None:
        slope = slope_deg(reference, resolution_m)
        by_slope = {}
        for low, high in itertools.pairwise(SLOPE_CLASSES_DEG):
            chosen = both & (slope >= low) & (slope < high)
            if chosen.any():
                by_slope[f"{low:g}-{high:g}"] = _summary(error[chosen])
    values = np.percentile(error[both], _PERCENTILES)
    return Comparison(
        **asdict(_summary(error[both])),
        completeness=int(both.sum()) / n_reference,
        n_reference=n_reference,
        percentiles=dict(zip(_PERCENTILES, values.tolist(), strict=True)),
        by_slope=by_slope,
    )


def nmad(values: FloatArray) -> float:
    """1.4826 times the median distance from the median, of finite values; NaN without one."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return float("nan")
    return float(NMAD_SCALE * np.median(np.abs(finite - np.median(finite))))


def _summary(error: NDArray[np.float64]) -> ErrorSummary:
    median = float(np.median(error))
    return ErrorSummary(
        n=error.size,
        bias_mean_m=float(error.mean()),
        median_m=median,
        nmad_m=nmad(error),
        rmse_m=float(np.sqrt((error**2).mean())),
        le90_m=float(np.percentile(np.abs(error), 90)),
        le90_centred_m=float(np.percentile(np.abs(error - median), 90)),
        median_abs_m=float(np.median(np.abs(error))),
    )
