"""Absolute gain over clear ocean: most of its light is that of the air, which is known.

Vermote et al. (1992, Int. J. Remote Sens. 13:3409, doi:10.1080/01431169208904131); Hagolle et al.
(1999, IEEE Trans. Geosci. Remote Sens. 37:1550, doi:10.1109/36.763266).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from boresight.errors import CloudError, InputError
from boresight.figures import new_figure, stated
from boresight.instrument import Quantity, SpectralResponse, Uncertainty
from boresight.radiometry.absolute import gain_from_radiance
from boresight.radiometry.angles import SunView
from boresight.radiometry.molecules import (
    Surface,
    molecular_optical_depth,
    molecular_reflectance,
)
from boresight.radiometry.spectral import NEGLIGIBLE_RESPONSE, Spectrum, toa_radiance

FloatArray = NDArray[np.float64]

#: nearer to the Sun's image than this a rough sea glitters
MIN_GLINT_DEG = 40.0
#: more aerosol than this is no clear day (as reflectance)
MAX_AEROSOL = 0.03
#: least share of the molecules in the light, or the method tells of something else
MIN_MOLECULAR_SHARE = 0.5
#: wavelengths of a band at which the air is computed, and for derivatives; between them a
#: polynomial in the inverse fourth power, which with 4 is within 1e-5
_WAVELENGTHS = 4
_FEW_WAVELENGTHS = 2
_STEP_NM = 1.0
#: relative step of derivatives by differences
_STEP = 0.01


@dataclass(frozen=True)
class Ocean:
    """What besides the molecules makes the light over the sea, in one band.

    Parameters
    ----------
    water_reflectance : Quantity
        Of the light that leaves the water, above it: 0.02 at 450 nm and 0.002 at 600 nm for the
        clearest [1].
    aerosol_reflectance : Quantity
        What aerosol and foam add at the top of the atmosphere, from a band near 865 nm [1].
    gas_transmission : Quantity
        There and back, of ozone above all, from its column [1].
    pressure_hpa : Quantity
        At the sea [hPa].
    refractive_index : float
        Of sea water [1].
    """

    water_reflectance: Quantity
    aerosol_reflectance: Quantity
    gas_transmission: Quantity
    pressure_hpa: Quantity
    refractive_index: float = 1.34

    def __post_init__(self) -> None:
        bounds = {
            "water_reflectance": (0.0, 0.1),
            "gas_transmission": (0.5, 1.0),
            "pressure_hpa": (950.0, 1060.0),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name).number
            if not low <= value <= high:
                raise InputError(f"{name} is {value:.5g}; the rule is {low:g} to {high:g}.")
        aerosol = self.aerosol_reflectance.number
        if not 0 <= aerosol <= MAX_AEROSOL:
            raise CloudError(
                f"aerosol_reflectance is {aerosol:.4g}; the rule is 0 to {MAX_AEROSOL:g}, as over "
                "clear ocean.",
                remedy="Choose a day without haze, dust or thin cloud.",
            )


@dataclass(frozen=True)
class OceanResult:
    """Gain, and what the light is made of.

    Parameters
    ----------
    gain : Quantity
        [DN/(W m-2 sr-1 um-1)]
    molecules, total : Spectrum
        Reflectance at the top of the atmosphere: of the air over black, still water, and of all
        together [1].
    radiance : float
        In the band [W m-2 sr-1 um-1].
    """

    gain: Quantity
    molecules: Spectrum
    total: Spectrum
    radiance: float


def gain_from_ocean(
    signal: Quantity,
    response: SpectralResponse,
    ocean: Ocean,
    angles: SunView,
    solar: Spectrum,
    *,
    sun_distance_au: float,
    u_model_relative: float = 0.005,
    u_solar_relative: float = 0.01,
) -> OceanResult:
    """Absolute gain over clear, open ocean.

    Parameters
    ----------
    signal : Quantity
        Mean over the site, above dark, linear and equalised [DN].
    response : SpectralResponse
        Of a band below 700 nm or so.
    ocean : Ocean
        Water, aerosol, ozone and pressure, each with its uncertainty.
    angles : SunView
        At least :data:`MIN_GLINT_DEG` from the Sun's image.
    solar : Spectrum
        Irradiance at 1 au [W m-2 um-1].
    sun_distance_au : float
        0.98 to 1.02 [au].
    u_model_relative : float
        Standard uncertainty of the model: the sea's waves, the scattering of aerosol by molecules,
        the formula of the optical depth [1].
    u_solar_relative : float
        Standard uncertainty of the solar spectrum [1].

    Raises
    ------
    InputError
        Glint, or a band in which molecules scatter less than half of the light.
    SpectralRangeError, EmptyFrameError, UnitsError
        A response outside the solar spectrum, no signal.

    Notes
    -----
    ``rho = T (rho_molecules+water + rho_aerosol)``, ``A = S / L``,
    ``L = rho E cos(zenith) / (pi d²)``. Molecules over water that mirrors and scatters are
    computed with polarisation, not read from a table.
    """
    if angles.glint_deg < MIN_GLINT_DEG:
        raise InputError(
            f"the view is {angles.glint_deg:.1f} degrees from the Sun's image in the water; the "
            f"rule is at least {MIN_GLINT_DEG:g}.",
            remedy="Look away from the glint.",
        )
    water = ocean.water_reflectance.number
    pressure = ocean.pressure_hpa.number

    def sea(water_reflectance: float, pressure_hpa: float, count: int) -> Spectrum:
        surface = Surface(water_reflectance, ocean.refractive_index)
        return _sea(response, angles, surface, pressure_hpa, count)

    def light(spectrum: Spectrum) -> float:
        return toa_radiance(
            response,
            spectrum,
            solar,
            sun_zenith_deg=angles.sun_zenith_deg,
            sun_distance_au=sun_distance_au,
        )

    transmission = ocean.gas_transmission.number
    aerosol = ocean.aerosol_reflectance.number
    clear = sea(water, pressure, _WAVELENGTHS)
    molecules = clear if water == 0 else sea(0.0, pressure, _WAVELENGTHS)
    total = Spectrum(clear.wavelength_nm, transmission * (clear.value + aerosol), name="ocean")
    radiance = light(total)
    alone = transmission * light(molecules)
    if alone < MIN_MOLECULAR_SHARE * radiance:
        raise InputError(
            f"molecules make {100 * alone / radiance:.0f} % of the light; the rule is at least "
            f"{100 * MIN_MOLECULAR_SHARE:g} %.",
            remedy="Take a band of shorter wavelength, or clearer water.",
        )
    one = light(Spectrum(clear.wavelength_nm, np.ones_like(clear.value), name="white"))
    few = light(sea(water, pressure, _FEW_WAVELENGTHS))
    denser = sea(water, pressure * (1 + _STEP), _FEW_WAVELENGTHS)
    brighter = sea(water + _STEP, pressure, _FEW_WAVELENGTHS)
    sensitivities = (
        ("aerosol", ocean.aerosol_reflectance, transmission * one),
        ("gases", ocean.gas_transmission, radiance / transmission),
        ("pressure", ocean.pressure_hpa, transmission * (light(denser) - few) / (_STEP * pressure)),
        ("water", ocean.water_reflectance, transmission * (light(brighter) - few) / _STEP),
    )
    parts = [
        Uncertainty(
            effect=f"{name}: {part.effect}",
            correlation=part.correlation,
            u=float(abs(slope) * np.max(part.u)),
            length=part.length,
        )
        for name, source, slope in sensitivities
        for part in source.uncertainties
    ]
    for effect, relative in (
        ("scattering model", u_model_relative),
        ("solar spectrum", u_solar_relative),
    ):
        parts.append(Uncertainty(effect=effect, correlation="systematic", u=relative * radiance))
    return OceanResult(
        gain=gain_from_radiance(
            signal,
            Quantity(value=radiance, unit="W m-2 sr-1 um-1", uncertainties=tuple(parts)),
        ),
        molecules=molecules,
        total=total,
        radiance=radiance,
    )


def plot_ocean(result: OceanResult) -> Figure:
    """Reflectance over the band with the molecules' share, and the gain's uncertainty by effect."""
    figure = new_figure(11, 3.8)
    left, right = figure.subplots(1, 2)
    nm = result.total.wavelength_nm
    left.fill_between(nm, 0.0, result.molecules.value, alpha=0.4, label="molecules, still water")
    left.plot(nm, result.total.value, color="black", label="all")
    left.set_xlabel("wavelength [nm]")
    left.set_ylabel("reflectance at the top of the atmosphere [1]")
    left.set_ylim(bottom=0.0)
    left.legend(loc="lower left")
    parts = result.gain.uncertainties
    shares = [100 * float(np.max(part.u)) / result.gain.number for part in parts]
    right.barh([part.effect.removesuffix(": measured") for part in parts], shares)
    right.invert_yaxis()
    right.set_xlabel("standard uncertainty of the gain [%]")
    right.set_ylabel("effect")
    right.set_title(f"{stated(result.gain.number, float(result.gain.u))} DN/(W m⁻² sr⁻¹ µm⁻¹)")
    return figure


def _sea(
    response: SpectralResponse,
    angles: SunView,
    surface: Surface,
    pressure_hpa: float,
    count: int,
) -> Spectrum:
    weight = np.asarray(response.response.grid, np.float64)
    heard = weight > NEGLIGIBLE_RESPONSE * weight.max()
    nm = np.asarray(response.wavelength_nm, np.float64)[heard]
    nodes = np.linspace(nm[0], nm[-1], count)
    sun, view, azimuth = angles.radians
    value = [
        molecular_reflectance(
            float(depth),
            cos_sun=float(np.cos(sun)),
            cos_view=float(np.cos(view)),
            relative_azimuth_rad=azimuth,
            surface=surface,
        )[0]
        for depth in molecular_optical_depth(nodes, pressure_hpa=pressure_hpa)
    ]
    wavelength = np.linspace(nm[0], nm[-1], int((nm[-1] - nm[0]) / _STEP_NM) + 2)
    curve = np.polynomial.Polynomial.fit((nm[0] / nodes) ** 4, np.array(value), count - 1)
    return Spectrum(wavelength, curve((nm[0] / wavelength) ** 4), name="molecules and water")
