"""Block adjustment: unknowns of several images and places of points, by least squares.

One image and control points give its attitude or the correction of its rational model; several
images and ties give their relative geometry; shared unknowns give a boresight.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from boresight.errors import InputError, PointsError
from boresight.geometry._normal_equations import METRES_PER_DEG, Problem, unknown_names
from boresight.geometry._outliers import without_outliers
from boresight.geometry.image_models import ImageModel
from boresight.geometry.observations import Measurements, Points, check_observations

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Adjustment:
    """Result of :func:`adjust`.

    Parameters
    ----------
    names : tuple of str
        Unknowns of the images.
    values, u_values : ndarray, shape (k,)
        Their values and standard uncertainties [px] or [rad], as the image models have it.
    covariance : ndarray, shape (k, k)
        Of the unknowns of the images, the points' places taken into account.
    points : Points
        Adjusted places, with their standard uncertainties.
    point_covariance : ndarray, shape (n_points, 3, 3)
        Of east, north, up [m²].
    residual_px : ndarray, shape (n, 2)
        Measured less adjusted row and column; of outliers too [px].
    kept : ndarray of bool, shape (n,)
        Measurements that were not outliers.
    sigma0 : float
        Misfit over what was stated: 1 where uncertainties are right [1].
    scaled : bool
        Whether ``sigma0`` is significantly above 1, and the covariances were multiplied by its
        square.
    freedom : int
        Degrees of freedom.
    steps : int
        Gauss-Newton steps of the last solution.
    """

    names: tuple[str, ...]
    values: FloatArray
    u_values: FloatArray
    covariance: FloatArray
    points: Points
    point_covariance: FloatArray
    residual_px: FloatArray
    kept: BoolArray
    sigma0: float
    scaled: bool
    freedom: int
    steps: int

    def rms_px(self) -> tuple[float, float]:
        """Root mean square residual of rows and columns, outliers left out [px]."""
        rms = np.sqrt((self.residual_px[self.kept] ** 2).mean(axis=0))
        return float(rms[0]), float(rms[1])


def adjust(
    images: Sequence[ImageModel],
    measurements: Measurements,
    points: Points,
    *,
    unknowns: Sequence[Sequence[int]] | None = None,
    u_prior: ArrayLike = np.inf,
    reject: bool = True,
) -> Adjustment:
    """Adjust images to points, and points to images.

    Parameters
    ----------
    images : sequence of ImageModel
        See :mod:`boresight.geometry.image_models`.
    measurements : Measurements
        Where points are seen.
    points : Points
        Control points, ties, or both.
    unknowns : sequence of sequence of int, optional
        For each image, the numbers of its unknowns among all of them; images that name the same
        number share it. Default: each image has its own.
    u_prior : array_like, shape (k,) or one for all
        Standard uncertainty of each unknown about 0 before the adjustment; infinite: free.
    reject : bool
        Look for outliers.

    Raises
    ------
    PointsError
        Too few measurements, ties seen once, or more outliers than can be told from the rest.
    SingularError
        Unknowns that the points do not determine.
    NonConvergenceError
        The bounded iteration did not end.
    """
    numbers, prior = _numbers(images, unknowns, u_prior)
    check_observations(measurements, points, len(images))
    problem = Problem(images, measurements, points, prior, numbers)
    known = int(np.isfinite(prior).sum()) + int(np.isfinite(points.u_m).sum())
    weight = measurements.u_px**-2
    start = np.zeros(prior.size), np.zeros((points.lon.size, 3))
    kept = np.ones(weight.size, dtype=bool)
    if reject:
        kept, start = without_outliers(problem, weight, start)
    solution = problem.solve(weight * kept, start)
    freedom = 2 * int(kept.sum()) + known - prior.size - 3 * _used(measurements, points, kept)
    if freedom < 0:
        raise PointsError(
            f"{int(kept.sum())} measurements, {int((~kept).sum())} left out, for {prior.size} "
            f"unknowns: {freedom} degrees of freedom; the rule is 0 at least.",
            remedy="Measure more points.",
        )
    square = float(((solution.residual[kept] / measurements.u_px[kept, None]) ** 2).sum())
    square += float((problem.prior * solution.values**2).sum())
    square += float((problem.point_prior * solution.places**2).sum())
    sigma0 = float(np.sqrt(square / freedom)) if freedom else 1.0
    scaled = freedom > 0 and stats.chi2.sf(square, freedom) < 1e-3
    factor = sigma0**2 if scaled else 1.0
    covariance = solution.covariance * factor
    own = solution.point_covariance * factor
    return Adjustment(
        names=unknown_names(images, numbers, prior.size),
        values=solution.values,
        u_values=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        points=Points(
            points.lon + solution.places[:, 0] / problem.east_per_deg,
            points.lat + solution.places[:, 1] / METRES_PER_DEG,
            points.height_m + solution.places[:, 2],
            np.sqrt(np.einsum("nii->ni", own)),
        ),
        point_covariance=own,
        residual_px=solution.residual,
        kept=kept,
        sigma0=sigma0,
        scaled=bool(scaled),
        freedom=freedom,
        steps=solution.steps,
    )


def _numbers(
    images: Sequence[ImageModel], unknowns: Sequence[Sequence[int]] | None, u_prior: ArrayLike
) -> tuple[list[NDArray[np.int64]], FloatArray]:
    counts = [len(image.names) for image in images]
    if unknowns is None:
        ends = np.cumsum([0, *counts])
        numbers = [np.arange(a, b) for a, b in itertools.pairwise(ends)]
    else:
        numbers = [np.asarray(ids, dtype=np.int64) for ids in unknowns]
        if [ids.size for ids in numbers] != counts:
            raise InputError(
                f"unknowns of {[ids.size for ids in numbers]} numbers; the rule is {counts}."
            )
    total = 1 + max((int(ids.max(initial=-1)) for ids in numbers), default=-1)
    prior = np.broadcast_to(np.asarray(u_prior, dtype=np.float64), (total,)).copy()
    if not (prior > 0).all():
        raise InputError("u_prior has values that are not above 0; the rule is above 0 or infinite")
    return numbers, prior


def _used(measurements: Measurements, points: Points, kept: BoolArray) -> int:
    used = np.unique(measurements.point[kept])
    # points of which nothing is left have three knowns fewer to set against their unknowns
    left = np.setdiff1d(np.arange(points.lon.size), used)
    return int(used.size) + int(np.isfinite(points.u_m[left]).all(axis=1).sum())
