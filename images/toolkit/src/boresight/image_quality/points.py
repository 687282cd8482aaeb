"""Modulation transfer by point sources: stars, or lamps and mirrors on the ground.

All sources of an image share the widths of one Gaussian along rows and one along columns; each has
its place, its flux and its background. They are fitted to the pixels together (Levenberg-Marquardt;
the sources' own unknowns are eliminated one source at a time), so that the sub-pixel phases of many
sources make up for the sampling.

References
----------
Anderson and King 2000, PASP 112:1360, doi:10.1086/316632 (undersampled points share one response).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boresight.errors import (
    ImageError,
    InputError,
    NonConvergenceError,
    PointsError,
    SaturationError,
)
from boresight.image_quality import models

FloatArray = NDArray[np.float64]

MIN_SOURCES = 3

_MAX_STEPS = 60
_OWN, _SHARED = 4, 2

#: widths between which a fit is looked for [px]
_SIGMA_BOUNDS_PX = (0.05, 5.0)

#: change of the misfit, in parts of it, at which the fit has ended
_TOLERANCE = 1e-10


@dataclass(frozen=True)
class PointMtf:
    """MTF of the sources of one image.

    Parameters
    ----------
    sigma_px, u_sigma_px : tuple of 2 float
        Gaussian part along rows (first index) and columns, and its standard uncertainty [px].
    fwhm_px, u_fwhm_px : tuple of 2 float
        Full width at half maximum with the pixel's own width [px].
    covariance : ndarray, shape (2, 2)
        Of the two widths [px²].
    places, u_places : ndarray, shape (n, 2)
        Row and column, internal pixel convention [px].
    fluxes, u_fluxes : ndarray, shape (n,)
        [units of the image].
    chi2_reduced : float
        Misfit over stated noise; 1 where the shape holds [1].
    n_sources : int
        Sources used.
    """

    sigma_px: tuple[float, float]
    u_sigma_px: tuple[float, float]
    fwhm_px: tuple[float, float]
    u_fwhm_px: tuple[float, float]
    covariance: FloatArray
    places: FloatArray
    u_places: FloatArray
    fluxes: FloatArray
    u_fluxes: FloatArray
    chi2_reduced: float
    n_sources: int

    def mtf(self, frequency: ArrayLike, direction: str) -> tuple[FloatArray, FloatArray]:
        """Modulation and uncertainty along "row" or "col" [cycles/px]."""
        axis = {"row": 0, "col": 1}[direction]
        f = np.asarray(frequency, dtype=np.float64)
        value = models.gaussian_mtf(f, self.sigma_px[axis]) * models.pixel_mtf(f)
        slope = 4.0 * (np.pi * f) ** 2 * self.sigma_px[axis]
        return value, np.abs(value) * slope * self.u_sigma_px[axis]

    def at_nyquist(self, direction: str) -> tuple[float, float]:
        """Modulation and uncertainty at half a cycle per pixel [1]."""
        value, uncertainty = self.mtf(models.NYQUIST, direction)
        return float(value), float(uncertainty)


def point_sources(
    image: NDArray[Any],
    places: NDArray[Any],
    *,
    window_px: int = 11,
    noise: tuple[float, float] = (1.0, 0.0),
    saturation_dn: float | None = None,
) -> PointMtf:
    """Fit the point spread to sources.

    Parameters
    ----------
    image : ndarray, shape (rows, cols)
        Linear in radiance.
    places : ndarray, shape (n, 2)
        Row and column of the sources to within a pixel, internal pixel convention [px].
    window_px : int
        Side of the window around a source, odd, at least 5 [px].
    noise : tuple of 2 float
        a and b of the noise's variance ``a + b * signal``. Where the misfit is larger than that,
        the uncertainties grow with it.
    saturation_dn : float, optional
        Values from here on are saturated.

    Raises
    ------
    PointsError
        Fewer than three sources whose window lies in the image.
    SaturationError, ImageError
        A saturated, or a missing, pixel in a window.
    NonConvergenceError
        No minimum in a bounded number of steps, or widths outside 0.05 to 5 px.
    """
    values, corners = _windows(image, np.asarray(places, dtype=np.float64), window_px)
    if not np.isfinite(values).all():
        raise ImageError(
            f"{int((~np.isfinite(values)).any(axis=(1, 2)).sum())} windows hold values that are not"
            " finite; the rule is none.",
            remedy="Leave these sources out.",
        )
    if saturation_dn is not None and (values >= saturation_dn).any():
        hit = int((values >= saturation_dn).any(axis=(1, 2)).sum())
        raise SaturationError(
            f"{hit} of {len(values)} sources reach {saturation_dn:g}; the rule is none.",
            remedy="Leave these sources out, or expose for less time.",
        )
    if noise[0] < 0 or noise[1] < 0 or sum(noise) == 0:
        raise InputError(f"noise is {noise}; the rule is a, b of at least 0, not both 0.")
    weight = 1.0 / np.sqrt(np.maximum(noise[0] + noise[1] * np.maximum(values, 0.0), 1e-12))
    own, shared, chi2, blocks = _fit(values, weight)
    # the noise of the data themselves pulls a fit weighted by them: weights of the model, once more
    model = _model(own, shared, window_px)
    weight = 1.0 / np.sqrt(np.maximum(noise[0] + noise[1] * np.maximum(model, 0.0), 1e-12))
    own, shared, chi2, blocks = _fit(values, weight, (own, shared))
    freedom = values.size - own.size - _SHARED
    reduced = chi2 / freedom
    covariance, own_covariance = _covariance(blocks)
    scale = max(reduced, 1.0)
    covariance, own_covariance = covariance * scale, own_covariance * scale
    u_sigma = np.sqrt(np.diag(covariance))
    u_own = np.sqrt(np.einsum("nii->ni", own_covariance))
    return PointMtf(
        sigma_px=(float(shared[0]), float(shared[1])),
        u_sigma_px=(float(u_sigma[0]), float(u_sigma[1])),
        fwhm_px=(models.fwhm_px(shared[0]), models.fwhm_px(shared[1])),
        u_fwhm_px=(
            float(models.fwhm_derivative(shared[0]) * u_sigma[0]),
            float(models.fwhm_derivative(shared[1]) * u_sigma[1]),
        ),
        covariance=covariance,
        places=own[:, :2] + corners,
        u_places=u_own[:, :2],
        fluxes=own[:, 2],
        u_fluxes=u_own[:, 2],
        chi2_reduced=reduced,
        n_sources=len(values),
    )


def _windows(image: NDArray[Any], places: FloatArray, side: int) -> tuple[FloatArray, FloatArray]:
    if side < 5 or side % 2 == 0:
        raise InputError(f"window_px is {side}; the rule is an odd number of at least 5.")
    if places.ndim != 2 or places.shape[-1] != 2 or not np.isfinite(places).all():
        raise InputError(
            f"places have shape {places.shape}; the rule is (n, 2) finite rows and columns."
        )
    corners = np.floor(places).astype(np.int64) - side // 2
    inside = ((corners >= 0) & (corners + side <= np.array(image.shape))).all(axis=1)
    if inside.sum() < MIN_SOURCES:
        raise PointsError(
            f"{int(inside.sum())} of {len(places)} sources have their window of {side} px in the "
            f"image; the rule is at least {MIN_SOURCES}.",
            remedy="Use more sources, or a smaller window_px.",
        )
    corners = corners[inside]
    cut = [image[r : r + side, c : c + side] for r, c in corners]
    return np.stack(cut).astype(np.float64), corners.astype(np.float64)


def _model(own: FloatArray, shared: FloatArray, side: int) -> FloatArray:
    """Windows of sources; ``own``: row, column in the window, flux, background."""
    centre = np.arange(side) + 0.5
    rows = models.pixel_response(centre[None] - own[:, :1], shared[0])
    cols = models.pixel_response(centre[None] - own[:, 1:2], shared[1])
    result: FloatArray = (
        own[:, 2, None, None] * rows[:, :, None] * cols[:, None, :] + own[:, 3, None, None]
    )
    return result


def _jacobian(
    own: FloatArray, shared: FloatArray, side: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Model (n, side²) and its derivatives (n, side², 4) and (n, side², 2)."""
    n, size = len(own), side * side
    value = _model(own, shared, side).reshape(n, size)
    by_own = np.empty((n, size, _OWN))
    by_shared = np.empty((n, size, _SHARED))
    step = 1e-5
    for axis in (0, 1):
        moved = own.copy()
        moved[:, axis] += step
        back = own.copy()
        back[:, axis] -= step
        difference = _model(moved, shared, side) - _model(back, shared, side)
        by_own[:, :, axis] = difference.reshape(n, size) / (2 * step)
        wide, narrow = shared.copy(), shared.copy()
        wide[axis] += step
        narrow[axis] -= step
        difference = _model(own, wide, side) - _model(own, narrow, side)
        by_shared[:, :, axis] = difference.reshape(n, size) / (2 * step)
    unit = own.copy()
    unit[:, 2], unit[:, 3] = 1.0, 0.0
    by_own[:, :, 2] = _model(unit, shared, side).reshape(n, size)
    by_own[:, :, 3] = 1.0
    return value, by_own, by_shared


_Blocks = tuple[FloatArray, FloatArray, FloatArray]


def _fit(
    values: FloatArray, weight: FloatArray, start: tuple[FloatArray, FloatArray] | None = None
) -> tuple[FloatArray, FloatArray, float, _Blocks]:
    n, side, _ = values.shape
    if start is None:
        ring = np.concatenate([values[:, 0], values[:, -1], values[:, :, 0], values[:, :, -1]], 1)
        level = np.median(ring, axis=1)
        light = np.clip(values - level[:, None, None], 0.0, None)
        core = light[:, side // 2 - 2 : side // 2 + 3, side // 2 - 2 : side // 2 + 3]
        flux = np.maximum(core.sum(axis=(1, 2)), 1e-9)
        centre = np.arange(side // 2 - 2, side // 2 + 3) + 0.5
        row = (core.sum(axis=2) * centre).sum(axis=1) / flux
        col = (core.sum(axis=1) * centre).sum(axis=1) / flux
        start = np.stack([row, col, flux, level], axis=1), np.array([0.6, 0.6])
    own, shared = start
    data, w = values.reshape(n, -1), weight.reshape(n, -1)
    damping, chi2 = 1e-3, math.inf
    blocks: _Blocks | None = None
    for _ in range(_MAX_STEPS):
        value, by_own, by_shared = _jacobian(own, shared, side)
        residual = (data - value) * w
        chi2 = float((residual**2).sum())
        a, b = by_own * w[:, :, None], by_shared * w[:, :, None]
        blocks = (
            np.einsum("npi,npj->nij", a, a),
            np.einsum("npi,npj->nij", a, b),
            np.einsum("npi,npj->ij", b, b),
        )
        right_own = np.einsum("npi,np->ni", a, residual)
        right = np.einsum("npi,np->i", b, residual)
        for _ in range(20):
            step_own, step = _solve(blocks, right_own, right, damping)
            tried = np.clip(shared + step, *_SIGMA_BOUNDS_PX)
            new = float(
                (((data - _model(own + step_own, tried, side).reshape(n, -1)) * w) ** 2).sum()
            )
            if new <= chi2:
                break
            damping *= 5.0
        else:
            return own, shared, chi2, blocks
        own, shared, damping = own + step_own, tried, damping / 5.0
        if chi2 - new <= _TOLERANCE * max(chi2, 1e-300):
            if (shared <= _SIGMA_BOUNDS_PX[0]).any() or (shared >= _SIGMA_BOUNDS_PX[1]).any():
                break
            return own, shared, new, blocks
    raise NonConvergenceError(
        f"point sources: widths {shared[0]:.3g} and {shared[1]:.3g} px after at most {_MAX_STEPS} "
        f"steps, misfit {chi2:.3g}; the rule is a minimum between "
        f"{_SIGMA_BOUNDS_PX[0]:g} and {_SIGMA_BOUNDS_PX[1]:g} px.",
        remedy="Check that the places are those of single points in focus.",
    )


def _solve(
    blocks: _Blocks, right_own: FloatArray, right: FloatArray, damping: float
) -> tuple[FloatArray, FloatArray]:
    """One damped step: the sources' unknowns eliminated, then worked out again."""
    aa, ab, bb = (v.copy() for v in blocks)
    index = np.arange(_OWN)
    aa[:, index, index] *= 1.0 + damping
    bb[np.arange(_SHARED), np.arange(_SHARED)] *= 1.0 + damping
    inner = np.linalg.solve(aa, np.concatenate([ab, right_own[:, :, None]], axis=2))
    reduced = bb - np.einsum("nik,nij->kj", ab, inner[:, :, :_SHARED])
    step = np.linalg.solve(reduced, right - np.einsum("nik,ni->k", ab, inner[:, :, -1]))
    return inner[:, :, -1] - inner[:, :, :_SHARED] @ step, step


def _covariance(blocks: _Blocks) -> tuple[FloatArray, FloatArray]:
    aa, ab, bb = blocks
    inner = np.linalg.solve(aa, ab)
    shared = np.linalg.inv(bb - np.einsum("nik,nij->kj", ab, inner))
    own = np.linalg.inv(aa) + np.einsum("nik,kl,njl->nij", inner, shared, inner)
    return shared, own
