"""Products: laid out for the network, whole or not there, lossless, checksummed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio._err import CPLE_BaseError

from boresight.errors import ImageError
from boresight.io import (
    bytes_checksum,
    file_checksum,
    file_size,
    image_info,
    image_to_cog,
    is_cog,
    read_dsm,
    read_image,
    read_rpc,
    write_cog,
)

HEIGHTS = np.add.outer(np.linspace(0, 50, 900), np.linspace(0, 9, 1300)).astype(np.float32)
GRID = Affine(0.5, 0, 319796.5, 0, -0.5, 3318160.0)


def write_dsm(path: Path, **extra: object) -> Path:
    heights = HEIGHTS.copy()
    heights[10:20, 30:40] = np.nan
    return write_cog(
        path,
        heights,
        transform=GRID,
        crs=32636,
        nodata=float("nan"),
        names=["height"],
        units=["m"],
        tags={"VERTICAL_DATUM": "ellipsoid"},
        **extra,  # type: ignore[arg-type]
    )


def test_layout(tmp_path: Path) -> None:
    path = write_dsm(tmp_path / "dsm.tif")
    assert is_cog(path)
    with rasterio.open(path) as dataset:
        assert dataset.block_shapes == [(512, 512)]
        assert dataset.overviews(1) == [2, 4]
        assert dataset.units == ("m",)
        assert dataset.descriptions == ("height",)
    # the first directory lies before all data: one request reads the header
    assert int.from_bytes(path.read_bytes()[4:8], "little") < 1024
    assert [p.name for p in tmp_path.iterdir()] == ["dsm.tif"]


def test_plain_tiff_is_none(tmp_path: Path) -> None:
    with rasterio.open(
        tmp_path / "a.tif",
        "w",
        driver="GTiff",
        height=900,
        width=900,
        count=1,
        dtype="uint8",
        transform=GRID,
    ) as dataset:
        dataset.write(np.zeros((1, 900, 900), np.uint8))
    assert not is_cog(tmp_path / "a.tif")


def test_dsm_round_trip(tmp_path: Path) -> None:
    dsm = read_dsm(write_dsm(tmp_path / "dsm.tif"))
    assert dsm.epsg == 32636
    assert dsm.transform == GRID
    assert dsm.resolution_m == 0.5
    assert dsm.tags["VERTICAL_DATUM"] == "ellipsoid"
    assert np.isnan(dsm.heights[10:20, 30:40]).all()
    known = np.isfinite(dsm.heights)
    assert np.array_equal(dsm.heights[known], HEIGHTS[known])


def test_compound_reference_system(tmp_path: Path) -> None:
    path = write_cog(tmp_path / "a.tif", HEIGHTS, transform=GRID, crs="EPSG:32636+5773")
    assert read_dsm(path).epsg == 32636


def test_dsm_needs_a_grid(tmp_path: Path) -> None:
    path = write_cog(tmp_path / "a.tif", HEIGHTS)
    with pytest.raises(ImageError, match="square pixels"):
        read_dsm(path)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64", "bool"])
def test_every_type_is_lossless(tmp_path: Path, dtype: str) -> None:
    values = np.random.default_rng(1).integers(0, 100, (3, 70, 80)).astype(dtype)
    path = write_cog(tmp_path / "a.tif", values, names=["r", "g", "b"])
    assert np.array_equal(
        read_image(path).values, values.astype(np.uint8 if dtype == "bool" else dtype)
    )


def test_same_content_same_bytes(tmp_path: Path) -> None:
    first, second = write_dsm(tmp_path / "a.tif"), write_dsm(tmp_path / "b.tif")
    assert first.read_bytes() == second.read_bytes()


def test_failure_leaves_nothing_and_keeps_the_old(tmp_path: Path) -> None:
    path = write_dsm(tmp_path / "dsm.tif")
    before = path.read_bytes()
    with pytest.raises(CPLE_BaseError, match="NO-SUCH-WAY"):
        write_dsm(path, overviews="no-such-way")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["dsm.tif"]


def test_bad_arrays(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="shape"):
        write_cog(tmp_path / "a.tif", np.zeros((0, 5)))
    with pytest.raises(ValueError, match="2 given for 1 bands"):
        write_cog(tmp_path / "a.tif", HEIGHTS, names=["a", "b"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["gizeh/img1", "ventoux/left_image"])
def test_images_are_copied_without_loss(real_data: Path, tmp_path: Path, name: str) -> None:
    source = real_data / f"{name}.tif"
    cog = image_to_cog(source, tmp_path / "image.tif", rpc=read_rpc(source))
    assert is_cog(cog)
    assert np.array_equal(read_image(cog).values, read_image(source).values)
    assert image_info(cog).dtype == image_info(source).dtype
    assert (
        image_info(cog).tags.items()
        >= {k: v for k, v in image_info(source).tags.items() if k == "IMAGING_DATE"}.items()
    )
    assert [p.name for p in tmp_path.iterdir()] == ["image.tif"]


def test_checksum_is_a_multihash(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"hello")
    # sha2-256 is function 0x12 of the multihash table, digest length 0x20
    wanted = "1220" + hashlib.sha256(b"hello").hexdigest()
    assert file_checksum(path) == bytes_checksum(b"hello") == wanted
    assert file_size(path) == 5
