"""Spectra seen through a band's response."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boresight.errors import InputError, SpectralRangeError
from boresight.instrument import SpectralResponse
from boresight.units import finite

FloatArray = NDArray[np.float64]

#: response below this share of its peak may lie outside a spectrum: it carries next to no light
NEGLIGIBLE_RESPONSE = 1e-3


@dataclass(frozen=True)
class Spectrum:
    """A quantity over wavelength, linear between its nodes.

    Parameters
    ----------
    wavelength_nm : ndarray, shape (n,)
        Increasing [nm].
    value : ndarray, shape (n,)
        Irradiance [W m-2 um-1], reflectance [1]…
    u : ndarray, shape (n,), optional
        Standard uncertainty, taken as common to all wavelengths of a band.
    name : str
        What it is called in messages.
    """

    wavelength_nm: FloatArray
    value: FloatArray
    u: FloatArray | None = None
    name: str = "spectrum"

    def __post_init__(self) -> None:
        if self.wavelength_nm.ndim != 1 or self.wavelength_nm.size < 2:
            raise InputError(f"{self.name} has shape {self.wavelength_nm.shape}; the rule is (n,).")
        if not (np.diff(self.wavelength_nm) > 0).all():
            raise InputError(f"wavelengths of {self.name} do not increase; the rule is that.")
        for values in (self.value, self.u):
            if values is not None and values.shape != self.wavelength_nm.shape:
                raise InputError(
                    f"{self.name} has values of shape {values.shape} at wavelengths of shape "
                    f"{self.wavelength_nm.shape}; the rule is one each."
                )
        finite(self.value, self.name)


def band_average(response: SpectralResponse, *spectra: Spectrum) -> float:
    """Mean of a product of spectra over a band, ``∫ R s1 s2 … dλ / ∫ R dλ``.

    All factors are linear between the nodes of all of them, so that Gauss-Legendre's rule of three
    points on each piece is exact for up to four spectra.

    Parameters
    ----------
    response : SpectralResponse
        To radiance (energy), not to photons.
    *spectra : Spectrum
        Factors.

    Raises
    ------
    SpectralRangeError
        A spectrum ends where the band still responds.
    """
    wavelength = np.asarray(response.wavelength_nm, np.float64)
    weight = np.asarray(response.response.grid, np.float64)
    heard = weight > NEGLIGIBLE_RESPONSE * weight.max()
    low, high = float(wavelength[heard][0]), float(wavelength[heard][-1])
    for spectrum in spectra:
        first, last = float(spectrum.wavelength_nm[0]), float(spectrum.wavelength_nm[-1])
        if low < first or high > last:
            raise SpectralRangeError(
                f"the band responds from {low:.1f} to {high:.1f} nm, {spectrum.name} is known from "
                f"{first:.1f} to {last:.1f} nm; the rule is all of the band.",
                remedy="Use a longer spectrum, or cut the response if its wings are noise.",
            )
        wavelength = np.union1d(wavelength, spectrum.wavelength_nm)
    # beyond all spectra's ends there is no light to count
    first = max([wavelength[0], *(spectrum.wavelength_nm[0] for spectrum in spectra)])
    last = min([wavelength[-1], *(spectrum.wavelength_nm[-1] for spectrum in spectra)])
    first = max(first, float(response.wavelength_nm[0]))
    last = min(last, float(response.wavelength_nm[-1]))
    nodes = wavelength[(wavelength >= first) & (wavelength <= last)]
    abscissae, weights = np.polynomial.legendre.leggauss(3)
    half = np.diff(nodes)[:, None] / 2
    at = (nodes[:-1, None] + half) + half * abscissae
    seen = np.interp(at, response.wavelength_nm, response.response.grid)
    product = seen.copy()
    for spectrum in spectra:
        product *= np.interp(at, spectrum.wavelength_nm, spectrum.value)
    return float((product * half * weights).sum() / (seen * half * weights).sum())


def toa_radiance(
    response: SpectralResponse,
    reflectance: Spectrum,
    solar: Spectrum,
    *,
    sun_zenith_deg: float,
    sun_distance_au: float,
) -> float:
    """Radiance at the top of the atmosphere in a band [W m-2 sr-1 um-1].

    Parameters
    ----------
    response : SpectralResponse
    reflectance : Spectrum
        At the top of the atmosphere: pi L d² / (E cos(zenith)) [1].
    solar : Spectrum
        Irradiance at 1 au [W m-2 um-1].
    sun_zenith_deg : float
        0 to 85 [deg].
    sun_distance_au : float
        0.98 to 1.02 [au].

    Raises
    ------
    SpectralRangeError
        A spectrum ends where the band still responds.
    InputError
        Sun too low, or a distance that the Earth never has.
    """
    if not 0 <= sun_zenith_deg <= 85:
        raise InputError(f"sun_zenith_deg is {sun_zenith_deg}; the rule is 0 to 85.")
    if not 0.98 <= sun_distance_au <= 1.02:
        raise InputError(f"sun_distance_au is {sun_distance_au}; the rule is 0.98 to 1.02.")
    light = np.cos(np.radians(sun_zenith_deg)) / (np.pi * sun_distance_au**2)
    return float(band_average(response, reflectance, solar) * light)
