"""The whole workflow on private buckets: inputs by /vsis3/, credentials by the token file."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from distributed import Client, LocalCluster
from support.access_stack import AccessStack

from boresight import access
from boresight.access import objects
from boresight.errors import AccessError, CatalogueError, ForeignHrefError, RpcError
from boresight.io import file_checksum, write_cog
from boresight.workflows.ingest import find_pair, ingest_pair
from boresight.workflows.stereo import StereoOptions, stereo
from boresight.workflows.stereo.pair import check_pair
from boresight.workflows.stereo.storage import BucketStorage
from boresight.workflows.stereo.workflow import _complete
from boresight.workflows.targets import CatalogueTarget

pytestmark = pytest.mark.timeout(900)

Pair = tuple[pystac.Item, pystac.Item]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessStack]:
    made = AccessStack(tmp_path_factory.mktemp("stereo") / "state")
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def marie(stack: AccessStack) -> Iterator[pytest.MonkeyPatch]:
    """Marie's environment in this process, and in the workers it starts."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "BORESIGHT_S"))]:
            patch.delenv(name)
        for name, value in stack.holder("marie").items():
            patch.setenv(name, value)
        patch.setattr(objects, "_local", threading.local())
        ended = threading.Event()

        def keep_tokens_fresh() -> None:
            # the hub's part: tokens of minutes, a run of CARS on a busy machine of more
            while not ended.wait(20):
                stack.holder("marie")

        keeper = threading.Thread(target=keep_tokens_fresh)
        keeper.start()
        try:
            yield patch
        finally:
            ended.set()
            keeper.join()


@pytest.fixture(scope="module")
def client(marie: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            memory_limit="3GiB",
            dashboard_address=None,
            local_directory=str(tmp_path_factory.mktemp("dask")),
        ) as cluster,
        Client(cluster) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def pair(marie: pytest.MonkeyPatch, real_data: Path) -> Pair:
    return ingest_pair(*find_pair(real_data / "ventoux"), collection="co3d-l1")


@pytest.mark.slow
@pytest.mark.soak  # the main job does the same through hub and gateway
def test_pair_in_dsm_out(pair: Pair, client: Client, tmp_path: Path) -> None:
    options = StereoOptions(vertical_datum="egm96")
    result = stereo(*pair, options, compute=client)
    assert not result.was_there
    item = access.get_item("co3d-dsm", result.item.id)
    assert item.properties["boresight:vertical_datum"] == "egm96"
    assert item.properties["processing:level"] == "L3"
    assert item.properties["processing:software"]["cars"] == "1.3.0"
    sources = [link.get_href() for link in item.links if link.rel == "derived_from"]
    assert len(sources) == 2
    assert sources[0].endswith(f"/collections/co3d-l1/items/{pair[0].id}")
    for name, asset in item.assets.items():
        copy = tmp_path / name
        access.download(asset.href, copy)
        assert file_checksum(copy) == asset.extra_fields["file:checksum"], name
        assert copy.stat().st_size == asset.extra_fields["file:size"], name
    with rasterio.open(tmp_path / "dsm") as dsm:
        heights = dsm.read(1)
        assert list(dsm.shape) == item.properties["proj:shape"]
        assert list(dsm.transform)[:6] == item.properties["proj:transform"]
        assert f"EPSG:{dsm.crs.to_epsg()}" == item.properties["proj:code"]
        assert dsm.tags()["VERTICAL_DATUM"] == "egm96"
    # SRTM has 485 m above EGM96 at the middle of this crop of 250 m
    assert np.nanmedian(heights) == pytest.approx(485, abs=10)
    keys = access.list_keys(f"s3://products/co3d-dsm/{item.id}")
    assert sorted(Path(key).name for key in keys) == sorted(
        Path(asset.href).name for asset in item.assets.values()
    ), "no temporary object stays"

    again = stereo(*pair, options, compute=client)
    assert again.was_there
    assert again.item.id == item.id
    assert again.statistics == result.statistics
    # an object changed behind the catalogue is noticed
    access.write_bytes(b"x", item.assets["statistics"].href)
    assert access.read_bytes(item.assets["statistics"].href) == b"x"
    checked = check_pair(*pair, options)
    assert _complete(checked, "co3d-dsm", CatalogueTarget("products"), BucketStorage()) is None


class _NoCluster:
    """Whoever touches it has begun to compute."""

    @property
    def client(self) -> Client:
        raise AssertionError("computing has begun")


def test_bad_input_is_refused_before_anything_is_computed(
    pair: Pair, stack: AccessStack, tmp_path: Path
) -> None:
    left, right = pair
    foreign = left.clone()
    foreign.assets["image"].href = "https://elsewhere.example/bucket/image.tif"
    with pytest.raises(ForeignHrefError, match=r"elsewhere\.example"):
        stereo(foreign, right, compute=_NoCluster())  # type: ignore[arg-type]

    numbers = np.arange(40_000, dtype=np.uint16).reshape(200, 200)
    bare = write_cog(tmp_path / "bare.tif", numbers)
    uri = "s3://catalogue/co3d-l1/bare/image.tif"
    access.upload(bare, uri)
    without = left.clone()
    without.assets["image"].href = access.to_href(uri)
    with pytest.raises(RpcError, match="RPC"):
        stereo(without, right, compute=_NoCluster())  # type: ignore[arg-type]

    absent = left.clone()
    absent.assets["image"].href = access.to_href("s3://catalogue/co3d-l1/absent/image.tif")
    with pytest.raises((AccessError, ValueError), match="absent"):
        stereo(absent, right, compute=_NoCluster())  # type: ignore[arg-type]

    with pytest.raises(CatalogueError, match="co3d-nothing"):
        stereo(left, right, compute=_NoCluster(), collection="co3d-nothing")  # type: ignore[arg-type]
