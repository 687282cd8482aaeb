"""Surface models with faults of known size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from boresight.simulate.terrain import fractal


@dataclass(frozen=True)
class DsmFaults:
    """What is wrong with a surface model.

    Parameters
    ----------
    bias_m : float
        Added everywhere [m].
    noise_m, noise_length_px : float
        Standard deviation of noise [m], and of the Gaussian over which it hangs together [px].
    noise_per_slope_m : float
        Further noise, times the tangent of the slope [m].
    east_m, north_m : float
        By how much the model lies too far east and north [m].
    wave_m, wave_length_m, wave_azimuth_deg : float
        Amplitude and length of a wave, and the direction across its crests, from north [m], [deg].
    hole_share : float
        Share of pixels without a height, in patches [1].
    """

    bias_m: float = 0.0
    noise_m: float = 0.0
    noise_length_px: float = 1.5
    noise_per_slope_m: float = 0.0
    east_m: float = 0.0
    north_m: float = 0.0
    wave_m: float = 0.0
    wave_length_m: float = 40.0
    wave_azimuth_deg: float = 0.0
    hole_share: float = 0.0


def faulty_dsm(
    truth: NDArray[np.floating], resolution_m: float, faults: DsmFaults, *, seed: int
) -> NDArray[np.float64]:
    """Spoil a surface.

    Parameters
    ----------
    truth : ndarray, shape (rows, cols)
        North up [m].
    resolution_m : float
        Side of a pixel [m].
    faults : DsmFaults
    seed : int
        Everything random follows from it.
    """
    rng = np.random.default_rng([seed, 112])
    surface = np.asarray(truth, np.float64)
    move = -faults.north_m / resolution_m, faults.east_m / resolution_m
    dsm = ndimage.shift(surface, move, order=3, mode="nearest")
    # slopes of the model where it lies now: matching errs on what it sees
    by_row, by_col = np.gradient(dsm, resolution_m)
    noise = ndimage.gaussian_filter(rng.standard_normal(surface.shape), faults.noise_length_px)
    dsm += faults.bias_m + faults.noise_m * noise / noise.std()
    dsm += faults.noise_per_slope_m * np.hypot(by_row, by_col) * rng.standard_normal(surface.shape)
    rows, cols = np.indices(surface.shape) * resolution_m
    angle = np.radians(faults.wave_azimuth_deg)
    along = -rows * np.cos(angle) + cols * np.sin(angle)
    phase = rng.uniform(0.0, 2.0 * np.pi)
    dsm += faults.wave_m * np.sin(2.0 * np.pi * along / faults.wave_length_m + phase)
    if faults.hole_share:
        field = fractal(max(surface.shape), 2.5, rng)[: surface.shape[0], : surface.shape[1]]
        dsm[field > np.quantile(field, 1.0 - faults.hole_share)] = np.nan
    return np.asarray(dsm, np.float64)
