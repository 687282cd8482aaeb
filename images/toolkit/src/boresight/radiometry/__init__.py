"""Radiometric calibration: pure numerics on frames.

Every method gives its result with uncertainty, refuses input that tells nothing by a named error,
and has a plot.
"""

from __future__ import annotations

from boresight.radiometry.absolute import gain_from_radiance, gain_from_reflectance
from boresight.radiometry.angles import SunView
from boresight.radiometry.bad_pixels import BadPixelResult, find_bad_pixels, plot_bad_pixels
from boresight.radiometry.cross import (
    CrossResult,
    cross_calibrate,
    fit_line,
    plot_cross,
    spectral_adjustment,
)
from boresight.radiometry.dark import DarkResult, estimate_dark, plot_dark
from boresight.radiometry.desert import (
    DesertModel,
    fit_desert,
    gain_from_desert,
    plot_desert,
    site_signal,
)
from boresight.radiometry.equalisation import (
    EqualisationResult,
    estimate_gain_uniform,
    plot_equalisation,
)
from boresight.radiometry.frames import Moments, moments
from boresight.radiometry.fusion import FusedGain, GainEstimate, fuse_gains, plot_gains
from boresight.radiometry.level1 import Level1, level1
from boresight.radiometry.linearity import (
    LinearityResult,
    correction,
    estimate_linearity,
    plot_linearity,
)
from boresight.radiometry.molecules import (
    Surface,
    molecular_optical_depth,
    molecular_reflectance,
)
from boresight.radiometry.moon import (
    MoonGeometry,
    moon_irradiance,
    moon_reflectance,
    moon_wavelengths_nm,
)
from boresight.radiometry.moon_gain import (
    gain_from_moon,
    irradiance_in_band,
    moon_signal,
    plot_moon,
)
from boresight.radiometry.noise import NoiseResult, estimate_noise, plot_noise, snr
from boresight.radiometry.ocean import Ocean, OceanResult, gain_from_ocean, plot_ocean
from boresight.radiometry.plots import plot_level1, plot_moon_reflectance, plot_spectra
from boresight.radiometry.spectral import Spectrum, band_average, toa_radiance
from boresight.radiometry.sun import Sun, sun_equatorial, sun_position
from boresight.radiometry.yaw_steering import estimate_gain_yaw_steered, match_histograms

__all__ = [
    "BadPixelResult",
    "CrossResult",
    "DarkResult",
    "DesertModel",
    "EqualisationResult",
    "FusedGain",
    "GainEstimate",
    "Level1",
    "LinearityResult",
    "Moments",
    "MoonGeometry",
    "NoiseResult",
    "Ocean",
    "OceanResult",
    "Spectrum",
    "Sun",
    "SunView",
    "Surface",
    "band_average",
    "correction",
    "cross_calibrate",
    "estimate_dark",
    "estimate_gain_uniform",
    "estimate_gain_yaw_steered",
    "estimate_linearity",
    "estimate_noise",
    "find_bad_pixels",
    "fit_desert",
    "fit_line",
    "fuse_gains",
    "gain_from_desert",
    "gain_from_moon",
    "gain_from_ocean",
    "gain_from_radiance",
    "gain_from_reflectance",
    "irradiance_in_band",
    "level1",
    "match_histograms",
    "molecular_optical_depth",
    "molecular_reflectance",
    "moments",
    "moon_irradiance",
    "moon_reflectance",
    "moon_signal",
    "moon_wavelengths_nm",
    "plot_bad_pixels",
    "plot_cross",
    "plot_dark",
    "plot_desert",
    "plot_equalisation",
    "plot_gains",
    "plot_level1",
    "plot_linearity",
    "plot_moon",
    "plot_moon_reflectance",
    "plot_noise",
    "plot_ocean",
    "plot_spectra",
    "site_signal",
    "snr",
    "spectral_adjustment",
    "sun_equatorial",
    "sun_position",
    "toa_radiance",
]
