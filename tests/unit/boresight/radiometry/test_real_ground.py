"""Equalisation on ground that nobody here made: a Pléiades image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.comparisons import Recorder

from boresight.instrument import Quantity
from boresight.io import read_image
from boresight.radiometry import estimate_gain_yaw_steered, match_histograms

DETECTORS = 150


@pytest.mark.others
@pytest.mark.parametrize("method", [estimate_gain_yaw_steered, match_histograms])
def test_stripes_on_a_real_image_are_taken_out(
    real_data: Path, method: Callable[..., Any], compared: Recorder
) -> None:
    """Stripes of 1.5 % on Gizeh; the gains come from a yaw-steered pass over Gizeh's own ground."""
    image = read_image(real_data / "gizeh" / "img1.tif").values.squeeze().astype(np.float64)
    rng = np.random.default_rng(6)
    gain = 1.0 + 0.015 * rng.standard_normal(DETECTORS)
    gain /= gain.mean()
    # up one column of the image and down another, so that the track does not jump
    parts = [image[:: 1 - 2 * (k % 2), 80 * k] for k in range(6)]
    track = np.concatenate(parts)
    lines = track.size - DETECTORS
    index = np.arange(lines)[:, None] - np.arange(DETECTORS)[None] + DETECTORS
    turned = track[index] * gain
    noise = rng.standard_normal(turned.shape) * np.sqrt(4.0 + 0.05 * turned)
    dn = np.clip(np.rint(turned + noise + 64.0), 0, 4095).astype(np.uint16)
    dark = Quantity(value=np.full((1, DETECTORS), 64.0), unit="DN")
    found = method(dn, dark, saturation_dn=4095, lines_per_detector=1.0)

    clean = image[:, :DETECTORS]
    striped = clean * gain
    mended = striped / found.gain.grid
    means = clean.mean(axis=0)
    before = np.std(striped.mean(axis=0) / means)
    after = np.std(mended.mean(axis=0) / means)
    assert before == pytest.approx(0.015, rel=0.15)
    name = {match_histograms: "histograms"}.get(method, "yaw steering")
    what = f"column means of Gizeh, striped and equalised by {name}"
    compared(what, "the image as delivered", after, before / 8, "rms", before=before)
    error = (found.gain.grid[0] - gain) / np.asarray(found.gain.u)[0]
    assert 0.6 < np.std(error) < 1.5
