"""Each method finds what was injected, agrees with others' code, and refuses what tells nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import optimize
from skimage import exposure

from boresight.errors import (
    BoresightError,
    EmptyFrameError,
    FramesError,
    InputError,
    NotFiniteError,
    SaturatedError,
    SingularError,
    TooFewFramesError,
    UnitsError,
)
from boresight.instrument import Quantity
from boresight.radiometry import (
    estimate_dark,
    estimate_gain_uniform,
    estimate_gain_yaw_steered,
    estimate_linearity,
    estimate_noise,
    find_bad_pixels,
    match_histograms,
    moments,
    plot_bad_pixels,
    plot_dark,
    plot_equalisation,
    plot_linearity,
    plot_noise,
    snr,
)
from boresight.simulate import (
    FocalPlaneConfig,
    dark_frames,
    light_ladder,
    make_focal_plane,
    uniform_frames,
    yaw_steered,
)
from boresight.simulate.focal_plane import DEAD, HOT, NOISY, UNSTABLE

FULL = 4095
CONFIG = FocalPlaneConfig(rows=64, cols=80, seed=3)
PLANE = make_focal_plane(CONFIG)
DARK_FRAMES = dark_frames(PLANE, 24)
DARK = estimate_dark(DARK_FRAMES, saturation_dn=FULL).dark
UNIFORM = uniform_frames(PLANE, 200.0, 8)
LEVELS = [uniform_frames(PLANE, level, 4, stream=k) for k, level in enumerate((10, 90, 200, 350))]
LADDER = light_ladder(PLANE, np.linspace(20.0, 380.0, 10), 2, u_relative=5e-4)
LINE = make_focal_plane(replace(CONFIG, rows=1))
LINE_DARK = Quantity(value=LINE.offset_dn, unit="DN")
YAW = yaw_steered(LINE, 900, contrast=0.4).dn


def dark(frames: Any = DARK_FRAMES, **options: Any) -> Any:
    return estimate_dark(frames, **({"saturation_dn": FULL} | options))


def uniform(frames: Any = UNIFORM, dark: Any = DARK, **options: Any) -> Any:
    return estimate_gain_uniform(frames, dark, **({"saturation_dn": FULL} | options))


def yaw(dn: Any = YAW, dark: Any = LINE_DARK, **options: Any) -> Any:
    return estimate_gain_yaw_steered(dn, dark, **({"saturation_dn": FULL} | options))


def histograms(dn: Any = YAW, dark: Any = LINE_DARK, **options: Any) -> Any:
    defaults = {"saturation_dn": FULL, "lines_per_detector": 1.0}
    return match_histograms(dn, dark, **(defaults | options))


def noise(levels: Any = LEVELS, dark: Any = DARK.grid, **options: Any) -> Any:
    return estimate_noise(levels, dark, **({"saturation_dn": FULL} | options))


def linearity(
    levels: Any = tuple(LADDER.frames), radiance: Any = LADDER.radiance_stated, **options: Any
) -> Any:
    defaults = {"saturation_dn": FULL, "u_radiance_relative": 5e-4}
    return estimate_linearity(levels, radiance, DARK, **(defaults | options))


# what others' code says of the same frames


def test_moments_are_numpys() -> None:
    """One frame at a time in memory, and the same as from the whole stack."""
    found = moments(iter(DARK_FRAMES), saturation_dn=FULL, min_frames=2)
    stack = DARK_FRAMES.astype(np.float64)
    level = stack.mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found.mean, stack.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(found.variance, (stack - level).var(axis=0, ddof=1), atol=1e-9)


def test_noise_line_is_that_of_scipys_likelihood() -> None:
    """Maximum likelihood of gamma-distributed sample variances, by another program."""
    found = noise()
    dof = 2.0 / (found.u_variance_dn2 / found.variance_dn2) ** 2

    def cost(p: Any) -> float:
        model = p[0] + p[1] * found.signal_dn
        return float((dof / 2 * (np.log(model) + found.variance_dn2 / model)).sum())

    best = optimize.minimize(cost, [9.0, 0.1], method="Nelder-Mead", options={"xatol": 1e-8})
    # weighted least squares and likelihood differ by a share of their uncertainty
    assert found.noise.a.number == pytest.approx(best.x[0], abs=0.2 * found.noise.a.u)
    assert found.noise.b.number == pytest.approx(best.x[1], abs=0.2 * found.noise.b.u)


def test_histogram_matching_levels_what_skimage_levels() -> None:
    """After matching, columns are as alike as after skimage's full match to the mean column."""
    cols = YAW.shape[1]
    lines = YAW.shape[0] - cols
    signal = np.stack(
        [YAW[k : k + lines, k].astype(float) - LINE.offset_dn[0, k] for k in range(cols)], axis=1
    )
    found = histograms(fit_offset=True)
    ours = (signal - found.offset.grid) / found.gain.grid
    reference = np.sort(signal, axis=0).mean(axis=1)
    theirs = np.stack(
        [exposure.match_histograms(signal[:, k], reference) for k in range(cols)], axis=1
    )
    before = np.std(signal.mean(axis=0)) / signal.mean()
    after = np.std(ours.mean(axis=0)) / ours.mean()
    assert before > 0.008
    assert after < before / 30
    np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), rtol=0.02)
    np.testing.assert_allclose(ours.mean(axis=0), theirs.mean(axis=0), rtol=2e-3)


def test_linearity_fit_is_that_of_scipys_orthogonal_distance() -> None:
    bent = make_focal_plane(replace(CONFIG, bend=0.03))
    ladder = light_ladder(bent, np.linspace(20.0, 380.0, 12), 2, u_relative=5e-4)
    found = linearity(list(ladder.frames), ladder.radiance_stated, degree=2)
    x = found.signal_dn / FULL

    def residual(p: Any) -> Any:
        return (p[0] * ladder.radiance_stated / found.signal_dn - p[1] * x - p[2] * x**2 - 1) / 5e-4

    best = optimize.least_squares(residual, [10.0, 0.0, 0.0], x_scale="jac")
    u = np.sqrt(np.diag(found.nonlinearity.covariance))
    np.testing.assert_allclose(found.nonlinearity.coefficients, best.x[1:], atol=0.2 * u.min())


# truth


def test_gain_of_even_scenes_is_the_injected_one() -> None:
    found = uniform()
    error = found.gain.grid - PLANE.gain
    assert np.std(error / found.gain.u) == pytest.approx(1.0, abs=0.05)
    assert found.prnu_rms.number == pytest.approx(PLANE.gain.std(), rel=0.03)


def test_bad_pixels_are_found_and_few_others() -> None:
    shares = dict.fromkeys(("hot_share", "dead_share", "noisy_share", "unstable_share"), 2e-3)
    plane = make_focal_plane(replace(CONFIG, rows=200, cols=200, seed=5, **shares))
    darkness = estimate_dark(dark_frames(plane, 16), saturation_dn=FULL)
    gain = uniform(uniform_frames(plane, 200.0, 8), darkness.dark)
    result = find_bad_pixels(darkness, gain)
    found = result.flags != 0
    for flag, least in ((HOT, 1.0), (DEAD, 1.0), (NOISY, 0.99), (UNSTABLE, 0.95)):
        truth = plane.flags == flag
        assert truth.sum() > 40
        assert found[truth].mean() >= least
    wrong = int((found & plane.good).sum())
    # 99.9 % of the time, Poisson of 0.3
    assert wrong <= 4
    assert sum(result.counts.values()) >= (plane.flags != 0).sum() * 0.95


def test_uncertainty_grows_where_the_model_is_wrong() -> None:
    """A kink is no low polynomial: the fit says so by its chi-square."""
    kinked = make_focal_plane(replace(CONFIG, kink=0.03, kink_at=0.5))
    ladder = light_ladder(kinked, np.linspace(20.0, 380.0, 14), 4, u_relative=1e-4)
    options = {"u_radiance_relative": 1e-4, "degree": 2}
    bad = linearity(list(ladder.frames), ladder.radiance_stated, **options)
    assert bad.p_value < 1e-6
    straight = light_ladder(PLANE, np.linspace(20.0, 380.0, 14), 4, u_relative=1e-4)
    good = linearity(list(straight.frames), straight.radiance_stated, **options)
    assert good.p_value > 1e-3


def test_scene_gradient_can_be_taken_out() -> None:
    frames = uniform_frames(PLANE, 200.0, 8, gradient=0.03)
    flat = make_focal_plane(replace(CONFIG, prnu_vignetting=0.0))
    frames = uniform_frames(flat, 200.0, 8, gradient=0.03)
    darkness = estimate_dark(dark_frames(flat, 24), saturation_dn=FULL).dark
    slope = np.linspace(-0.5, 0.5, 80)
    raw = uniform(frames, darkness).gain.grid - flat.gain
    mended = uniform(frames, darkness, scene_degree=1).gain.grid - flat.gain
    assert np.polyfit(slope, raw.mean(axis=0), 1)[0] == pytest.approx(0.03, abs=0.003)
    assert np.polyfit(slope, mended.mean(axis=0), 1)[0] == pytest.approx(0.0, abs=0.003)


def test_yaw_steering_needs_the_right_shift() -> None:
    right = np.std(yaw().gain.grid - LINE.gain)
    wrong = np.std(yaw(lines_per_detector=-1.0).gain.grid - LINE.gain)
    assert right < 1e-3
    assert wrong > 5 * right


def test_a_reader_gives_frames_one_by_one() -> None:
    assert uniform(iter(UNIFORM)).n == 8


def test_inputs_are_not_changed() -> None:
    before = UNIFORM.copy(), YAW.copy()
    uniform()
    yaw()
    histograms()
    np.testing.assert_array_equal(UNIFORM, before[0])
    np.testing.assert_array_equal(YAW, before[1])


# bad input: first the same request is granted


def with_pixels(frames: Any, value: int, share: float) -> Any:
    changed = frames.copy()
    flat = changed.reshape(len(changed), -1)
    flat[:, : int(share * flat.shape[1])] = value
    return changed


NAN_DARK = xr.DataArray(np.full((900, 80), np.nan), attrs={"units": "DN"})
CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], type[Exception]]] = {
    "dark few": (dark, (DARK_FRAMES[:3],), {}, TooFewFramesError),
    "dark none": (dark, ([],), {}, TooFewFramesError),
    "dark saturated": (dark, (with_pixels(DARK_FRAMES, FULL, 0.05),), {}, SaturatedError),
    "dark empty": (dark, (np.zeros_like(DARK_FRAMES),), {}, EmptyFrameError),
    "dark clipped": (dark, (with_pixels(DARK_FRAMES, 0, 0.01),), {}, EmptyFrameError),
    "dark radiance": (dark, (DARK_FRAMES * 0.1,), {}, UnitsError),
    "dark shapes": (dark, ([*DARK_FRAMES[:4], DARK_FRAMES[0, :10]],), {}, FramesError),
    "dark one frame": (dark, (DARK_FRAMES[0],), {}, UnitsError),
    "gain few": (uniform, (UNIFORM[:3],), {}, TooFewFramesError),
    "gain dark scene": (uniform, (DARK_FRAMES,), {}, EmptyFrameError),
    "gain saturated": (uniform, (np.full_like(UNIFORM, FULL),), {}, EmptyFrameError),
    "gain half saturated": (uniform, (with_pixels(UNIFORM, FULL, 0.5),), {}, SaturatedError),
    "gain radiance": (uniform, (UNIFORM.astype(float),), {}, UnitsError),
    "gain other dark": (uniform, (UNIFORM, LINE_DARK), {}, FramesError),
    "gain no good": (uniform, (), {"good": np.zeros((64, 80), bool)}, EmptyFrameError),
    "gain degree": (uniform, (), {"scene_degree": 9}, InputError),
    "yaw short": (yaw, (YAW[:200],), {}, TooFewFramesError),
    "yaw radiance": (yaw, (YAW * 0.1,), {}, UnitsError),
    "yaw nan": (yaw, (NAN_DARK,), {}, NotFiniteError),
    "yaw saturated": (yaw, (np.minimum(YAW.astype(int) * 3, FULL),), {}, SaturatedError),
    "yaw empty": (yaw, (np.zeros_like(YAW),), {}, EmptyFrameError),
    "yaw shift": (yaw, (), {"lines_per_detector": np.nan}, InputError),
    "histograms flat": (
        histograms,
        (LINE.expose(np.full((900, 80), 100.0), 7),),
        {"fit_offset": True},
        InputError,
    ),
    "noise few levels": (noise, (LEVELS[:2],), {}, TooFewFramesError),
    "noise one frame": (noise, ([*LEVELS[:3], LEVELS[3][:1]],), {}, TooFewFramesError),
    "noise same levels": (noise, ([LEVELS[1]] * 4,), {}, InputError),
    "noise radiance": (noise, ([level * 0.1 for level in LEVELS],), {}, UnitsError),
    "linearity few": (
        linearity,
        (list(LADDER.frames[:3]), LADDER.radiance_stated[:3]),
        {},
        TooFewFramesError,
    ),
    "linearity counts": (
        linearity,
        (list(LADDER.frames), LADDER.radiance_stated[:9]),
        {},
        FramesError,
    ),
    "linearity DN for radiance": (
        linearity,
        (list(LADDER.frames), (LADDER.radiance_stated * 10).astype(np.uint16)),
        {},
        UnitsError,
    ),
    "linearity DN as float": (
        linearity,
        (list(LADDER.frames), LADDER.radiance_stated * 10),
        {},
        UnitsError,
    ),
    "linearity nan": (
        linearity,
        (list(LADDER.frames), np.full(10, np.nan)),
        {},
        NotFiniteError,
    ),
    "linearity same light": (linearity, (list(LADDER.frames), np.full(10, 100.0)), {}, InputError),
    "linearity degree": (linearity, (), {"degree": 0}, InputError),
    "linearity sure": (linearity, (), {"u_radiance_relative": 0.0}, InputError),
    "linearity singular": (
        linearity,
        ([*[LADDER.frames[0]] * 5, *[LADDER.frames[9]] * 5], LADDER.radiance_stated[[0, 9] * 5]),
        {"degree": 5},
        SingularError,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_named(case: str) -> None:
    method, arguments, options, error = CASES[case]
    method(**({"fit_offset": True} if "fit_offset" in options else {}))
    with pytest.raises(error) as caught:
        method(*arguments, **options)
    assert isinstance(caught.value, BoresightError)
    assert "the rule is" in caught.value.message


def test_units_of_a_dataarray_count() -> None:
    good = xr.DataArray(YAW.astype(float), attrs={"units": "DN"})
    np.testing.assert_array_equal(yaw(good).gain.grid, yaw().gain.grid)
    with pytest.raises(UnitsError, match="W m-2"):
        yaw(good.assign_attrs(units="W m-2 sr-1 um-1"))


def test_snr_asks_for_signal() -> None:
    model = noise().noise
    assert snr(model, 1000.0).number > 50
    with pytest.raises(InputError, match="above 0"):
        snr(model, 0.0)


def test_correction_is_not_extrapolated() -> None:
    result = linearity()
    assert abs(result.correction(2000.0).number) < 5e-3
    with pytest.raises(InputError, match="was measured"):
        result.correction(4000.0)


def test_plots() -> None:
    darkness = dark()
    figures = [
        plot_dark(darkness),
        plot_equalisation(uniform()),
        plot_equalisation(yaw()),
        plot_noise(noise()),
        plot_linearity(linearity()),
        plot_bad_pixels(find_bad_pixels(darkness, uniform(), false_alarms=100)),
    ]
    for figure in figures:
        figure.canvas.draw()
        assert all(axis.has_data() for axis in figure.axes[:1])
