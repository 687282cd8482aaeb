from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box
from shapely.ops import unary_union

from boresight.workflows.stereo.tiles import largest_tile_m2, plan


def test_small_pair_is_one_tile() -> None:
    layout = plan(box(0, 0, 2000, 2000), 0.5, 4000, margin_m=20, n_workers=8)
    # 16 Mpx give each of four workers a tile of 4 Mpx, and no more
    assert layout.rows * layout.cols == 4
    layout = plan(box(0, 0, 500, 500), 0.5, 4000, margin_m=20, n_workers=8)
    assert (layout.rows, layout.cols) == (1, 1)
    assert layout.bounds == (-20, -20, 520, 520)
    assert layout.shape == (1080, 1080)


def test_long_side_is_cut_first() -> None:
    layout = plan(box(0, 0, 4000, 1500), 0.5, 20000, margin_m=0, n_workers=3)
    assert (layout.rows, layout.cols) == (1, 3)


def test_tiles_fit_into_the_memory_of_workers() -> None:
    ground = box(0, 0, 2000, 2000)
    beside = {"margin_m": 20, "n_workers": 1, "tile_margin_m": 40}
    assert plan(ground, 0.5, 4000, **beside).rows == 1
    limit_m2 = largest_tile_m2(4 * 2**30, 0.5)
    layout = plan(ground, 0.5, 4000, **beside, max_tile_m2=limit_m2)
    assert layout.rows * layout.cols > 1
    for tile in layout.tiles:
        west, south, east, north = tile.with_margin(40)
        assert (east - west) * (north - south) <= limit_m2
    # with no memory at all, tiles still have a size that can be matched
    layout = plan(ground, 0.5, 4000, **beside, max_tile_m2=largest_tile_m2(1, 0.5))
    assert 2000 / layout.rows / 0.5 >= 500


@settings(deadline=None, max_examples=30)  # a machine may be busy
@given(
    west=st.floats(-1e6, 1e6),
    south=st.floats(0, 9e6),
    width=st.floats(60, 30_000),
    height=st.floats(60, 30_000),
    resolution=st.sampled_from([0.25, 0.3, 0.5, 0.7, 2.0]),
    size=st.integers(1000, 8000),
    workers=st.integers(1, 9),
)
def test_tiles_cover_the_ground_once(
    west: float,
    south: float,
    width: float,
    height: float,
    resolution: float,
    size: int,
    workers: int,
) -> None:
    ground = box(west, south, west + width, south + height)
    layout = plan(ground, resolution, size, margin_m=20, n_workers=workers)
    tiles = [box(*tile.box) for tile in layout.tiles]
    assert unary_union(tiles).buffer(1e-6).contains(ground)
    assert sum(tile.area for tile in tiles) == pytest.approx(unary_union(tiles).area, rel=1e-9)
    for tile in layout.tiles:
        for value in tile.box:
            assert value / resolution == pytest.approx(round(value / resolution), abs=1e-6)
        west_m, _, east_m, north_m = tile.with_margin(40)
        assert (west_m, north_m) == (tile.box[0] - 40, tile.box[3] + 40)
        assert (east_m - west_m) == pytest.approx(tile.box[2] - tile.box[0] + 80)
    assert len({tile.name for tile in layout.tiles}) == layout.rows * layout.cols
