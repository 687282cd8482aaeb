"""Light over deserts and the sea, as the simulator makes it."""

from __future__ import annotations

import numpy as np
import pytest

from boresight.errors import InputError
from boresight.simulate import SeaScene, desert_reflectance, desert_scene, sea_reflectance

ANGLES = np.radians(np.random.default_rng(0).uniform(5.0, 60.0, (2, 50)))
AZIMUTH = np.linspace(0.0, np.pi, 50)


def test_a_matt_ground_is_lamberts() -> None:
    found = desert_reflectance(*ANGLES, AZIMUTH, rho=0.3, k=1.0, asymmetry=0.0, hot_spot=1.0)
    np.testing.assert_allclose(found, 0.3)


def test_light_goes_both_ways_alike() -> None:
    there = desert_reflectance(ANGLES[0], ANGLES[1], AZIMUTH)
    np.testing.assert_allclose(there, desert_reflectance(ANGLES[1], ANGLES[0], AZIMUTH))


def test_the_hot_spot_is_where_the_sun_stands() -> None:
    sun, view = np.full(61, np.radians(30.0)), np.radians(np.arange(61.0))
    found = desert_reflectance(sun, view, np.zeros(61))
    assert int(found.argmax()) == 30
    assert found[30] > desert_reflectance(sun[:1], sun[:1], np.array([np.pi]))[0]


def test_a_desert_has_its_mean_texture_and_clouds() -> None:
    clear = desert_scene(120.0, 128, 4, texture=0.02)
    assert clear.mean() == pytest.approx(120.0, rel=1e-6)
    assert clear.std() == pytest.approx(2.4, rel=0.05)
    assert (desert_scene(120.0, 128, 4, cloud=0.25) == 360.0).mean() == pytest.approx(
        0.25, abs=0.01
    )


def test_the_statistical_error_of_photons_is_true() -> None:
    scene = SeaScene(40.0, 20.0, 60.0)
    found = np.array([sea_reflectance(scene, np.full(4000, 0.2), seed=k) for k in range(60)])
    spread = found[:, 0].std(ddof=1)
    # 60 draws know a standard deviation to 9 %; three times that
    assert found[:, 1].mean() == pytest.approx(spread, rel=0.28)
    with pytest.raises(InputError, match="zenith angles"):
        SeaScene(89.0, 0.0, 0.0)
