"""Location performance: CE90 and LE90 with estimator, number and uncertainty.

References
----------
NGA.SIG.0026.02 (accuracy and predicted accuracy, specification of CE and LE): normal estimators
CE90 = 2.146 σ for a circular, LE90 = 1.645 σ for a linear error. Empirical: order statistics,
with the interval of their binomial ranks (David and Nagaraja, Order Statistics, section 7.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from boresight.errors import PointsError

FloatArray = NDArray[np.float64]

CE90_PER_SIGMA = 2.146
LE90_PER_SIGMA = 1.645

MIN_POINTS = 3

#: points from which a 90th percentile is read off rather than derived from the spread
MIN_EMPIRICAL = 30


@dataclass(frozen=True)
class Accuracy:
    """A 90 % error.

    Parameters
    ----------
    value_m, u_value_m : float
        Radius (CE90) or half-width (LE90) that holds 90 % of the errors, and its standard
        uncertainty from the number of points [m].
    low_m, high_m : float
        95 % interval [m].
    estimator : str
        How it was estimated, and whether with bias.
    n : int
        Points.
    bias_m : tuple of float
        Mean error by axis [m].
    u_bias_m : tuple of float
        Its standard uncertainty [m].
    """

    value_m: float
    u_value_m: float
    low_m: float
    high_m: float
    estimator: str
    n: int
    bias_m: tuple[float, ...]
    u_bias_m: tuple[float, ...]


def ce90(east_m: ArrayLike, north_m: ArrayLike, *, estimator: str | None = None) -> Accuracy:
    """Circular error that 90 % of horizontal errors do not exceed.

    Parameters
    ----------
    east_m, north_m : array_like, shape (n,)
        Errors, measured less true [m].
    estimator : {"empirical", "normal"}, optional
        Default: empirical from 30 points on. Both keep the bias: the normal one takes the root
        mean square for σ, which supposes a circular spread about 0.

    Raises
    ------
    PointsError
        Fewer than three points, or errors that are not finite.
    """
    errors = _checked(east_m, north_m)
    kind = _kind(estimator, errors.shape[1])
    radius = np.hypot(errors[0], errors[1])
    if kind == "empirical":
        return _empirical(radius, errors)
    sigma = float(np.sqrt((errors**2).mean()))
    return _normal(sigma, CE90_PER_SIGMA, 2 * errors.shape[1], errors)


def le90(error_m: ArrayLike, *, estimator: str | None = None) -> Accuracy:
    """Linear error that 90 % of vertical errors do not exceed; as :func:`ce90`."""
    errors = _checked(error_m)
    kind = _kind(estimator, errors.shape[1])
    if kind == "empirical":
        return _empirical(np.abs(errors[0]), errors)
    sigma = float(np.sqrt((errors**2).mean()))
    return _normal(sigma, LE90_PER_SIGMA, errors.shape[1], errors)


def _checked(*components: ArrayLike) -> FloatArray:
    errors = np.stack([np.asarray(c, dtype=np.float64).ravel() for c in components])
    if errors.shape[1] < MIN_POINTS or not np.isfinite(errors).all():
        raise PointsError(
            f"{errors.shape[1]} errors, {int(np.isfinite(errors).all(axis=0).sum())} of them "
            f"finite; the rule is at least {MIN_POINTS}, all finite.",
            remedy="Measure more points; leave out those not found.",
        )
    return errors


def _kind(estimator: str | None, n: int) -> str:
    if estimator is None:
        return "empirical" if n >= MIN_EMPIRICAL else "normal"
    if estimator not in ("empirical", "normal"):
        raise PointsError(f'estimator is {estimator!r}; the rule is "empirical" or "normal".')
    return estimator


def _bias(errors: FloatArray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    n = errors.shape[1]
    return tuple(errors.mean(axis=1)), tuple(errors.std(axis=1, ddof=1) / np.sqrt(n))


def _normal(sigma: float, factor: float, freedom: int, errors: FloatArray) -> Accuracy:
    value = factor * sigma
    low, high = np.sqrt(freedom / stats.chi2.ppf([0.975, 0.025], freedom))
    bias, u_bias = _bias(errors)
    return Accuracy(
        value,
        value / np.sqrt(2.0 * freedom),
        float(value * low),
        float(value * high),
        f"{factor} sigma, sigma = root mean square by axis, bias included",
        errors.shape[1],
        bias,
        u_bias,
    )


def _empirical(sizes: FloatArray, errors: FloatArray) -> Accuracy:
    ordered = np.sort(sizes)
    n = ordered.size
    value = float(np.quantile(ordered, 0.9))
    ranks = stats.binom.ppf([0.025, 0.975, 0.1587, 0.8413], n, 0.9).astype(int)
    at = ordered[np.clip(ranks - np.array([1, 0, 1, 0]), 0, n - 1)]
    bias, u_bias = _bias(errors)
    return Accuracy(
        value,
        float(at[3] - at[2]) / 2.0,
        float(at[0]),
        float(at[1]),
        "empirical 90th percentile, bias included",
        n,
        bias,
        u_bias,
    )
