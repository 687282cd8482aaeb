"""The loop closed on two workers: resumed, cancelled, judged; redone from its own record."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

import numpy as np
import pytest

from boresight.compute import Cluster
from boresight.errors import ImageError
from boresight.io.parameter_sets import read_parameter_set
from boresight.simulate import CampaignConfig
from boresight.workflows.calibrate import (
    CalibrateOptions,
    CalibrateResult,
    Campaign,
    calibrate,
    redo,
    simulate_campaign,
)
from boresight.workflows.calibrate.dossier import render
from boresight.workflows.stereo.engine.process import RunCancelledError
from boresight.workflows.targets import FolderTarget

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

# relief: CARS' errors of a part of a pixel follow contours of height. On 8 m of relief (five pixels
# of disparity) contours are as wide as bands, and 0.14 m of such errors stay at the vibration's
# frequency; on 30 m it is 0.02 m, and no more of it is the vibration's
CONFIG = CampaignConfig(size_px=448, n_dark=16, n_flat=24, relief_m=30.0, buildings_per_km2=30.0)
OPTIONS = CalibrateOptions(block_rows=160)


def made_of(target: FolderTarget, result: CalibrateResult, name: str) -> Path:
    return target.folder / result.folder_key / name


def steps(target: FolderTarget, campaign: Campaign) -> list[Path]:
    return sorted(target.folder.glob(f"calibration/{campaign.id}-cal-*/steps/*.json"))


def test_the_loop(two_workers: Cluster, tmp_path: Path) -> None:
    target = FolderTarget(tmp_path / "first")
    campaign = simulate_campaign(CONFIG, target=target, compute=two_workers)

    # cancelled in the middle of matching: what is done stays
    stop, told = threading.Event(), []

    def watch(share: float, what: str) -> None:
        told.append((share, what))
        if share > 0.15:
            stop.set()

    with pytest.raises(RunCancelledError):
        calibrate(campaign, OPTIONS, compute=two_workers, target=target, progress=watch, stop=stop)
    kept = {path.name: path.stat().st_mtime_ns for path in steps(target, campaign)}
    assert "detector-0.json" in kept
    assert any(name.startswith("match-") for name in kept)
    assert not any(name.startswith("geometry-") for name in kept)

    told.clear()
    result = calibrate(
        campaign,
        OPTIONS,
        compute=two_workers,
        target=target,
        progress=lambda *now: told.append(now),
    )
    again = {path.name: path.stat().st_mtime_ns for path in steps(target, campaign)}
    assert {name: again[name] for name in kept} == kept
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0

    # the image on the surface's grid was not asked for, which CARS alone cannot do
    assert all("color" not in item.assets for item in result.surfaces.values())

    numbers = result.record["numbers"]
    surface = numbers["surface"]
    assert abs(surface["before"]["median_m"]) > 15
    assert abs(surface["after"]["median_m"]) < 0.1
    assert surface["banding_ratio"] > 10
    assert surface["after"]["completeness"] > 0.9
    for one in numbers["satellites"].values():
        assert one["truth"]["viewing_error_90_px"] < 0.1
        assert one["truth"]["boresight_error_urad"] < 0.5
        assert abs(one["truth"]["jitter_amplitude_error"]) < 0.1
        assert 0.8 < one["truth"]["gain_pull_rms"] < 1.2
        assert 0.8 < one["truth"]["dark_pull_rms"] < 1.2
    assert result.is_met, [f for f in result.findings if not f.met]

    parameters = read_parameter_set(target.folder / result.parameter_sets[campaign.left.platform])
    band = parameters.band("pan")
    assert band.viewing_directions is not None
    assert band.rolling_shutter is not None
    assert parameters.provenance.inputs[0].checksum == campaign.left.dark.checksum

    # the dossier is one file, and made from its twin and evidence alone
    page = made_of(target, result, "dossier.html").read_text("utf-8")
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    twin = json.loads(made_of(target, result, "dossier.json").read_text("utf-8"))
    with np.load(made_of(target, result, "evidence.npz")) as evidence:
        assert render(twin, dict(evidence)) == page

    # with everything there, nothing is made anew
    twice = calibrate(campaign, OPTIONS, compute=two_workers, target=target)
    assert twice.record["numbers"] == numbers
    assert twice.elapsed_s < 0.3 * result.elapsed_s


@pytest.mark.soak  # as the loop once more, twice; `poe verify` does it at full size
def test_redone_from_its_record(two_workers: Cluster, tmp_path: Path) -> None:
    target = FolderTarget(tmp_path / "first")
    campaign = simulate_campaign(CONFIG, target=target, compute=two_workers)
    result = calibrate(campaign, OPTIONS, compute=two_workers, target=target)
    elsewhere = FolderTarget(tmp_path / "second")
    redone = redo(made_of(target, result, "dossier.json"), compute=two_workers, target=elsewhere)
    assert redone.n > 150
    assert redone.differences == {}


def test_a_file_that_was_changed_is_named(two_workers: Cluster, tmp_path: Path) -> None:
    target = FolderTarget(tmp_path)
    config = CampaignConfig(size_px=256, n_dark=4, n_flat=4)
    campaign = simulate_campaign(config, target=target, compute=two_workers)
    path = target.folder / campaign.left.dark.key
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"dark-0\.tif: checksum"):
        calibrate(campaign, compute=two_workers, target=target)
