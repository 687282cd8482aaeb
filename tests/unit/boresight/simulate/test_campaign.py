"""Campaigns: equal seeds give equal files, and what is injected is there."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from boresight.errors import InputError
from boresight.simulate import CampaignConfig, SimulatedCampaign
from boresight.simulate.rendering import Renderer

CONFIG = CampaignConfig(size_px=256, n_dark=6, n_flat=4)


def test_configuration_survives_json() -> None:
    assert CampaignConfig.from_dict(json.loads(json.dumps(CONFIG.as_dict()))) == CONFIG


def test_frames_are_those_of_the_detector() -> None:
    campaign = SimulatedCampaign(CONFIG)
    plane = campaign.detector(0)
    dark = np.mean(list(campaign.dark_frames(0)), axis=0)
    # six frames of 2 DN of noise
    assert (dark - plane.offset_dn).std() == pytest.approx(2.0 / np.sqrt(6), rel=0.1)
    flat = np.mean(list(campaign.flat_frames(0)), axis=0) - plane.offset_dn
    assert np.corrcoef(flat.ravel(), plane.gain.ravel())[0, 1] > 0.9
    again = SimulatedCampaign(CONFIG)
    assert np.array_equal(next(again.dark_frames(1)), next(campaign.dark_frames(1)))
    assert not np.array_equal(next(campaign.dark_frames(0)), next(campaign.dark_frames(1)))


def test_an_image_without_errors_is_the_ortho_image_seen_straight() -> None:
    still = replace(
        CONFIG.satellites[0], bias_urad=(0.0, 0.0, 0.0), distortion_px=((0.0,) * 7, (0.0,) * 7)
    )
    config = replace(
        CONFIG, jitter_urad=0.0, attitude_noise_urad=0.0, satellites=(still, CONFIG.satellites[1])
    )
    campaign = SimulatedCampaign(config)
    site = campaign.site()
    reference = campaign.reference(site)
    shot = campaign.passes(0)[0]
    image = campaign.image(0, shot, Renderer.of(site)).astype(float)
    image = (image - campaign.detector(0).offset_dn) / campaign.detector(0).gain
    # the middle of both, which are within a pixel of each other there
    row, col = (n // 2 for n in reference.ortho.shape)
    part = np.s_[row - 40 : row + 40, col - 40 : col + 40]
    best = max(
        np.corrcoef(
            reference.ortho[part].ravel(), image[88 + i : 168 + i, 88 + j : 168 + j].ravel()
        )[0, 1]
        for i in range(-4, 5)
        for j in range(-4, 5)
    )
    assert best > 0.9


def test_injected_errors_move_what_is_seen() -> None:
    shot = SimulatedCampaign(CONFIG).passes(0)[0]
    row, col = np.array([10.0, 128.0, 240.0]), np.array([20.0, 128.0, 200.0])
    apart = shot.true.los_ecef(row, col) - shot.designed.los_ecef(row, col)
    moved = apart @ shot.designed.axes_ecef * shot.designed.focal_px
    along, across, _ = CONFIG.satellites[0].bias_urad
    # in the middle distortion is zero: boresight and vibration are left
    reach = CONFIG.jitter_urad + 5 * CONFIG.attitude_noise_urad
    assert abs(moved[1, 0] - along * 1e-6 * shot.designed.focal_px) < 1.1 * reach
    assert abs(moved[1, 1] - across * 1e-6 * shot.designed.focal_px) < 1.1 * reach
    told = SimulatedCampaign(CONFIG).truth()["satellites"][0]  # type: ignore[index]
    assert told["rotation_rad"] == pytest.approx([-across * 1e-6, along * 1e-6, 20e-6])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size_px", 128),
        ("jitter_urad", -1.0),
        ("dem_error_m", float("nan")),
        ("satellites", CONFIG.satellites[:1]),
    ],
)
def test_refusals(name: str, value: object) -> None:
    replace(CONFIG)
    with pytest.raises(InputError, match="the rule is"):
        replace(CONFIG, **{name: value})
