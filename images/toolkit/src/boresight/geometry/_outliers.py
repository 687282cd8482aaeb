"""Gross errors among measurements: found in two steps, and left out one point at a time.

Weights of a Cauchy distribution give a first answer that gross errors do not govern; then
measurements are left out, or taken in again, by the test of their residual against its own
standard deviation.

References
----------
Baarda 1968, Publications on Geodesy 2(5) (test of a measurement by its residual's standard
deviation).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from boresight.errors import PointsError
from boresight.geometry._normal_equations import Problem, Solution

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_ROBUST_STEPS = 12
_MAX_TESTS = 40

#: where Cauchy's weights reach a half, in standard deviations (95 % efficiency)
_CAUCHY = 2.385

#: a right measurement fails the test of its residual this often
_REJECT_LEVEL = 1e-3

#: share of measurements that may be outliers, and misfit of the others over what is stated, beyond
#: which there is no telling right from wrong
MAX_OUTLIER_SHARE = 0.45
MAX_MISFIT = 10.0


def without_outliers(
    problem: Problem, weight: FloatArray, start: tuple[FloatArray, FloatArray]
) -> tuple[BoolArray, tuple[FloatArray, FloatArray]]:
    """Measurements to keep, and a start near the solution."""
    u = weight**-0.5
    robust, scale = weight, 1.0
    solution = problem.solve(weight, start, rough=True)
    for _ in range(_ROBUST_STEPS):
        size = np.linalg.norm(solution.residual, axis=1) / u
        # median of the length of two standard normal errors
        scale = max(float(np.median(size)) / 1.1774, 1.0)
        robust = weight / (1.0 + (size / (_CAUCHY * scale)) ** 2)
        solution = problem.solve(robust, (solution.values, solution.places), rough=True)
    bound = stats.chi2.isf(_REJECT_LEVEL, 2)
    size = np.linalg.norm(solution.residual, axis=1) / u
    scale = max(float(np.median(size)) / 1.1774, 1.0)
    if scale > MAX_MISFIT:
        raise PointsError(
            f"half of {u.size} measurements miss by more than {1.1774 * scale:.3g} of their stated "
            f"uncertainties; the rule is {1.1774 * MAX_MISFIT:.3g}: they are all outliers, or of "
            "another place.",
            remedy="Check the points' coordinates, datum and image, and u_px.",
        )
    kept = size**2 < 4.0 * bound * scale**2
    for _ in range(_MAX_TESTS):
        _check_share(kept)
        solution = problem.solve(weight * kept, (solution.values, solution.places))
        test = _test(solution, u, kept)
        scale = max(float(np.median(test[kept])) / 1.386, 1.0)
        wrong = test > bound * scale
        worst = kept & wrong
        if worst.any():
            # one a point and round, and of those the worse half: errors lean on their neighbours
            limit = max(float(np.median(test[worst])), bound * scale)
            chosen = worst & (test >= limit) & (test >= _worst_of_point(test * kept, problem))
            kept = kept & ~chosen
            continue
        again = ~kept & ~wrong
        if not again.any():
            break
        kept = kept | again
    _check_share(kept)
    return kept, (solution.values, solution.places)


def _worst_of_point(test: FloatArray, problem: Problem) -> FloatArray:
    highest = np.zeros(problem.points.lon.size)
    np.maximum.at(highest, problem.measured.point, test)
    result: FloatArray = highest[problem.measured.point]
    return result


def _test(solution: Solution, u: FloatArray, kept: BoolArray) -> FloatArray:
    """Square of each residual over its own covariance: χ² of two degrees of freedom."""
    own = u[:, None, None] ** 2 * np.eye(2)
    # what is in the adjustment pulls it towards itself, what is not, does not
    spread = own + np.where(kept, -1.0, 1.0)[:, None, None] * solution.fitted
    floor = 0.01 * u[:, None] ** 2
    eigen, vectors = np.linalg.eigh(spread)
    turned = np.einsum("nji,nj->ni", vectors, solution.residual)
    result: FloatArray = (turned**2 / np.maximum(eigen, floor)).sum(axis=1)
    return result


def _check_share(kept: BoolArray) -> None:
    share = 1.0 - float(kept.mean())
    if share > MAX_OUTLIER_SHARE:
        raise PointsError(
            f"{100 * share:.0f} % of {kept.size} measurements are outliers; the rule is at most "
            f"{100 * MAX_OUTLIER_SHARE:.0f} %.",
            remedy="Check the points' coordinates, datum and image.",
        )
