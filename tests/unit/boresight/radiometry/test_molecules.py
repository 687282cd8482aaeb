"""Light of the air: against published tables, and against photons one by one."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from support.comparisons import Recorder

from boresight.errors import InputError
from boresight.radiometry import (
    Surface,
    molecular_optical_depth,
    molecular_reflectance,
    sun_position,
)
from boresight.simulate import SeaScene, air_optical_depth, sea_reflectance

# Natraj, Li & Yung 2009 (ApJ 691:1909, doi:10.1088/0004-637X/691/2/1909), their corrected tables of
# Coulson, Dave & Sekera: optical depth 0.5, no depolarisation, cosine of the Sun 0.2, incident flux
# pi. Albedo, cosine of the view, azimuth between the beams [deg]: I, |Q|, |U|
TABLES = [
    (0.0, 0.40, 0, (0.16889020, 0.01119511, 0.0)),
    (0.0, 1.00, 0, (0.05300496, 0.03755859, 0.0)),
    (0.0, 0.02, 60, (0.30091208, 0.15965601, 0.07365528)),
    (0.0, 0.40, 60, (0.12752450, 0.06066038, 0.05293867)),
    (0.0, 0.02, 30, (0.39444956, 0.06485313, 0.04390364)),
    (0.0, 0.92, 60, (0.05643322, 0.01979730, 0.03822653)),
    (0.8, 0.40, 0, (0.23059806, 0.01144320, 0.0)),
    (0.8, 1.00, 0, (0.13280858, 0.03755859, 0.0)),
    (0.8, 0.40, 60, (0.18923236, 0.06041229, 0.05293867)),
]


@pytest.mark.others
@pytest.mark.parametrize(("albedo", "mu", "azimuth_deg", "expected"), TABLES)
def test_published_tables(
    albedo: float,
    mu: float,
    azimuth_deg: float,
    expected: tuple[float, float, float],
    compared: Recorder,
) -> None:
    found = molecular_reflectance(
        0.5,
        cos_sun=0.2,
        cos_view=mu,
        relative_azimuth_rad=np.pi - np.radians(azimuth_deg),
        surface=Surface(albedo),
        depolarisation=0.0,
    )
    # reflectance is pi I / (cosine of the Sun times flux)
    apart = abs(0.2 * found[0] / expected[0] - 1)
    what, tables = "light of the air (Rayleigh)", "Natraj, Li and Yung 2009"
    compared(what, tables, apart, 2e-4, "relative")
    np.testing.assert_allclose(np.abs(0.2 * found[1:]), expected[1:], atol=2.5e-5)


@pytest.mark.parametrize(
    ("scene", "depth"),
    [
        (SeaScene(40.0, 30.0, 90.0), 0.2),
        (SeaScene(55.0, 40.0, 40.0, water_reflectance=0.03), 0.35),
        (SeaScene(20.0, 45.0, 150.0, water_reflectance=0.02), 0.1),
        (SeaScene(0.0, 20.0, 10.0, depolarisation=0.05), 0.4),
    ],
    ids=["still water", "bright water", "towards the glint", "Sun overhead"],
)
def test_photons_one_by_one_agree(scene: SeaScene, depth: float) -> None:
    photons, error = sea_reflectance(scene, np.full(400_000, depth), seed=3)
    found = molecular_reflectance(
        depth,
        cos_sun=float(np.cos(np.radians(scene.sun_zenith_deg))),
        cos_view=float(np.cos(np.radians(scene.view_zenith_deg))),
        relative_azimuth_rad=float(np.radians(scene.relative_azimuth_deg)),
        surface=Surface(scene.water_reflectance, scene.refractive_index),
        depolarisation=scene.depolarisation,
    )
    assert error < 0.006 * photons
    assert abs(photons - found[0]) < 3.3 * error


# RadCalNet, Baotou, 2018-05-28 07:00 UTC (BTCN02_2018_148): wavelength [nm], reflectance of the
# ground, at the top of the atmosphere from the zenith, and its standard uncertainty; P 868 hPa,
# optical depth of aerosol 0.11. Wavelengths at which neither ozone nor water absorb much.
BAOTOU = [
    (450.0, 0.1115, 0.1684, 0.0027),
    (500.0, 0.1419, 0.1725, 0.0031),
    (860.0, 0.1932, 0.1937, 0.0053),
]


@pytest.mark.others
@pytest.mark.parametrize(("nm", "ground", "published", "u"), BAOTOU)
def test_a_sites_ground_seen_through_the_air(
    nm: float, ground: float, published: float, u: float, compared: Recorder
) -> None:
    """Molecules alone carry the published ground to the published top of the atmosphere."""
    time = dt.datetime(2018, 5, 28, 7, tzinfo=dt.UTC).timestamp()
    sun = sun_position(time, lon_deg=109.6272, lat_deg=40.85486)
    found = molecular_reflectance(
        float(molecular_optical_depth(nm, pressure_hpa=868.0)),
        cos_sun=float(np.cos(np.radians(sun.zenith_deg))),
        cos_view=1.0,
        relative_azimuth_rad=0.0,
        surface=Surface(ground),
    )
    what = "a site's ground carried to the top of the atmosphere"
    apart = abs(found[0] - published) / u
    compared(what, "RadCalNet, BTCN02 2018-148", apart, 1.0, "of its uncertainty")
    # without the air it would be another matter
    assert nm > 800 or abs(ground - published) > 5 * u


def test_thin_air_scatters_once() -> None:
    """The formula of single scattering, P tau / (4 cos cos), for directions at right angles."""
    depth, sun, view = 1e-4, np.cos(np.radians(45.0)), np.cos(np.radians(45.0))
    found = molecular_reflectance(
        depth, cos_sun=sun, cos_view=view, relative_azimuth_rad=np.pi, depolarisation=0.0
    )
    assert found[0] == pytest.approx(0.75 * depth / (4 * sun * view), rel=1e-3)
    # light scattered by 90 degrees is polarised across the plane
    assert found[1] == pytest.approx(-found[0], rel=2e-3)


def test_optical_depths_are_those_of_another_formula() -> None:
    """Hansen & Travis 1974, equation 2.30, which the simulator has."""
    nm = np.linspace(400.0, 900.0, 6)
    np.testing.assert_allclose(
        molecular_optical_depth(nm, pressure_hpa=990.0),
        air_optical_depth(nm / 1000.0, 990.0),
        rtol=6e-3,
    )


def test_what_is_out_of_range_is_named() -> None:
    good = {"cos_sun": 0.6, "cos_view": 0.9, "relative_azimuth_rad": 1.0}
    assert molecular_reflectance(0.1, **good)[0] > 0
    for changes, message in (
        ({"cos_sun": 0.0}, "cos_sun is 0.0"),
        ({"cos_view": float("nan")}, "cos_view is nan"),
        ({"depolarisation": 0.5}, "depolarisation is 0.5"),
    ):
        with pytest.raises(InputError, match=message):
            molecular_reflectance(0.1, **(good | changes))
    with pytest.raises(InputError, match="optical_depth is 5"):
        molecular_reflectance(5.0, **good)
    with pytest.raises(InputError, match="Give nanometres"):
        molecular_optical_depth(0.55)
    with pytest.raises(InputError, match="not Pa"):
        molecular_optical_depth(550.0, pressure_hpa=101325.0)
    with pytest.raises(InputError, match="not per cent"):
        Surface(water_reflectance=3.0)
    with pytest.raises(InputError, match="photons"):
        sea_reflectance(SeaScene(30.0, 30.0, 0.0), np.full(10, 0.1), seed=0)
