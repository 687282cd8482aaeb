"""From light to numbers: gain of each pixel, offset, noise, equalisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boresight.simulate.config import PairConfig

FloatImage = NDArray[np.float32]

#: relative size of the part of PRNU that varies along columns only
_COLUMN_PART = 0.5


@dataclass(frozen=True)
class Detector:
    """Gains and offsets of the pixels of one detector.

    Parameters
    ----------
    gain : ndarray, shape (rows, cols), float32
        Relative gain, mean 1.
    offset_dn : ndarray, shape (rows, cols), float32
        Signal in the dark [DN].
    """

    gain: FloatImage
    offset_dn: FloatImage


def make_detector(config: PairConfig) -> Detector:
    """Detector of the instrument: the same for both images of a pair."""
    rng = np.random.default_rng([config.seed, 2])
    shape = (config.size_px, config.size_px)
    gain = rng.standard_normal(shape, dtype=np.float32)
    gain *= np.float32(np.sqrt(1 - _COLUMN_PART**2))
    wave = np.sin(np.arange(config.size_px) / 37.0) * np.sqrt(2.0) * _COLUMN_PART
    gain += wave.astype(np.float32)
    gain *= np.float32(config.prnu_rms)
    gain += np.float32(1.0)
    offset = rng.standard_normal(shape, dtype=np.float32) * np.float32(config.dsnu_rms_dn)
    offset += np.float32(config.dark_dn)
    return Detector(gain, offset)


def expose(
    brightness: FloatImage, detector: Detector, config: PairConfig, stream: int
) -> NDArray[np.uint16]:
    """Raw numbers (level 0) of an image of ``brightness``.

    Parameters
    ----------
    brightness : ndarray, shape (rows, cols)
        0 to 1.
    detector : Detector
        Same shape.
    config : PairConfig
        Gain, noise and seed.
    stream : int
        Which random numbers: one stream an image.
    """
    rng = np.random.default_rng([config.seed, 3, stream])
    signal = brightness * np.float32(config.gain_dn) * detector.gain
    noise = rng.standard_normal(signal.shape, dtype=np.float32)
    noise *= np.sqrt(np.float32(config.noise_a) + np.float32(config.noise_b) * signal)
    return _to_dn(signal + detector.offset_dn + noise)


def equalise(raw: NDArray[np.uint16], detector: Detector, dark_dn: float) -> NDArray[np.uint16]:
    """Level 1 numbers: every pixel with gain 1 and the same offset, ``dark_dn``."""
    return _to_dn((raw - detector.offset_dn) / detector.gain + np.float32(dark_dn))


def _to_dn(values: FloatImage) -> NDArray[np.uint16]:
    return np.clip(np.rint(values), 0, 65535).astype(np.uint16)
