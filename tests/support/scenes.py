"""Textures of which a shifted copy is known exactly: sums of waves, moved by their phases."""

from __future__ import annotations

import numpy as np


def waves(
    size: int, shift: tuple[float, float], *, seed: int = 0, slope: float = 1.0
) -> np.ndarray:
    """Fractal texture seen through a Gaussian of 0.55 px and the pixel, mean 1000, spread 300 DN.

    A feature at (row, col) of the unmoved texture lies at (row, col) + ``shift``.
    """
    rng = np.random.default_rng(seed)
    row, col = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    radius = np.hypot(row, col)
    radius[0, 0] = 1.0
    seen = np.exp(-2 * (np.pi * 0.55 * radius) ** 2) * np.sinc(row) * np.sinc(col)
    spectrum = rng.normal(size=radius.shape) + 1j * rng.normal(size=radius.shape)
    spectrum *= radius**-slope * seen
    spectrum[0, 0] = 0.0
    scale = 300.0 / np.fft.irfft2(spectrum, s=(size, size)).std()
    moved = spectrum * np.exp(-2j * np.pi * (row * shift[0] + col * shift[1]))
    return 1000.0 + scale * np.fft.irfft2(moved, s=(size, size))
