"""Images in: parts, laziness, and what is refused, with the reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.rpcs import toy_rpc

from boresight.errors import ImageError, OverlapError, RpcError
from boresight.io import (
    base_to_height,
    check_image,
    check_overlap,
    footprint,
    geojson,
    read_image,
    read_rpc,
    view_at_centre,
    write_cog,
)

RNG = np.random.default_rng(0)
TEXTURE = RNG.integers(100, 1000, (600, 700)).astype(np.uint16)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return write_cog(tmp_path / "image.tif", TEXTURE, rpc=toy_rpc(), names=["pan"])


def test_whole_and_part(image: Path) -> None:
    whole = read_image(image)
    assert whole.dims == ("band", "row", "col")
    assert whole.dtype == np.uint16
    assert np.array_equal(whole.values[0], TEXTURE)
    part = read_image(image, window=(slice(100, 150), slice(-20, None)))
    assert np.array_equal(part.values[0], TEXTURE[100:150, -20:])
    assert float(part.row[0]) == 100.5
    assert float(part.col[0]) == 680.5
    assert part.band.item() == "pan"


def test_lazy(image: Path) -> None:
    lazy = read_image(image, chunks=256)
    assert lazy.chunks is not None
    assert np.array_equal(lazy.compute().values[0], TEXTURE)
    with pytest.raises(ValueError, match="one of them"):
        read_image(image, chunks=256, window=(slice(0, 1), slice(0, 1)))


def test_nodata_becomes_nan(tmp_path: Path) -> None:
    values = TEXTURE.copy()
    values[:5] = 0
    path = write_cog(tmp_path / "a.tif", values, nodata=0)
    assert np.isnan(read_image(path).values[0, :5]).all()
    assert read_image(path, masked=False).dtype == np.uint16


def test_a_good_image_passes(image: Path) -> None:
    check = check_image(image)
    assert check.valid_share == 1.0
    assert check.textured_share == 1.0
    assert (check.minimum, check.maximum) == (TEXTURE.min(), TEXTURE.max())
    assert check.mean == pytest.approx(TEXTURE.mean())


def damaged(image: Path, how: str) -> None:
    content = image.read_bytes()
    if how == "truncated":
        image.write_bytes(content[: len(content) * 2 // 3])
    elif how == "corrupt":
        middle = len(content) * 3 // 4  # overviews come first, and are not read
        image.write_bytes(content[:middle] + b"\0" * 4000 + content[middle + 4000 :])
    elif how == "text":
        image.write_text("not an image")
    elif how == "empty":
        image.write_bytes(b"")


@pytest.mark.parametrize("how", ["truncated", "corrupt", "text", "empty"])
def test_damaged_files_are_refused(image: Path, how: str) -> None:
    damaged(image, how)
    with pytest.raises(ImageError, match=r"image.tif.*cannot be read.*rule") as caught:
        check_image(image)
    assert "checksum" in caught.value.remedy


@pytest.mark.parametrize(
    ("array", "nodata", "message"),
    [
        (np.full((128, 128), np.nan, np.float32), None, "none of 16384 samples is valid"),
        (np.zeros((128, 128), np.uint16), 0, "none of 16384 samples is valid"),
        (np.full((128, 128), 77, np.uint16), None, "without texture"),
        (TEXTURE[:40], None, "40 by 700 px"),
    ],
    ids=["nan", "nodata", "flat", "small"],
)
def test_useless_content_is_refused(
    tmp_path: Path, array: np.ndarray, nodata: float | None, message: str
) -> None:
    path = write_cog(tmp_path / "a.tif", array, rpc=toy_rpc(), nodata=nodata)
    with pytest.raises(ImageError, match=message):
        check_image(path)


def test_faint_texture_is_enough(tmp_path: Path) -> None:
    faint = (1000 + RNG.normal(0, 1, (128, 128))).astype(np.float32)
    assert check_image(write_cog(tmp_path / "a.tif", faint, rpc=toy_rpc())).textured_share == 1.0


def test_without_rpc_is_refused(tmp_path: Path) -> None:
    path = write_cog(tmp_path / "a.tif", TEXTURE)
    with pytest.raises(RpcError, match="without RPC"):
        check_image(path)
    check_image(path, need_rpc=False)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        check_image(tmp_path / "none.tif")


def test_overlap_of_the_same_and_of_half(tmp_path: Path) -> None:
    rpc = toy_rpc()
    left = write_cog(tmp_path / "l.tif", TEXTURE[:500, :500], rpc=rpc)
    half = write_cog(tmp_path / "h.tif", TEXTURE[:500, :500], rpc=rpc.cropped(0, 250))
    assert check_overlap(left, left).fraction == pytest.approx(1.0)
    assert check_overlap(left, half).fraction == pytest.approx(0.5, abs=2e-3)


def test_overlap_across_the_antimeridian(tmp_path: Path) -> None:
    left = write_cog(tmp_path / "l.tif", TEXTURE[:500, :500], rpc=toy_rpc(lon=179.9999))
    right = write_cog(tmp_path / "r.tif", TEXTURE[:500, :500], rpc=toy_rpc(lon=-179.9999))
    assert check_overlap(left, right).fraction == pytest.approx(1 - 0.0002 / 0.0032, abs=5e-3)


def test_no_overlap_is_refused_with_the_fraction(tmp_path: Path) -> None:
    left = write_cog(tmp_path / "l.tif", TEXTURE, rpc=toy_rpc())
    right = write_cog(tmp_path / "r.tif", TEXTURE, rpc=toy_rpc(lon=5.1))
    with pytest.raises(OverlapError, match=r"overlap by 0\.0 %.*at least 5 %"):
        check_overlap(left, right)


@pytest.mark.parametrize(("pair", "share"), [("gizeh", 0.9), ("ventoux", 0.6)])
def test_real_pairs_overlap(real_data: Path, pair: str, share: float) -> None:
    left, right = sorted((real_data / pair).glob("*.tif"))
    assert check_overlap(left, right).fraction > share


def test_footprint_corners_project_to_the_corners() -> None:
    rpc = toy_rpc()
    outline = footprint(rpc, (500, 400), 250.0)
    assert outline.exterior.is_ccw
    lon, lat = np.array(outline.exterior.coords).T
    row, col = rpc.project(lon, lat, 250.0)
    on_edge = np.minimum.reduce([abs(row), abs(row - 500), abs(col), abs(col - 400)])
    assert on_edge.max() < 1e-4
    assert {(0, 0), (500, 400)} <= set(zip(row.round(2), col.round(2), strict=True))


def test_footprint_at_the_antimeridian_is_cut() -> None:
    geometry = geojson(footprint(toy_rpc(lon=180.0), (500, 500), 300.0))
    assert geometry["type"] == "MultiPolygon"
    for part in geometry["coordinates"]:
        lon = np.array(part[0])[:, 0]
        assert lon.max() - lon.min() < 0.01
        assert np.abs(lon).max() <= 180.0


def test_view_of_a_known_camera() -> None:
    from boresight.simulate import PairConfig, fit_rpc, make_camera

    config = PairConfig(incidence_deg=12.0, azimuth_deg=30.0, base_height_m=500.0)
    views = []
    for side in ("left", "right"):
        camera = make_camera(config, side, bias=False, distortion=False, jitter=False)
        views.append(view_at_centre(fit_rpc(camera, (450, 550)).rpc, (1000, 1000), 500.0))
    assert views[0].incidence_deg == pytest.approx(12.0, abs=0.01)
    assert views[0].azimuth_deg == pytest.approx(30.0, abs=0.01)
    assert views[1].azimuth_deg == pytest.approx(210.0, abs=0.01)
    # across the line of sight 0.5 m, along it 0.5 m / cos(12 deg)
    assert views[0].gsd_m == pytest.approx(0.5 / np.sqrt(np.cos(np.radians(12))), abs=1e-3)
    assert base_to_height(*views) == pytest.approx(config.base_to_height, abs=1e-3)


def test_read_rpc_of_the_checked_image(image: Path) -> None:
    assert read_rpc(image).height_off == toy_rpc().height_off
