"""Inter-band registration: the smooth shift of one band against another.

References
----------
Leprince et al. 2007, IEEE Trans. Geoscience and Remote Sensing 45(6), doi:10.1109/TGRS.2006.888937
(co-registration by dense sub-pixel correlation).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boresight.geometry.correlation import CorrelationOptions, Displacements, correlate
from boresight.geometry.focal_plane import basis, degrees
from boresight.geometry.smooth_fields import fit_vectors

FloatArray = NDArray[np.float64]

#: error of the correlation's interpolator, common to all windows (systematic): measured on waves
#: seen through an MTF of 0.25 at Nyquist, at shifts of 0 to 1 px [px]
U_SYSTEMATIC_PX = 0.0015


@dataclass(frozen=True)
class Registration:
    """Where a band lies against the reference band.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the reference [px].
    degree : int
        Degree of the Legendre polynomials over the frame.
    d_row, d_col : ndarray, shape (number of terms,)
        Coefficients: a feature at (row, col) of the reference lies at (row + d_row, col + d_col) of
        the band [px].
    covariance : ndarray, shape (2 k, 2 k)
        Of the coefficients of rows, then of columns; noise, and the interpolator's systematic error
        in the constants [px²].
    residual_rms_px : tuple of 2 float
        What the polynomial does not take, rows and columns, outliers left out [px].
    sigma0 : float
        Misfit over the windows' stated uncertainties [1].
    n, n_outliers : int
        Windows found, and those left out of them.
    windows : Displacements
        What was measured.
    """

    shape: tuple[int, int]
    degree: int
    d_row: FloatArray
    d_col: FloatArray
    covariance: FloatArray
    residual_rms_px: tuple[float, float]
    sigma0: float
    n: int
    n_outliers: int
    windows: Displacements

    def at(
        self, row: ArrayLike, col: ArrayLike
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Shift of rows and columns at places of the reference, and their uncertainties [px]."""
        u, v = _normalised(self.shape, row, col)
        terms = basis(u, v, self.degree)
        k = terms.shape[-1]
        u_row = np.sqrt(np.einsum("...i,ij,...j->...", terms, self.covariance[:k, :k], terms))
        u_col = np.sqrt(np.einsum("...i,ij,...j->...", terms, self.covariance[k:, k:], terms))
        return terms @ self.d_row, terms @ self.d_col, u_row, u_col


def register_bands(
    reference: NDArray[Any],
    band: NDArray[Any],
    *,
    degree: int = 1,
    options: CorrelationOptions | None = None,
    guess: tuple[float, float] = (0.0, 0.0),
) -> Registration:
    """Register a band.

    Parameters
    ----------
    reference, band : ndarray, shape (rows, cols)
        Bands of one scene [any unit]; NaN where there is no data.
    degree : int
        0 for one shift, 1 for scale and turn too, up to 9.
    options : CorrelationOptions, optional
        How windows are matched.
    guess : tuple of float
        Shift of rows and columns to begin with [px].

    Raises
    ------
    PointsError, SingularError
        Too few windows for the degree, or more outliers than can be told from the rest.
    ImageError, NonConvergenceError
        As :func:`boresight.geometry.correlation.correlate`.
    """
    found = correlate(reference, band, options, guess=guess)
    good = found.found
    shape = (reference.shape[0], reference.shape[1])
    terms = basis(*_normalised(shape, found.row[good], found.col[good]), degree)
    n, k = terms.shape
    design = np.zeros((n, 2, 2 * k))
    design[:, 0, :k] = design[:, 1, k:] = terms
    observed = np.stack([found.d_row, found.d_col], axis=1)[good]
    u = np.stack([found.u_row, found.u_col], axis=1)[good]
    # windows without noise still carry the interpolator's error
    u = np.hypot(u, 0.002)
    labels = tuple(
        f"P{a}(u)P{b}(v) of {axis}" for axis in ("rows", "columns") for a, b in degrees(degree)
    )
    fit = fit_vectors(design, observed, u, names=labels)
    rms = np.sqrt((fit.residual[fit.kept] ** 2).mean(axis=0))
    # windows that share pixels do not err independently
    step = options.step_px if options else CorrelationOptions().step_px
    side = options.window_px if options else CorrelationOptions().window_px
    overlap = max(side / step, 1.0) ** 2
    covariance = fit.covariance * overlap
    covariance[0, 0] += U_SYSTEMATIC_PX**2
    covariance[k, k] += U_SYSTEMATIC_PX**2
    return Registration(
        shape=shape,
        degree=degree,
        d_row=fit.values[:k],
        d_col=fit.values[k:],
        covariance=covariance,
        residual_rms_px=(float(rms[0]), float(rms[1])),
        sigma0=fit.sigma0,
        n=n,
        n_outliers=int((~fit.kept).sum()),
        windows=found,
    )


def _normalised(
    shape: tuple[int, int], row: ArrayLike, col: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    u = 2.0 * np.asarray(col, np.float64) / shape[1] - 1.0
    v = 2.0 * np.asarray(row, np.float64) / shape[0] - 1.0
    return u, v
