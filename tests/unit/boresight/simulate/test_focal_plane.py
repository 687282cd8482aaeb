"""The simulated detector shows what was injected, by plain statistics of its frames."""

from __future__ import annotations

import time

import numpy as np
import pytest

from boresight.errors import InputError
from boresight.simulate import (
    FocalPlaneConfig,
    dark_frames,
    light_ladder,
    make_focal_plane,
    moved_frames,
    uniform_frames,
    yaw_steered,
)


def test_truth_is_as_asked() -> None:
    plane = make_focal_plane(FocalPlaneConfig(rows=300, cols=400, hot_share=0.01, dead_share=0.01))
    assert plane.gain[plane.good].mean() == pytest.approx(1.0, abs=1e-12)
    assert plane.offset_dn[plane.good].std() == pytest.approx(2.0, rel=0.01)
    assert (plane.flags != 0).mean() == pytest.approx(0.02, rel=0.1)


def test_frames_follow_from_the_seed() -> None:
    config = FocalPlaneConfig(rows=16, cols=16)
    first, again = (uniform_frames(make_focal_plane(config), 100.0, 2) for _ in range(2))
    assert (first == again).all()
    assert (first[0] != first[1]).any()
    other = uniform_frames(make_focal_plane(FocalPlaneConfig(rows=16, cols=16, seed=1)), 100.0, 2)
    assert (first != other).any()


def test_light_follows_the_physics() -> None:
    """Mean and variance of a Poisson process through 10 electrons a number."""
    config = FocalPlaneConfig(
        rows=200, cols=200, prnu_rms=0.0, prnu_column_rms=0.0, prnu_vignetting=0.0, dsnu_rms_dn=0.0
    )
    frame = uniform_frames(make_focal_plane(config), 150.0, 1)[0].astype(float)
    assert frame.mean() == pytest.approx(64 + 1500.0, abs=0.3)
    assert frame.var() == pytest.approx(1500.0 / 10 + 9 + 1 / 12, rel=0.03)


def test_ground_passes_all_detectors_when_yaw_is_steered() -> None:
    plane = make_focal_plane(FocalPlaneConfig(rows=1, cols=40))
    lines = yaw_steered(plane, 400).dn.astype(float)
    aligned = np.stack([lines[k : k + 360, k] for k in range(40)], axis=1)
    assert np.corrcoef(aligned[:, 0], aligned[:, 39])[0, 1] > 0.98
    assert abs(np.corrcoef(lines[:360, 0], lines[:360, 39])[0, 1]) < 0.9


def test_frames_are_moved_by_what_is_said() -> None:
    plane = make_focal_plane(FocalPlaneConfig(rows=60, cols=60, prnu_rms=0.0))
    moved = moved_frames(plane, 4, reach_px=12)
    down = (moved.row_px - moved.row_px[0]).astype(int)
    right = (moved.col_px - moved.col_px[0]).astype(int)
    assert len({*zip(down, right, strict=True)}) > 1
    for k in range(1, 4):
        first = moved.dn[0, 15 + down[k] : 45 + down[k], 15 + right[k] : 45 + right[k]]
        assert np.corrcoef(first.ravel(), moved.dn[k, 15:45, 15:45].ravel())[0, 1] > 0.9


def test_ladder_says_what_the_lamp_says() -> None:
    plane = make_focal_plane(FocalPlaneConfig(rows=16, cols=16))
    ladder = light_ladder(plane, np.linspace(10, 300, 500), 1, u_relative=0.01)
    error = ladder.radiance_stated / ladder.radiance_true - 1
    assert error.std() == pytest.approx(0.01, rel=0.15)


def test_a_megapixel_takes_seconds() -> None:
    plane = make_focal_plane(FocalPlaneConfig(rows=1000, cols=1000))
    began = time.process_time()
    dark_frames(plane, 1)
    uniform_frames(plane, 200.0, 1, texture=0.01)
    moved_frames(plane, 1, reach_px=50)
    assert time.process_time() - began < 20.0


@pytest.mark.parametrize(
    ("name", "value"), [("prnu_rms", float("nan")), ("rows", 0), ("bend", 1.0), ("dead_share", 1.0)]
)
def test_numbers_out_of_bounds_are_named(name: str, value: float) -> None:
    assert make_focal_plane(FocalPlaneConfig(rows=8, cols=8)).gain.shape == (8, 8)
    with pytest.raises(InputError, match=f"{name} is {value}"):
        FocalPlaneConfig(**{name: value})


def test_a_yaw_steered_detector_is_a_line() -> None:
    plane = make_focal_plane(FocalPlaneConfig(rows=2, cols=40))
    with pytest.raises(InputError, match="line detector"):
        yaw_steered(plane, 400)
