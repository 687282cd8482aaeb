"""Absolute calibration by deserts, the ocean, another instrument and the Moon: rules and refusals.

Whether estimates and uncertainties are true is for the proofs (tests/unit/boresight/validation).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from support.comparisons import Recorder

from boresight.errors import (
    CloudError,
    EmptyFrameError,
    FramesError,
    InputError,
    NonConvergenceError,
    NotFiniteError,
    SingularError,
    SpectralRangeError,
    TooFewFramesError,
    UnitsError,
)
from boresight.instrument import Quantity, SpectralResponse, Uncertainty
from boresight.radiometry import (
    GainEstimate,
    Ocean,
    Spectrum,
    SunView,
    cross_calibrate,
    fit_desert,
    fit_line,
    fuse_gains,
    gain_from_desert,
    gain_from_moon,
    gain_from_ocean,
    moon_signal,
    plot_cross,
    plot_desert,
    plot_moon,
    plot_ocean,
    site_signal,
    spectral_adjustment,
)
from boresight.radiometry.desert import kernels
from boresight.simulate import desert_reflectance, desert_scene

RNG = np.random.default_rng(5)
SUN_DEG, VIEW_DEG, AZIMUTH_DEG = (
    RNG.uniform(20, 55, 40),
    RNG.uniform(0, 30, 40),
    RNG.uniform(0, 180, 40),
)
ANGLES = [SunView(*row) for row in np.stack([SUN_DEG, VIEW_DEG, AZIMUTH_DEG], axis=1).tolist()]
SEEN = desert_reflectance(*np.radians([SUN_DEG, VIEW_DEG, AZIMUTH_DEG]))
SEEN = SEEN * (1 + 0.01 * RNG.standard_normal(40))
NM = np.arange(400.0, 901.0)
SOLAR = Spectrum(NM, 2000.0 - 1.2 * (NM - 450.0), name="solar spectrum")


def quantity(value: Any, unit: str, u: Any, correlation: Any = "random") -> Quantity:
    part = Uncertainty(effect="noise", correlation=correlation, u=u)
    return Quantity(value=value, unit=unit, uncertainties=(part,))


def band(centre_nm: float, sigma_nm: float = 8.0) -> SpectralResponse:
    nm = np.arange(centre_nm - 30.0, centre_nm + 31.0)
    weight = np.exp(-0.5 * ((nm - centre_nm) / sigma_nm) ** 2)
    return SpectralResponse(wavelength_nm=nm, response=Quantity(value=weight, unit="1"))


def dn(values: Any, units: str = "DN") -> xr.DataArray:
    return xr.DataArray(values, dims=("row", "col"), attrs={"units": units})


def test_kernels_have_their_published_integrals() -> None:
    """White-sky integrals of Lucht et al. 2000, table 1: 0.189184 and -1.377622."""
    zenith, weight = np.polynomial.legendre.leggauss(24)
    # cosines from 0.2 to 1: SunView ends at 75 and 65 degrees, where the kernels go on
    theta = np.pi / 4 * (zenith + 1)
    azimuth = np.pi * (np.arange(48) + 0.5) / 48
    sun, view, turn = np.meshgrid(theta, theta, azimuth, indexing="ij")

    class Anywhere:
        def __init__(self, *radians: float) -> None:
            self.radians = radians

    rows = zip(sun.ravel(), view.ravel(), turn.ravel(), strict=True)
    found = kernels([Anywhere(*row) for row in rows])  # type: ignore[misc]
    share = np.pi / 4 * weight * 2 * np.sin(theta) * np.cos(theta)
    mean = found.reshape(*sun.shape, 3).mean(axis=2)
    white = np.einsum("i,j,ijk->k", share, share, mean)
    np.testing.assert_allclose(white, [1.0, 0.189184, -1.377622], rtol=6e-3)
    assert kernels([SunView(0.0, 0.0, 0.0)])[0] == pytest.approx([1.0, 0.0, 0.0], abs=1e-12)


def test_a_deserts_model_holds_within_its_scatter() -> None:
    model = fit_desert(SEEN, ANGLES, u_reference=0.02)
    assert model.repeatability == pytest.approx(0.011, abs=0.004)
    fresh = SunView(33.0, 12.0, 77.0)
    truth = desert_reflectance(*np.radians([[33.0], [12.0], [77.0]]))[0]
    found = model.reflectance(fresh)
    assert found.number == pytest.approx(truth, rel=0.01)
    assert found.u / found.number == pytest.approx(np.hypot(model.repeatability, 0.02), rel=0.05)
    assert len(plot_desert(model, SEEN, ANGLES).axes) == 2


def test_clouds_over_a_desert() -> None:
    cloudy = SEEN.copy()
    cloudy[[3, 9, 20]] *= 1.5
    assert np.flatnonzero(~fit_desert(cloudy, ANGLES, u_reference=0.02).used).tolist() == [3, 9, 20]
    cloudy = SEEN * np.where(np.arange(40) % 5 < 2, RNG.uniform(1.3, 2.5, 40), 1.0)
    with pytest.raises(CloudError, match="of 40 acquisitions lie off"):
        fit_desert(cloudy, ANGLES, u_reference=0.02)
    clear = site_signal(dn(10 * desert_scene(120.0, 96, 1)))
    assert clear.number == pytest.approx(1200.0, rel=0.005)
    assert 0 < clear.u < 6
    with pytest.raises(CloudError, match="as clear desert has it"):
        site_signal(dn(10 * desert_scene(120.0, 96, 1, cloud=0.2)))


def test_deserts_refuse_what_tells_nothing() -> None:
    fit_desert(SEEN, ANGLES, u_reference=0.02)
    with pytest.raises(TooFewFramesError, match="at least 10"):
        fit_desert(SEEN[:9], ANGLES[:9], u_reference=0.02)
    with pytest.raises(NotFiniteError):
        fit_desert(np.where(np.arange(40) == 7, np.nan, SEEN), ANGLES, u_reference=0.02)
    with pytest.raises(UnitsError, match="neither radiance nor DN"):
        fit_desert(SEEN * 300.0, ANGLES, u_reference=0.02)
    with pytest.raises(SingularError, match="undetermined"):
        fit_desert(SEEN, [ANGLES[0]] * 40, u_reference=0.02)
    scene = 10 * desert_scene(120.0, 64, 2)
    site_signal(dn(scene))
    with pytest.raises(UnitsError, match="the rule is 'DN'"):
        site_signal(dn(scene, "W m-2 sr-1 um-1"))
    with pytest.raises(UnitsError, match="states its units"):
        site_signal(scene)
    with pytest.raises(FramesError, match="bad or saturated"):
        site_signal(dn(np.where(RNG.random(scene.shape) < 0.1, np.nan, scene)))
    with pytest.raises(EmptyFrameError):
        site_signal(dn(scene - 3000.0))


def test_gain_over_a_desert() -> None:
    model = fit_desert(SEEN, ANGLES, u_reference=0.02)
    angles = SunView(40.0, 10.0, 90.0)
    signal = quantity(1500.0, "DN", 3.0)
    options: dict[str, Any] = {"sun_distance_au": 1.0}
    found = gain_from_desert(signal, band(650.0), model, angles, SOLAR, **options)
    twice = gain_from_desert(
        signal,
        band(650.0),
        model,
        angles,
        SOLAR,
        adjustment=quantity(2.0, "1", 0.02, "systematic"),
        **options,
    )
    assert found.number / twice.number == pytest.approx(2.0)
    assert twice.u / twice.number == pytest.approx(
        np.hypot(float(found.u) / found.number, 0.01), rel=1e-6
    )
    effects = {part.effect for part in found.uncertainties}
    assert effects == {"noise", "site", "site model", "reference instrument", "solar spectrum"}
    with pytest.raises(SpectralRangeError, match="solar spectrum is known from"):
        gain_from_desert(signal, band(900.0), model, angles, SOLAR, **options)
    with pytest.raises(InputError, match="no more than 5 degrees beyond"):
        gain_from_desert(signal, band(650.0), model, SunView(70.0, 10.0, 90.0), SOLAR, **options)
    with pytest.raises(InputError, match="view_zenith_deg is 80"):
        SunView(40.0, 80.0, 0.0)


@pytest.mark.others
def test_lines_with_errors_in_both(compared: Recorder) -> None:
    """Pearson's data with York's weights: -0.480533 and 5.47991 (York et al. 2004, table II)."""
    x = np.array([0.0, 0.9, 1.8, 2.6, 3.3, 4.4, 5.2, 6.1, 6.5, 7.4])
    y = np.array([5.9, 5.4, 4.4, 4.6, 3.5, 3.7, 2.8, 2.8, 2.4, 1.5])
    u_x = 1 / np.sqrt([1000.0, 1000, 500, 800, 200, 80, 60, 20, 1.8, 1.0])
    u_y = 1 / np.sqrt([1.0, 1.8, 4, 8, 20, 20, 70, 70, 100, 500])
    line = fit_line(x, y, u_x, u_y, through_zero=False)
    apart = abs(line.slope + 0.480533407)
    compared("slope of a line, errors in both", "York et al. 2004, table II", apart, 1e-8, "1")
    assert line.intercept == pytest.approx(5.47991022, abs=1e-7)
    assert line.u_slope == pytest.approx(0.058, abs=5e-4)
    assert line.chi2 == pytest.approx(11.8664, abs=1e-3)
    with pytest.raises(NonConvergenceError, match="after 100 steps"):
        fit_line(x, np.full(10, np.nan), u_x, u_y, through_zero=True)


def patches(count: int = 20, noise: float = 0.004) -> tuple[Quantity, Quantity]:
    rng = np.random.default_rng(2)
    light = np.linspace(20.0, 250.0, count)
    signal = 10.0 * light * (1 + noise * rng.standard_normal(count))
    told = light * (1 + noise * rng.standard_normal(count))
    reference = Quantity(
        value=told,
        unit="W m-2 sr-1 um-1",
        uncertainties=(
            Uncertainty(effect="noise", correlation="random", u=noise * light),
            Uncertainty(effect="reference", correlation="systematic", u=0.02 * told),
        ),
    )
    return quantity(signal, "DN", 10 * noise * light), reference


def test_gain_from_another_instrument() -> None:
    signal, radiance = patches()
    found = cross_calibrate(signal, radiance)
    assert found.gain.number == pytest.approx(10.0, rel=0.004)
    assert found.gain.u / found.gain.number == pytest.approx(0.02, rel=0.02)
    assert abs(found.intercept_dn.number) < 3.3 * float(found.intercept_dn.u)
    assert len(plot_cross(found).axes) == 2
    half = cross_calibrate(signal, radiance, adjustment=quantity(2.0, "1", 0.0))
    assert half.gain.number == pytest.approx(found.gain.number / 2)
    # a patch that changed between the passes is left out, and does not move the gain
    values = signal.grid.copy()
    values[4] *= 1.6
    spoilt = cross_calibrate(signal.model_copy(update={"value": values}), radiance)
    assert np.flatnonzero(~spoilt.used).tolist() == [4]
    assert spoilt.gain.number == pytest.approx(found.gain.number, rel=1e-3)


def test_a_wrong_dark_signal_shows_as_an_intercept() -> None:
    signal, radiance = patches()
    shifted = signal.model_copy(update={"value": signal.grid + 100.0})
    found = cross_calibrate(shifted, radiance).intercept_dn
    assert found.number > 5 * float(found.u)


def test_other_instruments_refuse_what_tells_nothing() -> None:
    signal, radiance = patches()
    cross_calibrate(signal, radiance)
    with pytest.raises(InputError, match="the rule is 'DN' and"):
        cross_calibrate(radiance, signal)
    with pytest.raises(UnitsError, match="look like digital numbers"):
        cross_calibrate(signal, radiance.model_copy(update={"value": signal.grid * 2.0}))
    with pytest.raises(TooFewFramesError, match="at least 8"):
        cross_calibrate(*patches(7))
    rng = np.random.default_rng(0)
    mixed = signal.model_copy(update={"value": rng.permutation(signal.grid)})
    with pytest.raises(InputError, match="patches lie off the line"):
        cross_calibrate(mixed, radiance)
    with pytest.raises(InputError, match="no random uncertainty"):
        cross_calibrate(
            Quantity(value=signal.grid, unit="DN"),
            Quantity(value=radiance.grid, unit=radiance.unit),
        )


def test_bands_are_adjusted_by_the_grounds_spectrum() -> None:
    sloped = [
        Spectrum(NM, 0.3 * (1 + slope * (NM - 650.0)), name="ground")
        for slope in (0.9e-3, 1e-3, 1.1e-3)
    ]
    found = spectral_adjustment(band(660.0), band(650.0), sloped, SOLAR)
    # ten nanometres of 1e-3 each, and the Sun's slope across the bands
    assert found.number == pytest.approx(1.01, abs=2e-4)
    assert found.u == pytest.approx(1e-3, rel=0.05)
    same = spectral_adjustment(band(650.0), band(650.0), sloped, SOLAR)
    assert same.number == pytest.approx(1.0)
    with pytest.raises(TooFewFramesError, match="two, or one with"):
        spectral_adjustment(band(660.0), band(650.0), sloped[:1], SOLAR)
    with pytest.raises(SpectralRangeError):
        spectral_adjustment(band(900.0), band(650.0), sloped, SOLAR)


def clear_sea(**changes: Quantity) -> Ocean:
    values = {
        "water_reflectance": quantity(0.015, "1", 0.001),
        "aerosol_reflectance": quantity(0.003, "1", 0.001),
        "gas_transmission": quantity(0.99, "1", 0.002),
        "pressure_hpa": quantity(1013.0, "hPa", 2.0),
    }
    return Ocean(**(values | changes))


def test_gain_over_the_ocean() -> None:
    angles = SunView(40.0, 20.0, 60.0)
    signal = quantity(800.0, "DN", 1.0)
    options: dict[str, Any] = {"sun_distance_au": 1.0}
    found = gain_from_ocean(signal, band(450.0), clear_sea(), angles, SOLAR, **options)
    assert found.gain.number == pytest.approx(800.0 / found.radiance)
    # in the blue most of the light is the air's
    share = found.molecules.value / found.total.value
    assert 0.75 < share.min() < share.max() < 0.95
    denser = clear_sea(pressure_hpa=quantity(1023.13, "hPa", 2.0))
    more = gain_from_ocean(signal, band(450.0), denser, angles, SOLAR, **options)
    # 1 % more air gives nearly 1 % more light of its own
    assert more.radiance / found.radiance == pytest.approx(1.008, abs=0.0015)
    pressure = next(part for part in found.gain.uncertainties if part.effect == "pressure: noise")
    slope = (more.radiance - found.radiance) / 10.13 * 2.0 / found.radiance
    assert float(pressure.u) / found.gain.number == pytest.approx(slope, rel=0.05)
    assert len(plot_ocean(found).axes) == 2


def test_oceans_that_tell_nothing() -> None:
    angles = SunView(40.0, 20.0, 60.0)
    signal = quantity(800.0, "DN", 1.0)
    options: dict[str, Any] = {"sun_distance_au": 1.0}
    with pytest.raises(CloudError, match="as over clear ocean"):
        clear_sea(aerosol_reflectance=quantity(0.08, "1", 0.001))
    with pytest.raises(InputError, match=r"pressure_hpa is 1\.013e\+05"):
        clear_sea(pressure_hpa=quantity(101300.0, "Pa", 200.0))
    glitter = SunView(40.0, 35.0, 175.0)
    with pytest.raises(InputError, match="Look away from the glint"):
        gain_from_ocean(signal, band(450.0), clear_sea(), glitter, SOLAR, **options)
    murky = clear_sea(water_reflectance=quantity(0.09, "1", 0.01))
    with pytest.raises(InputError, match="molecules make"):
        gain_from_ocean(signal, band(800.0), murky, angles, SOLAR, **options)
    with pytest.raises(SpectralRangeError):
        gain_from_ocean(signal, band(410.0), clear_sea(), angles, SOLAR, **options)


def disk(shift_px: float = 0.0) -> xr.DataArray:
    row, col = np.indices((80, 80)) + 0.5
    bright = 1500.0 * (np.hypot(row - 40.0, col - 40.0 - shift_px) < 24)
    return dn(bright + 3.0 + np.random.default_rng(1).standard_normal((80, 80)))


def test_gain_from_the_moon() -> None:
    signal = moon_signal(disk())
    bright = int((disk().data > 750).sum())
    assert signal.number == pytest.approx(1500.0 * bright, abs=3.3 * float(signal.u))
    irradiance = quantity(2.7e-3, "W m-2 um-1", 2.7e-5, "systematic")
    angle = quantity(1e-8, "sr", 1e-10)
    gain = gain_from_moon(signal, irradiance, pixel_solid_angle_sr=angle)
    assert gain.number == pytest.approx(signal.number * 1e-8 / 2.7e-3)
    assert gain.u / gain.number == pytest.approx(np.sqrt(2) * 0.01, rel=0.01)
    assert len(plot_moon(disk(), gain).axes) >= 2
    with pytest.raises(InputError, match="whole disk"):
        moon_signal(disk(20.0))
    with pytest.raises(EmptyFrameError, match="ten times the noise"):
        moon_signal(dn(np.random.default_rng(1).standard_normal((80, 80))))
    with pytest.raises(UnitsError, match="the rule is 'DN'"):
        moon_signal(disk().assign_attrs(units="W m-2 sr-1 um-1"))
    with pytest.raises(UnitsError, match="irradiance is in"):
        gain_from_moon(signal, angle, pixel_solid_angle_sr=angle)


def answers(effect: str) -> list[GainEstimate]:
    found = []
    for method in ("radcalnet", "desert"):
        for day in range(20):
            parts = (
                Uncertainty(effect="own", correlation="random", u=0.01),
                Uncertainty(effect=effect, correlation="systematic", u=0.1),
            )
            gain = Quantity(value=10.0, unit="DN W-1 m2 sr um", uncertainties=parts)
            found.append(GainEstimate(method, float(day), gain))
    return found


def test_one_sun_shines_on_all_methods() -> None:
    """What methods have in common does not fall with their number."""
    own = fuse_gains(answers("scale"), trend=False).gain
    shared = fuse_gains(answers("solar spectrum"), trend=False).gain
    assert own.u == pytest.approx(0.1 / np.sqrt(2), rel=0.01)
    assert shared.u == pytest.approx(0.1, rel=0.01)


def test_errors_alike_over_days_count_less_than_independent_ones() -> None:
    def fused(length: float | None) -> float:
        part = (
            Uncertainty(effect="dust", correlation="random", u=0.1)
            if length is None
            else Uncertainty(effect="dust", correlation="structured", u=0.1, length=length)
        )
        gain = Quantity(value=10.0, unit="DN W-1 m2 sr um", uncertainties=(part,))
        entries = [GainEstimate("desert", float(day), gain) for day in range(50)]
        return float(fuse_gains(entries, trend=False).gain.u)

    assert fused(None) == pytest.approx(0.1 / np.sqrt(50), rel=1e-3)
    # over 10 days alike: about 50 / (2 * 10) independent answers and the ends
    assert 0.1 / np.sqrt(5) < fused(10.0) < 0.1 / np.sqrt(2)
    assert fused(1e9) == pytest.approx(0.1, rel=1e-3)


def test_trend_and_its_interval() -> None:
    entries = []
    for day in range(0, 700, 7):
        value = 10.0 * (1 - 5e-5 * (day - 350)) + 0.02 * RNG.standard_normal()
        gain = quantity(value, "DN W-1 m2 sr um", 0.02)
        entries.append(GainEstimate("moon", float(day), gain))
    found = fuse_gains(entries, reference_day=350.0)
    low, high = found.trend_interval(0.99)
    assert low < -5e-5 < high
    assert high < 0
    assert found.trend_p_value is not None
    assert found.trend_p_value < 1e-6
    assert found.u_at(350.0) == pytest.approx(float(found.gain.u))
    assert found.u_at(1500.0) > 3 * found.u_at(350.0)
    constant = fuse_gains(entries, trend=False)
    assert constant.trend_p_value is None
    with pytest.raises(InputError, match="taken as constant"):
        constant.trend_interval()
    with pytest.raises(UnitsError, match="answer 0"):
        fuse_gains([replace(entries[0], gain=quantity(3.0, "DN", 0.1)), *entries[1:]])
