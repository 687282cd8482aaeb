"""Lazy arrays that are read over many lives of what they are read with."""

from __future__ import annotations

import logging
import pickle
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pystac
import pytest
import rasterio
import rioxarray
import xarray as xr
from distributed import Client, LocalCluster
from rasterio.errors import RasterioIOError
from support.signing_stack import SigningStack

from boresight import access
from boresight.access.rasters import Place, without_signature
from boresight.errors import AccessError, ForeignHrefError

pytestmark = pytest.mark.slow

LIVES = 4
SESSION_LIFE_S = 5

Pixels = np.ndarray[Any, np.dtype[np.uint16]]


@pytest.fixture
def scene(stack: SigningStack, href: str, pixels: Pixels) -> pystac.Item:
    """As a product's item is made."""
    rows, cols = pixels.shape
    made = pystac.Item(
        "scene",
        {"type": "Point", "coordinates": [3.7, 43.6]},
        [3.7, 43.6, 3.8, 43.7],
        datetime(2026, 1, 1, tzinfo=UTC),
        {
            "proj:code": "EPSG:32631",
            "proj:shape": [rows, cols],
            "proj:transform": [10, 0, 560_000, 0, -10, 4_830_000],
        },
        stac_extensions=[
            "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
            "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
        ],
        collection="co3d-dsm",
    )
    bands = [{"data_type": "uint16", "nodata": 0}]
    made.add_asset(
        "dsm",
        pystac.Asset(
            href,
            media_type=pystac.MediaType.COG,
            roles=["data"],
            extra_fields={"raster:bands": bands},
        ),
    )
    access.publish_item(made)
    return access.get_item("co3d-dsm", "scene")


class Credentials:
    """With what images were opened: sessions seen at the store, or in addresses."""

    def __init__(self, stack: SigningStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: set[str] = set()
        original = Place.path

        def path(place: Place) -> str:
            made = original(place)
            if "X-Amz-Credential=" in made:
                self.seen.add(made.split("X-Amz-Credential=")[1].split("&")[0])
            else:
                self.seen.update(stack.access.session_users())
            return made

        monkeypatch.setattr(Place, "path", path)


@pytest.fixture
def credentials(stack: SigningStack, monkeypatch: pytest.MonkeyPatch) -> Credentials:
    return Credentials(stack, monkeypatch)


def gathered(array: Any, *, pause_s: float) -> Pixels:
    """Array read one part after another, with pauses."""

    def wait(block: Any) -> Any:
        time.sleep(pause_s)
        return block

    with dask.config.set(scheduler="threads", num_workers=1):
        found: Pixels = array.map_blocks(wait, dtype=array.dtype).compute()
    return found


@pytest.mark.parametrize("kind", ["to_xarray", "open_raster"])
def test_a_read_over_several_lives(
    anywhere: str, scene: pystac.Item, pixels: Pixels, credentials: Credentials, kind: str
) -> None:
    if kind == "to_xarray":
        lazy = access.to_xarray([scene], ["dsm"], chunks={"x": 64, "y": 64})["dsm"]
        assert lazy.dims == ("time", "y", "x")
    else:
        lazy = access.open_raster(scene.assets["dsm"], chunks={"y": 64, "x": 64})
        assert lazy.dims == ("band", "y", "x")
    assert lazy.shape == (1, *pixels.shape)
    assert lazy.dtype == np.uint16
    assert len(lazy.data.to_delayed().ravel()) == 64
    begun = time.monotonic()
    found = gathered(lazy.data, pause_s=LIVES * SESSION_LIFE_S / 64)
    assert time.monotonic() - begun > LIVES * SESSION_LIFE_S
    np.testing.assert_array_equal(found[0], pixels)
    assert len(credentials.seen) >= LIVES


def test_without_renewal_it_would_fail(laptop: Path, href: str, pixels: Pixels) -> None:
    """The same read by rioxarray alone, of an address that is good at its start."""
    address = access.sign([href])[href]
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
        lazy = rioxarray.open_rasterio(address, chunks={"y": 64, "x": 64}, lock=False)
        assert isinstance(lazy, xr.DataArray)
        np.testing.assert_array_equal(lazy[0, :64, :64].compute(), pixels[:64, :64])
        time.sleep(SESSION_LIFE_S + 1)
        with pytest.raises(RasterioIOError):
            lazy[0, 256:320, 256:320].compute()


def test_what_ends_between_opening_and_reading(anywhere: str, href: str, pixels: Pixels) -> None:
    failures: list[str] = []
    paths: list[str] = []

    def read(path: str) -> Pixels:
        paths.append(path)
        with rasterio.open(path) as image:
            if len(paths) == 1:
                time.sleep(SESSION_LIFE_S + 1)
            try:
                found: Pixels = image.read(1)
            except RasterioIOError as exc:
                failures.append(str(exc))
                raise
            return found

    np.testing.assert_array_equal(Place(href).read(read), pixels)
    if anywhere == "laptop":
        # a signed address does end, and the read is repeated with another
        assert len(failures) == 1
        assert len(set(paths)) == 2
    else:
        # GDAL gets new credentials by itself
        assert failures == []


def test_at_once(anywhere: str, scene: pystac.Item, pixels: Pixels) -> None:
    """Not lazy: read now."""
    np.testing.assert_array_equal(access.to_xarray([scene], "dsm", chunks=None)["dsm"][0], pixels)
    np.testing.assert_array_equal(access.open_raster(scene.assets["dsm"], chunks=None)[0], pixels)
    masked = access.open_raster(scene.assets["dsm"], masked=True, chunks=128)
    assert masked.dtype == np.float32
    np.testing.assert_array_equal(masked[0].compute(), pixels)


def test_on_another_grid(anywhere: str, scene: pystac.Item, pixels: Pixels) -> None:
    """Resampled by GDAL itself, not by rows and columns."""
    small = access.to_xarray([scene], ["dsm"], resolution=40, resampling="average")["dsm"]
    assert small.shape == (1, 128, 128)
    expected = pixels.astype(float).reshape(128, 4, 128, 4).mean((1, 3))
    np.testing.assert_allclose(small[0].compute(), expected, atol=1.0)


def test_coordinates_and_description_are_rioxarrays(
    anywhere: str, scene: pystac.Item, href: str
) -> None:
    lazy = access.open_raster(scene.assets["dsm"])
    assert lazy.rio.crs.to_epsg() == 32631
    assert lazy.rio.nodata == 0
    np.testing.assert_allclose(lazy.x[:2], [560_005, 560_015])
    assert "X-Amz" not in repr(lazy.attrs) + repr(lazy.encoding) + repr(lazy.name)


def test_in_workers_of_their_own(anywhere: str, scene: pystac.Item, pixels: Pixels) -> None:
    """By pickle to other processes; each finds credentials where it is."""
    lazy = access.to_xarray([scene], ["dsm"], chunks={"x": 128, "y": 128})["dsm"]
    raster = access.open_raster(scene.assets["dsm"], chunks={"y": 128, "x": 128})
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        found, again = client.compute([lazy.data, raster.data], sync=True)
    np.testing.assert_array_equal(found[0], pixels)
    np.testing.assert_array_equal(again[0], pixels)


def test_no_signature_in_graphs_errors_and_logs(
    stack: SigningStack, laptop: Path, scene: pystac.Item, href: str, caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    lazy = access.to_xarray([scene], ["dsm"], chunks={"x": 64, "y": 64})
    raster = access.open_raster(scene.assets["dsm"])
    assert lazy["dsm"].max().compute() > 0
    content = pickle.dumps([lazy.__dask_graph__(), raster.__dask_graph__()])
    assert b"X-Amz" not in content
    missing = scene.clone()
    missing.assets["dsm"].href = href.replace("dsm.tif", "absent.tif")
    with pytest.raises(AccessError, match=r"absent\.tif cannot be read") as caught:
        access.to_xarray([missing], ["dsm"], chunks=None)
    shown = "".join(f"{one!r} {one}" for one in chain(caught.value))
    assert "X-Amz" not in shown
    assert "odc.loader" in {record.name.rpartition(".")[0] for record in caplog.records}
    for record in caplog.records:
        assert "X-Amz-Signature" not in record.getMessage(), record.name


def chain(error: BaseException) -> list[BaseException]:
    found = [error]
    for one in (error.__cause__, error.__context__):
        if one is not None:
            found += chain(one)
    return found


def test_holes_only_where_they_are_wanted(
    laptop: Path, scene: pystac.Item, href: str, pixels: Pixels
) -> None:
    missing = scene.clone()
    missing.assets["dsm"].href = href.replace("dsm.tif", "absent.tif")
    with pytest.raises(AccessError, match="cannot be read"):
        access.to_xarray([missing], ["dsm"], chunks=None)
    holes = access.to_xarray([missing], ["dsm"], chunks=None, fail_on_error=False)
    assert (holes["dsm"] == 0).all()
    # and an address that has ended makes none
    whole = access.to_xarray([scene], ["dsm"], chunks={"x": 256}, fail_on_error=False)
    time.sleep(SESSION_LIFE_S + 1)
    np.testing.assert_array_equal(whole["dsm"][0].compute(), pixels)


def test_refusals(stack: SigningStack, anywhere: str, href: str) -> None:
    assert access.open_raster(href).shape
    with pytest.raises(ForeignHrefError):
        access.open_raster("https://elsewhere.example/a.tif")
    with pytest.raises(AccessError, match=r"secret\.tif"):
        access.open_raster(f"{stack.settings.s3_url}/home/paul/secret.tif")
    with pytest.raises(AccessError, match=r"absent\.tif"):
        access.open_raster(href.replace("dsm.tif", "absent.tif"))


def test_access_service_that_restarts(
    stack: SigningStack, laptop: Path, scene: pystac.Item, pixels: Pixels
) -> None:
    lazy = access.to_xarray([scene], ["dsm"], chunks={"x": 256, "y": 256})["dsm"]
    time.sleep(SESSION_LIFE_S)
    stack.access.stop("access", kill=True)
    later = threading.Timer(1.0, stack.access.start, ["access"])
    later.start()
    try:
        np.testing.assert_array_equal(lazy[0].compute(), pixels)
    finally:
        later.join()


def test_signature_is_taken_out() -> None:
    text = "'/vsicurl/http://h/b/k.tif?X-Amz-Algorithm=A&X-Amz-Signature=0f' not recognized"
    assert without_signature(text) == "'/vsicurl/http://h/b/k.tif' not recognized"
