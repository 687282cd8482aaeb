"""Focal plane, boresight and vibration together, from windows of known truth."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from support.frames import (
    CROSSED,
    as_rotation,
    crossed_view,
    designed,
    field_error,
    views_on_reference,
)

from boresight.errors import SingularError
from boresight.instrument import Band
from boresight.simulate import PairConfig, make_camera, see_again
from boresight.workflows.calibrate.estimate import Geometry, calibrated_band, estimate_geometry

#: a focal plane without mean shift and turn: what is found as boresight is the injected one
FLAT = ((0.0,) * 7, (0.0,) * 7)
CONFIG = replace(PairConfig(), bias_left_urad=(6.0, -4.0, 20.0), jitter_urad=0.6, jitter_hz=300.0)


@cache
def found_of(config: PairConfig, seed: int = 0) -> tuple[Geometry, object]:
    rng = np.random.default_rng(seed)
    cameras = [make_camera(config, "left")]
    cameras += [see_again(cameras[0], **move) for move in CROSSED]
    references = {
        k: views_on_reference(camera, designed(camera), 60, 0.05, rng)
        for k, camera in enumerate(cameras)
    }
    crossed = [crossed_view(cameras, k, rng) for k in (1, 2)]
    found = estimate_geometry(
        references,
        crossed,
        shape=(1000, 1000),
        degree=3,
        focal_px=cameras[0].focal_px,
        line_time_s=config.line_time_s,
        window_px=1,
    )
    return found, cameras[0]


def test_all_three_are_found_at_once() -> None:
    found, camera = found_of(CONFIG)
    jitter = found.jitter
    assert jitter.detected
    assert abs(jitter.frequency_hz - 300.0) < 5 * jitter.u_frequency_hz < 1.0
    assert jitter.amplitude_col_rad == pytest.approx(0.6e-6, rel=0.03)
    assert jitter.amplitude_row_rad == pytest.approx(0.36e-6, rel=0.03)
    assert abs(jitter.phase_col_rad - 0.3) < 0.05
    error, _ = field_error(found.calibration, replace(camera, jitter=(0, 0, 0, 0)))  # type: ignore[type-var]
    assert np.quantile(np.hypot(*error), 0.9) < 0.02
    # the vibration that is left in the windows would be seen in their misfit
    assert found.calibration.sigma0 < 1.05


def test_the_boresight_is_the_rotation_that_was_injected() -> None:
    found, _ = found_of(replace(CONFIG, distortion_px=FLAT))
    wrong = np.array(found.boresight.angles_rad) - as_rotation(CONFIG.bias_left_urad)
    assert np.abs(wrong[:2]).max() < 0.01e-6
    assert abs(wrong[2]) < 10e-6
    assert np.abs(wrong / found.u_boresight_rad).max() < 5


def test_without_vibration_none_goes_into_the_band() -> None:
    moving, camera = found_of(CONFIG)
    still, _ = found_of(replace(CONFIG, jitter_urad=0.0))
    for found, there in ((moving, True), (still, False)):
        band = calibrated_band(
            Band(name="pan"),
            found,
            focal_px=camera.focal_px,  # type: ignore[attr-defined]
            line_time_s=CONFIG.line_time_s,
        )
        assert band.rolling_shutter is not None
        assert (band.rolling_shutter.vibration is not None) == there
        assert band.viewing_directions is not None


def test_without_the_image_that_is_aimed_aside() -> None:
    camera = make_camera(CONFIG, "left")
    turned = see_again(camera, **CROSSED[0])
    rng = np.random.default_rng(0)
    references = {
        k: views_on_reference(one, designed(one), 60, 0.05, rng)
        for k, one in enumerate((camera, turned))
    }
    # what the crossed images alone would say is part of the answer
    with pytest.raises(SingularError, match="do not determine"):
        estimate_geometry(
            references,
            [crossed_view([camera, turned], 1, rng)],
            shape=(1000, 1000),
            degree=3,
            focal_px=camera.focal_px,
            line_time_s=CONFIG.line_time_s,
            window_px=1,
        )
