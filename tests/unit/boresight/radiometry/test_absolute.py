"""Absolute gain, spectra, the Sun and the Moon: against published numbers and other programs."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from boresight.errors import (
    EmptyFrameError,
    InputError,
    NotFiniteError,
    SingularError,
    SpectralRangeError,
    TooFewFramesError,
    UnitsError,
)
from boresight.instrument import Quantity, SpectralResponse, Uncertainty
from boresight.radiometry import (
    GainEstimate,
    MoonGeometry,
    Spectrum,
    band_average,
    fuse_gains,
    gain_from_radiance,
    gain_from_reflectance,
    moon_irradiance,
    moon_reflectance,
    moon_wavelengths_nm,
    plot_gains,
    sun_equatorial,
    sun_position,
    toa_radiance,
)

NM = np.arange(550.0, 751.0, 2.0)
RED = SpectralResponse(
    wavelength_nm=NM, response=Quantity(value=np.exp(-(((NM - 650) / 25) ** 2)), unit="1")
)
SOLAR = Spectrum(np.arange(300.0, 2501.0), 2000.0 * np.ones(2201), name="solar spectrum")
SITE = Spectrum(
    np.arange(400.0, 1001.0, 10.0),
    np.linspace(0.1, 0.4, 61),
    np.full(61, 0.005),
    name="site",
)


def gain(value: float, random: float, systematic: float = 0.0) -> Quantity:
    parts = [Uncertainty(effect="own", correlation="random", u=random)]
    if systematic:
        parts.append(Uncertainty(effect="scale", correlation="systematic", u=systematic))
    return Quantity(value=value, unit="DN W-1 m2 sr um", uncertainties=tuple(parts))


def test_band_average_is_scipys_integral() -> None:
    nodes = np.linspace(500.0, 800.0, 37)
    bumpy = Spectrum(nodes, 1.0 + np.sin(nodes / 7.0) ** 2)

    def seen(x: float) -> float:
        return float(np.interp(x, NM, RED.response.grid))

    def product(x: float) -> float:
        return seen(x) * float(np.interp(x, nodes, bumpy.value))

    points = np.union1d(NM, nodes[(nodes > NM[0]) & (nodes < NM[-1])])
    pairs = list(itertools.pairwise(points))
    over = sum(integrate.quad(product, low, high)[0] for low, high in pairs)
    under = sum(integrate.quad(seen, low, high)[0] for low, high in pairs)
    assert band_average(RED, bumpy) == pytest.approx(over / under, rel=1e-10)


@given(st.floats(0.01, 10.0), st.floats(0.01, 10.0))
@settings(max_examples=30)
def test_band_average_is_linear(a: float, b: float) -> None:
    one = Spectrum(SITE.wavelength_nm, a * SITE.value)
    both = Spectrum(SITE.wavelength_nm, a * SITE.value + b)
    assert band_average(RED, both) == pytest.approx(band_average(RED, one) + b, rel=1e-9)


def test_a_narrow_band_sees_its_wavelength() -> None:
    narrow = SpectralResponse(
        wavelength_nm=np.array([649.0, 650.0, 651.0]),
        response=Quantity(value=np.array([0.0, 1.0, 0.0]), unit="1"),
    )
    assert band_average(narrow, SITE) == pytest.approx(np.interp(650, *spectrum(SITE)), rel=1e-6)


def spectrum(one: Spectrum) -> tuple[Any, Any]:
    return one.wavelength_nm, one.value


def test_response_outside_a_spectrum_is_named() -> None:
    assert band_average(RED, SITE) > 0
    short = Spectrum(SITE.wavelength_nm[:26], SITE.value[:26], name="solar spectrum")
    with pytest.raises(SpectralRangeError, match=r"solar spectrum is known from 400\.0 to 650\.0"):
        band_average(RED, short)


def test_sun_is_that_of_published_examples() -> None:
    # Meeus 1998, example 25.a: 1992 October 13, 0 h TD
    right_ascension, declination, distance = sun_equatorial(2448908.5)
    assert right_ascension == pytest.approx(198.38083, abs=1e-5)
    assert declination == pytest.approx(-7.78507, abs=1e-5)
    assert distance == pytest.approx(0.99766, abs=5e-6)
    # Reda & Andreas 2003 (NREL/TP-560-34302, A.5): without refraction, elevation 39.872046
    time = dt.datetime(2003, 10, 17, 19, 30, 30, tzinfo=dt.UTC).timestamp()
    sun = sun_position(time, lon_deg=-105.1786, lat_deg=39.742476)
    assert sun.zenith_deg == pytest.approx(90 - 39.872046, abs=0.005)
    assert sun.azimuth_deg == pytest.approx(194.340241, abs=0.005)
    with pytest.raises(InputError, match="no place"):
        sun_position(time, lon_deg=0.0, lat_deg=91.0)


# phase, observer's longitude and latitude, Sun's longitude [deg]: reflectance at 350.0, 441.6,
# 553.8, 865.3 and 2383.6 nm as rimopy 0.4.2 computes it (elref, neither Apollo nor RIMO factors)
RIMOPY = [
    ((7.0, 3.0, -5.0, 6.0), (0.061103, 0.081513, 0.099390, 0.139752, 0.263349)),
    ((45.0, -6.5, 4.0, -40.0), (0.019852, 0.028008, 0.035728, 0.054182, 0.120167)),
    ((85.0, 0.0, 6.5, 85.0), (0.006765, 0.009937, 0.012896, 0.020543, 0.048342)),
]


@pytest.mark.parametrize(("angles", "expected"), RIMOPY, ids=["full", "waxing", "quarter"])
def test_moon_is_rimopys(angles: tuple[float, ...], expected: tuple[float, ...]) -> None:
    found = moon_reflectance(MoonGeometry(*angles))
    chosen = [list(moon_wavelengths_nm()).index(nm) for nm in (350.0, 441.6, 553.8, 865.3, 2383.6)]
    np.testing.assert_allclose(found.value[chosen], expected, atol=6e-7)
    printed = moon_reflectance(MoonGeometry(*angles), as_printed=True).value
    assert 0 < np.abs(printed / found.value - 1).max() < 0.02


def test_moonlight_falls_with_distance() -> None:
    near = moon_irradiance(RED, MoonGeometry(30.0, 0.0, 0.0, 30.0), SOLAR)
    far = moon_irradiance(
        RED, MoonGeometry(30.0, 0.0, 0.0, 30.0, observer_moon_km=2**0.1 * 384_400.0), SOLAR
    )
    assert near.number / far.number == pytest.approx(2**0.2)
    assert near.u / near.number == pytest.approx(np.hypot(0.01, 0.05))
    with pytest.raises(InputError, match=r"phase_deg is 0\.5; the rule is 1\.55 to 97"):
        MoonGeometry(0.5, 0.0, 0.0, 0.0)
    with pytest.raises(InputError, match="phase_deg is nan"):
        MoonGeometry(float("nan"), 0.0, 0.0, 0.0)


def test_gain_is_signal_over_radiance() -> None:
    signal = Quantity(
        value=2000.0,
        unit="DN",
        uncertainties=(Uncertainty(effect="noise", correlation="random", u=2.0),),
    )
    radiance = toa_radiance(RED, SITE, SOLAR, sun_zenith_deg=60.0, sun_distance_au=1.0)
    # 2000 W m-2 um-1, half of it on the ground, reflectance 0.225 at 650 nm
    assert radiance == pytest.approx(2000 * 0.5 * 0.225 / np.pi, rel=1e-3)
    options: dict[str, Any] = {"sun_zenith_deg": 60.0, "sun_distance_au": 1.0}
    found = gain_from_reflectance(signal, RED, SITE, SOLAR, u_solar_relative=0.004, **options)
    assert found.number == pytest.approx(2000.0 / radiance)
    relative = np.sqrt(0.001**2 + (0.005 / 0.225) ** 2 + 0.004**2)
    assert found.u / found.number == pytest.approx(relative, rel=1e-3)
    with pytest.raises(InputError, match="sun_zenith_deg is 89"):
        gain_from_reflectance(signal, RED, SITE, SOLAR, **(options | {"sun_zenith_deg": 89.0}))
    with pytest.raises(InputError, match="no uncertainty"):
        gain_from_reflectance(signal, RED, Spectrum(*spectrum(SITE)), SOLAR, **options)
    with pytest.raises(UnitsError, match="look like digital numbers"):
        gain_from_radiance(signal, signal)
    dark = Quantity(value=0.0, unit="DN")
    with pytest.raises(EmptyFrameError):
        gain_from_radiance(dark, Quantity(value=70.0, unit="W m-2 sr-1 um-1"))


def test_spectra_are_checked() -> None:
    with pytest.raises(NotFiniteError):
        Spectrum(SITE.wavelength_nm, np.full(61, np.nan))
    with pytest.raises(InputError, match="do not increase"):
        Spectrum(SITE.wavelength_nm[::-1], SITE.value)
    with pytest.raises(InputError, match="one each"):
        Spectrum(SITE.wavelength_nm, SITE.value[:5])


def test_fusion_is_the_weighted_mean_where_nothing_is_common() -> None:
    answers = [GainEstimate("a", 0.0, gain(10.0, 0.1)), GainEstimate("b", 5.0, gain(10.2, 0.2))]
    found = fuse_gains(answers, trend=False)
    # weights of relative uncertainties 1 % and 1.96 % about the median
    weight = np.array([(10.0 / 0.1) ** 2, (10.2 / 0.2) ** 2])
    assert found.gain.number == pytest.approx(weight @ [10.0, 10.2] / weight.sum(), rel=1e-9)
    assert found.trend_per_day.number == 0.0


def test_what_is_common_does_not_average_out() -> None:
    many = [GainEstimate("site", float(k), gain(10.0, 0.1, 0.2)) for k in range(100)]
    found = fuse_gains(many, trend=False)
    assert found.gain.u == pytest.approx(np.hypot(0.1 / 10, 0.2), rel=1e-3)
    assert fuse_gains(many).trend_per_day.u < 1e-3
    two = many + [GainEstimate("moon", float(k), gain(10.0, 0.1, 0.2)) for k in range(100)]
    assert fuse_gains(two, trend=False).gain.u == pytest.approx(
        np.hypot(0.1 / 10, 0.2) / np.sqrt(2), rel=1e-3
    )


def test_fusion_finds_an_outlying_method() -> None:
    calm = [
        GainEstimate(name, float(k), gain(10.0 + 0.05 * (-1) ** k, 0.1))
        for k in range(8)
        for name in ("a", "b")
    ]
    assert fuse_gains(calm).p_value > 0.05
    wrong = [*calm, GainEstimate("c", 3.0, gain(11.0, 0.1))]
    assert fuse_gains(wrong).p_value < 1e-6
    assert plot_gains(fuse_gains(wrong)).axes[0].get_legend() is not None


def test_fusion_refuses_what_it_cannot_tell() -> None:
    answers = [GainEstimate("a", float(k), gain(10.0, 0.1)) for k in range(4)]
    assert fuse_gains(answers).gain.number == pytest.approx(10.0)
    with pytest.raises(TooFewFramesError, match="at least 3"):
        fuse_gains(answers[:2])
    with pytest.raises(SingularError, match="singular"):
        fuse_gains([GainEstimate("a", 7.0, gain(10.0, 0.1)) for _ in range(4)])
    with pytest.raises(InputError, match="an uncertainty above 0"):
        fuse_gains([*answers, GainEstimate("a", 9.0, gain(10.0, 0.0))])
