"""Grids, mosaics, seams and shading."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boresight.dsm import Tile, hillshade, mosaic, resample, sample, seam_statistics
from boresight.errors import InputError

RNG = np.random.default_rng(8)
GRID = (0.5, 0.0, 1000.0, 0.0, -0.5, 2000.0)


def plane(transform: tuple[float, ...], shape: tuple[int, int]) -> np.ndarray:
    a, b, c, d, e, f = transform
    rows, cols = np.indices(shape) + 0.5
    x, y = a * cols + b * rows + c, d * cols + e * rows + f
    return 0.3 * (x - 1000) - 0.2 * (y - 2000) + 7.0


@pytest.mark.parametrize(
    "target",
    [
        (0.5, 0.0, 1000.25, 0.0, -0.5, 1999.9),
        (1.5, 0.0, 1003.0, 0.0, -1.5, 1990.0),
        (0.2, 0.0, 1001.0, 0.0, -0.2, 1999.0),
        (0.4, 0.1, 1005.0, 0.1, -0.4, 1995.0),
    ],
    ids=["shifted", "coarser", "finer", "turned"],
)
def test_resampled_plane_stays_a_plane(target: tuple[float, ...]) -> None:
    found = resample(plane(GRID, (60, 80)), GRID, target, (30, 40))
    wanted = plane(target, (30, 40))
    known = np.isfinite(found)
    assert known.sum() > 200
    assert np.abs(found - wanted)[known].max() < 1e-9


def test_same_grid_is_identity_with_its_holes() -> None:
    dsm = RNG.normal(size=(40, 50))
    dsm[3:5, 7] = np.nan
    assert np.array_equal(resample(dsm, GRID, GRID, dsm.shape), dsm, equal_nan=True)


def test_whole_pixel_shift_is_exact() -> None:
    dsm = RNG.normal(size=(40, 50))
    moved = (0.5, 0.0, 1002.0, 0.0, -0.5, 1998.5)
    found = resample(dsm, GRID, moved, (37, 46))
    assert np.array_equal(found, dsm[3:, 4:])


def test_nan_spreads_one_pixel_only() -> None:
    dsm = np.zeros((20, 20))
    dsm[10, 10] = np.nan
    found = resample(dsm, GRID, (0.5, 0.0, 1000.25, 0.0, -0.5, 2000.0), (20, 19))
    assert np.argwhere(np.isnan(found)).tolist() == [[10, 9], [10, 10]]


def test_outside_is_nan_and_singular_refused() -> None:
    far = (0.5, 0.0, 5000.0, 0.0, -0.5, 2000.0)
    assert np.isnan(resample(np.zeros((5, 5)), GRID, far, (3, 3))).all()
    with pytest.raises(InputError, match="inverted"):
        resample(np.zeros((5, 5)), (0, 0, 0, 0, 0, 0), GRID, (3, 3))


def test_sample_takes_the_internal_convention() -> None:
    dsm = np.arange(12.0).reshape(3, 4)
    assert sample(dsm, np.array([0.5, 2.5]), np.array([0.5, 3.5])).tolist() == [0.0, 11.0]
    assert sample(dsm, np.array([1.0]), np.array([1.0])).tolist() == [2.5]


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(4, 40),
    cols=st.integers(4, 40),
    side=st.integers(3, 15),
    margin=st.integers(0, 4),
    seed=st.integers(0, 1000),
)
def test_mosaic_of_tiles_is_the_whole(
    rows: int, cols: int, side: int, margin: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    whole = rng.normal(size=(rows, cols)).astype(np.float32)
    whole[rng.random((rows, cols)) < 0.2] = np.nan
    tiles = []
    for r in range(0, rows, side):
        for c in range(0, cols, side):
            r0, c0 = max(r - margin, 0), max(c - margin, 0)
            tiles.append(Tile(whole[r0 : r + side + margin, c0 : c + side + margin], r0, c0))
    rng.shuffle(tiles)  # type: ignore[arg-type]
    assert np.array_equal(mosaic(tiles, whole.shape), whole, equal_nan=True)


def test_mosaic_first_known_wins_and_edges_are_cut() -> None:
    first = Tile(np.array([[1.0, np.nan]]), 0, 0)
    second = Tile(np.array([[5.0, 6.0, 7.0]]), 0, 0)
    over = Tile(np.full((3, 3), 9.0), -2, 2)
    found = mosaic([first, second, over], (1, 4))
    assert found.tolist() == [[1.0, 6.0, 7.0, 9.0]]


def test_mosaic_of_bands_and_of_whole_numbers() -> None:
    tiles = [Tile(np.full((2, 2, 2), k + 1, np.uint8), 0, 2 * k) for k in range(2)]
    found = mosaic(tiles, (2, 2, 5))
    assert found[:, :, :4].tolist() == [[[1, 1, 2, 2]] * 2] * 2
    assert (found[:, :, 4] == 0).all()
    with pytest.raises(InputError, match="rule is uint8"):
        mosaic([*tiles, Tile(np.zeros((2, 2, 2)), 0, 0)], (2, 2, 5))
    with pytest.raises(InputError, match="no tiles"):
        mosaic([], (2, 2))


def test_seams_are_found() -> None:
    y, x = np.mgrid[0:100, 0:100].astype(float)
    dsm = 0.4 * x - 0.1 * y + RNG.normal(0, 0.05, x.shape)
    clean = seam_statistics(dsm, [50], [30, 60])
    assert clean.step_nmad_m == pytest.approx(clean.beside_nmad_m, rel=0.2)
    assert clean.n == 300
    dsm[:, 60:] += 1.0
    broken = seam_statistics(dsm, [], [60])
    assert broken.step_median_m == pytest.approx(1.0, abs=0.05)
    assert seam_statistics(dsm, [], []).n == 0


def test_hillshade_of_planes() -> None:
    flat = hillshade(np.zeros((9, 9)), 1.0, sun_elevation_deg=30.0)
    assert flat == pytest.approx(0.5)
    y, x = np.mgrid[0:9, 0:9].astype(float)
    # rises to the south-east: it faces the sun in the north-west
    to_sun = hillshade((x + y) / np.sqrt(2), 1.0)[1:-1, 1:-1]
    assert to_sun == pytest.approx(1.0, abs=1e-6)
    assert hillshade(-(x + y) / np.sqrt(2), 1.0)[1:-1, 1:-1] == pytest.approx(0.0, abs=1e-6)


def test_hillshade_agrees_with_xdem() -> None:
    import geoutils as gu
    import xdem
    from rasterio.transform import from_origin

    dsm = np.cumsum(np.cumsum(RNG.normal(0, 0.02, (60, 70)), 0), 1)
    raster = gu.Raster.from_array(dsm, transform=from_origin(5e5, 4e6, 2, 2), crs=32631)
    theirs = xdem.terrain.hillshade(
        xdem.DEM(raster), azimuth=315, altitude=45, surface_fit="Horn"
    ).data.filled(np.nan)
    # xdem scales to 1..255
    ours = 1 + 254 * hillshade(dsm, 2.0)
    assert np.abs(ours - theirs)[2:-2, 2:-2].max() < 1.0
