"""What is called the injected boresight: against integrals of the distortion, done by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from boresight.simulate import CampaignConfig, SimulatedCampaign
from boresight.workflows.calibrate.truth import _boresight_urad, _true_offsets

CONFIG = CampaignConfig(size_px=400, jitter_urad=0.0)


@pytest.mark.parametrize("index", [0, 1])
def test_boresight_is_attitude_and_the_mean_of_the_distortion(index: int) -> None:
    campaign = SimulatedCampaign(CONFIG)
    errors = CONFIG.satellites[index]
    focal_px = CONFIG.altitude_m / CONFIG.gsd_m
    row, col = (v.ravel() for v in np.meshgrid(*2 * [np.linspace(8, 392, 17)], indexing="ij"))
    satellite = SimpleNamespace(shape=(400, 400), focal_px=focal_px)
    seen = _boresight_urad(satellite, row, col, *_true_offsets(campaign, index, row, col))  # type: ignore[arg-type]
    # of u², uv, v², u³, u²v, uv², v³ over a square: the mean of u² is 1/3; of the straight line
    # through u³ the slope is 3/5, of u v² 1/3
    c, r = errors.distortion_px
    along, across = ((one[0] + one[2]) / 3.0 / focal_px * 1e6 for one in (c, r))
    turn = (0.6 * r[3] + r[5] / 3.0 - 0.6 * c[6] - c[4] / 3.0) / 2.0 / 200.0 * 1e6
    wanted = np.add(errors.bias_urad, [along, across, turn])
    np.testing.assert_allclose(seen[:2], wanted[:2], atol=1e-3)
    assert seen[2] == pytest.approx(wanted[2], abs=0.5)  # products of errors
    assert abs(wanted[2] - errors.bias_urad[2]) > 100  # µrad: not to be passed over
