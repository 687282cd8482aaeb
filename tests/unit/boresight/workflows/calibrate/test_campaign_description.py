"""The description of a campaign: what it refuses, and what its digest follows."""

from __future__ import annotations

import copy

import pytest
from pydantic import ValidationError

from boresight.workflows.calibrate import Campaign


def file(name: str) -> dict[str, str]:
    return {"key": f"calibration/c/{name}", "checksum": "1220" + 64 * "a"}


def satellite(platform: str) -> dict[str, object]:
    axes = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    return {
        "platform": platform,
        "instrument": "pan",
        "band": "pan",
        "shape": [100, 100],
        "focal_px": 1e6,
        "line_time_s": 3e-5,
        "saturation_dn": 4095,
        "factory_dark_dn": 64,
        "dark": file("dark.tif"),
        "flat": file("flat.tif"),
        "images": [
            {
                "name": name,
                "file": file(f"{name}.tif"),
                "position_ecef": [7e6, 0.0, 0.0],
                "axes_ecef": axes,
            }
            for name in ("straight", "crossed", "aside", "pair")
        ],
    }


GOOD = {
    "id": "c",
    "acquired_at": "2026-01-01T10:00:00+00:00",
    "left": satellite("one"),
    "right": satellite("two"),
    "ortho": file("ortho.tif"),
    "heights": file("heights.tif"),
    "pair_heights_m": [100.0, 300.0],
    "surface": file("surface.tif"),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda told: told["right"].update(platform="one"), "two satellites"),
        (lambda told: told.update(acquired_at="2026-01-01T10:00:00"), "without a time zone"),
        (lambda told: told.update(pair_heights_m=[300.0, 100.0]), "low < high"),
        (lambda told: told["left"]["images"].pop(1), "images are"),
        (lambda told: told["left"].update(focal_px=0.0), "greater than 0"),
        (lambda told: told["ortho"].update(checksum="abc"), "pattern"),
        (lambda told: told.update(dem="x"), "dem"),
    ],
)
def test_refusals(change, message: str) -> None:  # type: ignore[no-untyped-def]
    told = copy.deepcopy(GOOD)
    Campaign.model_validate(told)
    change(told)
    with pytest.raises(ValidationError, match=message):
        Campaign.model_validate(told)


def test_the_digest_follows_every_checksum() -> None:
    campaign = Campaign.model_validate(GOOD)
    assert Campaign.model_validate_json(campaign.model_dump_json()).digest() == campaign.digest()
    assert len(campaign.files()) == 15
    told = copy.deepcopy(GOOD)
    told["left"]["images"][2]["file"]["checksum"] = "1220" + 64 * "b"  # type: ignore[index]
    assert Campaign.model_validate(told).digest() != campaign.digest()
