"""Modulation transfer by a slanted edge: ISO 12233 e-SFR, and a parametric form.

Both find the edge as a straight line. e-SFR then sorts pixels by their distance from it into bins
of a quarter of a pixel, differentiates and transforms; it supposes no shape. The parametric form
fits levels, line and the width of a Gaussian behind square pixels to the pixels themselves: a
smaller uncertainty, where the shape holds (``chi2_reduced`` tells).

References
----------
ISO 12233:2017, annex D (e-SFR): centroids, binning by 4, Hamming window, correction of the
discrete derivative. Burns 2000, Proc. IS&T PICS: 135-138. Parametric edges in flight:
Optics Express 18(4):3531 (2010).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from boresight.errors import EdgeError, NonConvergenceError
from boresight.image_quality import models
from boresight.image_quality._edge_line import Direction, find_edge

FloatArray = NDArray[np.float64]

#: samples a pixel (ISO 12233)
OVERSAMPLING = 4

#: share of the line spread's reach over which its window is 1. Hamming's, as in the standard's
#: earlier editions, narrows wide line spreads: 0.01 too much MTF for a defocused telescope.
_FLAT_SHARE = 0.5

_MAX_EVALUATIONS = 200


@dataclass(frozen=True)
class EdgeMtf:
    """MTF across an edge.

    Parameters
    ----------
    direction : {"row", "col"}
        Along which index the edge's normal mostly lies: "col" for an upright edge.
    method : str
        "e-SFR" or "parametric".
    frequency : ndarray, shape (n,)
        Along the normal [cycles/px].
    mtf, u_mtf : ndarray, shape (n,)
        Modulation and its standard uncertainty (noise: random; place of the edge) [1].
    angle_deg : float
        Edge against the nearer axis [deg].
    n_lines : int
        Rows (or columns) used.
    contrast, noise : float
        Step between the plateaus and noise beside it [units of the image].
    fwhm_px, u_fwhm_px : float
        Full width at half maximum of the line spread [px].
    sigma_px, u_sigma_px : float
        Gaussian part; NaN for e-SFR [px].
    chi2_reduced : float
        Misfit over noise of the parametric form, 1 where its shape holds; NaN for e-SFR [1].
    distance_px, esf, lsf : ndarray
        Edge and line spread on quarters of a pixel, 0 to 1 and per pixel.
    """

    direction: Direction
    method: str
    frequency: FloatArray
    mtf: FloatArray
    u_mtf: FloatArray
    angle_deg: float
    n_lines: int
    contrast: float
    noise: float
    fwhm_px: float
    u_fwhm_px: float
    sigma_px: float = math.nan
    u_sigma_px: float = math.nan
    chi2_reduced: float = math.nan
    distance_px: FloatArray = field(default_factory=lambda: np.zeros(0))
    esf: FloatArray = field(default_factory=lambda: np.zeros(0))
    lsf: FloatArray = field(default_factory=lambda: np.zeros(0))

    def at(self, frequency: float) -> tuple[float, float]:
        """Modulation and uncertainty at a frequency within the range [cycles/px]."""
        return (
            float(np.interp(frequency, self.frequency, self.mtf)),
            float(np.interp(frequency, self.frequency, self.u_mtf)),
        )

    @property
    def at_nyquist(self) -> tuple[float, float]:
        """Modulation and uncertainty at half a cycle per pixel [1]."""
        return self.at(models.NYQUIST)


def slanted_edge(
    image: NDArray[Any], *, saturation_dn: float | None = None, reach_px: float = 16.0
) -> EdgeMtf:
    """MTF by e-SFR.

    Parameters
    ----------
    image : ndarray, shape (rows, cols)
        One straight edge between two even areas, upright or flat; values linear in radiance.
    saturation_dn : float, optional
        Values from here on are saturated [units of the image].
    reach_px : float
        Half-width of the line spread that is transformed; less where the image ends earlier [px].

    Returns
    -------
    EdgeMtf
        At frequencies up to 1 cycle/px.

    Raises
    ------
    EdgeError
        Too short, not slanted enough, too slanted, or without contrast.
    SaturationError
        Pixels at or above ``saturation_dn``.
    """
    line = find_edge(image, saturation_dn, reach_px)
    distance, reach = line.distance, line.reach_px
    half = int(reach * OVERSAMPLING)
    index = np.floor(distance * OVERSAMPLING + 0.5).astype(np.int64) + half
    inside = (index >= 0) & (index <= 2 * half)
    counts = np.bincount(index[inside], minlength=2 * half + 1)
    if (counts == 0).any():
        raise EdgeError(
            f"{int((counts == 0).sum())} of {counts.size} quarter-pixel bins are empty at an angle "
            f"of {math.degrees(line.angle_rad):.2f} deg; the rule is a pixel in every bin.",
            remedy="Use a longer edge, or one whose slope is no simple fraction.",
        )
    sums = np.bincount(index[inside], line.image[inside], minlength=2 * half + 1)
    contrast = line.bright - line.dark
    esf = (sums / counts - line.dark) / contrast
    # pixels do not lie evenly in a bin: brought to its middle along the slope
    middles = np.bincount(index[inside], distance[inside], minlength=2 * half + 1) / counts
    middles -= (np.arange(esf.size) - half) / OVERSAMPLING
    esf = esf - middles * np.gradient(esf) * OVERSAMPLING
    variance = line.variance(esf) / counts / contrast**2
    lsf = np.diff(esf)
    # between samples of the edge
    x = (np.arange(lsf.size) - half + 0.5) / OVERSAMPLING
    window = _window(x / (half / OVERSAMPLING))
    frequency = np.linspace(0.0, 1.0, 101)
    wave = np.exp(-2j * np.pi * frequency[:, None] * x) * window
    spectrum = wave @ lsf
    modulus = np.abs(spectrum)
    # a difference of quarter-pixel averages is the derivative, seen through two boxes of 1/4 px
    correction = 1.0 / np.sinc(frequency / OVERSAMPLING) ** 2
    mtf = modulus / modulus[0] * correction
    phase = np.conj(spectrum) / np.maximum(modulus, 1e-12)
    slope = np.real(phase[:, None] * wave) - (modulus / modulus[0])[:, None] * np.real(wave[0])
    slope *= (correction / modulus[0])[:, None]
    # from differences back to the samples of the edge
    jacobian = np.pad(slope, ((0, 0), (1, 0))) - np.pad(slope, ((0, 0), (0, 1)))
    smear = 0.5 * (2 * np.pi * frequency * line.u_smear_px) ** 2 * mtf
    u_mtf = np.sqrt((jacobian**2) @ variance + smear**2)
    width, u_width = _width(x, lsf * OVERSAMPLING, variance)
    return EdgeMtf(
        direction=line.direction,
        method="e-SFR",
        frequency=frequency,
        mtf=mtf,
        u_mtf=u_mtf,
        angle_deg=math.degrees(line.angle_rad),
        n_lines=line.image.shape[0],
        contrast=contrast,
        noise=math.hypot(line.noise_dark, line.noise_bright) / math.sqrt(2.0),
        fwhm_px=width,
        u_fwhm_px=u_width,
        distance_px=(np.arange(esf.size) - half) / OVERSAMPLING,
        esf=esf,
        lsf=lsf * OVERSAMPLING,
    )


def parametric_edge(
    image: NDArray[Any], *, saturation_dn: float | None = None, reach_px: float = 16.0
) -> EdgeMtf:
    """MTF of a Gaussian behind square pixels, fitted to an edge.

    Parameters
    ----------
    image, saturation_dn, reach_px
        As for :func:`slanted_edge`.

    Raises
    ------
    EdgeError, SaturationError
        As for :func:`slanted_edge`.
    NonConvergenceError
        No width was found in a bounded number of steps.
    """
    line = find_edge(image, saturation_dn, reach_px)
    rows, cols = line.image.shape
    y = np.arange(rows)[:, None] - (rows - 1) / 2.0
    x = np.broadcast_to(np.arange(cols, dtype=np.float64), line.image.shape)
    near = np.abs(line.distance) <= line.reach_px
    y, x, values = np.broadcast_to(y, x.shape)[near], x[near], line.image[near]
    start = np.array([line.dark, line.bright, line.offset, line.slope, 0.6])

    def profile(p: FloatArray) -> FloatArray:
        angle = math.atan(p[3])
        d = (x - p[2] - p[3] * y) * math.cos(angle)
        return models.edge_profile(d, p[4], angle)

    weight = 1.0 / np.sqrt(line.variance(profile(start)))

    def misfit(p: FloatArray) -> FloatArray:
        result: FloatArray = (p[0] + (p[1] - p[0]) * profile(p) - values) * weight
        return result

    contrast = line.bright - line.dark
    fit = least_squares(
        misfit,
        start,
        bounds=([-np.inf, -np.inf, -np.inf, -np.inf, 0.02], [np.inf, np.inf, np.inf, np.inf, 5.0]),
        x_scale=np.array([contrast, contrast, 1.0, 0.01, 0.3]),
        max_nfev=_MAX_EVALUATIONS,
    )
    if not fit.success:
        raise NonConvergenceError(
            f"parametric edge: no minimum after {_MAX_EVALUATIONS} evaluations, misfit "
            f"{2 * fit.cost / values.size:.3g} of the noise's variance.",
            remedy="Use slanted_edge, which supposes no shape.",
        )
    chi2 = 2.0 * float(fit.cost) / (values.size - start.size)
    covariance = np.linalg.inv(fit.jac.T @ fit.jac) * max(chi2, 1.0)
    sigma, u_sigma = float(fit.x[4]), math.sqrt(covariance[4, 4])
    angle = math.atan(fit.x[3])
    frequency = np.linspace(0.0, 1.0, 101)
    mtf = models.gaussian_mtf(frequency, sigma) * models.pixel_mtf(frequency, angle)
    distance = np.arange(-line.reach_px, line.reach_px + 1e-9, 1.0 / OVERSAMPLING)
    esf = models.edge_profile(distance, sigma, angle)
    return EdgeMtf(
        direction=line.direction,
        method="parametric",
        frequency=frequency,
        mtf=mtf,
        u_mtf=np.abs(mtf) * 4.0 * (np.pi * frequency) ** 2 * sigma * u_sigma,
        angle_deg=math.degrees(angle),
        n_lines=rows,
        contrast=float(fit.x[1] - fit.x[0]),
        noise=math.hypot(line.noise_dark, line.noise_bright) / math.sqrt(2.0),
        fwhm_px=models.fwhm_px(sigma),
        u_fwhm_px=abs(models.fwhm_derivative(sigma)) * u_sigma,
        sigma_px=sigma,
        u_sigma_px=u_sigma,
        chi2_reduced=chi2,
        distance_px=distance,
        esf=esf,
        lsf=np.gradient(esf, distance),
    )


def _window(share: FloatArray) -> FloatArray:
    """Tukey's: 1 in the middle, a cosine down to 0 at ±1 of the reach (ISO 12233:2023)."""
    beyond = np.clip((np.abs(share) - _FLAT_SHARE) / (1.0 - _FLAT_SHARE), 0.0, 1.0)
    window: FloatArray = 0.5 + 0.5 * np.cos(np.pi * beyond)
    return window


def _width(x: FloatArray, lsf: FloatArray, variance: FloatArray) -> tuple[float, float]:
    """Width of the line spread at half its maximum, and its uncertainty from noise [px]."""
    # a quarter-pixel derivative is noisy at its top: the top is that of a quartic over two pixels
    top = int(np.argmax(np.convolve(lsf, np.ones(3) / 3.0, "same")))
    near = slice(max(top - OVERSAMPLING, 0), top + OVERSAMPLING + 1)
    curve = np.polynomial.Polynomial.fit(x[near], lsf[near], 4)
    peak = float(curve(np.linspace(x[top] - 0.5, x[top] + 0.5, 101)).max())
    noise = np.sqrt(variance[1:] + variance[:-1]) * OVERSAMPLING
    total, squares = 0.0, 0.0
    for step in (-1, 1):
        i = top
        while 0 < i < lsf.size - 1 and lsf[i] > peak / 2:
            i += step
        before, after = lsf[i - step], lsf[i]
        steep = (before - after) * OVERSAMPLING
        if steep <= 0:
            return math.nan, math.nan
        total += abs(x[i - step] - x[top]) + (before - peak / 2) / steep
        squares += (float(noise[i]) / steep) ** 2
    # less the two boxes of a quarter of a pixel that the line spread is seen through
    boxes = 8.0 * math.log(2.0) * 2.0 / (12.0 * OVERSAMPLING**2)
    width = math.sqrt(max(total**2 - boxes, 0.0))
    return width, math.sqrt(squares)
