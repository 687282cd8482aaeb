"""Point spread of a Gaussian optics behind square pixels: edge, line, MTF, width.

All lengths in pixels, frequencies in cycles per pixel: Nyquist is 0.5.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import erf

FloatArray = NDArray[np.float64]

#: highest frequency that the samples carry [cycles/px]
NYQUIST = 0.5

_ROOT_2 = math.sqrt(2.0)


def pixel_mtf(frequency: ArrayLike, angle_rad: float = 0.0) -> FloatArray:
    """MTF of a square pixel along a direction.

    Parameters
    ----------
    frequency : array_like
        [cycles/px].
    angle_rad : float
        Direction against the columns or rows [rad].
    """
    f = np.asarray(frequency, dtype=np.float64)
    result: FloatArray = np.sinc(f * math.cos(angle_rad)) * np.sinc(f * math.sin(angle_rad))
    return result


def gaussian_mtf(frequency: ArrayLike, sigma_px: float) -> FloatArray:
    """MTF of a Gaussian of standard deviation ``sigma_px`` [1]."""
    f = np.asarray(frequency, dtype=np.float64)
    result: FloatArray = np.exp(-2.0 * (math.pi * sigma_px * f) ** 2)
    return result


def edge_profile(distance_px: FloatArray, sigma_px: float, angle_rad: float) -> FloatArray:
    """Signal of pixels beside a straight edge from 0 to 1.

    The Gaussian's step, averaged over a square pixel turned by ``angle_rad`` against the normal of
    the edge: differences of its second antiderivative.

    Parameters
    ----------
    distance_px : ndarray
        Pixel centre from the edge, along the normal towards the bright side [px].
    sigma_px : float
        Above 0 [px].
    angle_rad : float
        Not a multiple of 90°, at which the two sides of the pixel cannot be told apart [rad].
    """
    a, b = abs(math.cos(angle_rad)), abs(math.sin(angle_rad))
    total = np.zeros_like(distance_px)
    for offset, sign in (((a + b) / 2, 1), ((a - b) / 2, -1), ((b - a) / 2, -1), (-(a + b) / 2, 1)):
        total += sign * _second_integral(distance_px + offset, sigma_px)
    result: FloatArray = total / (a * b)
    return result


def pixel_response(offset_px: FloatArray, sigma_px: FloatArray | float) -> FloatArray:
    """Share of a Gaussian line that falls into a pixel ``offset_px`` from it (one dimension)."""
    scale = 1.0 / (_ROOT_2 * sigma_px)
    result: FloatArray = 0.5 * (erf((offset_px + 0.5) * scale) - erf((offset_px - 0.5) * scale))
    return result


def fwhm_px(sigma_px: float) -> float:
    """Full width at half maximum of the line spread: Gaussian and pixel together [px]."""
    peak = float(pixel_response(np.zeros(1), sigma_px)[0])

    def above_half(x: float) -> float:
        return float(pixel_response(np.array([x]), sigma_px)[0]) - 0.5 * peak

    return 2.0 * float(brentq(above_half, 0.0, 1.0 + 4.0 * sigma_px))


def fwhm_derivative(sigma_px: float) -> float:
    """Change of :func:`fwhm_px` with the Gaussian's standard deviation [1]."""
    step = 1e-4 * max(sigma_px, 0.1)
    return (fwhm_px(sigma_px + step) - fwhm_px(sigma_px - step)) / (2.0 * step)


def _second_integral(u: FloatArray, sigma: float) -> FloatArray:
    normal = 0.5 * (1.0 + erf(u / (_ROOT_2 * sigma)))
    density = np.exp(-0.5 * (u / sigma) ** 2) / math.sqrt(2.0 * math.pi)
    result: FloatArray = 0.5 * ((u * u + sigma * sigma) * normal + u * sigma * density)
    return result
