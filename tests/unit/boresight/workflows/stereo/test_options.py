from __future__ import annotations

import pytest
from pydantic import ValidationError

from boresight.workflows.stereo import StereoOptions


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"epsg": 4326}, "projected system in metres"),
        ({"epsg": 2263}, "projected system in metres"),  # feet
        ({"epsg": 999999}, "not known"),
        ({"resolution_m": 0}, "greater than 0"),
        ({"tile_size_px": 50}, "greater than or equal to 100"),
        ({"height_range_m": (500, 100)}, "lowest before highest"),
        ({"height_range_m": (0, 20000)}, "between"),
        ({"vertical_datum": "geoid"}, "'ellipsoid' or 'egm96'"),
        ({"distribution": "shared-volume"}, "needs shared_volume"),
        ({"colour": True}, "Extra inputs"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        StereoOptions(**given)


def test_options_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        StereoOptions().epsg = 32631


def test_digest_follows_the_product_alone() -> None:
    digest = StereoOptions().product_digest()
    for same in (
        {"tile_size_px": 800},
        {"retries": 0},
        {"keep_intermediate": True},
        {"distribution": "shared-volume", "shared_volume": "/volume"},
    ):
        assert StereoOptions(**same).product_digest() == digest, same
    for other in (
        {"resolution_m": 1.0},
        {"vertical_datum": "egm96"},
        {"max_ram_per_run_mb": 3000},
        {"color": False},
    ):
        assert StereoOptions(**other).product_digest() != digest, other


def test_margin_follows_the_resolution() -> None:
    assert StereoOptions().margin_for(0.5) == 40.0
    assert StereoOptions().margin_for(2.0) == 160.0
    assert StereoOptions(margin_m=0).margin_for(2.0) == 0.0
