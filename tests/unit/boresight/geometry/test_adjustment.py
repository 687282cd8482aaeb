"""Adjustment: attitude from control points, ties, shared boresight, outliers, real pairs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from support.frames import as_rotation, biased, designed, moved

from boresight.errors import PointsError, SingularError
from boresight.geometry import (
    Adjustment,
    CorrelationOptions,
    FrameImage,
    Measurements,
    Points,
    RpcImage,
    adjust,
    stereo_ties,
    subset,
)
from boresight.io import read_rpc
from boresight.io.gdal import quiet

U_PX, U_M = 0.1, 0.2


def control(seed: int, bias: tuple[float, float, float], n: int = 25, side: str = "left"):
    """Seen positions and control points, both with noise."""
    rng = np.random.default_rng(seed)
    row, col, height = rng.uniform(0, 1000, n), rng.uniform(0, 1000, n), rng.uniform(150, 300, n)
    lon, lat = biased(side, bias).localize(row, col, height)
    lon, lat = moved(lon, lat, *(U_M * rng.normal(size=(2, n))))
    height = height + U_M * rng.normal(size=n)
    seen = [v + U_PX * rng.normal(size=n) for v in (row, col)]
    return seen[0], seen[1], Points.control(lon, lat, height, U_M)


def test_attitude_from_control_points_with_outliers() -> None:
    pulls, sigma0 = [], []
    for seed in range(10):
        rng = np.random.default_rng([seed, 1])
        bias = tuple(rng.normal(size=3) * [10, 10, 500])
        row, col, points = control(seed, bias)
        row[rng.permutation(25)[:5]] += rng.choice([-1, 1], 5) * rng.uniform(5, 100, 5)
        image = FrameImage(designed(biased("left", (0, 0, 0))))
        found = adjust([image], Measurements.of(0, np.arange(25), row, col, U_PX), points)
        assert 5 <= (~found.kept).sum() <= 6
        error = found.values - as_rotation(bias)
        assert np.abs(error[:2]).max() < 0.5e-6  # rad, the accuracy of a boresight
        pulls.append(error / found.u_values)
        sigma0.append(found.sigma0)
    # 30 pulls: 99.9 % of mean squares within 0.35 to 2.0
    assert 0.35 < np.mean(np.square(pulls)) < 2.0
    assert abs(np.mean(sigma0) - 1) < 0.15


def test_one_outlier_is_enough_to_spoil_what_is_not_tested() -> None:
    row, col, points = control(0, (3.0, 2.0, 0.0))
    row[3] += 100.0
    seen = Measurements.of(0, np.arange(25), row, col, U_PX)
    image = FrameImage(designed(biased("left", (0, 0, 0))))
    truth = as_rotation((3.0, 2.0, 0.0))
    spoiled = adjust([image], seen, points, reject=False)
    assert np.abs(spoiled.values - truth)[0] > 2e-6
    assert spoiled.scaled
    assert np.abs(adjust([image], seen, points).values - truth)[0] < 0.4e-6


def test_ties_carry_control_from_one_image_to_the_other() -> None:
    left_bias, right_bias = (6.0, -4.0, 100.0), (-5.0, 8.0, -200.0)
    cameras = biased("left", left_bias), biased("right", right_bias)
    images = [FrameImage(designed(biased(side, (0, 0, 0)))) for side in ("left", "right")]
    pulls, heights = [], []
    for seed in range(6):
        row, col, points = control(seed, left_bias)
        rng = np.random.default_rng([seed, 2])
        n = 60
        tie_row, tie_col = rng.uniform(100, 900, (2, n))
        height = rng.uniform(150, 300, n)
        lon, lat = cameras[0].localize(tie_row, tie_col, height)
        # the simulator has no projection: the estimator's, with the true turn
        right = designed(cameras[1]).turned(as_rotation(right_bias)).project(lon, lat, height)
        seen = Measurements.of(0, np.arange(25), row, col, U_PX)
        for index, (r, c) in enumerate(((tie_row, tie_col), right)):
            noise = U_PX * rng.normal(size=(2, n))
            ties = Measurements.of(index, np.arange(n), r + noise[0], c + noise[1], U_PX)
            seen = seen.joined(ties, points=25)
        right_row, right_col, right_points = control(seed + 50, right_bias, 4, "right")
        seen = seen.joined(
            Measurements.of(1, np.arange(4), right_row, right_col, U_PX), points=25 + n
        )
        guess = Points.ties(*moved(lon, lat, 5 * rng.normal(size=n), 5 * rng.normal(size=n)),
                            height + 5 * rng.normal(size=n))  # fmt: skip
        found = adjust(images, seen, points.joined(guess).joined(right_points))
        truth = np.concatenate([as_rotation(left_bias), as_rotation(right_bias)])
        pulls.append((found.values - truth) / found.u_values)
        up = found.points.height_m[25 : 25 + n] - height
        heights.append(up / found.points.u_m[25 : 25 + n, 2])
    assert 0.35 < np.mean(np.square(pulls)) < 2.0
    # ties lean on the same unknowns: their pulls are correlated, so the bound is wide
    assert 0.4 < np.mean(np.square(heights)) < 2.2


def test_boresight_shared_by_images_with_their_own_attitude() -> None:
    boresight, n = (8.0, -6.0, 0.0), 8
    rng = np.random.default_rng(3)
    images, unknowns, seen, points = [], [], None, None
    for i in range(n):
        attitude = tuple(rng.normal(size=3) * [2, 2, 2])
        total = tuple(np.add(boresight, attitude))
        row, col, control_points = control(100 + i, total, 12)
        images.append(FrameImage(designed(biased("left", (0, 0, 0))), boresight=True))
        unknowns.append([0, 1, 2, *range(3 + 3 * i, 6 + 3 * i)])
        new = Measurements.of(i, np.arange(12), row, col, U_PX)
        seen = new if seen is None else seen.joined(new, points=12 * i)
        points = control_points if points is None else points.joined(control_points)
    prior = np.concatenate([np.full(3, np.inf), np.full(3 * n, 2e-6)])
    found = adjust(images, seen, points, unknowns=unknowns, u_prior=prior)
    assert found.names[0] == "boresight x"
    assert np.abs(found.values[:2] - as_rotation(boresight)[:2]).max() < 4 * 2e-6 / np.sqrt(n)
    assert 0.5 < found.u_values[0] / (2e-6 / np.sqrt(n)) < 1.5
    # without a prior nothing tells boresight and attitudes apart
    with pytest.raises(SingularError, match="boresight"):
        adjust(images, seen, points, unknowns=unknowns)


def test_a_tie_with_one_measurement_left_gives_the_images_nothing() -> None:
    # along epipolar lines priors alone hold the images, a million times weaker than ties
    cameras = [designed(biased(side, (0, 0, 0))) for side in ("left", "right")]
    images = [RpcImage(camera.fit_rpc((100.0, 400.0)).rpc) for camera in cameras]
    rng = np.random.default_rng(8)
    n, u_px = 300, 0.02
    row, col = rng.uniform(100, 900, (2, n))
    height = rng.uniform(150, 300, n)
    lon, lat = cameras[0].localize(row, col, height)
    second = np.stack(cameras[1].project(lon, lat, height)) + u_px * rng.normal(size=(2, n))
    second[1, :5] += 8.0

    def refined(chosen: np.ndarray) -> Adjustment:
        m = chosen.sum()
        seen = Measurements.of(0, np.arange(m), row[chosen], col[chosen], u_px)
        seen = seen.joined(Measurements.of(1, np.arange(m), *second[:, chosen], u_px))
        ties = Points.ties(lon[chosen], lat[chosen], height[chosen])
        return adjust(images, seen, ties, u_prior=10.0)

    every, right = refined(np.ones(n, bool)), refined(np.arange(n) >= 5)
    assert (~every.kept.reshape(2, n)[:, :5]).any(axis=0).all()
    # what is left of the five is their other measurement, or none
    np.testing.assert_array_equal(every.kept.reshape(2, n)[:, 5:], right.kept.reshape(2, n - 5))
    np.testing.assert_allclose(every.values, right.values, rtol=0, atol=1e-5)
    assert np.abs(every.values[1] - every.values[3]) < 5 * u_px


def test_control_points_in_a_line() -> None:
    row, col, points = control(0, (3.0, 2.0, 0.0))
    image = RpcImage(designed(biased("left", (0, 0, 0))).fit_rpc((100.0, 400.0)).rpc, "affine")
    seen = Measurements.of(0, np.arange(25), row, col, U_PX)
    adjust([image], seen, points)
    t = np.linspace(0, 1, 25)
    height = np.full(25, 200.0)
    line = biased("left", (3.0, 2.0, 0.0)).localize(100 + 800 * t, 100 + 800 * t, height)
    seen = Measurements.of(0, np.arange(25), 100 + 800 * t, 100 + 800 * t, U_PX)
    with pytest.raises(SingularError, match="away from a line"):
        adjust([image], seen, Points.control(*line, height, U_M))


def test_points_that_are_all_outliers_or_too_few() -> None:
    row, col, points = control(0, (3.0, 2.0, 0.0))
    image = FrameImage(designed(biased("left", (0, 0, 0))))
    seen = Measurements.of(0, np.arange(25), row, col, U_PX)
    adjust([image], seen, points)
    rng = np.random.default_rng(99)
    wrong = Measurements.of(0, np.arange(25), *rng.uniform(0, 1000, (2, 25)), U_PX)
    with pytest.raises(PointsError, match="all outliers"):
        adjust([image], wrong, points)
    one = Measurements.of(0, [0], row[:1], col[:1], U_PX)
    with pytest.raises((PointsError, SingularError)):
        adjust([image], one, points)
    with pytest.raises(PointsError, match="fewer than two images"):
        adjust([image], seen, Points.ties(points.lon, points.lat, points.height_m))
    with pytest.raises(PointsError, match="not finite"):
        adjust([image], Measurements.of(0, np.arange(25), row * np.nan, col, U_PX), points)


@pytest.mark.parametrize("kind", ["bias", "affine"])
def test_rational_model_with_its_correction(kind: str) -> None:
    rpc = designed(biased("left", (0, 0, 0))).fit_rpc((100.0, 400.0)).rpc
    image = RpcImage(rpc, kind)  # type: ignore[arg-type]
    values = np.array([1.5, -2.0]) if kind == "bias" else np.array([1, 0.1, -0.2, 2, 0.05, 0.1])
    fit = image.corrected(values)
    lon, lat = rpc.localize([100.0, 900.0, 400.0], [200.0, 50.0, 700.0], 250.0)
    wanted, found = (
        image.project(values, lon, lat, np.full(3, 250.0)),
        fit.rpc.project(lon, lat, 250.0),
    )
    assert np.abs(np.array(wanted) - found).max() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "names", "heights", "search"),
    [
        ("gizeh", ("img1", "img2"), (20.0, 240.0), 4),
        ("ventoux", ("left_image", "right_image"), (480.0, 600.0), 8),
    ],
)
def test_refinement_of_real_pairs(
    real_data: Path, folder: str, names: tuple[str, str], heights: tuple[float, float], search: int
) -> None:
    paths = [real_data / folder / f"{name}.tif" for name in names]
    rpcs = [read_rpc(path) for path in paths]
    images = []
    for path in paths:
        with quiet(), rasterio.open(path) as dataset:
            images.append(dataset.read(1).astype(float))
    options = CorrelationOptions(window_px=48, step_px=24, search_px=search, min_score=0.6)
    before = stereo_ties(*images, (rpcs[0], rpcs[1]), heights, options)
    learned = np.arange(before.score.size) % 2 == 0
    ties = subset(before, learned)
    prior = [1e-6, 1e-6, 10.0, 10.0]
    model = RpcImage(rpcs[1], "bias")
    found = adjust([RpcImage(rpcs[0]), model], ties.measurements, ties.points, u_prior=prior)
    refined = model.corrected(found.values[2:]).rpc
    # ties found anew, at the places that the refinement did not use
    after = stereo_ties(*images, (rpcs[0], refined), heights, options)
    spared = np.isin(
        after.measurements.row[: after.score.size] * 1e4
        + after.measurements.col[: after.score.size],
        ties.measurements.row * 1e4 + ties.measurements.col,
        invert=True,
    )
    assert spared.sum() >= 10
    was = float(np.median(np.abs(before.across_px[~learned])))
    now = float(np.median(np.abs(after.across_px[spared])))
    sys.stdout.write(f"{folder}: across epipolar lines, median {was:.3f} px, then {now:.3f} px\n")
    assert was > 0.3
    assert now < 0.25 * was
