"""The Moon by ROLO against rimopy (AEMET, Valladolid), and the coefficients of the paper."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from support.comparisons import Recorder

from boresight.instrument import Quantity, SpectralResponse
from boresight.radiometry import (
    MoonGeometry,
    Spectrum,
    moon_irradiance,
    moon_reflectance,
    moon_wavelengths_nm,
)

# rimopy 0.4.2 imports what its own dependency has deprecated
with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    from rimopy import coefficients, elref
    from rimopy.types import MoonDatas

pytestmark = pytest.mark.others

RNG = np.random.default_rng(4)
GEOMETRIES = [
    MoonGeometry(
        phase_deg=float(RNG.uniform(2.0, 96.0)),
        observer_lon_deg=float(RNG.uniform(-7.5, 7.5)),
        observer_lat_deg=float(RNG.uniform(-6.5, 6.5)),
        sun_lon_deg=float(RNG.uniform(-95.0, 95.0)),
        sun_moon_au=float(RNG.uniform(0.98, 1.02)),
        observer_moon_km=float(RNG.uniform(357_000.0, 406_000.0)),
    )
    for _ in range(200)
]


def theirs(geometry: MoonGeometry) -> MoonDatas:
    return MoonDatas(
        [geometry.sun_moon_au],
        [geometry.observer_moon_km],
        [np.radians(geometry.sun_lon_deg)],
        [geometry.observer_lat_deg],
        [geometry.observer_lon_deg],
        [geometry.phase_deg],
    )


def test_reflectance_of_all_bands(compared: Recorder) -> None:
    apart = [
        moon_reflectance(geometry).value
        / elref.get_reflectance(
            moon_wavelengths_nm(), mds=theirs(geometry), adjust_apollo=False
        ).ravel()
        - 1
        for geometry in GEOMETRIES
    ]
    compared("Moon's reflectance, 32 bands", "rimopy 0.4.2", np.abs(apart).max(), 1e-9, "relative")


def test_wavelengths_are_those_of_the_paper() -> None:
    np.testing.assert_array_equal(moon_wavelengths_nm(), coefficients.get_wavelengths())


def test_irradiance_in_a_narrow_band(compared: Recorder) -> None:
    """Where the response is one band of the model, irradiance is reflectance times sunlight."""
    nm = 665.1
    response = SpectralResponse(
        wavelength_nm=np.array([nm - 0.2, nm, nm + 0.2]),
        response=Quantity(value=np.array([0.0, 1.0, 0.0]), unit="1"),
    )
    solar = Spectrum(np.array([300.0, 2500.0]), np.array([1530.0, 1530.0]), name="solar spectrum")
    apart = []
    for geometry in GEOMETRIES:
        reflectance = elref.get_reflectance([nm], mds=theirs(geometry), adjust_apollo=False)
        # Kieffer & Stone 2005, equations 7 and 8
        distances = geometry.sun_moon_au**2 * (geometry.observer_moon_km / 384_400.0) ** 2
        expected = reflectance.item() * 6.4177e-5 * 1530.0 / np.pi / distances
        apart.append(moon_irradiance(response, geometry, solar).number / expected - 1)
    # between bands the reflectance is not constant, over 0.2 nm by some parts in ten thousand
    compared("Moon's irradiance", "rimopy 0.4.2", np.abs(apart).max(), 1e-3, "relative")
