"""MTF by point sources, artefacts, focus."""

from __future__ import annotations

import numpy as np
import pytest

from boresight.errors import (
    ImageError,
    InputError,
    NonConvergenceError,
    PointsError,
    SaturationError,
    SingularError,
)
from boresight.image_quality import (
    best_focus,
    drift,
    line_noise,
    plot_artefacts,
    plot_drift,
    plot_points,
    point_sources,
    striping,
)
from boresight.simulate import FINE_SAMPLES, Optics, add_noise, point_image

NOISE = (9.0, 0.06)


def field(seed: int, sigma: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.arange(4) * 16 + 12.0, np.arange(4) * 16 + 12.0), -1)
    places = grid.reshape(-1, 2) + rng.uniform(-1, 1, (16, 2))
    fluxes = rng.uniform(3000, 8000, 16)
    image = point_image(Optics.gaussian(*sigma), places, fluxes, (76, 76), level=100.0)
    at = (np.floor(places * FINE_SAMPLES) + 0.5) / FINE_SAMPLES
    return add_noise(image, *NOISE, seed=seed), at


def test_mtf_of_both_directions() -> None:
    optics = Optics.gaussian(0.5, 0.62)
    truth = {
        "row": optics.mtf(0.5, from_columns_deg=90.0)[0],
        "col": optics.mtf(0.5)[0],
    }
    pulls = []
    for seed in range(6):
        image, places = field(seed, (0.5, 0.62))
        found = point_sources(image, places + 0.3, noise=NOISE)
        for direction, wanted in truth.items():
            value, u = found.at_nyquist(direction)
            assert abs(value - wanted) < 0.005
            pulls.append((value - wanted) / u)
        assert 0.85 < found.chi2_reduced < 1.15
        off = (found.places - places) / found.u_places
        assert 0.65 < off.std() < 1.4
    assert np.mean(np.square(pulls)) < 2.9


def test_point_refusals() -> None:
    image, places = field(0, (0.5, 0.5))
    point_sources(image, places, noise=NOISE, saturation_dn=1e5)
    with pytest.raises(SaturationError, match="of 16 sources reach 1000"):
        point_sources(image, places, noise=NOISE, saturation_dn=1000)
    with pytest.raises(PointsError, match="2 of 2"):
        point_sources(image, places[:2], noise=NOISE)
    gap = image.copy()
    gap[int(places[3, 0]), int(places[3, 1])] = np.nan
    with pytest.raises(ImageError, match="1 windows"):
        point_sources(gap, places, noise=NOISE)
    with pytest.raises(NonConvergenceError, match="widths"):
        point_sources(np.full((76, 76), 100.0) + np.indices((76, 76)).sum(0), places, noise=NOISE)
    with pytest.raises(InputError, match="noise is"):
        point_sources(image, places, noise=(0.0, 0.0))


def even(rng: np.random.Generator, fixed: float) -> np.ndarray:
    rows, cols = 300, 400
    slow = 1000 + np.linspace(0, 50, cols)[None]
    return slow + 8 * rng.normal(size=(rows, cols)) + fixed * rng.normal(size=cols)[None]


def test_fixed_noise_of_columns() -> None:
    pulls, stripes = [], []
    for seed in range(12):
        image = even(np.random.default_rng(seed), 2.0)
        found, striped = line_noise(image), striping(image)
        assert abs(found.pixel_noise - 8.0) < 0.1
        pulls.append((found.sigma - 2.0) / found.u_sigma)
        # a white offset c makes a step of c·√1.5
        stripes.append((striped.index - 2.0 * np.sqrt(1.5) / 1025) / striped.u_index)
    for values in (pulls, stripes):
        assert np.mean(np.square(values)) < 2.7
        assert abs(np.mean(values)) < 0.95


def test_rows_are_columns_of_the_turned_image() -> None:
    image = even(np.random.default_rng(1), 2.0)
    assert line_noise(image.T, "row").sigma == pytest.approx(line_noise(image, "col").sigma)
    assert line_noise(image, "row").sigma < 0.7


def test_without_stripes_both_are_within_their_uncertainty() -> None:
    image = even(np.random.default_rng(3), 0.0)
    assert line_noise(image).sigma < 3 * line_noise(image).u_sigma
    assert striping(image).index < 3 * striping(image).u_index
    assert striping(even(np.random.default_rng(3), 2.0)).worst > 3 * striping(image).worst


def test_artefact_refusals() -> None:
    image = even(np.random.default_rng(0), 1.0)
    line_noise(image)
    with pytest.raises(ImageError, match="at least 16"):
        line_noise(image[:10])
    with pytest.raises(ImageError, match="above 0"):
        striping(image - 2000)
    image[:, 7] = np.nan
    with pytest.raises(ImageError, match="1 lines"):
        line_noise(image)


def test_drift_of_focus() -> None:
    rng = np.random.default_rng(5)
    t = np.arange(0, 400, 20.0)
    steady = 0.55 + 0.004 * rng.normal(size=t.size)
    u = np.full(t.size, 0.004)
    assert not drift(t, steady, u).drifting
    moving = drift(t, steady + 1e-4 * t, u)
    assert moving.drifting
    assert moving.p_constant < 1e-6 < moving.p_line
    assert abs(moving.rate - 1e-4) < 4 * moving.u_rate
    # against scipy's straight line
    expected, covariance = np.polyfit(t, steady, 1, w=1 / u, cov="unscaled")
    found = drift(t, steady, u)
    assert found.rate == pytest.approx(expected[0])
    assert found.u_rate == pytest.approx(np.sqrt(covariance[0, 0]))
    with pytest.raises(SingularError, match="one time"):
        drift(np.zeros(5), steady[:5], u[:5])
    with pytest.raises(InputError, match="at least 4"):
        drift(t[:3], steady[:3], u[:3])


def test_best_focus() -> None:
    settings = np.linspace(-40, 40, 9)
    u = np.full(9, 0.01)
    pulls = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        sigma = np.sqrt(0.45**2 + (0.012 * (settings - 7.0)) ** 2) + u * rng.normal(size=9)
        found = best_focus(settings, sigma, u)
        pulls.append((found.setting - 7.0) / found.u_setting)
    assert 0.4 < np.mean(np.square(pulls)) < 2.3
    with pytest.raises(SingularError, match="minimum within"):
        best_focus(settings, np.linspace(0.4, 0.8, 9), u)


def test_figures() -> None:
    image, places = field(0, (0.5, 0.5))
    assert len(plot_points(point_sources(image, places, noise=NOISE)).axes) == 2
    scene = even(np.random.default_rng(0), 2.0)
    assert len(plot_artefacts(line_noise(scene), striping(scene)).axes) == 2
    t, y, u = np.arange(5.0), np.arange(5.0), np.ones(5)
    assert "a day" in plot_drift(t, y, u, drift(t, y, u), name="width [px]").axes[0].get_title()
