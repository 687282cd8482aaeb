"""Bands, co-registration and error against slope, on surfaces with known errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from boresight.dsm import banding, comparison_uncertainty, coregister, nmad, slope_error
from boresight.errors import InputError, NonConvergenceError

RESOLUTION_M, GSD_M, LINE_TIME_S = 0.5, 0.5, 30e-6


def banded(seed: int, amplitude_m: float, wavelength_m: float, azimuth_deg: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows, cols = np.indices((500, 400))
    angle = np.radians(azimuth_deg)
    distance = RESOLUTION_M * (-rows * np.cos(angle) + cols * np.sin(angle))
    # errors of a matcher hang together over a few pixels
    noise = gaussian_filter(rng.normal(size=rows.shape), 1.5)
    noise *= 0.4 / noise.std()
    return noise + amplitude_m * np.sin(2 * np.pi * distance / wavelength_m + rng.uniform(0, 6))


def test_bands_are_found_and_traced_to_their_frequency() -> None:
    pulls = []
    for seed in range(12):
        found = banding(
            banded(seed, 0.12, 40.0, 0.0), RESOLUTION_M, azimuth_deg=0.0, gsd_m=GSD_M,
            line_time_s=LINE_TIME_S, base_to_height=0.28,
        )  # fmt: skip
        assert found.detected
        assert found.cause == "jitter"
        # 40 m are 80 rows of 30 us
        assert found.frequency_hz == pytest.approx(1 / (80 * LINE_TIME_S), rel=0.02)
        assert found.los_amplitude_px == pytest.approx(0.12 * 0.28 / 0.5, rel=0.15)
        pulls.append((found.amplitude_m - 0.12) / found.u_amplitude_m)
    assert 0.2 < np.mean(np.square(pulls)) < 2.7


def test_the_direction_is_found_where_it_is_not_given() -> None:
    error = banded(3, 0.3, 30.0, 40.0)
    error[100:150, 50:90] = np.nan
    found = banding(error, RESOLUTION_M)
    assert abs(found.azimuth_deg - 40.0) <= 5.0
    assert found.wavelength_m == pytest.approx(30.0, rel=0.05)
    assert np.isnan(found.frequency_hz)


def test_without_bands_none_are_found() -> None:
    assert banding(banded(0, 0.12, 40.0, 0.0), RESOLUTION_M, azimuth_deg=0.0).detected
    found = [banding(banded(s, 0.0, 40.0, 0.0), RESOLUTION_M, azimuth_deg=0.0) for s in range(20)]
    assert sum(f.detected for f in found) == 0
    assert {f.cause for f in found} == {"none"}


def test_waves_as_long_as_the_scene_point_to_the_focal_plane() -> None:
    assert banding(banded(1, 0.5, 150.0, 0.0), RESOLUTION_M, azimuth_deg=0.0).cause == "focal plane"


def test_too_small_for_bands() -> None:
    error = banded(1, 0.5, 20.0, 0.0)
    banding(error, RESOLUTION_M, azimuth_deg=0.0)
    with pytest.raises(InputError, match="at least 32"):
        banding(error[:20], RESOLUTION_M, azimuth_deg=0.0)
    with pytest.raises(InputError, match="at least 32"):
        banding(np.full((200, 200), np.nan), RESOLUTION_M, azimuth_deg=0.0)
    with pytest.raises(InputError, match="above 0"):
        banding(error, 0.0)


def hills() -> np.ndarray:
    surface = gaussian_filter(np.random.default_rng(2).normal(size=(300, 300)), 12)
    return 200 + 60 * surface / surface.std()


def test_shift_of_a_surface_model() -> None:
    reference = hills()
    # content moved by (+1.6 rows, -2.2 columns): 0.8 m south, 1.1 m west; and raised
    dsm = shift(reference, (1.6, -2.2), order=3, mode="nearest") + 3.0
    dsm += 0.05 * np.random.default_rng(0).normal(size=dsm.shape)
    found = coregister(dsm, reference, (0.5, 0, 400000.0, 0, -0.5, 4800000.0), 32631)
    assert found.east_m == pytest.approx(1.1, abs=0.05)
    assert found.north_m == pytest.approx(0.8, abs=0.05)
    assert found.up_m == pytest.approx(-3.0, abs=0.05)
    assert found.nmad_after_m < 0.1 < found.nmad_before_m
    assert nmad(found.aligned - reference) == found.nmad_after_m
    with pytest.raises(InputError, match="100 pixels"):
        coregister(dsm[:10, :10], reference[:10, :10], (0.5, 0, 0, 0, -0.5, 0), 32631)
    with pytest.raises(InputError, match="differ"):
        coregister(dsm[:10], reference, (0.5, 0, 0, 0, -0.5, 0), 32631)


def test_error_grows_with_the_slope_as_injected() -> None:
    # slopes of some ten degrees: on cliffs, definitions of slope differ by more than is asked
    reference = 200 + (hills() - 200) / 6
    east, north = np.gradient(reference, 0.5)[1], np.gradient(reference, 0.5)[0]
    vertical, horizontal = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        error = 0.3 * rng.normal(size=reference.shape)
        error += 0.5 * np.hypot(east, north) * rng.normal(size=reference.shape)
        found = slope_error(reference + error, reference, 0.5)
        vertical.append((found.vertical_m - 0.3) / found.u_vertical_m)
        horizontal.append((found.horizontal_m - 0.5) / found.u_horizontal_m)
    for pulls in (vertical, horizontal):
        assert abs(np.mean(pulls)) < 1.5
        assert np.mean(np.square(pulls)) < 3.0
    with pytest.raises(InputError, match="known pixels"):
        slope_error(reference[:10, :10], reference[:10, :10], 0.5)


def test_level_ground_shows_no_shift() -> None:
    transform = (0.5, 0, 400000.0, 0, -0.5, 4800000.0)
    ground = hills()[:100, :100]
    coregister(ground + 1.0, ground, transform, 32631)
    level = np.full(ground.shape, 200.0)
    with pytest.raises(NonConvergenceError, match="no shift was found"):
        coregister(level + 1.0, level, transform, 32631)


def test_stated_uncertainty_follows_the_blocks() -> None:
    """Noise smoothed over more pixels leaves less certain numbers, and small models none."""
    surface = hills()
    rng = np.random.default_rng(5)
    white = rng.normal(size=surface.shape)
    wide = gaussian_filter(white, 3.0)
    wide *= white.std() / wide.std()
    single, smooth = (comparison_uncertainty(surface + noise, surface) for noise in (white, wide))
    assert single.n_blocks == 64
    # by independent pixels: 1 / sqrt(n), and 1.17 / sqrt(n) of the NMAD
    assert single.u_bias_mean_m == pytest.approx(1 / 300, rel=0.35)
    assert single.u_nmad_m == pytest.approx(1.17 / 300, rel=0.35)
    assert smooth.u_bias_mean_m > 5 * single.u_bias_mean_m
    with pytest.raises(InputError, match="at least 16"):
        comparison_uncertainty(surface[:100, :100], surface[:100, :100])
    with pytest.raises(InputError, match="differ"):
        comparison_uncertainty(surface[:200], surface)
    unknown = np.full(surface.shape, np.nan)
    unknown[:40, :40] = surface[:40, :40]
    with pytest.raises(InputError, match="blocks have a known error"):
        comparison_uncertainty(unknown, surface)
