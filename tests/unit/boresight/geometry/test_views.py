"""From matched windows to views of the focal plane."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.frames import designed
from support.scenes import waves

from boresight.errors import InputError
from boresight.geometry import (
    CorrelationOptions,
    correlate,
    crossed_view,
    reference_view,
    unturned,
    without_attitude,
)
from boresight.simulate import PairConfig, make_camera, see_again, sight


@pytest.mark.parametrize("turns", [-1, 0, 1, 2, 3, 5])
def test_unturned_is_the_inverse_of_rot90(turns: int) -> None:
    image = np.arange(5 * 7).reshape(5, 7)
    turned = np.rot90(image, turns)
    row, col = (v.ravel() + 0.5 for v in np.indices(turned.shape))
    back_row, back_col = unturned(row, col, turns, image.shape)
    found = image[back_row.astype(int), back_col.astype(int)]
    np.testing.assert_array_equal(found.reshape(turned.shape), turned)


def test_view_of_a_reference() -> None:
    windows = correlate(waves(120, (0.0, 0.0)), waves(120, (0.4, -0.3)))
    view = reference_view(windows)
    np.testing.assert_allclose(view.ideal_row - view.row, 0.4, atol=0.01)
    np.testing.assert_allclose(view.ideal_col - view.col, -0.3, atol=0.01)
    assert (view.u_px >= 0.01).all()


def test_view_of_a_quarter_turn() -> None:
    camera = make_camera(PairConfig(size_px=160), "left", bias=False, distortion=False)
    turned = see_again(camera, 90.0)
    scene = waves(160, (0.0, 0.0))
    windows = correlate(scene, scene, CorrelationOptions(step_px=24))
    cameras = designed(camera), designed(turned)
    view = crossed_view((0, 1), cameras, windows, 200.0, quarter_turns=-1)
    # an ideal camera sees windows where the turned image has them
    np.testing.assert_allclose(view.ideal_row, view.second_row, atol=0.01)
    np.testing.assert_allclose(view.ideal_col, view.second_col, atol=0.01)
    wanted = np.array([[0.0, -1.0], [1.0, 0.0]])
    np.testing.assert_allclose(
        view.jacobian, np.broadcast_to(wanted, view.jacobian.shape), atol=1e-3
    )
    with pytest.raises(InputError, match="two different"):
        crossed_view((1, 1), cameras, windows, 200.0)


def test_what_attitude_takes_over() -> None:
    rng = np.random.default_rng(0)
    row, col = rng.uniform(0, 100, (2, 50))
    shape = (100, 100)
    shift_and_turn = 2.0 + 0.01 * (col - 50), -1.0 - 0.01 * (row - 50)
    assert np.abs(without_attitude(row, col, *shift_and_turn, shape)).max() < 1e-12
    scaled = 0.01 * (row - 50), 0.01 * (col - 50)
    assert np.abs(without_attitude(row, col, *scaled, shape)).max() > 0.3
    assert np.abs(without_attitude(row, col, *scaled, shape, scale=True)).max() < 1e-12
    bent = ((row - 50) / 50) ** 2, np.zeros(50)
    assert np.abs(without_attitude(row, col, *bent, shape, scale=True)).max() > 0.1


def test_a_camera_turned_and_aimed_aside() -> None:
    camera = make_camera(PairConfig(size_px=200), "left")
    moved = see_again(camera, 37.0, row_px=20.0, col_px=-30.0)
    row, col, height = (np.array([v]) for v in (60.0, 150.0, 210.0))
    seen = sight(moved, *moved.localize(row, col, height), height)
    np.testing.assert_allclose(np.ravel(seen), [60.0, 150.0], atol=1e-5)
    # the middle of the new frame is aimed at that place of the old one
    plain = replace(camera, bias_rad=(0, 0, 0), distortion_px=None, jitter=(0, 0, 0, 0))
    middle = see_again(plain, 37.0, row_px=20.0, col_px=-30.0)
    half = np.array([100.0])
    at = sight(plain, *middle.localize(half, half, height), height)
    np.testing.assert_allclose(np.ravel(at), [120.0, 70.0], atol=1e-2)
    # a step along its columns is a step along the old ones, turned
    aside = sight(plain, *middle.localize(half, half + 10.0, height), height)
    step = np.ravel(aside) - np.ravel(at)
    turn = np.radians(37.0)
    np.testing.assert_allclose(step, [10.0 * np.sin(turn), 10.0 * np.cos(turn)], atol=0.05)
