"""Trials of the radiometric methods: a simulated detector, its truth, and what is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boresight.instrument import Quantity, Uncertainty
from boresight.radiometry import (
    estimate_dark,
    estimate_gain_uniform,
    estimate_gain_yaw_steered,
    estimate_linearity,
    estimate_noise,
    find_bad_pixels,
    match_histograms,
)
from boresight.simulate import (
    FocalPlane,
    FocalPlaneConfig,
    dark_frames,
    light_ladder,
    make_focal_plane,
    uniform_frames,
    yaw_steered,
)
from boresight.validation.absolute import ABSOLUTE_METHODS
from boresight.validation.proof import Estimate, Trial

#: accuracies the toolkit promises
DARK_DN = 0.1
PRNU = 1e-3
NOISE_RELATIVE = 0.02
LINEARITY = 1e-3

_SIDE_PX = 128
#: one pixel, anywhere
_PIXEL = (41, 87)


def _plane(seed: int, **changes: Any) -> FocalPlane:
    values = {"rows": _SIDE_PX, "cols": _SIDE_PX} | changes
    return make_focal_plane(FocalPlaneConfig(seed=seed, **values))


def known_dark(plane: FocalPlane, n: int = 16) -> Quantity:
    """Dark signal as it is found from ``n`` dark frames [DN]."""
    frames = dark_frames(plane, n)
    return estimate_dark(frames, saturation_dn=plane.config.saturation_dn).dark


def dark_trial(seed: int) -> Iterator[Estimate]:
    """Dark signal of a pixel, its level with a drifting offset, DSNU, and noise."""
    # 1 DN of noise: a pixel needs 300 frames for 0.1 DN at 90 %, the drift asks for some more
    plane = _plane(seed, rows=96, cols=96, offset_drift_dn=0.3, read_noise_e=10.0)
    result = estimate_dark(dark_frames(plane, 400), saturation_dn=plane.config.saturation_dn)
    yield Estimate(
        "dark of a pixel",
        "DN",
        float(plane.offset_dn[_PIXEL]),
        float(result.dark.grid[_PIXEL]),
        float(np.asarray(result.dark.u)[_PIXEL]),
        DARK_DN,
    )
    yield Estimate(
        "mean dark",
        "DN",
        float(plane.offset_dn.mean()),
        result.level.number,
        float(result.level.u),
        DARK_DN,
    )
    yield Estimate(
        "DSNU rms",
        "DN",
        plane.config.dsnu_rms_dn,
        result.dsnu_rms.number,
        float(result.dsnu_rms.u),
        DARK_DN,
    )
    yield Estimate(
        "noise variance in the dark",
        "DN2",
        plane.config.noise_a_dn2,
        result.noise_variance.number,
        float(result.noise_variance.u),
        NOISE_RELATIVE * plane.config.noise_a_dn2,
    )


def noise_trial(seed: int) -> Iterator[Estimate]:
    """Noise model from eight levels of four frames, and SNR at one of them."""
    plane = _plane(seed, rows=192, cols=192)
    config = plane.config
    levels = [dark_frames(plane, 8, stream=9)]
    for k, radiance in enumerate((4.0, 12.0, 30.0, 80.0, 150.0, 220.0, 300.0, 360.0)):
        levels.append(uniform_frames(plane, radiance, 4, stream=k))
    dark = known_dark(plane).grid
    result = estimate_noise(levels, dark, saturation_dn=config.saturation_dn)
    a, b = config.noise_a_dn2, config.noise_b_dn
    noise = result.noise
    yield Estimate("noise a", "DN2", a, noise.a.number, float(noise.a.u), NOISE_RELATIVE * a)
    yield Estimate("noise b", "DN", b, noise.b.number, float(noise.b.u), NOISE_RELATIVE * b)
    found = result.snr(1000.0)
    truth = 1000.0 / np.sqrt(a + 1000.0 * b)
    yield Estimate("SNR at 1000 DN", "1", truth, found.number, float(found.u), 0.01 * truth)


def uniform_trial(seed: int) -> Iterator[Estimate]:
    """PRNU from 256 frames of an even scene with texture of its own in each."""
    plane = _plane(seed)
    dark = known_dark(plane, 64)
    frames = uniform_frames(plane, 350.0, 256, texture=0.002)
    result = estimate_gain_uniform(frames, dark, saturation_dn=plane.config.saturation_dn)
    yield _gain_of(result.gain, plane, _PIXEL)


def yaw_trial(seed: int) -> Iterator[Estimate]:
    """PRNU of a line's detectors from one yaw-steered scene, with residual yaw."""
    plane, scene, dark = _yaw_scene(seed)
    result = estimate_gain_yaw_steered(
        scene, dark, saturation_dn=plane.config.saturation_dn, lines_per_detector=1.0
    )
    yield _gain_of(result.gain, plane, (0, _PIXEL[1]))


def histogram_trial(seed: int) -> Iterator[Estimate]:
    """PRNU of a line's detectors by histogram matching: the yaw-steered scene, and a harder one."""
    pixel = (0, _PIXEL[1])
    plane, scene, dark = _yaw_scene(seed)
    result = match_histograms(
        scene, dark, saturation_dn=plane.config.saturation_dn, lines_per_detector=1.0
    )
    yield _gain_of(result.gain, plane, pixel)
    # gain is told from offset by contrast alone: coast, snow and sand in one scene; such ground
    # is where a residual yaw does most harm, and no accuracy is promised there
    plane, scene, dark = _yaw_scene(seed, lines=4500, contrast=0.5, cross_drift_px=0.2)
    for fit_offset, name in (
        (False, "gain of a pixel, contrast 50 %"),
        (True, "the same, offset fitted"),
    ):
        result = match_histograms(
            scene,
            dark,
            saturation_dn=plane.config.saturation_dn,
            lines_per_detector=1.0,
            fit_offset=fit_offset,
        )
        yield replace(_gain_of(result.gain, plane, pixel), name=name, limit=None)


def linearity_trial(seed: int) -> Iterator[Estimate]:
    """Non-linearity at a half and at nine tenths of full scale from 16 levels known to 0.05 %."""
    plane = _plane(seed, bend=0.03, bend_cubic=0.01, prnu_vignetting=0.0)
    full = plane.config.saturation_dn
    dark = known_dark(plane)
    levels = np.geomspace(8.0, 390.0, 16)
    ladder = light_ladder(plane, levels, 2, u_relative=5e-4)
    result = estimate_linearity(
        list(ladder.frames),
        ladder.radiance_stated,
        dark,
        saturation_dn=full,
        u_radiance_relative=ladder.u_relative,
        degree=3,
    )
    for share in (0.5, 0.9):
        linear = share * full
        per_dn = plane.config.electrons_per_dn
        shown = float(plane.bent(np.array([linear * per_dn]))[0]) / per_dn
        found = result.correction(shown)
        yield Estimate(
            f"linearity correction at {100 * share:g} %",
            "1",
            linear / shown - 1.0,
            found.number,
            float(found.u),
            LINEARITY,
        )


def bad_pixel_trial(seed: int) -> Iterator[Estimate]:
    """Bad pixels of four kinds, with so low thresholds that chance flags some good ones too."""
    shares = dict.fromkeys(("hot_share", "dead_share", "noisy_share", "unstable_share"), 2e-3)
    plane = _plane(seed, rows=160, cols=160, prnu_vignetting=0.0, **shares)
    full = plane.config.saturation_dn
    dark = estimate_dark(dark_frames(plane, 16), saturation_dn=full)
    gain = estimate_gain_uniform(uniform_frames(plane, 200.0, 8), dark.dark, saturation_dn=full)
    found = find_bad_pixels(dark, gain, false_alarms=10.0)
    by_chance = found.false_alarms_expected
    yield Estimate(
        "pixels flagged less those by chance",
        "px",
        float((plane.flags != 0).sum()),
        float((found.flags != 0).sum()) - by_chance,
        # what chance flags is a Poisson number; a bad pixel that is missed shows as a bias
        float(np.sqrt(by_chance)),
    )


#: by name in the table: trial, and the trials it is run for
METHODS: dict[str, Trial] = {
    "dark signal": dark_trial,
    "noise model": noise_trial,
    "PRNU, even scenes": uniform_trial,
    "PRNU, yaw-steered": yaw_trial,
    "PRNU, histograms": histogram_trial,
    "non-linearity": linearity_trial,
    "bad pixels": bad_pixel_trial,
    **ABSOLUTE_METHODS,
}


def _yaw_scene(
    seed: int, lines: int = 6000, contrast: float = 0.25, cross_drift_px: float = 0.5
) -> tuple[FocalPlane, NDArray[np.uint16], Quantity]:
    plane = _plane(seed, rows=1, cols=128, prnu_vignetting=0.02)
    # a line alone has few pixels: its dark signal from many lines
    night = plane.expose(np.zeros((2000, plane.config.cols)), 1, 0)
    dark = Quantity(
        value=night.mean(axis=0)[None],
        unit="DN",
        uncertainties=(
            Uncertainty(
                effect="noise",
                correlation="random",
                u=night.std(axis=0, ddof=1)[None] / np.sqrt(2000),
            ),
        ),
    )
    scene = yaw_steered(plane, lines, contrast=contrast, cross_drift_px=cross_drift_px)
    return plane, scene.dn, dark


def _gain_of(gain: Quantity, plane: FocalPlane, pixel: tuple[int, int]) -> Estimate:
    return Estimate(
        "gain of a pixel",
        "1",
        float(plane.gain[pixel]),
        float(gain.grid[pixel]),
        float(np.asarray(gain.u)[pixel]),
        PRNU,
    )
