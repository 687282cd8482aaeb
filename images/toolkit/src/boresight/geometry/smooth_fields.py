"""A smooth field through scattered vectors, with outliers and full covariance.

The common part of inter-band registration and of the calibration of a focal plane: coefficients of
a Legendre basis over the frame, by weighted least squares with Cauchy weights to begin with and a
test of each vector to end with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from boresight.errors import PointsError, SingularError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_ROUNDS = 15
_CAUCHY = 2.385
_REJECT_LEVEL = 1e-3
#: smallest eigenvalue of a normal matrix of unit diagonal: below, an unknown is a hundred times
#: worse than its windows alone would have it (one quarter turn about the centre leaves 4e-6)
_SINGULAR = 1e-4

#: share of vectors that may be outliers
MAX_OUTLIER_SHARE = 0.45


@dataclass(frozen=True)
class LinearFit:
    """Unknowns of a linear model of two-dimensional vectors.

    Parameters
    ----------
    values, u_values : ndarray, shape (k,)
        Unknowns and standard uncertainties.
    covariance : ndarray, shape (k, k)
        Scaled by ``sigma0`` squared where that is above 1.
    residual : ndarray, shape (n, 2)
        Observed less fitted.
    kept : ndarray of bool, shape (n,)
        Vectors that were not outliers.
    sigma0 : float
        Misfit over what was stated [1].
    """

    values: FloatArray
    u_values: FloatArray
    covariance: FloatArray
    residual: FloatArray
    kept: BoolArray
    sigma0: float


def fit_vectors(
    design: FloatArray,
    observed: FloatArray,
    u: FloatArray,
    *,
    constraints: FloatArray | None = None,
    names: tuple[str, ...] = (),
) -> LinearFit:
    """Solve ``observed = design @ values`` robustly.

    Parameters
    ----------
    design : ndarray, shape (n, 2, k)
        Derivatives of each vector's two components.
    observed : ndarray, shape (n, 2)
        Vectors.
    u : ndarray, shape (n, 2)
        Their standard uncertainties, above 0.
    constraints : ndarray, shape (c, k), optional
        Combinations of unknowns that are held at 0.
    names : tuple of str, optional
        Of the unknowns, for messages.

    Raises
    ------
    PointsError
        Fewer vectors than unknowns, or more outliers than can be told from the rest.
    SingularError
        Unknowns that the vectors do not determine.
    """
    n, _, k = design.shape
    held = np.zeros((0, k)) if constraints is None else constraints
    if 2 * n <= k - len(held):
        raise PointsError(
            f"{n} vectors for {k - len(held)} unknowns; the rule is more than half as many.",
            remedy="Use more windows, or a lower degree.",
        )
    # unknowns that satisfy the constraints: a basis of what is left free
    free = np.linalg.svd(held)[2][np.linalg.matrix_rank(held) :].T if len(held) else np.eye(k)
    reduced = design @ free
    kept = np.ones(n, dtype=bool)
    weight = u**-2
    soft = np.ones(n)
    for _ in range(_ROUNDS):
        values, _ = _solve(reduced, observed, weight * soft[:, None], free, names)
        size = np.sqrt((((observed - reduced @ values) / u) ** 2).sum(axis=1))
        scale = max(float(np.median(size)) / 1.1774, 1e-12)
        soft = 1.0 / (1.0 + (size / (_CAUCHY * scale)) ** 2)
    bound = stats.chi2.isf(_REJECT_LEVEL, 2)
    for _ in range(_ROUNDS):
        scale = max(float(np.median(size[kept])) ** 2 / 1.386, 1.0)
        now = size**2 < bound * scale
        if now.mean() < 1.0 - MAX_OUTLIER_SHARE:
            raise PointsError(
                f"{100 * (1 - now.mean()):.0f} % of {n} vectors are outliers; the rule is at most "
                f"{100 * MAX_OUTLIER_SHARE:.0f} %.",
                remedy="Check that the images show the same place and the windows have texture.",
            )
        values, inverse = _solve(reduced, observed, weight * now[:, None], free, names)
        size = np.sqrt((((observed - reduced @ values) / u) ** 2).sum(axis=1))
        if (now == kept).all():
            break
        kept = now
    freedom = max(2 * int(kept.sum()) - free.shape[1], 1)
    sigma0 = float(np.sqrt((size[kept] ** 2).sum() / freedom))
    covariance = free @ inverse @ free.T * max(sigma0**2, 1.0)
    return LinearFit(
        values=free @ values,
        u_values=np.sqrt(np.maximum(np.diag(covariance), 0.0)),
        covariance=covariance,
        residual=observed - reduced @ values,
        kept=kept,
        sigma0=sigma0,
    )


def _solve(
    design: FloatArray,
    observed: FloatArray,
    weight: FloatArray,
    free: FloatArray,
    names: tuple[str, ...],
) -> tuple[FloatArray, FloatArray]:
    flat = (design * np.sqrt(weight)[:, :, None]).reshape(-1, design.shape[2])
    normal = flat.T @ flat
    diagonal = np.sqrt(np.maximum(np.diag(normal), 1e-300))
    eigen, vectors = np.linalg.eigh(normal / np.outer(diagonal, diagonal))
    if eigen[0] < _SINGULAR:
        share = np.abs(free @ (vectors[:, 0] / diagonal))
        which = np.flatnonzero(share > 0.3 * share.max())
        told = ", ".join(names[i] if i < len(names) else f"unknown {i}" for i in which)
        raise SingularError(
            f"the observations do not determine {told} (smallest eigenvalue {eigen[0]:.2g} of a "
            f"normal matrix of unit diagonal; the rule is {_SINGULAR:g}).",
            remedy="Spread windows over the frame, lower the degree, or add an image that is "
            "shifted or turned otherwise.",
        )
    inverse = (vectors / eigen) @ vectors.T / np.outer(diagonal, diagonal)
    right = flat.T @ (observed * np.sqrt(weight)).ravel()
    return inverse @ right, inverse
