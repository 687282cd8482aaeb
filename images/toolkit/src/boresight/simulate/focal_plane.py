"""A detector with everything that can be wrong with one, and the truth of it.

The chain is physical, electron by electron, on purpose: it is not the formula that calibration
fits. Light frees a Poisson number of electrons in each pixel; the read-out bends, adds its noise
and an offset, and rounds.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boresight.simulate._bounds import Bounds, check_bounds

#: truth flags of pixels, one bit each
HOT, DEAD, NOISY, UNSTABLE = 1, 2, 4, 8

_BOUNDS: Bounds = {
    "rows": (1, 20_000, "px"),
    "cols": (8, 60_000, "px"),
    "seed": (0, 2**63 - 1, ""),
    "absolute_gain": (0.1, 1000.0, "DN/(W m-2 sr-1 um-1)"),
    "electrons_per_dn": (0.1, 1000.0, "e/DN"),
    "read_noise_e": (0.0, 1000.0, "e"),
    "offset_dn": (0.0, 1000.0, "DN"),
    "dsnu_rms_dn": (0.0, 50.0, "DN"),
    "prnu_rms": (0.0, 0.1, "1"),
    "prnu_column_rms": (0.0, 0.1, "1"),
    "prnu_vignetting": (0.0, 0.5, "1"),
    "bend": (-0.2, 0.2, "1"),
    "bend_cubic": (-0.2, 0.2, "1"),
    "kink": (-0.05, 0.05, "1"),
    "kink_at": (0.0, 1.0, "1"),
    "offset_drift_dn": (0.0, 10.0, "DN"),
    "saturation_dn": (255, 65_535, "DN"),
    "hot_share": (0.0, 0.05, "1"),
    "dead_share": (0.0, 0.05, "1"),
    "noisy_share": (0.0, 0.05, "1"),
    "unstable_share": (0.0, 0.05, "1"),
}


@dataclass(frozen=True)
class FocalPlaneConfig:
    """One band's detector: a frame, or a push-broom line when ``rows`` is 1.

    Parameters
    ----------
    rows, cols : int
        Size [px].
    seed : int
        Everything random follows from it.
    absolute_gain : float
        Linear signal of radiance 1 [DN/(W m-2 sr-1 um-1)].
    electrons_per_dn, read_noise_e : float
        Conversion [e/DN] and noise of reading [e].
    offset_dn, dsnu_rms_dn : float
        Mean offset and its spread over pixels [DN].
    prnu_rms, prnu_column_rms, prnu_vignetting : float
        Spread of gain from pixel to pixel, from column to column, and fall-off to the corners [1].
    bend, bend_cubic : float
        Share of signal lost at full scale, with the square and the cube of the signal [1].
    kink, kink_at : float
        Step of the slope at this share of full scale: a shape that no low polynomial has [1].
    offset_drift_dn : float
        Standard deviation of a frame's common offset [DN].
    saturation_dn : int
        Largest number of the converter [DN].
    hot_share, dead_share, noisy_share, unstable_share : float
        Shares of pixels: 30 to 300 DN more dark signal; 2 to 60 % of the gain; 5 to 20 times the
        read noise; jumping between two offsets from frame to frame (random telegraph signal) [1].
    """

    rows: int = 512
    cols: int = 512
    seed: int = 0
    absolute_gain: float = 10.0
    electrons_per_dn: float = 10.0
    read_noise_e: float = 30.0
    offset_dn: float = 64.0
    dsnu_rms_dn: float = 2.0
    prnu_rms: float = 0.01
    prnu_column_rms: float = 0.003
    prnu_vignetting: float = 0.02
    bend: float = 0.0
    bend_cubic: float = 0.0
    kink: float = 0.0
    kink_at: float = 0.5
    offset_drift_dn: float = 0.0
    saturation_dn: int = 4095
    hot_share: float = 0.0
    dead_share: float = 0.0
    noisy_share: float = 0.0
    unstable_share: float = 0.0

    def __post_init__(self) -> None:
        check_bounds(self, _BOUNDS)

    @property
    def noise_a_dn2(self) -> float:
        """True variance of the noise without signal, rounding included [DN2]."""
        return (self.read_noise_e / self.electrons_per_dn) ** 2 + 1.0 / 12.0

    @property
    def noise_b_dn(self) -> float:
        """True slope of the noise's variance over signal [DN]."""
        return 1.0 / self.electrons_per_dn

    def as_dict(self) -> dict[str, object]:
        """All numbers, as JSON takes them."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class FocalPlane:
    """A detector as it truly is.

    Parameters
    ----------
    config : FocalPlaneConfig
        What was asked for.
    offset_dn : ndarray, shape (rows, cols), float64
        Dark signal, of hot pixels too [DN].
    gain : ndarray, shape (rows, cols), float64
        Relative gain: mean 1 over pixels without a flag [1].
    read_noise_e : ndarray, shape (rows, cols), float64
        [e]
    jump_dn : ndarray, shape (rows, cols), float64
        Height of the jumps of unstable pixels [DN].
    flags : ndarray, shape (rows, cols), uint8
        Bits :data:`HOT`, :data:`DEAD`, :data:`NOISY`, :data:`UNSTABLE`; 0 is good.
    """

    config: FocalPlaneConfig
    offset_dn: NDArray[np.float64]
    gain: NDArray[np.float64]
    read_noise_e: NDArray[np.float64]
    jump_dn: NDArray[np.float64]
    flags: NDArray[np.uint8]

    @property
    def good(self) -> NDArray[np.bool_]:
        """Pixels without a flag."""
        return np.asarray(self.flags == 0)

    def bent(self, electrons: NDArray[np.float64]) -> NDArray[np.float64]:
        """Electrons as the read-out shows them: what it loses near full scale."""
        config = self.config
        full = config.saturation_dn * config.electrons_per_dn
        x = electrons / full
        loss = config.bend * x**2 + config.bend_cubic * x**3
        loss += config.kink * np.maximum(x - config.kink_at, 0.0)
        return electrons - full * loss

    def expose(self, radiance: NDArray[np.floating] | float, *stream: int) -> NDArray[np.uint16]:
        """Raw numbers of one frame.

        Parameters
        ----------
        radiance : ndarray, shape (rows, cols), or float
            [W m-2 sr-1 um-1], >= 0. A line detector takes (lines, cols).
        *stream : int
            Which random numbers: one combination a frame.
        """
        config = self.config
        rng = np.random.default_rng([config.seed, 101, *stream])
        mean = np.asarray(radiance, np.float64) * self.gain
        mean = mean * (config.absolute_gain * config.electrons_per_dn)
        freed = rng.poisson(mean).astype(np.float64)
        shown = self.bent(freed)
        shown += rng.standard_normal(mean.shape) * self.read_noise_e
        shown /= config.electrons_per_dn
        shown += self.offset_dn
        if config.offset_drift_dn:
            shown += config.offset_drift_dn * rng.standard_normal()
        if self.jump_dn.any():
            shown += self.jump_dn * (rng.random(mean.shape) < 0.5)
        return np.clip(np.rint(shown), 0, config.saturation_dn).astype(np.uint16)


def make_focal_plane(config: FocalPlaneConfig | None = None) -> FocalPlane:
    """Make a detector: deterministic by ``config.seed``."""
    config = config or FocalPlaneConfig()
    rng = np.random.default_rng([config.seed, 100])
    shape = (config.rows, config.cols)
    offset = config.offset_dn + config.dsnu_rms_dn * rng.standard_normal(shape)
    gain = 1.0 + config.prnu_rms * rng.standard_normal(shape)
    gain += config.prnu_column_rms * rng.standard_normal((1, config.cols))
    row, col = (np.linspace(-1.0, 1.0, n) if n > 1 else np.zeros(1) for n in shape)
    gain -= config.prnu_vignetting * (row[:, None] ** 2 + col[None] ** 2) / 2
    read_noise = np.full(shape, config.read_noise_e)
    jump = np.zeros(shape)
    flags = np.zeros(shape, np.uint8)
    shares = (config.hot_share, config.dead_share, config.noisy_share, config.unstable_share)
    lottery = rng.random(shape)
    kind = np.searchsorted(np.cumsum(shares), lottery, side="right")
    for k, flag in enumerate((HOT, DEAD, NOISY, UNSTABLE)):
        flags[kind == k] = flag
    draw = rng.random(shape)
    offset += np.where(flags == HOT, 30.0 + 270.0 * draw, 0.0)
    gain *= np.where(flags == DEAD, 0.02 + 0.58 * draw, 1.0)
    read_noise *= np.where(flags == NOISY, 5.0 + 15.0 * draw, 1.0)
    jump[flags == UNSTABLE] = (15.0 + 45.0 * draw)[flags == UNSTABLE]
    gain /= gain[flags == 0].mean()
    return FocalPlane(config, offset, gain, read_noise, jump, flags)
