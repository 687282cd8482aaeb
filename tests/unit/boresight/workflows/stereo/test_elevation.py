"""The ground's height, from images alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from boresight.errors import InputError, OverlapError
from boresight.io import image_info, read_rpc, write_cog
from boresight.simulate import PairConfig, SimulatedPair, simulate_pair
from boresight.workflows.stereo.elevation import (
    GroundGuess,
    View,
    find_ground,
    write_given_elevation,
    write_initial_elevation,
)
from boresight.workflows.stereo.geoid import undulation


@pytest.fixture(scope="module")
def low() -> SimulatedPair:
    return simulate_pair(PairConfig(size_px=400, seed=3, base_height_m=200.0), threads=1)


def _views(
    folder: Path, pair: SimulatedPair, *, nominal: bool = False, flat: bool = False
) -> tuple[View, View]:
    rpcs = (
        (pair.rpc_left_nominal, pair.rpc_right_nominal)
        if nominal
        else (pair.rpc_left, pair.rpc_right)
    )
    views = []
    for name, image, rpc in zip(("l", "r"), (pair.left, pair.right), rpcs, strict=True):
        shown = np.full_like(image, 700) if flat else image
        views.append(View(str(write_cog(folder / f"{name}.tif", shown)), rpc, image.shape))
    return views[0], views[1]


@pytest.mark.parametrize("nominal", [False, True], ids=["calibrated", "nominal"])
def test_height_of_simulated_ground(tmp_path: Path, low: SimulatedPair, nominal: bool) -> None:
    guess = find_ground(*_views(tmp_path, low, nominal=nominal))
    assert guess.lon.size >= 20
    # an uncalibrated RPC displaces heights by its own error; CARS starts from either
    assert guess.median_m == pytest.approx(float(np.median(low.truth)), abs=60 if nominal else 15)
    assert guess.reach_m is not None
    assert 50 < guess.reach_m < 400


def test_height_of_a_high_plain(tmp_path: Path) -> None:
    pair = simulate_pair(PairConfig(size_px=300, seed=3, base_height_m=4300.0), threads=1)
    guess = find_ground(*_views(tmp_path, pair))
    assert guess.median_m == pytest.approx(float(np.median(pair.truth)), abs=15)


@pytest.mark.parametrize(
    ("name", "height_m"),
    # Gizeh: plateau at 60 m above EGM96 with N = 15.5 m. Ventoux: SRTM 485 m with N = 50.9 m
    [("gizeh", 76.0), ("ventoux", 536.0)],
)
def test_height_of_real_ground(real_data: Path, name: str, height_m: float) -> None:
    paths = sorted((real_data / name).glob("*.tif"))
    left, right = (View(str(p), read_rpc(p), image_info(p).shape) for p in paths)
    assert find_ground(left, right).median_m == pytest.approx(height_m, abs=25)


def test_images_without_common_ground(tmp_path: Path, low: SimulatedPair) -> None:
    left, right = _views(tmp_path, low)
    right = replace(right, rpc=replace(right.rpc, lat_off=right.rpc.lat_off + 1))
    with pytest.raises(OverlapError, match="no common ground"):
        find_ground(left, right)


def test_no_texture_falls_back_to_the_height_of_most_overlap(
    tmp_path: Path, low: SimulatedPair
) -> None:
    guess = find_ground(*_views(tmp_path, low, flat=True))
    assert guess.lon.size == 0
    assert guess.reach_m is None
    assert guess.median_m == pytest.approx(200, abs=200)


def test_surface_is_smooth_and_defined_everywhere() -> None:
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(5, 5.1, 40), rng.uniform(44, 44.1, 40)
    guess = GroundGuess(lon, lat, 1000 + 2000 * (lon - 5), 0.0)
    x = np.array([5.0, 5.05, 5.1, 9.0, -170.0])
    surface = guess.surface(x, np.full(5, 44.05))
    assert np.isfinite(surface).all()
    assert surface[0] < surface[1] < surface[2]
    assert (surface >= 1000).all()
    assert (surface <= 1200).all()


def test_written_elevation_is_above_egm96_and_not_flat(tmp_path: Path, low: SimulatedPair) -> None:
    left, right = _views(tmp_path, low)
    nothing = np.empty(0)
    path = tmp_path / "dem.tif"
    write_initial_elevation(path, GroundGuess(nothing, nothing, nothing, 300.0), left, right)
    with rasterio.open(path) as dem:
        heights = dem.read(1)
        rows, cols = np.meshgrid(*(np.arange(n) for n in heights.shape), indexing="ij")
        lon, lat = dem.xy(rows.ravel(), cols.ravel())
    ellipsoid = heights.ravel() + undulation(np.asarray(lon), np.asarray(lat))
    assert np.abs(ellipsoid - 300).max() == pytest.approx(5, abs=0.2)
    assert np.std(ellipsoid) > 1, "an exactly flat DEM breaks the intersection of lines of sight"


def test_given_elevation(tmp_path: Path, low: SimulatedPair) -> None:
    left, right = _views(tmp_path, low)
    lon, lat = left.rpc.lon_off, left.rpc.lat_off
    flat = np.full((200, 200), 250.0, np.float32)
    source = tmp_path / "given.tif"
    transform = rasterio.transform.from_origin(lon - 1, lat + 1, 0.01, 0.01)
    write_cog(source, flat, transform=transform, crs=4326, nodata=-9999.0)
    for datum, expected in (
        ("egm96", 250.0),
        ("ellipsoid", 250 - float(undulation([lon], [lat])[0])),
    ):
        path = tmp_path / f"{datum}.tif"
        write_given_elevation(path, str(source), datum, left, right)
        with rasterio.open(path) as dem:
            assert np.median(dem.read(1)) == pytest.approx(expected, abs=1.0)
    far = rasterio.transform.from_origin(lon + 20, lat + 1, 0.01, 0.01)
    write_cog(source, flat, transform=far, crs=4326, nodata=-9999.0)
    with pytest.raises(InputError, match="knows no height in the middle"):
        write_given_elevation(tmp_path / "x.tif", str(source), "egm96", left, right)
    with pytest.raises(InputError, match="cannot be read as a DEM"):
        write_given_elevation(
            tmp_path / "x.tif", str(tmp_path / "absent.tif"), "egm96", left, right
        )


@pytest.mark.parametrize(
    ("lon", "lat", "expected_m"),
    # NGA's 15' grid of EGM96 (WW15MGH.GRD)
    [(0.0, 90.0, 13.606), (0.0, 0.0, 17.162), (78.75, 4.75, -106.9), (359.99, 0.0, 17.16)],
)
def test_geoid(lon: float, lat: float, expected_m: float) -> None:
    assert float(undulation([lon], [lat])[0]) == pytest.approx(expected_m, abs=0.6)
    assert float(undulation([lon - 360], [lat])[0]) == pytest.approx(expected_m, abs=0.6)
