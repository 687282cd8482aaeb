"""MTF by edges: known optics, an outside formula, stated uncertainty, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from boresight.errors import EdgeError, ImageError, SaturationError
from boresight.image_quality import parametric_edge, plot_edges, slanted_edge
from boresight.simulate import Optics, add_noise, edge_image

ANGLE_DEG = 6.0
NYQUIST = 0.5


def gaussian(sigma_px: float) -> Optics:
    return Optics.gaussian(sigma_px, sigma_px)


def edge(
    optics: Optics, *, rows: int = 60, cols: int = 48, lean_deg: float = 5.0, **options: float
) -> np.ndarray:
    return edge_image(optics, (rows, cols), lean_deg=lean_deg, **options)


def noisy(image: np.ndarray, seed: int) -> np.ndarray:
    return add_noise(image, 9.0, 0.06, seed=seed)


def truth_of(optics: Optics) -> float:
    return float(optics.mtf(NYQUIST, from_columns_deg=ANGLE_DEG)[0])


@pytest.mark.parametrize("sigma", [0.35, 0.55, 0.8])
@pytest.mark.parametrize("method", [slanted_edge, parametric_edge])
def test_mtf_of_known_optics(method, sigma: float) -> None:  # type: ignore[no-untyped-def]
    optics = gaussian(sigma)
    truth = truth_of(optics)
    clean = edge(optics, lean_deg=ANGLE_DEG)
    pulls = []
    for seed in range(12):
        value, u = method(noisy(clean, seed)).at_nyquist
        assert abs(value - truth) < 0.02  # five sigma of a single edge of 60 px
        pulls.append((value - truth) / u)
    # twelve pulls: 99.9 % of mean squares lie below 2.7, and of means within 0.95
    assert np.mean(np.square(pulls)) < 2.9
    assert abs(np.mean(pulls)) < 1.1


def test_the_whole_curve_against_the_formula_of_gaussian_and_pixel() -> None:
    found = slanted_edge(edge(gaussian(0.5), rows=120, lean_deg=5.0))
    f = found.frequency[:51]
    expected = np.exp(-2 * (np.pi * 0.5 * f) ** 2) * np.sinc(f)  # textbook, along the normal
    assert np.abs(found.mtf[:51] - expected).max() < 0.006


@pytest.mark.parametrize("turn", range(4))
def test_any_side_may_be_bright_and_any_way_up(turn: int) -> None:
    image = np.rot90(edge(gaussian(0.5), lean_deg=ANGLE_DEG, cols=60), turn)
    for method in (slanted_edge, parametric_edge):
        found = method(image)
        assert found.direction == ("col" if turn % 2 == 0 else "row")
        assert abs(abs(found.angle_deg) - ANGLE_DEG) < 0.05
        truth = truth_of(gaussian(0.5))
        assert abs(found.at_nyquist[0] - truth) < 0.004


def test_both_directions_differ_where_the_optics_does() -> None:
    optics = Optics.gaussian(0.4, 0.7)
    upright = edge(optics, lean_deg=5.0, cols=60)
    flat = edge(Optics.gaussian(0.7, 0.4), lean_deg=5.0, cols=60).T
    assert slanted_edge(upright).at_nyquist[0] < 0.08
    assert slanted_edge(flat).at_nyquist[0] > 0.25


def test_a_shape_beyond_the_parametric_form_is_told_by_its_misfit() -> None:
    optics = Optics.aperture()
    image = noisy(edge(optics, lean_deg=ANGLE_DEG), 1)
    truth = truth_of(optics)
    fitted, free = parametric_edge(image), slanted_edge(image)
    assert fitted.chi2_reduced > 3
    assert abs(free.at_nyquist[0] - truth) < 0.015
    assert abs(fitted.at_nyquist[0] - truth) > 0.1


def test_width() -> None:
    # a Gaussian of 0.55 px and a box of 1 px: half maximum at 0.7415 px by bisection
    found = parametric_edge(edge(gaussian(0.55), lean_deg=ANGLE_DEG))
    assert abs(found.fwhm_px - 2 * 0.7415) < 0.005
    free = slanted_edge(edge(gaussian(0.55), lean_deg=ANGLE_DEG))
    assert abs(free.fwhm_px - 2 * 0.7415) < 0.03


def test_saturation_is_refused() -> None:
    image = edge(gaussian(0.5))
    slanted_edge(image, saturation_dn=4095)
    with pytest.raises(SaturationError, match="2800"):
        slanted_edge(np.minimum(image, 2800), saturation_dn=2800)
    # what the rule prevents: a clipped edge looks sharper than it is
    assert slanted_edge(np.minimum(image, 2500)).at_nyquist[0] > slanted_edge(image).at_nyquist[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": 12}, "12 px along"),
        ({"cols": 10}, "10 px across"),
        ({"lean_deg": 0.5}, "crosses 0.5"),
        ({"rows": 30, "cols": 90, "lean_deg": 44.0}, "slanted by 44"),
        ({"offset_px": 18.0}, "of the image's side"),
        ({"high": 500.01}, "contrast"),
    ],
    ids=["short", "narrow", "not-slanted", "too-slanted", "off-centre", "no-contrast"],
)
def test_edges_that_cannot_be_used(options: dict[str, float], message: str) -> None:
    assert slanted_edge(noisy(edge(gaussian(0.5)), 2)).n_lines == 60
    with pytest.raises(EdgeError, match=message):
        slanted_edge(noisy(edge(gaussian(0.5), **options), 3))  # type: ignore[arg-type]


def test_gaps_are_refused() -> None:
    image = edge(gaussian(0.5))
    slanted_edge(image)
    image[10, 10] = np.nan
    with pytest.raises(ImageError, match="1 values"):
        slanted_edge(image)


def test_figure() -> None:
    image = edge(gaussian(0.5))
    figure = plot_edges([slanted_edge(image), parametric_edge(image)])
    assert len(figure.axes) == 3
    assert len(figure.axes[2].lines) == 3  # two curves and Nyquist
