"""Trials of geometry and image quality for the table of proofs (tests/bench/proofs.py).

Truth comes from code that the estimators do not share: supersampled optics, waves moved by their
phases, the simulator's lines of sight.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from support import frames
from support.scenes import waves

from boresight.geometry import (
    Adjustment,
    FrameImage,
    Jitter,
    Measurements,
    Points,
    RpcImage,
    adjust,
    calibrate_jointly,
    calibrate_on_crossed,
    calibrate_on_reference,
    register_bands,
    rolling_shutter_jitter,
)
from boresight.image_quality import line_noise, parametric_edge, point_sources, slanted_edge
from boresight.simulate import (
    FINE_SAMPLES,
    Optics,
    PairConfig,
    add_noise,
    edge_image,
    make_camera,
    point_image,
    see_again,
    sight,
)
from boresight.validation import Estimate
from boresight.validation import Trial as ProofTrial

#: truth, estimate, stated uncertainty
Trial = tuple[float, float, float]

_ANGLE_DEG = 6.0
_NOISE = (9.0, 0.06)


def edge_trial(method: Callable) -> Callable[[int], Trial]:
    optics = Optics.gaussian(0.5, 0.5)
    clean = edge_image(optics, (100, 48), lean_deg=_ANGLE_DEG)
    # the step is a ramp over one fine sample
    truth = float(optics.mtf(0.5, from_columns_deg=_ANGLE_DEG)[0] * np.sinc(0.5 / FINE_SAMPLES))

    def trial(seed: int) -> Trial:
        return (truth, *method(add_noise(clean, *_NOISE, seed=seed)).at_nyquist)

    return trial


def points_trial(seed: int) -> Trial:
    rng = np.random.default_rng(seed)
    optics = Optics.gaussian(0.5, 0.62)
    grid = np.stack(np.meshgrid(np.arange(4) * 16 + 12.0, np.arange(4) * 16 + 12.0), -1)
    places = grid.reshape(-1, 2) + rng.uniform(-1, 1, (16, 2))
    image = point_image(optics, places, rng.uniform(3000, 8000, 16), (76, 76), level=100.0)
    found = point_sources(add_noise(image, *_NOISE, seed=seed), places, noise=_NOISE)
    return (float(optics.mtf(0.5)[0]), *found.at_nyquist("col"))


def column_trial(seed: int) -> Trial:
    rng = np.random.default_rng(seed)
    image = 1000 + 8 * rng.normal(size=(300, 400)) + 2 * rng.normal(size=400)
    found = line_noise(image)
    return 2.0, found.sigma, found.u_sigma


def attitude_trial(axis: int) -> Callable[[int], Trial]:
    def trial(seed: int) -> Trial:
        rng = np.random.default_rng([seed, axis])
        bias = tuple(rng.normal(size=3) * [10, 10, 200])
        n = 25
        row, col = rng.uniform(0, 1000, (2, n))
        height = rng.uniform(150, 300, n)
        lon, lat = frames.biased("left", bias).localize(row, col, height)
        lon, lat = frames.moved(lon, lat, *(0.2 * rng.normal(size=(2, n))))
        points = Points.control(lon, lat, height + 0.2 * rng.normal(size=n), 0.2)
        seen = np.stack([row, col]) + 0.1 * rng.normal(size=(2, n))
        image = FrameImage(frames.designed(frames.biased("left", (0.0, 0.0, 0.0))))
        found = adjust([image], Measurements.of(0, np.arange(n), *seen, 0.1), points)
        truth = frames.as_rotation(bias)[axis]
        return truth * 1e6, found.values[axis] * 1e6, found.u_values[axis] * 1e6

    return trial


def registration_trial(seed: int) -> Trial:
    rng = np.random.default_rng(seed)
    shift = rng.uniform(-1, 1, 2)
    bands = [waves(200, s, seed=seed) for s in ((0.0, 0.0), tuple(shift))]
    bands = [band + 30 * rng.normal(size=band.shape) for band in bands]
    d_row, _, u_row, _ = register_bands(*bands, degree=1).at(100.0, 100.0)
    return float(shift[0]), float(d_row), float(u_row)


def jitter_trial(seed: int) -> Trial:
    found = jitter_of(seed, 0.0)
    return 0.05, found.amplitude_col_rad * 1e6, found.u_amplitude_col_rad * 1e6


def jitter_of(seed: int, second: float) -> Jitter:
    """Jitter found where a second wave of this share of the first is there too."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.arange(20, 1980, 16.0), 60)
    frequency, phase = 60.0 + rng.uniform(-10, 10), rng.uniform(-3, 3)
    time = (rows[:, None] + np.arange(16) - 7.5) * 30e-6
    wave = 0.05 * np.sin(2 * np.pi * frequency * time + phase).mean(axis=1)
    other = 2 * np.pi * 2.3 * frequency * time + 1.0
    wave += second * 0.05 * np.sin(other).mean(axis=1)
    noise = 0.03 * rng.normal(size=(2, rows.size))
    return rolling_shutter_jitter(
        rows, 0.6 * wave + noise[0], wave + noise[1], 0.03,
        line_time_s=30e-6, focal_px=1e6, window_px=16,
    )  # fmt: skip


def focal_plane_trial(seed: int) -> Trial:
    """Offset of rows in one corner, where the field is largest."""
    camera = make_camera(PairConfig(), "left", jitter=False)
    rng = np.random.default_rng(seed)
    view = frames.views_on_reference(camera, frames.designed(camera), 20, 0.05, rng)
    found = calibrate_on_reference([view], (1000, 1000), degree=3)
    error, u = frames.field_error(found, camera)
    return 0.0, float(error[0, 0]), float(u[0, 0])


def crossed_trial(seed: int) -> Trial:
    """The same from two crossed pairs without any reference; the scale is set aside."""
    cameras, views = _crossed_views(seed)
    found = calibrate_on_crossed(views, (1000, 1000), degree=3)
    error, u = frames.field_error(found, cameras[0], scale=False)
    return 0.0, float(error[0, 0]), float(u[0, 0])


def joint_trial(seed: int) -> Trial:
    """Crossed pairs and a reference in one solution."""
    cameras, views = _crossed_views(seed)
    rng = np.random.default_rng([seed, 2])
    references = {
        k: frames.views_on_reference(camera, frames.designed(camera), 12, 0.05, rng)
        for k, camera in enumerate(cameras)
    }
    found = calibrate_jointly(references, views, (1000, 1000), degree=3)
    error, u = frames.field_error(found, cameras[0])
    return 0.0, float(error[0, 0]), float(u[0, 0])


def _crossed_views(seed: int) -> tuple[list, list]:
    config = PairConfig(bias_left_urad=(3.0, -2.0, 20.0))
    cameras = [make_camera(config, "left", jitter=False)]
    cameras += [see_again(cameras[0], **move) for move in frames.CROSSED]
    rng = np.random.default_rng(seed)
    return cameras, [frames.crossed_view(cameras, i, rng) for i in (1, 2)]


def boresight_trial(axis: int) -> Callable[[int], Trial]:
    """Boresight common to 64 images, each with an attitude of its own of 2 urad."""

    def trial(seed: int) -> Trial:
        truth, found = boresight_of(seed, axis)
        return truth * 1e6, found.values[axis] * 1e6, found.u_values[axis] * 1e6

    return trial


def boresight_of(seed: int, axis: int, *, untold: float = 1.0) -> tuple[float, Adjustment]:
    """True angle [rad], and the adjustment; attitudes err ``untold`` times what is stated."""
    rng = np.random.default_rng([seed, axis, 3])
    boresight = rng.normal(size=3) * [10.0, 10.0, 200.0]
    n, images, u_attitude = 6, 64, 2.0
    parts, measured, models = [], [], []
    for k in range(images):
        # the turn hardly differs from image to image: its arm is short
        own = untold * rng.normal(size=3) * [u_attitude, u_attitude, 20.0]
        camera = frames.biased("left", tuple(boresight + own))
        row, col = rng.uniform(0, 1000, (2, n))
        height = rng.uniform(150, 300, n)
        lon, lat = camera.localize(row, col, height)
        parts.append(Points.control(lon, lat, height, 1e-3))
        seen = np.stack([row, col]) + 0.1 * rng.normal(size=(2, n))
        measured.append(Measurements.of(k, np.arange(n) + k * n, *seen, 0.1))
        ideal = frames.designed(frames.biased("left", (0.0, 0.0, 0.0)))
        models.append(FrameImage(ideal, boresight=True))
    points, all_measured = parts[0], measured[0]
    for more, also in zip(parts[1:], measured[1:], strict=True):
        points, all_measured = points.joined(more), all_measured.joined(also)
    unknowns = [[0, 1, 2, *(3 + 3 * k + np.arange(3))] for k in range(images)]
    prior = np.array([np.inf] * 3 + [u_attitude * 1e-6, u_attitude * 1e-6, 20e-6] * images)
    found = adjust(models, all_measured, points, unknowns=unknowns, u_prior=prior)
    return float(frames.as_rotation(tuple(boresight))[axis]), found


def tied_boresight_trial(seed: int) -> Trial:
    """Boresight about rows from 32 pairs: control points in the left images, ties in both."""
    rng = np.random.default_rng([seed, 4])
    boresight = rng.normal(size=3) * [10.0, 10.0, 50.0]
    pairs, gcps, ties, u_attitude, u_m = 32, 4, 10, 2.0, 0.3
    n, sides = gcps + ties, ("left", "right")
    plain = [frames.designed(frames.biased(side, (0.0, 0.0, 0.0))) for side in sides]
    points, measured = [], []
    for pair in range(pairs):
        own = rng.normal(size=(2, 3)) * [u_attitude, u_attitude, 20.0]
        left, right = (frames.biased(sides[k], tuple(boresight + own[k])) for k in range(2))
        row, col = rng.uniform(50, 950, (2, n))
        height = rng.uniform(150, 300, n)
        lon, lat = left.localize(row, col, height)
        for k, seen in enumerate(((row, col), sight(right, lon, lat, height))):
            of = np.arange(k * gcps, n)
            noisy = np.stack(seen)[:, of] + 0.1 * rng.normal(size=(2, of.size))
            measured.append(Measurements.of(2 * pair + k, of + pair * n, *noisy, 0.1))
        off = rng.normal(size=(3, n)) * np.where(np.arange(n) < gcps, u_m, 5.0)
        lon, lat = frames.moved(lon, lat, off[0], off[1])
        u = np.where(np.arange(n) < gcps, u_m, np.inf)[:, None]
        points.append(Points(lon, lat, height + off[2], np.repeat(u, 3, axis=1)))
    unknowns = [[0, 1, 2, *(3 + 3 * k + np.arange(3))] for k in range(2 * pairs)]
    prior = np.array([np.inf] * 3 + [u_attitude * 1e-6, u_attitude * 1e-6, 20e-6] * 2 * pairs)
    found = adjust(
        [FrameImage(plain[k % 2], boresight=True) for k in range(2 * pairs)],
        reduce(lambda all_, more: all_.joined(more), measured),
        reduce(lambda all_, more: all_.joined(more), points),
        unknowns=unknowns,
        u_prior=prior,
    )
    truth = frames.as_rotation(tuple(boresight))[1]
    return truth * 1e6, found.values[1] * 1e6, found.u_values[1] * 1e6


def refinement_trial(seed: int) -> Trial:
    """Bias of the second RPC of a pair, across the epipolar lines, by ties with gross errors."""
    rng = np.random.default_rng([seed, 5])
    bias = (*(5.0 * rng.normal(size=2)), 0.0)
    left, right = frames.biased("left", (0.0, 0.0, 0.0)), frames.biased("right", bias)
    n = 80
    row, col = rng.uniform(50, 950, (2, n))
    height = rng.uniform(150, 300, n)
    lon, lat = left.localize(row, col, height)
    second = np.stack(sight(right, lon, lat, height)) + 0.1 * rng.normal(size=(2, n))
    first = np.stack([row, col]) + 0.1 * rng.normal(size=(2, n))
    second[1, :6] += rng.choice([-1, 1], 6) * rng.uniform(2.0, 20.0, 6)
    seen = Measurements.of(0, np.arange(n), *first, 0.1)
    seen = seen.joined(Measurements.of(1, np.arange(n), *second, 0.1))
    designed = [frames.designed(camera) for camera in (left, right)]
    images = [RpcImage(camera.fit_rpc((100.0, 400.0)).rpc) for camera in designed]
    prior = [1e-6, 1e-6, 10.0, 10.0]
    found = adjust(images, seen, Points.ties(lon, lat, height), u_prior=prior)
    middle = right.localize(500.0, 500.0, 225.0)
    truth = 500.0 - float(images[1].rpc.project(*middle, 225.0)[1])
    return truth, found.values[3], found.u_values[3]


def one(name: str, unit: str, trial: Callable[[int], Trial], limit: float) -> ProofTrial:
    """A trial of one quantity as proofs take it."""

    def estimates(seed: int) -> Iterator[Estimate]:
        truth, estimate, u = (float(value) for value in trial(seed))
        yield Estimate(name, unit, truth, estimate, u, limit)

    return estimates


#: by name in the table; the limit is the accuracy asked for, at 90 % of the trials
METHODS: dict[str, ProofTrial] = {
    "MTF, slanted edge": one("at Nyquist", "1", edge_trial(slanted_edge), 0.01),
    "MTF, parametric edge": one("at Nyquist", "1", edge_trial(parametric_edge), 0.01),
    "MTF, point sources": one("at Nyquist", "1", points_trial, 0.01),
    "column noise": one("rms", "DN", column_trial, 0.3),
    "attitude, control points": one("about columns", "urad", attitude_trial(0), 0.5),
    "attitude, control points (rows)": one("about rows", "urad", attitude_trial(1), 0.5),
    # 64 attitudes of 2 urad leave 0.25 urad of their mean
    "boresight, 64 images": one("about columns", "urad", boresight_trial(0), 0.5),
    "boresight, 64 images (rows)": one("about rows", "urad", boresight_trial(1), 0.5),
    "boresight, control points and ties": one("about rows", "urad", tied_boresight_trial, 0.5),
    "RPC refinement": one("bias of columns", "px", refinement_trial, 0.1),
    "inter-band registration": one("rows", "px", registration_trial, 0.05),
    "rolling-shutter jitter": one("amplitude", "urad", jitter_trial, 0.005),
    "focal plane, reference": one("rows in a corner", "px", focal_plane_trial, 0.1),
    "focal plane, crossed pairs": one("rows in a corner", "px", crossed_trial, 0.1),
    "focal plane, both": one("rows in a corner", "px", joint_trial, 0.1),
}
