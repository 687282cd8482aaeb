"""Faces of solids: truth known, spoiled in every way a matched surface is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from support.solids import Pyramid

from boresight.dsm import FacetOptions, Solid, fit_facets, fit_plane
from boresight.errors import InputError

RNG = np.random.default_rng(11)


def correlated(shape: tuple[int, int], sigma_m: float, over_px: float = 2.0) -> np.ndarray:
    noise = gaussian_filter(RNG.normal(size=shape), over_px)
    return sigma_m * noise / noise.std()


def assert_faces(
    solid: Solid, truth: Pyramid, tolerance_deg: float, faces: int | None = None
) -> None:
    found = solid.facets if faces is None else solid.well_observed
    assert len(found) == (faces or truth.faces)
    for facet in found:
        turn = [abs((facet.aspect_deg - a + 180) % 360 - 180) for a in truth.aspects()]
        assert min(turn) < 1.0
        assert facet.inclination_deg == pytest.approx(truth.inclination_deg, abs=tolerance_deg)


CASES = {
    "clean": (Pyramid(), 0.01),
    "turned": (Pyramid(azimuth_deg=31.0), 0.02),
    "flat faces": (Pyramid(inclination_deg=25.0, height_m=40.0), 0.02),
    "steep faces": (Pyramid(inclination_deg=65.0), 0.05),
    "coarse": (Pyramid(step_m=2.0), 0.02),
    "tilted ground": (Pyramid(slope_east=0.05, slope_north=-0.03), 0.02),
    "three faces": (Pyramid(faces=3, azimuth_deg=15.0), 0.02),
    "six faces": (Pyramid(faces=6, inclination_deg=40.0), 0.02),
    "eroded top": (Pyramid(eroded_m=8.0), 0.02),
}


@pytest.mark.parametrize("name", CASES)
def test_exact_surfaces(name: str) -> None:
    truth, tolerance = CASES[name]
    solid = fit_facets(truth.surface(), truth.step_m)
    assert_faces(solid, truth, tolerance)
    # the median window and the pixels take less than two pixels of slope off the tip
    tip = 2 * truth.step_m * np.tan(np.radians(truth.inclination_deg))
    assert solid.height_m == pytest.approx(truth.height_m - truth.eroded_m, abs=max(tip, 0.3) + 0.8)
    assert solid.completeness == 1.0
    assert all(facet.completeness == 1.0 for facet in solid.facets)


@pytest.mark.parametrize("seed", range(3))
def test_noise_outliers_and_holes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = Pyramid(azimuth_deg=12.0 + 20 * seed, slope_east=0.02)
    z = truth.surface()
    z += correlated(z.shape, 0.8)
    wild = rng.random(z.shape) < 0.03
    z[wild] += rng.uniform(-60, 60, int(wild.sum()))
    for _ in range(12):
        r, c = rng.integers(0, z.shape[0] - 40, 2)
        z[r : r + rng.integers(5, 40), c : c + rng.integers(5, 40)] = np.nan
    solid = fit_facets(z, truth.step_m)
    assert_faces(solid, truth, 0.2)
    assert solid.height_m == pytest.approx(truth.height_m, abs=2.5)
    assert solid.completeness < 1.0


def test_a_shadowed_face_harms_no_other() -> None:
    truth = Pyramid(azimuth_deg=3.0)
    z = truth.surface()
    n = z.shape[0]
    axis = np.arange(n) - n / 2 + 0.5
    x, y = axis[None], -axis[:, None]
    north = (y > np.abs(x)) & (z > truth.ground_m + 1)
    spoiled = z + correlated(z.shape, 0.3)
    spoiled[north] += correlated(z.shape, 7.0, 4.0)[north]
    spoiled[north & (RNG.random(z.shape) < 0.3)] = np.nan
    solid = fit_facets(spoiled, truth.step_m)
    assert_faces(solid, truth, 0.15, faces=3)
    shadow = next(f for f in solid.facets if abs((f.aspect_deg + 180) % 360 - 180) < 20)
    assert shadow not in solid.well_observed
    assert shadow.rms_m > 5.0
    assert shadow.completeness < 0.8


def test_excluded_pixels_are_not_used() -> None:
    truth = Pyramid()
    z = truth.surface()
    wrong = np.zeros(z.shape, bool)
    wrong[:, : z.shape[1] // 2 - 20] = RNG.random((z.shape[0], z.shape[1] // 2 - 20)) < 0.6
    z[wrong] += 25.0
    solid = fit_facets(z, truth.step_m, exclude=wrong)
    assert_faces(solid, truth, 0.02)
    west = min(solid.facets, key=lambda f: abs(f.aspect_deg - 270))
    assert west.completeness < 0.6


def test_the_largest_solid_is_taken_and_neighbours_ignored() -> None:
    truth = Pyramid()
    z = truth.surface()
    small = Pyramid(height_m=20.0, size_m=60.0, inclination_deg=60.0).surface()
    z[20:140, 20:140] = np.maximum(z[20:140, 20:140], small)
    z[500:560, 560:620] += 10.0
    solid = fit_facets(z, truth.step_m)
    assert_faces(solid, truth, 0.02)
    assert not solid.footprint[60:100, 60:100].any()
    assert abs(solid.top_row - 320) <= 3
    assert abs(solid.top_col - 320) <= 3


def test_uncertainty_is_honest() -> None:
    """Errors over many trials are as large as the stated standard uncertainty."""
    truth = Pyramid(size_m=200.0, height_m=60.0, step_m=1.0)
    surface = truth.surface()
    ratios = []
    for _ in range(15):
        solid = fit_facets(surface + correlated(surface.shape, 1.0), truth.step_m)
        ratios += [
            (f.inclination_deg - truth.inclination_deg) / f.u_inclination_deg for f in solid.facets
        ]
    spread = float(np.sqrt(np.mean(np.square(ratios))))
    assert 0.6 < spread < 1.5


def test_deterministic() -> None:
    z = Pyramid().surface() + correlated((640, 640), 0.5)
    first, second = fit_facets(z, 0.5), fit_facets(z, 0.5)
    assert first.facets == second.facets
    assert np.array_equal(first.labels, second.labels)


def test_input_is_not_changed() -> None:
    z = Pyramid().surface()
    before = z.copy()
    fit_facets(z, 0.5, exclude=np.zeros(z.shape, bool))
    assert np.array_equal(z, before)


@pytest.mark.parametrize(
    ("surface", "message"),
    [
        (np.full((50, 50), np.nan), "0 heights"),
        (RNG.normal(0, 1, (100, 100)), "highest relief|few pixels"),
        (np.pad(np.full((40, 40), 30.0), 60), "a face has|faces of 20 to 80"),
    ],
    ids=["empty", "noise", "block"],
)
def test_nothing_to_fit_is_said(surface: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_facets(surface, 0.5)


def test_options_change_what_counts() -> None:
    truth = Pyramid(inclination_deg=25.0, height_m=40.0)
    with pytest.raises(InputError, match="30 to 80"):
        fit_facets(truth.surface(), 0.5, options=FacetOptions(min_slope_deg=30.0))


def test_plane_resists_a_third_of_outliers() -> None:
    x, y = RNG.uniform(-10, 10, (2, 3000))
    z = 0.3 * x - 0.7 * y + 5.0 + RNG.normal(0, 0.1, 3000)
    z[:900] += RNG.uniform(3, 30, 900)
    plane, weights = fit_plane(x, y, z)
    assert plane == pytest.approx([0.3, -0.7, 5.0], abs=0.02)
    assert (weights[:900] == 0).mean() > 0.99
