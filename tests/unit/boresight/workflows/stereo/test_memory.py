"""Memory of runs: what is foretold, against the run that the numbers were measured on."""

from __future__ import annotations

import math

import pytest

from boresight.workflows.stereo.engine.process import RunRecord
from boresight.workflows.stereo.memory import compared, forecast
from boresight.workflows.stereo.tiles import Layout, largest_tile_m2

GSD_M = 0.5
GB = 10**9


def layout(rows: int, cols: int, side_m: float) -> Layout:
    return Layout((0.0, 0.0, cols * side_m, rows * side_m), GSD_M, rows, cols)


def foretold(rows: int = 1, side_m: float = 1000.0, **changes: object):  # type: ignore[no-untyped-def]
    values = {
        "ground_m2": math.inf,
        "gsd_m": GSD_M,
        "margin_m": 20.0,
        "heights_m": (100.0, 150.0),
        "base_to_height": 0.28,
        "available_bytes": None,
    }
    return forecast(layout(rows, rows, side_m), **{**values, **changes})  # type: ignore[arg-type]


def test_the_measured_run() -> None:
    # 4.8 GB were measured for 9.7 Mpx of a panchromatic pair
    found = foretold(side_m=math.sqrt(9.7e6) * GSD_M)
    assert found.image_px == pytest.approx(9.7e6, rel=0.001)
    assert found.predicted_bytes == pytest.approx(4.8 * GB, rel=0.1)


def test_disparities_follow_relief_and_base() -> None:
    assert foretold().disparity_range_px == pytest.approx(50 * 0.28 / GSD_M)
    assert foretold(heights_m=(100.0, 400.0)).disparity_range_px == pytest.approx(168)
    assert "disparities over 28 px" in foretold().words


def test_margins_count_where_there_are_tiles_and_the_ground_bounds_it() -> None:
    assert foretold(rows=2).image_px == round((1040 / GSD_M) ** 2)
    assert foretold(rows=1).image_px == round((1000 / GSD_M) ** 2)
    assert foretold(rows=2, ground_m2=2500.0).image_px == 10_000


def test_it_agrees_with_the_layout_that_it_is_made_for() -> None:
    available = 2 * GB
    side_m = math.sqrt(largest_tile_m2(available, GSD_M))
    assert not foretold(side_m=side_m * 0.999, available_bytes=available).is_short
    assert foretold(side_m=side_m * 1.01, available_bytes=available).is_short
    assert "workers have 2.0 GB" in foretold(available_bytes=available).words


def test_comparison_afterwards() -> None:
    found = foretold(side_m=math.sqrt(9.7e6) * GSD_M)
    runs = [RunRecord(10, 20, peak) for peak in (900.0, 4800.0)]
    told = compared(found, runs)
    assert told["peak_mb"] == 4800
    assert told["peak_to_predicted"] == pytest.approx(1, abs=0.1)
    assert compared(found, [])["peak_mb"] is None
