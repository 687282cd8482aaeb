"""Ingest into a folder target: real pairs, every bad input, a second run, a failure half-way."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import numpy as np
import pystac
import pytest
from support.rpcs import WRITERS, toy_rpc

from boresight.errors import CatalogueError, ImageError, InputError, OverlapError, RpcError
from boresight.io import (
    file_checksum,
    image_info,
    is_cog,
    read_dsm,
    read_image,
    read_rpc,
    write_cog,
)
from boresight.simulate import PairConfig
from boresight.workflows.ingest import find_pair, ingest_pair, ingest_simulated
from boresight.workflows.targets import FolderTarget

COLLECTION = "co3d-l1"
TEXTURE = np.random.default_rng(3).integers(100, 900, (300, 300)).astype(np.uint16)


class Recorder(FolderTarget):
    """A folder that remembers what was done, and can fail at the n-th upload or item."""

    def __init__(self, folder: Path, fail_put: int = 0, fail_item: int = 0) -> None:
        super().__init__(folder)
        self.puts: list[str] = []
        self.items: list[str] = []
        self.fail_put, self.fail_item = fail_put, fail_item

    def put(self, path: Path, key: str, media_type: str | None = None) -> None:
        self.puts.append(key)
        if len(self.puts) == self.fail_put:
            raise CatalogueError("S3 is down")
        super().put(path, key, media_type)

    def publish_item(self, item: pystac.Item) -> None:
        self.items.append(item.id)
        if len(self.items) == self.fail_item:
            raise CatalogueError("the catalogue is down")
        for asset in item.assets.values():
            assert Path(asset.href).is_file(), "assets come before items"
        super().publish_item(item)

    def files(self) -> list[str]:
        found = sorted(p for p in self.folder.rglob("*") if p.is_file())
        return [str(p.relative_to(self.folder)) for p in found]


@pytest.fixture
def target(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "catalogue")


@pytest.fixture
def toy(tmp_path: Path) -> tuple[Path, Path]:
    folder = tmp_path / "My Pair"
    folder.mkdir()
    left = write_cog(folder / "left.tif", TEXTURE, rpc=toy_rpc())
    right = write_cog(folder / "right.tif", TEXTURE[::-1], rpc=toy_rpc().cropped(10, 5))
    return left, right


@pytest.mark.parametrize(
    ("name", "when", "platform"),
    [
        ("gizeh", "2013-02-08T08:36:09.100000Z", "phr1b"),
        ("ventoux", "2013-08-05T10:42:19.400000Z", "phr1b"),
    ],
)
def test_real_pairs(real_data: Path, target: Recorder, name: str, when: str, platform: str) -> None:
    left, right = find_pair(real_data / name)
    items = ingest_pair(left, right, collection=COLLECTION, target=target)
    assert items[0].to_dict()["properties"]["datetime"] == when
    for item, source in zip(items, (left, right), strict=True):
        assert item.properties["platform"] == platform
        assert item.properties["gsd"] == pytest.approx(0.52, abs=0.03)
        asset = item.assets["image"]
        cog = Path(asset.href)
        assert is_cog(cog)
        assert np.array_equal(read_image(cog).values, read_image(source).values)
        rpc, wanted = read_rpc(cog), read_rpc(source)
        assert rpc.row_off == pytest.approx(wanted.row_off, abs=1e-6)
        assert asset.extra_fields["file:checksum"] == file_checksum(cog)
        assert asset.extra_fields["file:size"] == cog.stat().st_size
        west, south, east, north = item.bbox
        lon, lat = wanted.localize(400.0, 400.0, item.properties["boresight:footprint_height_m"])
        assert west < lon < east
        assert south < lat < north
        assert (cog.parent / "thumbnail.png").read_bytes().startswith(b"\x89PNG")
    assert items[0].properties["boresight:pair"] == items[1].properties["boresight:pair"]
    assert items[0].links[0].href == target.item_href(COLLECTION, items[1].id)


def test_sun_from_the_geom(real_data: Path, target: Recorder) -> None:
    left, right = find_pair(real_data / "ventoux")
    item, _ = ingest_pair(left, right, collection=COLLECTION, target=target)
    # 5 August, 10:42 UTC at 44 degrees north: high in the south-south-east
    assert item.properties["view:sun_elevation"] == pytest.approx(59.8, abs=0.1)
    assert item.properties["view:sun_azimuth"] == pytest.approx(148.9, abs=0.1)
    # the producer's own value in the same file
    assert item.properties["view:incidence_angle"] == pytest.approx(8.6, abs=0.3)


def test_second_run_changes_nothing(toy: tuple[Path, Path], target: Recorder) -> None:
    when = dt.datetime(2026, 3, 1, 10, tzinfo=dt.UTC)
    first = ingest_pair(*toy, collection=COLLECTION, datetime=when, target=target)
    before = {name: (target.folder / name).read_bytes() for name in target.files()}
    assert len(target.puts) == 4
    target.puts.clear()
    second = ingest_pair(*toy, collection=COLLECTION, datetime=when, target=target)
    assert target.puts == []
    assert [item.to_dict() for item in first] == [item.to_dict() for item in second]
    assert {name: (target.folder / name).read_bytes() for name in target.files()} == before
    assert first[0].id.startswith("my-pair-")
    assert first[0].properties["boresight:time_source"] == "given at ingest"


def test_lost_object_is_uploaded_again(toy: tuple[Path, Path], target: Recorder) -> None:
    items = ingest_pair(*toy, collection=COLLECTION, target=target)
    Path(items[0].assets["image"].href).unlink()
    target.puts.clear()
    ingest_pair(*toy, collection=COLLECTION, target=target)
    assert target.puts == [f"{COLLECTION}/{items[0].id}/image.tif"]


def test_without_any_time_the_file_tells_and_it_is_said(
    toy: tuple[Path, Path], target: Recorder
) -> None:
    item, _ = ingest_pair(*toy, collection=COLLECTION, target=target)
    assert "time of the file" in item.properties["boresight:time_source"]
    assert item.datetime is not None
    assert item.datetime.tzinfo is not None


@pytest.mark.parametrize("nth", [1, 3, 4])
def test_upload_that_fails_leaves_nothing(toy: tuple[Path, Path], tmp_path: Path, nth: int) -> None:
    target = Recorder(tmp_path / "catalogue", fail_put=nth)
    with pytest.raises(CatalogueError, match="S3 is down"):
        ingest_pair(*toy, collection=COLLECTION, target=target)
    assert target.files() == []
    assert target.items == []


@pytest.mark.parametrize("nth", [1, 2])
def test_catalogue_that_fails_leaves_no_object_without_item(
    toy: tuple[Path, Path], tmp_path: Path, nth: int
) -> None:
    target = Recorder(tmp_path / "catalogue", fail_item=nth)
    with pytest.raises(CatalogueError, match="catalogue is down"):
        ingest_pair(*toy, collection=COLLECTION, target=target)
    assert len(target.files()) == 3 * (nth - 1)
    ingest_pair(*toy, collection=COLLECTION, target=target)
    assert len(target.files()) == 6


def spoil(pair: tuple[Path, Path], how: str) -> None:
    _, right = pair
    if how == "truncated":
        content = right.read_bytes()
        right.write_bytes(content[: len(content) // 2])
    elif how == "no rpc":
        write_cog(right, TEXTURE)
    elif how == "flat":
        write_cog(right, np.full_like(TEXTURE, 5), rpc=toy_rpc())
    elif how == "nan":
        write_cog(right, np.full(TEXTURE.shape, np.nan, np.float32), rpc=toy_rpc())
    elif how == "elsewhere":
        write_cog(right, TEXTURE, rpc=toy_rpc(lon=6.0))
    elif how == "missing":
        right.unlink()


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("truncated", ImageError),
        ("no rpc", RpcError),
        ("flat", ImageError),
        ("nan", ImageError),
        ("elsewhere", OverlapError),
        ("missing", ImageError),
    ],
)
def test_bad_input_is_refused_before_anything_is_published(
    toy: tuple[Path, Path], target: Recorder, how: str, error: type[InputError]
) -> None:
    spoil(toy, how)
    with pytest.raises(error, match=r"right\.tif") as caught:
        ingest_pair(*toy, collection=COLLECTION, target=target)
    assert caught.value.remedy
    assert target.puts == []
    assert not target.folder.exists()


def test_collection_is_checked_first(toy: tuple[Path, Path], target: Recorder) -> None:
    with pytest.raises(CatalogueError, match="cannot name a collection"):
        ingest_pair(*toy, collection="../elsewhere", target=target)


def test_simulated_pair_with_its_truth(target: Recorder) -> None:
    config = PairConfig(size_px=200, seed=5)
    shares: list[float] = []
    done = ingest_simulated(
        config, COLLECTION, target=target, progress=lambda share, _: shares.append(share)
    )
    assert done.left.properties["boresight:reference"] == done.reference.id
    assert done.left.properties["boresight:simulation"]["config"]["seed"] == 5
    assert done.left.properties["boresight:base_to_height"] == pytest.approx(0.281, abs=2e-3)
    asset = done.reference.assets["dsm"]
    assert "reference" in (asset.roles or [])
    truth = read_dsm(asset.href)
    assert truth.epsg == 32631
    assert truth.tags["VERTICAL_DATUM"] == "ellipsoid"
    west, south, east, north = done.reference.bbox
    for image in (done.left, done.right):
        assert west < image.bbox[0] < image.bbox[2] < east
        assert south < image.bbox[1] < image.bbox[3] < north
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    target.puts.clear()
    told: list[str] = []
    again = ingest_simulated(
        config, COLLECTION, target=target, progress=lambda _, what: told.append(what)
    )
    assert target.puts == []
    assert told == ["simulated before"]
    for part in ("left", "right", "reference"):
        found, made = getattr(again, part).to_dict(), getattr(done, part).to_dict()
        assert found["assets"] == made["assets"]
        assert found["bbox"] == made["bbox"]
    json.dumps(done.left.to_dict())
    lost = f"{COLLECTION}/{done.right.id}/image.tif"
    target.delete(lost)
    ingest_simulated(config, COLLECTION, target=target)
    assert target.puts == [lost]


@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_find_pair_with_every_sidecar(tmp_path: Path, kind: str) -> None:
    for name in ("b_left", "a_right"):
        write_cog(tmp_path / f"{name}.tif", TEXTURE)
        WRITERS[kind](tmp_path / f"{name}.tif", toy_rpc())
    left, right = find_pair(tmp_path)
    assert (left.name, right.name) == ("b_left.tif", "a_right.tif")


def test_find_pair_orders_and_ignores_what_has_no_rpc(tmp_path: Path) -> None:
    write_cog(tmp_path / "mask.tif", TEXTURE)
    for name in ("y", "x"):
        write_cog(tmp_path / f"{name}.tif", TEXTURE, rpc=toy_rpc())
    (tmp_path / "broken.tif").write_text("no image")
    assert [path.name for path in find_pair(tmp_path)] == ["x.tif", "y.tif"]


def test_find_pair_below(tmp_path: Path) -> None:
    for name in ("img1", "img2"):
        (tmp_path / name).mkdir()
        write_cog(tmp_path / name / f"{name}.tif", TEXTURE, rpc=toy_rpc())
    assert [path.name for path in find_pair(tmp_path)] == ["img1.tif", "img2.tif"]


def test_find_pair_chooses_by_name_among_many(tmp_path: Path) -> None:
    for name in ("left", "right", "third"):
        write_cog(tmp_path / f"{name}.tif", TEXTURE, rpc=toy_rpc())
    assert [path.name for path in find_pair(tmp_path)] == ["left.tif", "right.tif"]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_find_pair_says_what_it_found(tmp_path: Path, count: int) -> None:
    for k in range(count):
        write_cog(tmp_path / f"scene{'abc'[k]}.tif", TEXTURE, rpc=toy_rpc())
    write_cog(tmp_path / "bare.tif", TEXTURE)
    with pytest.raises(InputError, match=rf"{count} images with RPC.*exactly two") as caught:
        find_pair(tmp_path)
    assert "bare.tif: image without RPC" in str(caught.value)


def test_find_pair_needs_a_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a directory"):
        find_pair(tmp_path / "none")


def test_a_crop_beside_its_geom_is_ingested_in_its_own_pixels(
    real_data: Path, tmp_path: Path, target: Recorder
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(real_data / "gizeh", folder)
    item, _ = ingest_pair(*find_pair(folder), collection=COLLECTION, target=target)
    assert image_info(item.assets["image"].href).transform.is_identity
