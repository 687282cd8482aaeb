"""Light of known strength: the Sun, a site on the ground, the Moon's disk.

Sums over fine grids, on purpose: not the integrals of :mod:`boresight.radiometry`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boresight.errors import InputError

FloatArray = NDArray[np.float64]

#: effective temperature [K] and radius [m] of the Sun, astronomical unit [m]
#: (IAU 2015 resolution B3, IAU 2012 resolution B2)
_SUN_K, _SUN_M, _AU_M = 5772.0, 6.957e8, 1.495978707e11

#: Planck's constant [J s], speed of light [m/s], Boltzmann's constant [J/K]: exact in the SI
_H, _C, _K = 6.62607015e-34, 299_792_458.0, 1.380649e-23

#: fine steps over which light is summed [nm]
_STEP_NM = 0.05


def black_body_sun(wavelength_nm: ArrayLike) -> FloatArray:
    """Irradiance at 1 au of a black body like the Sun [W m-2 um-1]: its lines are left out."""
    metres = np.asarray(wavelength_nm, np.float64) * 1e-9
    radiance = 2 * _H * _C**2 / metres**5 / np.expm1(_H * _C / (metres * _K * _SUN_K))
    return np.asarray(np.pi * radiance * (_SUN_M / _AU_M) ** 2 * 1e-6)


def band_response(
    wavelength_nm: ArrayLike, centre_nm: float, width_nm: float, *, steepness: int = 3
) -> FloatArray:
    """Response of a band with a flat top: 1/2 at half a width from the centre.

    Parameters
    ----------
    wavelength_nm : array_like
        [nm]
    centre_nm, width_nm : float
        [nm]
    steepness : int
        1 is a Gaussian; larger is steeper.
    """
    x = 2.0 * (np.asarray(wavelength_nm, np.float64) - centre_nm) / width_nm
    return np.asarray(0.5 ** (x ** (2 * steepness)))


@dataclass(frozen=True)
class BrightSite:
    """A bare plain seen through clear air.

    Parameters
    ----------
    brightness : float
        Of the ground, 0.2 to 2 [1].
    haze : float
        Share of light scattered by the air at 400 nm, 0 to 0.3 [1].
    """

    brightness: float = 1.0
    haze: float = 0.06

    def __post_init__(self) -> None:
        if not (0.2 <= self.brightness <= 2 and 0 <= self.haze <= 0.3):
            raise InputError(
                f"brightness {self.brightness}, haze {self.haze}; the rule is 0.2 to 2, 0 to 0.3."
            )

    def reflectance_toa(self, wavelength_nm: ArrayLike, hours_from_noon: float = 0.0) -> FloatArray:
        """Reflectance at the top of the atmosphere [1]: sand, blue haze, bands of O₂ and H₂O."""
        nm = np.asarray(wavelength_nm, np.float64)
        ground = 0.16 + 0.24 / (1.0 + np.exp(-(nm - 560.0) / 70.0)) + 5e-5 * (nm - 700.0)
        air = self.haze * (nm / 400.0) ** -4 * (1.0 + 0.03 * hours_from_noon**2)
        clear = 1.0 - 0.25 * np.exp(-(((nm - 761.0) / 6.0) ** 2))
        clear -= 0.30 * np.exp(-(((nm - 940.0) / 25.0) ** 2))
        clear -= 0.04 * np.exp(-(((nm - 600.0) / 60.0) ** 2))
        return np.asarray(self.brightness * ground * clear + air)

    def radiance(
        self,
        centre_nm: float,
        width_nm: float,
        *,
        sun_zenith_deg: float,
        sun_distance_au: float,
        hours_from_noon: float = 0.0,
    ) -> float:
        """What a band with :func:`band_response` receives [W m-2 sr-1 um-1]."""
        nm = np.arange(centre_nm - width_nm, centre_nm + width_nm, _STEP_NM)
        weight = band_response(nm, centre_nm, width_nm)
        light = weight * self.reflectance_toa(nm, hours_from_noon) * black_body_sun(nm)
        cosine = np.cos(np.radians(sun_zenith_deg))
        return float(light.sum() / weight.sum() * cosine / (np.pi * sun_distance_au**2))


def moon_disk(
    shape: tuple[int, int],
    *,
    irradiance: float,
    phase_deg: float,
    diameter_px: float,
    pixel_sr: float,
) -> FloatArray:
    """Radiance of the Moon's disk: a rough sphere lit from the side, in the middle of a frame.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns [px].
    irradiance : float
        Sum of radiance times solid angle over the frame [W m-2 um-1].
    phase_deg : float
        Angle between Sun and observer as seen from the Moon, 0 to 120 [deg].
    diameter_px : float
        Below the frame's smaller side [px].
    pixel_sr : float
        Solid angle of a pixel [sr].

    Returns
    -------
    ndarray, shape (rows, cols)
        [W m-2 sr-1 um-1]
    """
    if not (0 <= phase_deg <= 120 and 4 <= diameter_px < min(shape)):
        raise InputError(
            f"phase {phase_deg} deg, diameter {diameter_px} px in {shape}; the rule is 0 to 120 "
            "deg, and a disk that the frame holds."
        )
    # four points a pixel along each side, so that the limb is not a staircase
    fine = 4
    y, x = (((np.arange(n * fine) + 0.5) / fine - n / 2) / (diameter_px / 2) for n in shape)
    square = x[None] ** 2 + y[:, None] ** 2
    depth = np.sqrt(np.clip(1.0 - square, 0.0, None))
    angle = np.radians(phase_deg)
    lit = np.clip(x[None] * np.sin(angle) + depth * np.cos(angle), 0.0, None)
    # Lommel and Seeliger's law: the full Moon has no dark limb
    light = np.where(square < 1.0, lit / np.maximum(lit + depth, 1e-9), 0.0)
    # maria: darker patches, the same at every phase
    for row, col, size, depth_of in ((-0.3, -0.3, 0.28, 0.35), (0.1, 0.35, 0.22, 0.3)):
        spot = np.exp(-(((y[:, None] - row) ** 2 + (x[None] - col) ** 2) / size**2))
        light = light * (1.0 - depth_of * spot)
    pixels = light.reshape(shape[0], fine, shape[1], fine).mean(axis=(1, 3))
    return np.asarray(pixels * irradiance / (pixels.sum() * pixel_sr))
