"""Trials of absolute calibration: sites, deserts, ocean, another instrument, and all together.

The truth is a plain sum over a fine grid of wavelengths, light by direction of a form that the
estimators do not have, photons one by one, and a detector electron by electron.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from boresight.errors import CloudError
from boresight.instrument import Quantity, SpectralResponse, Uncertainty
from boresight.radiometry import (
    GainEstimate,
    Ocean,
    Spectrum,
    SunView,
    cross_calibrate,
    fit_desert,
    fuse_gains,
    gain_from_desert,
    gain_from_moon,
    gain_from_ocean,
    gain_from_reflectance,
    moon_signal,
    site_signal,
    spectral_adjustment,
)
from boresight.radiometry.absolute import GAIN_UNIT
from boresight.simulate import (
    BrightSite,
    FocalPlaneConfig,
    SeaScene,
    air_optical_depth,
    band_response,
    black_body_sun,
    desert_reflectance,
    desert_scene,
    make_focal_plane,
    moon_disk,
    sea_reflectance,
)
from boresight.units import RADIANCE
from boresight.validation.proof import Estimate, Trial

FloatArray = NDArray[np.float64]

#: what the toolkit promises, given its source
ABSOLUTE_RELATIVE = 0.01

_GAIN = 10.0
_FINE_NM = np.arange(380.0, 1000.0, 0.1)
_COARSE_NM = np.arange(390.0, 991.0, 1.0)


def site_trial(seed: int) -> Iterator[Estimate]:
    """Gain over a site: ground, solar spectrum and noise each with their error."""
    rng = np.random.default_rng([seed, 201])
    site = BrightSite(brightness=rng.uniform(0.8, 1.2), haze=rng.uniform(0.02, 0.08))
    centre, width = 650.0, 42.0
    zenith, distance = float(rng.uniform(15.0, 60.0)), float(1.0 + 0.016 * np.sin(seed))
    light = site.radiance(centre, width, sun_zenith_deg=zenith, sun_distance_au=distance)
    site_error, solar_error = 1 + 0.004 * rng.standard_normal(), 1 + 0.003 * rng.standard_normal()
    signal = _GAIN * light * (1 + 5e-4 * rng.standard_normal())
    coarse = np.arange(400.0, 1001.0, 10.0)
    solar_nm, band_nm = np.arange(350.0, 1100.0, 1.0), np.arange(580.0, 721.0)
    told = site.reflectance_toa(coarse) * site_error
    found = gain_from_reflectance(
        Quantity(
            value=signal,
            unit="DN",
            uncertainties=(Uncertainty(effect="noise", correlation="random", u=5e-4 * signal),),
        ),
        SpectralResponse(
            wavelength_nm=band_nm,
            response=Quantity(value=band_response(band_nm, centre, width), unit="1"),
        ),
        Spectrum(coarse, told, 0.004 * told, name="site"),
        Spectrum(solar_nm, black_body_sun(solar_nm) * solar_error, name="solar spectrum"),
        sun_zenith_deg=zenith,
        sun_distance_au=distance,
        u_solar_relative=0.003,
    )
    yield _gain("gain from a site", found)


def fusion_trial(seed: int) -> Iterator[Estimate]:
    """Gain and trend from three methods over two years, each with its own common error."""
    rng = np.random.default_rng([seed, 202])
    trend = -2e-5
    answers = []
    u_solar = 0.003
    solar = 1 + u_solar * rng.standard_normal()
    # name, answers, random and systematic standard error, whether by the solar spectrum
    for name, count, random, systematic, needs_sun in (
        ("radcalnet", 24, 0.02, 0.004, True),
        ("moon", 24, 0.005, 0.03, False),
        ("desert", 40, 0.015, 0.01, True),
    ):
        common = (1 + systematic * rng.standard_normal()) * (solar if needs_sun else 1.0)
        for day in np.sort(rng.uniform(0.0, 730.0, count)):
            own = 1 + random * rng.standard_normal()
            value = _GAIN * (1 + trend * (day - 365.0)) * common * own
            parts = (
                Uncertainty(effect="own", correlation="random", u=random * value),
                Uncertainty(effect="common", correlation="systematic", u=systematic * value),
                Uncertainty(
                    effect="solar spectrum",
                    correlation="systematic",
                    u=u_solar * value if needs_sun else 0.0,
                ),
            )
            quantity = Quantity(value=value, unit=GAIN_UNIT, uncertainties=parts)
            answers.append(GainEstimate(name, float(day), quantity))
    fused = fuse_gains(answers, reference_day=365.0)
    yield _gain("fused gain", fused.gain)
    yield Estimate(
        "trend",
        "1/d",
        trend,
        fused.trend_per_day.number,
        float(fused.trend_per_day.u),
    )


def desert_trial(seed: int, *, hot_spot: float = 0.38) -> Iterator[Estimate]:
    """Gain from 39 passes over a desert, three of them cloudy, by a reference instrument."""

    def by_direction(*radians: FloatArray) -> FloatArray:
        return desert_reflectance(*radians, hot_spot=hot_spot)

    rng = np.random.default_rng([seed, 203])
    u_reference, u_solar, u_day = 0.003, 0.003, 0.01
    solar_error, reference_error = 1 + np.array([u_solar, u_reference]) * rng.standard_normal(2)
    own, other = _band(665.0, 15.0), _band(655.0, 10.0)
    ground = _desert_spectrum(_FINE_NM, rng)
    # the reference's years: its own noise, and days that differ
    days = 120
    sun, view, azimuth = _passes(rng, days)
    seen = by_direction(sun, view, azimuth) * _mean(other, ground, _sun(_FINE_NM))
    seen = seen / _mean(other, _sun(_FINE_NM)) * reference_error
    seen = seen * (1 + u_day * rng.standard_normal(days)) * (1 + 0.003 * rng.standard_normal(days))
    seen[rng.choice(days, 6, replace=False)] *= 1.3
    model = fit_desert(seen, _angles(sun, view, azimuth), u_reference=u_reference)
    spectra = [
        Spectrum(_COARSE_NM, _desert_spectrum(_COARSE_NM, rng), name="site") for _ in range(12)
    ]
    solar = Spectrum(_COARSE_NM, _sun(_COARSE_NM) * solar_error, name="solar spectrum")
    adjustment = spectral_adjustment(_response(own), _response(other), spectra, solar)
    plane = make_focal_plane(FocalPlaneConfig(rows=64, cols=64, seed=seed, prnu_vignetting=0.0))
    answers = []
    light = _mean(own, ground, _sun(_FINE_NM))
    sun, view, azimuth = _passes(rng, 39)
    for k, angles in enumerate(_angles(sun, view, azimuth)):
        reflected = float(by_direction(sun[k : k + 1], view[k : k + 1], azimuth[k : k + 1])[0])
        distance = 1.0 + 0.016 * np.sin(seed + k)
        radiance = reflected * light * np.cos(sun[k]) / np.pi / distance**2
        radiance *= 1 + u_day * rng.standard_normal()
        scene = desert_scene(radiance, 64, 100 * seed + k, cloud=0.3 if k % 13 == 5 else 0.0)
        # what the detector has of its own is calibrated before
        linear = (plane.expose(scene, 6, k) - plane.offset_dn) / plane.gain
        try:
            signal = site_signal(xr.DataArray(linear, attrs={"units": "DN"}))
        except CloudError:
            continue
        gain = gain_from_desert(
            signal,
            _response(own),
            model,
            angles,
            solar,
            sun_distance_au=distance,
            adjustment=adjustment,
            u_solar_relative=u_solar,
        )
        answers.append(GainEstimate("desert", float(k), gain))
    yield _gain("gain over a desert", fuse_gains(answers, trend=False).gain)


def ocean_trial(seed: int, *, untold_aerosol: float = 0.0) -> Iterator[Estimate]:
    """Gain from three clear days over the sea, photon by photon."""
    rng = np.random.default_rng([seed, 204])
    u_solar = 0.003
    solar_error = 1 + u_solar * rng.standard_normal()
    weight, sunlight = _band(443.0, 10.0), _sun(_FINE_NM)
    photons = 300_000
    chosen = rng.choice(_FINE_NM, photons, p=weight * sunlight / (weight * sunlight).sum())
    solar = Spectrum(_COARSE_NM, _sun(_COARSE_NM) * solar_error, name="solar spectrum")
    answers = []
    for k in range(3):
        angles = SunView(rng.uniform(40, 55), rng.uniform(5, 35), rng.uniform(0, 60))
        water, aerosol, pressure = 0.015, 0.003, 1013.0 + 8 * rng.standard_normal()
        reflected, error = sea_reflectance(
            SeaScene(
                angles.sun_zenith_deg, angles.view_zenith_deg, angles.relative_azimuth_deg, water
            ),
            air_optical_depth(chosen / 1000.0, pressure),
            seed=10 * seed + k,
        )
        transmission = 0.993
        light = _mean(weight, sunlight) * np.cos(angles.radians[0]) / np.pi
        signal = _GAIN * transmission * (reflected + aerosol + untold_aerosol) * light
        found = gain_from_ocean(
            # photons of the simulation are few beside those of the Sun: their noise is the signal's
            _number(signal, "DN", signal * error / reflected),
            _response(weight),
            Ocean(
                water_reflectance=_told(water, "1", 7e-4, rng),
                aerosol_reflectance=_told(aerosol, "1", 6e-4, rng),
                gas_transmission=_told(transmission, "1", 0.001, rng),
                pressure_hpa=_told(pressure, "hPa", 1.5, rng),
            ),
            angles,
            solar,
            sun_distance_au=1.0,
            u_model_relative=0.002,
            u_solar_relative=u_solar,
        )
        answers.append(GainEstimate("rayleigh", float(k), found.gain))
    yield _gain("gain over the ocean", fuse_gains(answers, trend=False).gain)


def cross_trial(seed: int) -> Iterator[Estimate]:
    """Gain from forty patches that a calibrated instrument with another band saw, five cloudy."""
    rng = np.random.default_rng([seed, 205])
    u_reference, count = 0.004, 40
    reference_error = 1 + u_reference * rng.standard_normal()
    own, other = _band(665.0, 15.0), _band(655.0, 10.0)
    sunlight = _sun(_FINE_NM)
    patches = np.stack([_desert_spectrum(_FINE_NM, rng) for _ in range(count)])
    patches *= np.geomspace(0.1, 1.6, count)[:, None]
    light = np.cos(np.radians(35.0)) / np.pi
    radiance = light * np.array([_mean(own, one, sunlight) for one in patches])
    known = light * np.array([_mean(other, one, sunlight) for one in patches]) * reference_error
    u_known = 0.02 * known.mean() * np.ones(count)
    u_signal = np.sqrt(4.0 + (0.004 * _GAIN * radiance) ** 2)
    signal = _GAIN * radiance + u_signal * rng.standard_normal(count)
    # clouds that came between the passes; what is below the noise nobody can leave out
    signal[rng.choice(count, 5, replace=False)] += _GAIN * rng.uniform(40.0, 100.0, 5)
    told = known + u_known * rng.standard_normal(count)
    solar = Spectrum(_COARSE_NM, _sun(_COARSE_NM), name="solar spectrum")
    spectra = [
        Spectrum(_COARSE_NM, _desert_spectrum(_COARSE_NM, rng), name="ground") for _ in range(60)
    ]
    reflectance = spectral_adjustment(_response(own), _response(other), spectra, solar)
    share = _mean(own, sunlight) / _mean(other, sunlight)
    found = cross_calibrate(
        _array(signal, "DN", u_signal),
        Quantity(
            value=told,
            unit=RADIANCE,
            uncertainties=(
                Uncertainty(effect="noise", correlation="random", u=u_known),
                Uncertainty(effect="reference", correlation="systematic", u=u_reference * told),
            ),
        ),
        adjustment=Quantity(
            value=reflectance.number * share,
            unit="1",
            uncertainties=(
                # patches differ among themselves: of what one spectrum may be off, the mean has
                # a part that falls with their number
                Uncertainty(
                    effect="spectral bands",
                    correlation="systematic",
                    u=float(reflectance.u) * share / np.sqrt(count / 3),
                ),
            ),
        ),
    )
    yield _gain("gain from another instrument", found.gain)
    yield Estimate(
        "signal without light",
        "DN",
        0.0,
        found.intercept_dn.number,
        float(found.intercept_dn.u),
    )


def moon_trial(seed: int) -> Iterator[Estimate]:
    """Gain from a blurred, noisy disk of known irradiance, with the sky's own light."""
    rng = np.random.default_rng([seed, 206])
    u_model, u_angle = 0.004, 0.002
    side, solid_angle = 96, 1.2e-8
    irradiance = float(rng.uniform(0.0012, 0.0022))
    disk = moon_disk(
        (side, side),
        irradiance=irradiance,
        phase_deg=float(rng.uniform(5.0, 60.0)),
        diameter_px=float(rng.uniform(54.0, 62.0)),
        pixel_sr=solid_angle,
    )
    # aimed a little aside, and not quite sharp; the border of the frame is dark
    disk = np.roll(disk, rng.integers(-4, 5, 2), axis=(0, 1))
    disk = ndimage.gaussian_filter(disk, 0.6)
    plane = make_focal_plane(
        FocalPlaneConfig(rows=side, cols=side, seed=seed, absolute_gain=_GAIN, offset_dn=200.0)
    )
    linear = (plane.expose(disk + 0.5, 7) - plane.offset_dn) / plane.gain
    signal = moon_signal(
        xr.DataArray(linear, attrs={"units": "DN"}), noise_b_dn=plane.config.noise_b_dn
    )
    told = irradiance * (1 + u_model * rng.standard_normal())
    gain = gain_from_moon(
        signal,
        _number(told, "W m-2 um-1", u_model * told),
        pixel_solid_angle_sr=_told(solid_angle, "sr", u_angle * solid_angle, rng),
    )
    yield _gain("gain from the Moon", gain)


ABSOLUTE_METHODS: dict[str, Trial] = {
    "absolute gain, site": site_trial,
    "absolute gain, desert": desert_trial,
    "absolute gain, ocean": ocean_trial,
    "absolute gain, another instrument": cross_trial,
    "absolute gain, Moon": moon_trial,
    "absolute gain, fusion": fusion_trial,
}


def _sun(nm: FloatArray) -> FloatArray:
    """A spectrum like the Sun's, with lines [W m-2 um-1]."""
    return np.asarray(
        1950.0 - 1.3 * (nm - 450.0) + 40.0 * np.sin(nm / 3.1) + 25.0 * np.sin(nm / 7.7)
    )


def _desert_spectrum(nm: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Reflectance that rises to the red, relative to that at 665 nm; no two days the same [1]."""
    slope = 1.6e-3 + 1e-4 * rng.standard_normal()
    bend = -1.5e-6 + 3e-7 * rng.standard_normal()
    x = nm - 665.0
    return np.asarray(1.0 + slope * x + bend * x**2)


def _band(centre_nm: float, sigma_nm: float) -> FloatArray:
    return np.asarray(np.exp(-0.5 * ((_FINE_NM - centre_nm) / sigma_nm) ** 2))


def _response(weight: FloatArray) -> SpectralResponse:
    keep = slice(100, -100, 10)
    return SpectralResponse(
        wavelength_nm=_FINE_NM[keep], response=Quantity(value=weight[keep], unit="1")
    )


def _mean(weight: FloatArray, *factors: FloatArray) -> float:
    return float((weight * np.prod(factors, axis=0)).sum() / weight.sum())


def _passes(rng: np.random.Generator, count: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    return (
        np.radians(rng.uniform(20.0, 55.0, count)),
        np.radians(rng.uniform(0.0, 30.0, count)),
        np.radians(rng.uniform(0.0, 180.0, count)),
    )


def _angles(sun: FloatArray, view: FloatArray, azimuth: FloatArray) -> list[SunView]:
    degrees = np.degrees(np.stack([sun, view, azimuth], axis=1)).tolist()
    return [SunView(*row) for row in degrees]


def _gain(name: str, gain: Quantity) -> Estimate:
    return Estimate(
        name,
        "DN/(W m-2 sr-1 um-1)",
        _GAIN,
        gain.number,
        float(gain.u),
        ABSOLUTE_RELATIVE * _GAIN,
    )


def _number(value: float, unit: str, u: float) -> Quantity:
    part = Uncertainty(effect="noise", correlation="random", u=u)
    return Quantity(value=value, unit=unit, uncertainties=(part,))


def _array(value: FloatArray, unit: str, u: FloatArray) -> Quantity:
    part = Uncertainty(effect="noise", correlation="random", u=u)
    return Quantity(value=value, unit=unit, uncertainties=(part,))


def _told(truth: float, unit: str, u: float, rng: np.random.Generator) -> Quantity:
    """What a measurement with that uncertainty says."""
    return _number(truth + u * rng.standard_normal(), unit, u)
