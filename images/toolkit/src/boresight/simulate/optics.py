"""Edges and points through known optics, by brute supersampling.

The optics is a table of its impulse response on a fine grid; images are sums of fine samples, and
the true MTF is the table's transform, term by term. No formula that estimators fit stands here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import fftconvolve

from boresight.errors import InputError

FloatArray = NDArray[np.float64]

#: fine samples a pixel
FINE_SAMPLES = 16


@dataclass(frozen=True)
class Optics:
    """Impulse response of an optics.

    Parameters
    ----------
    response : ndarray, shape (n, n), n odd
        On the fine grid, sum 1.
    """

    response: FloatArray

    @classmethod
    def gaussian(cls, sigma_row_px: float, sigma_col_px: float) -> Optics:
        """Gaussian of two widths, 0.1 to 4 px."""
        for sigma in (sigma_row_px, sigma_col_px):
            if not 0.1 <= sigma <= 4.0:
                raise InputError(f"width of the optics is {sigma} px; the rule is 0.1 to 4.")
        half = int(6 * max(sigma_row_px, sigma_col_px) * FINE_SAMPLES)
        x = np.arange(-half, half + 1) / FINE_SAMPLES
        response = np.outer(
            np.exp(-0.5 * (x / sigma_row_px) ** 2), np.exp(-0.5 * (x / sigma_col_px) ** 2)
        )
        return cls(response / response.sum())

    @classmethod
    def aperture(
        cls, *, cutoff_cycles_per_px: float = 1.2, waves: float = 0.35, obstruction: float = 0.3
    ) -> Optics:
        """Annular aperture with ``waves`` of defocus at its rim: a shape that no Gaussian has."""
        if not (0.3 <= cutoff_cycles_per_px <= 4 and abs(waves) <= 2 and 0 <= obstruction < 0.9):
            raise InputError(
                f"cut-off {cutoff_cycles_per_px}, waves {waves}, obstruction {obstruction}; the "
                "rule is 0.3 to 4 cycles/px, at most 2 waves, 0 to 0.9."
            )
        n = 1024
        f = np.fft.fftshift(np.fft.fftfreq(n, 1 / FINE_SAMPLES))
        radius = np.hypot(f[:, None], f[None]) / (cutoff_cycles_per_px / 2)
        pupil = ((radius <= 1) & (radius >= obstruction)) * np.exp(2j * np.pi * waves * radius**2)
        spread = np.abs(np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(pupil)))) ** 2
        half = 6 * FINE_SAMPLES
        part = slice(n // 2 - half, n // 2 + half + 1)
        return cls(spread[part, part] / spread[part, part].sum())

    def mtf(
        self, frequency_cycles_per_px: ArrayLike, *, from_columns_deg: float = 0.0
    ) -> FloatArray:
        """MTF of optics and square pixel together, along a direction.

        Parameters
        ----------
        frequency_cycles_per_px : array_like, shape (n,)
            [cycles/px]
        from_columns_deg : float
            Direction: 0 along columns (the pattern varies from column to column), 90 along rows.
        """
        angle = np.radians(from_columns_deg)
        half = self.response.shape[0] // 2
        place = np.arange(-half, half + 1) / FINE_SAMPLES
        inside = (np.arange(FINE_SAMPLES) + 0.5) / FINE_SAMPLES - 0.5
        out = []
        for f in np.atleast_1d(np.asarray(frequency_cycles_per_px, np.float64)):
            turn = -2j * np.pi * f
            by_row, by_col = (
                np.exp(turn * np.sin(angle) * place),
                np.exp(turn * np.cos(angle) * place),
            )
            pixel = np.exp(turn * np.sin(angle) * inside).mean()
            pixel = pixel * np.exp(turn * np.cos(angle) * inside).mean()
            out.append(abs(by_row @ self.response @ by_col) * abs(pixel))
        return np.array(out)


def edge_image(
    optics: Optics,
    shape: tuple[int, int] = (80, 48),
    *,
    lean_deg: float = 5.0,
    offset_px: float = 0.0,
    low: float = 500.0,
    high: float = 3000.0,
) -> FloatArray:
    """Upright edge in an image, dark to the left.

    Parameters
    ----------
    optics : Optics
    shape : tuple of int
        Rows and columns [px].
    lean_deg : float
        Of the edge against the columns [deg].
    offset_px : float
        From the middle of the image to the right [px].
    low, high : float
        Its two sides [DN].
    """
    pad = optics.response.shape[0] // 2
    y, x = ((np.arange(-pad, n * FINE_SAMPLES + pad) + 0.5) / FINE_SAMPLES - n / 2 for n in shape)
    lean = np.radians(lean_deg)
    distance = (x[None] - offset_px) * np.cos(lean) - y[:, None] * np.sin(lean)
    # fine samples that the edge crosses are partly bright
    fine = np.clip(distance * FINE_SAMPLES + 0.5, 0.0, 1.0)
    return low + (high - low) * _through(fine, optics, shape) / FINE_SAMPLES**2


def point_image(
    optics: Optics,
    places: NDArray[np.floating],
    fluxes: NDArray[np.floating],
    shape: tuple[int, int],
    *,
    level: float = 0.0,
) -> FloatArray:
    """Point sources.

    Parameters
    ----------
    optics : Optics
    places : ndarray, shape (n, 2)
        Row and column, (0, 0) being the upper-left corner; taken to the next fine sample [px].
    fluxes : ndarray, shape (n,)
        [DN]
    shape : tuple of int
        Rows and columns [px].
    level : float
        Background [DN].
    """
    pad = optics.response.shape[0] // 2
    fine = np.zeros([n * FINE_SAMPLES + 2 * pad for n in shape])
    index = (np.asarray(places) * FINE_SAMPLES).astype(int) + pad
    np.add.at(fine, (index[:, 0], index[:, 1]), np.asarray(fluxes, np.float64))
    return level + _through(fine, optics, shape)


def add_noise(image: NDArray[np.floating], a: float, b: float, *, seed: int) -> FloatArray:
    """Image with normal noise of variance ``a + b * signal`` [DN]."""
    rng = np.random.default_rng([seed, 110])
    signal = np.asarray(image, np.float64)
    noise = rng.standard_normal(signal.shape) * np.sqrt(np.maximum(a + b * signal, 0.0))
    return np.asarray(signal + noise)


def _through(fine: FloatArray, optics: Optics, shape: tuple[int, int]) -> FloatArray:
    """Sums over the pixels of a fine scene, with a border as wide as half the response."""
    pad = optics.response.shape[0] // 2
    seen = fftconvolve(fine, optics.response, mode="same")[pad:-pad, pad:-pad]
    rows, cols = shape
    blocks = seen.reshape(rows, FINE_SAMPLES, cols, FINE_SAMPLES)
    return np.asarray(blocks.sum(axis=(1, 3)))
