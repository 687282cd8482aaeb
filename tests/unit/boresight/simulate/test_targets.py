"""Edges, points, lights and spoiled surfaces: against formulas and constants of others."""

from __future__ import annotations

import numpy as np
import pytest

from boresight.errors import InputError
from boresight.image_quality.models import gaussian_mtf, pixel_mtf
from boresight.instrument import Quantity, SpectralResponse
from boresight.radiometry import Spectrum, toa_radiance
from boresight.simulate import (
    BrightSite,
    DsmFaults,
    Optics,
    add_noise,
    band_response,
    black_body_sun,
    edge_image,
    faulty_dsm,
    moon_disk,
    point_image,
)


def test_mtf_of_a_gaussian_is_the_formulas() -> None:
    optics = Optics.gaussian(0.5, 0.7)
    f = np.array([0.0, 0.1, 0.5, 0.8])
    # samples of 1/16 px stand for the pixel: 1 - (pi f / 16)²/6
    wanted = gaussian_mtf(f, 0.7) * pixel_mtf(f)
    np.testing.assert_allclose(optics.mtf(f), wanted, rtol=6e-3)
    along_rows = optics.mtf(f, from_columns_deg=90.0)
    np.testing.assert_allclose(along_rows, gaussian_mtf(f, 0.5) * pixel_mtf(f), rtol=6e-3)
    with pytest.raises(InputError, match=r"0\.1 to 4"):
        Optics.gaussian(0.01, 0.5)


def test_edge_and_points_keep_their_light() -> None:
    optics = Optics.aperture()
    assert optics.response.sum() == pytest.approx(1.0)
    edge = edge_image(optics, (40, 40), lean_deg=5.0, low=100.0, high=900.0)
    assert edge[20, 4] == pytest.approx(100.0, abs=20.0)
    assert edge[20, -4] == pytest.approx(900.0, abs=20.0)
    places = np.array([[15.2, 20.7], [30.0, 12.0]])
    image = point_image(Optics.gaussian(0.5, 0.5), places, np.array([300.0, 200.0]), (44, 40))
    assert image.sum() == pytest.approx(500.0)
    row, col = np.indices(image.shape) + 0.5
    near = np.s_[8:23, 13:28]
    centre = [(v[near] * image[near]).sum() / image[near].sum() for v in (row, col)]
    np.testing.assert_allclose(centre, places[0], atol=1 / 16)


def test_noise_is_as_asked_for() -> None:
    noise = add_noise(np.full((400, 400), 1000.0), 9.0, 0.06, seed=1) - 1000.0
    assert noise.var() == pytest.approx(69.0, rel=0.02)


def test_the_black_body_has_the_solar_constant() -> None:
    # nominal total solar irradiance, IAU 2015 resolution B3: 1361 W m-2
    nm = np.geomspace(100.0, 100_000.0, 20_000)
    total = np.trapezoid(black_body_sun(nm), nm * 1e-3)
    assert total == pytest.approx(1361.0, rel=2e-3)


def test_radiance_of_a_site_is_the_toolkits() -> None:
    nm = np.arange(590.0, 711.0)
    band = SpectralResponse(
        wavelength_nm=nm, response=Quantity(value=band_response(nm, 650.0, 60.0), unit="1")
    )
    fine = np.arange(400.0, 1000.0)
    site = BrightSite()
    found = toa_radiance(
        band, Spectrum(fine, site.reflectance_toa(fine)), Spectrum(fine, black_body_sun(fine)),
        sun_zenith_deg=30.0, sun_distance_au=1.01,
    )  # fmt: skip
    truth = site.radiance(650.0, 60.0, sun_zenith_deg=30.0, sun_distance_au=1.01)
    assert found == pytest.approx(truth, rel=3e-4)
    with pytest.raises(InputError, match="brightness"):
        BrightSite(brightness=5.0)


@pytest.mark.parametrize("phase_deg", [0.0, 45.0, 90.0])
def test_moonlight_adds_up(phase_deg: float) -> None:
    disk = moon_disk(
        (80, 80), irradiance=2e-3, phase_deg=phase_deg, diameter_px=60.0, pixel_sr=1e-8
    )
    assert disk.sum() * 1e-8 == pytest.approx(2e-3)
    share_lit = (disk > 0.02 * disk.max()).sum() / (np.pi * 30.0**2)
    assert share_lit == pytest.approx((1 + np.cos(np.radians(phase_deg))) / 2, abs=0.06)
    with pytest.raises(InputError, match="holds"):
        moon_disk((80, 80), irradiance=1.0, phase_deg=10.0, diameter_px=90.0, pixel_sr=1e-8)


def test_faults_of_a_surface() -> None:
    rows, cols = np.indices((200, 300)).astype(float)
    plane = 100.0 + 0.1 * rows - 0.2 * cols
    inner = np.s_[20:-20, 20:-20]
    raised = faulty_dsm(plane, 1.0, DsmFaults(bias_m=2.0), seed=0)
    np.testing.assert_allclose(raised, plane + 2.0)
    # too far east by 3 m: the height of 3 columns further west; too far north: of rows below
    moved = faulty_dsm(plane, 1.0, DsmFaults(east_m=3.0, north_m=2.0), seed=0)
    np.testing.assert_allclose((moved - plane)[inner], 0.6 + 0.2, atol=1e-6)
    noisy = faulty_dsm(plane, 1.0, DsmFaults(noise_m=0.4), seed=0) - plane
    assert noisy.std() == pytest.approx(0.4)
    holes = faulty_dsm(plane, 1.0, DsmFaults(hole_share=0.1), seed=0)
    assert np.isnan(holes).mean() == pytest.approx(0.1, abs=0.01)
    wave = faulty_dsm(plane, 1.0, DsmFaults(wave_m=0.5, wave_length_m=25.0), seed=0) - plane
    assert np.ptp(wave[:, 0]) == pytest.approx(1.0, rel=0.02)
    assert np.ptp(wave[0]) < 1e-9
