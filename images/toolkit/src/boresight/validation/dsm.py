"""Trials of surface models: errors of known distribution, moved and banded models."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize, stats

from boresight.dsm import banding, compare, comparison_uncertainty, coregister, slope_error
from boresight.simulate import DsmFaults, faulty_dsm
from boresight.validation.proof import Estimate, Trial

FloatArray = NDArray[np.float64]

_SIDE_PX, _RESOLUTION_M = 384, 0.5
_TRANSFORM = (_RESOLUTION_M, 0.0, 400_000.0, 0.0, -_RESOLUTION_M, 4_800_000.0)
_EPSG = 32631

#: standard deviation of the noise [m], and of the Gaussian over which it hangs together [px]
_NOISE_M, _LENGTH_PX = 0.4, 1.5
_BIAS_M = 0.25

_EAST_M, _NORTH_M, _UP_M = 1.1, 0.8, -3.0
_WAVE_M, _WAVE_LENGTH_M = 0.12, 40.0
_VERTICAL_M, _PER_SLOPE_M = 0.3, 0.5


def accuracy_trial(seed: int) -> Iterator[Estimate]:
    """Bias, NMAD and LE90 where neighbours' errors hang together."""
    rng = np.random.default_rng([seed, 301])
    reference = _hills(rng)
    model = reference + _BIAS_M + _noise(rng)
    found, u = compare(model, reference), comparison_uncertainty(model, reference)
    normal = stats.norm(_BIAS_M, _NOISE_M)
    le90 = optimize.brentq(lambda x: normal.cdf(x) - normal.cdf(-x) - 0.9, 0.0, 10.0)
    yield Estimate("bias", "m", _BIAS_M, found.bias_mean_m, u.u_bias_mean_m)
    yield Estimate("NMAD", "m", _NOISE_M, found.nmad_m, u.u_nmad_m)
    yield Estimate("LE90", "m", float(le90), found.le90_m, u.u_le90_m)


def shift_trial(seed: int) -> Iterator[Estimate]:
    """A model that lies aside of the reference."""
    rng = np.random.default_rng([seed, 302])
    reference = _hills(rng)
    faults = DsmFaults(east_m=-_EAST_M, north_m=-_NORTH_M, bias_m=-_UP_M)
    model = faulty_dsm(reference, _RESOLUTION_M, faults, seed=seed) + _noise(rng)
    found = coregister(model, reference, _TRANSFORM, _EPSG)
    yield Estimate("to the east", "m", _EAST_M, found.east_m, found.u_east_m)
    yield Estimate("to the north", "m", _NORTH_M, found.north_m, found.u_north_m)
    yield Estimate("up", "m", _UP_M, found.up_m, found.u_up_m)


def slope_trial(seed: int) -> Iterator[Estimate]:
    """Errors that grow with the slope."""
    rng = np.random.default_rng([seed, 303])
    reference = _hills(rng)
    faults = DsmFaults(noise_per_slope_m=_PER_SLOPE_M)
    model = faulty_dsm(reference, _RESOLUTION_M, faults, seed=seed)
    model += _VERTICAL_M * rng.standard_normal(model.shape)
    found = slope_error(model, reference, _RESOLUTION_M)
    yield Estimate("on level ground", "m", _VERTICAL_M, found.vertical_m, found.u_vertical_m)
    yield Estimate("along the slope", "m", _PER_SLOPE_M, found.horizontal_m, found.u_horizontal_m)


def banding_trial(seed: int) -> Iterator[Estimate]:
    """Amplitude and length of a wave in the error."""
    rng = np.random.default_rng([seed, 304])
    flat = np.zeros((_SIDE_PX, _SIDE_PX))
    faults = DsmFaults(wave_m=_WAVE_M, wave_length_m=_WAVE_LENGTH_M)
    error = faulty_dsm(flat, _RESOLUTION_M, faults, seed=seed) + _noise(rng)
    found = banding(error, _RESOLUTION_M, azimuth_deg=0.0)
    yield Estimate("amplitude", "m", _WAVE_M, found.amplitude_m, found.u_amplitude_m)
    yield Estimate("wavelength", "m", _WAVE_LENGTH_M, found.wavelength_m, found.u_wavelength_m)


METHODS: dict[str, Trial] = {
    "surface model, accuracy": accuracy_trial,
    "surface model, shift": shift_trial,
    "surface model, error over slope": slope_trial,
    "surface model, bands": banding_trial,
}


def _hills(rng: np.random.Generator) -> FloatArray:
    """Slopes in all directions, of some ten degrees."""
    surface = ndimage.gaussian_filter(rng.standard_normal((_SIDE_PX, _SIDE_PX)), 12.0)
    return np.asarray(200.0 + 10.0 * surface / surface.std())


def _noise(rng: np.random.Generator) -> FloatArray:
    """Normal errors of one standard deviation that hang together, not scaled to their sample."""
    point = np.zeros((33, 33))
    point[16, 16] = 1.0
    kernel = ndimage.gaussian_filter(point, _LENGTH_PX)
    white = rng.standard_normal((_SIDE_PX, _SIDE_PX))
    noise = ndimage.gaussian_filter(white, _LENGTH_PX, mode="wrap")
    return np.asarray(_NOISE_M * noise / np.sqrt((kernel**2).sum()))
