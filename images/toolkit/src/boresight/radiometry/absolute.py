"""Absolute gain from a scene of known radiance."""

from __future__ import annotations

import numpy as np

from boresight.errors import EmptyFrameError, InputError
from boresight.instrument import Quantity, SpectralResponse, Uncertainty
from boresight.radiometry.spectral import Spectrum, band_average, toa_radiance
from boresight.units import radiances

GAIN_UNIT = "DN W-1 m2 sr um"


def gain_from_radiance(signal: Quantity, radiance: Quantity) -> Quantity:
    """Absolute gain from the linear, equalised signal of a scene and its radiance.

    Parameters
    ----------
    signal : Quantity
        Mean over the site, above dark [DN].
    radiance : Quantity
        Of the scene in the band [W m-2 sr-1 um-1].

    Raises
    ------
    UnitsError, EmptyFrameError
        DN where radiance is due, or no signal.
    """
    light = float(radiances(np.array([radiance.number]), "radiance")[0])
    if not signal.number > 0 or light <= 0:
        raise EmptyFrameError(
            f"signal is {signal.number:.5g} DN and radiance {light:.5g}; the rule is above 0.",
            remedy="Check that the site is in the image and lit.",
        )
    value = signal.number / light
    parts = [
        Uncertainty(
            effect=part.effect,
            correlation=part.correlation,
            u=float(value * np.max(part.u) / abs(source.number)),
            length=part.length,
        )
        for source in (signal, radiance)
        for part in source.uncertainties
    ]
    return Quantity(value=value, unit=GAIN_UNIT, uncertainties=tuple(parts))


def gain_from_reflectance(
    signal: Quantity,
    response: SpectralResponse,
    reflectance: Spectrum,
    solar: Spectrum,
    *,
    sun_zenith_deg: float,
    sun_distance_au: float,
    u_solar_relative: float = 0.01,
) -> Quantity:
    """Absolute gain over a site of known reflectance, such as RadCalNet's at the top of the air.

    Parameters
    ----------
    signal : Quantity
        Mean over the site, above dark, linear and equalised [DN].
    response : SpectralResponse
    reflectance : Spectrum
        At the top of the atmosphere, with ``u`` [1].
    solar : Spectrum
        Irradiance at 1 au [W m-2 um-1].
    sun_zenith_deg, sun_distance_au : float
        [deg], [au].
    u_solar_relative : float
        Standard uncertainty of the solar spectrum [1].

    Raises
    ------
    SpectralRangeError, InputError, EmptyFrameError, UnitsError
        Spectra that end too early, a low Sun, no signal.
    """
    if reflectance.u is None:
        raise InputError(
            "reflectance has no uncertainty; the rule is one for each wavelength.",
            remedy="RadCalNet's files hold it in their second block.",
        )
    radiance = toa_radiance(
        response,
        reflectance,
        solar,
        sun_zenith_deg=sun_zenith_deg,
        sun_distance_au=sun_distance_au,
    )
    uncertain = Spectrum(reflectance.wavelength_nm, reflectance.u, name="u of reflectance")
    relative = band_average(response, uncertain) / band_average(response, reflectance)
    return gain_from_radiance(
        signal,
        Quantity(
            value=radiance,
            unit="W m-2 sr-1 um-1",
            uncertainties=(
                # a site's errors are of its own day for the most part: the aerosol, the ground
                Uncertainty(effect="site", correlation="random", u=relative * radiance),
                Uncertainty(
                    effect="solar spectrum", correlation="systematic", u=u_solar_relative * radiance
                ),
            ),
        ),
    )
