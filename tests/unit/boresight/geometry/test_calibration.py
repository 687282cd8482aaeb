"""Registration, jitter and focal plane: injected truth, stated uncertainty, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.frames import (
    CROSSED,
    crossed_view,
    designed,
    field_error,
    views_on_reference,
)
from support.scenes import waves

from boresight.errors import InputError, PointsError, SingularError
from boresight.geometry import (
    CorrelationOptions,
    calibrate_jointly,
    calibrate_on_crossed,
    calibrate_on_reference,
    register_bands,
    rolling_shutter_jitter,
)
from boresight.simulate import PairConfig, make_camera, see_again

LINE_TIME_S, FOCAL_PX, WINDOW_PX = 30e-6, 1e6, 16


def test_bands_are_registered() -> None:
    pulls = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        shift = rng.uniform(-1, 1, 2)
        bands = [waves(300, s, seed=seed) for s in ((0.0, 0.0), tuple(shift))]
        noisy = [band + 15 * rng.normal(size=band.shape) for band in bands]
        found = register_bands(*noisy, degree=1)
        d_row, d_col, u_row, u_col = found.at(150.0, 150.0)
        assert (
            max(abs(d_row - shift[0]), abs(d_col - shift[1])) < 0.01
        )  # the issue asks for 0.05 px
        pulls += [(d_row - shift[0]) / u_row, (d_col - shift[1]) / u_col]
    assert np.mean(np.square(pulls)) < 3.2


def test_a_cloud_in_one_band_is_an_outlier() -> None:
    a, b = waves(300, (0, 0), seed=1), waves(300, (0.4, -0.2), seed=1)
    b[100:160, 100:160] = waves(300, (3.0, 2.0), seed=1)[100:160, 100:160]
    options = CorrelationOptions(search_px=5)
    found = register_bands(a, b, degree=0, options=options)
    assert found.n_outliers > 0
    assert abs(found.at(0.0, 0.0)[0] - 0.4) < 0.01
    with pytest.raises(PointsError, match="unknowns"):
        register_bands(a[:100, :100], b[:100, :100], degree=7)


def displacements(seed: int, amplitude_rad: float, noise_px: float = 0.03):
    """Averages over windows of a wave, by summing over their rows; frequency and phase drawn."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.arange(20, 1980, 16.0), 60)
    frequency, phase = 60.0 + rng.uniform(-10, 10), rng.uniform(-3, 3)
    fine = (rows[:, None] + np.arange(WINDOW_PX) - (WINDOW_PX - 1) / 2) * LINE_TIME_S
    wave = FOCAL_PX * amplitude_rad * np.sin(2 * np.pi * frequency * fine + phase).mean(axis=1)
    noise = noise_px * rng.normal(size=(2, rows.size))
    return rows, 0.6 * wave + noise[0], wave + noise[1], frequency, phase


def jitter(rows, d_row, d_col, **options):  # type: ignore[no-untyped-def]
    return rolling_shutter_jitter(
        rows, d_row, d_col, 0.03, line_time_s=LINE_TIME_S, focal_px=FOCAL_PX, window_px=WINDOW_PX,
        **options,
    )  # fmt: skip


def test_jitter() -> None:
    amplitude = 0.05e-6
    pulls = []
    for seed in range(10):
        rows, d_row, d_col, frequency, phase = displacements(seed, amplitude)
        found = jitter(rows, d_row, d_col)
        assert found.detected
        assert abs(found.amplitude_col_rad / amplitude - 1) < 0.1  # the 10 %
        turn = (found.phase_col_rad - phase + np.pi) % (2 * np.pi) - np.pi
        pulls.append(
            [
                (found.frequency_hz - frequency) / found.u_frequency_hz,
                (found.amplitude_col_rad - amplitude) / found.u_amplitude_col_rad,
                (found.amplitude_row_rad - 0.6 * amplitude) / found.u_amplitude_row_rad,
            ]
        )
        assert abs(turn) < 0.3
    assert 0.35 < np.mean(np.square(pulls)) < 2.1
    moved = found.shake_px(rows, LINE_TIME_S, FOCAL_PX)[:, 1]
    assert np.corrcoef(moved, d_col)[0, 1] > 0.7


@pytest.mark.slow
def test_without_jitter_none_is_found() -> None:
    assert jitter(*displacements(0, 0.05e-6)[:3]).detected
    found = [jitter(*displacements(seed, 0.0)[:3]).detected for seed in range(20)]
    assert not any(found)


def test_jitter_in_rows_that_were_lost_or_wrong() -> None:
    rows, d_row, d_col, frequency, _ = displacements(3, 0.05e-6)
    rng = np.random.default_rng(0)
    d_col[rng.permutation(rows.size)[:200]] = np.nan
    d_col[rng.permutation(rows.size)[:200]] = 30.0
    found = jitter(rows, d_row, d_col)
    assert abs(found.frequency_hz - frequency) < 5 * found.u_frequency_hz
    with pytest.raises(PointsError, match="10 different rows"):
        jitter(rows[:600], d_row[:600], d_col[:600])
    with pytest.raises(InputError, match="low < high"):
        jitter(rows, d_row, d_col, frequencies_hz=(80.0, 20.0))


CONFIG = replace(PairConfig(), bias_left_urad=(3.0, -2.0, 20.0))


def test_focal_plane_on_a_reference() -> None:
    camera = make_camera(CONFIG, "left", jitter=False)
    worst, pulls = [], []
    for seed in range(6):
        view = views_on_reference(camera, designed(camera), 20, 0.05, np.random.default_rng(seed))
        found = calibrate_on_reference([view], (1000, 1000), degree=3)
        error, u = field_error(found, camera)
        worst.append(np.quantile(np.hypot(*error), 0.9))
        pulls.append(np.mean([(e / s) ** 2 for e, s in zip(error, u, strict=True)]))
    assert max(worst) < 0.03  # px at 90 %; the issue asks for 0.1
    assert 0.4 < np.mean(pulls) < 2.0


def test_focal_plane_from_crossed_pairs_without_a_reference() -> None:
    cameras = [make_camera(CONFIG, "left", jitter=False)]
    cameras += [see_again(cameras[0], **move) for move in CROSSED]
    worst = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        views = [crossed_view(cameras, i, rng) for i in (1, 2)]
        found = calibrate_on_crossed(views, (1000, 1000), degree=3)
        assert not found.scale_known
        error, _ = field_error(found, cameras[0], scale=False)
        worst.append(np.quantile(np.hypot(*error), 0.9))
    assert max(worst) < 0.1
    # one quarter turn about the centre does not show what looks alike after it
    with pytest.raises(SingularError, match="do not determine"):
        calibrate_on_crossed(views[:1], (1000, 1000), degree=3)


def test_crossed_pairs_and_a_reference_in_one_solution() -> None:
    cameras = [make_camera(CONFIG, "left", jitter=False)]
    cameras += [see_again(cameras[0], **move) for move in CROSSED]
    errors, attitudes = [], []
    for seed in range(6):
        rng = np.random.default_rng([seed, 5])
        crossed = [crossed_view(cameras, i, rng) for i in (1, 2)]
        references = {
            k: views_on_reference(camera, designed(camera), 10, 0.05, rng)
            for k, camera in enumerate(cameras)
        }
        found = calibrate_jointly(references, crossed, (1000, 1000), degree=3)
        assert found.scale_known
        assert found.attitude_px.shape == (3, 3)
        error, u = field_error(found, cameras[0])
        errors.append(np.mean([(e / s) ** 2 for e, s in zip(error, u, strict=True)]))
        assert np.quantile(np.hypot(*error), 0.9) < 0.03
        # one boresight for all three images: what they differ by is noise
        attitudes.append((found.attitude_px[1] - found.attitude_px[2]) / found.u_attitude_px[1])
    assert 0.4 < np.mean(errors) < 2.0
    assert np.mean(np.square(attitudes)) < 4.0
    # nothing ties an image down that has neither windows on the reference nor a pair
    nothing = {name: np.zeros(0) for name in ("row", "col", "ideal_row", "ideal_col", "u_px")}
    calibrate_jointly({0: references[0], 1: references[1]}, [], (1000, 1000), degree=3)
    with pytest.raises(SingularError, match="of image 1"):
        calibrate_jointly(
            {0: references[0], 1: replace(references[1], **nothing)}, [], (1000, 1000), degree=3
        )
