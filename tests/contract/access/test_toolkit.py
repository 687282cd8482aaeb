"""``boresight.access`` in a user's environment, against the real store and catalogue."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pystac
import pytest
from support.access_stack import AccessStack

from boresight import access
from boresight.access import objects
from boresight.errors import AccessError, CatalogueError, ExpiredSessionError, ForeignHrefError
from boresight_hub.embedded.people import write_private


@pytest.fixture
def marie(stack: AccessStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Marie's environment in this process; gives the folder of her token files."""
    env = stack.holder("marie")
    for name in [name for name in os.environ if name.startswith(("AWS_", "BORESIGHT_"))]:
        monkeypatch.delenv(name)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(objects, "_local", threading.local())
    yield Path(env["BORESIGHT_S3_TOKEN_FILE"]).parent
    stack.holder("marie")


def item(name: str, collection: str = "co3d-dsm") -> pystac.Item:
    made = pystac.Item(
        name,
        {"type": "Point", "coordinates": [5.0, 44.0]},
        [5.0, 44.0, 5.0, 44.0],
        datetime(2026, 1, 1, tzinfo=UTC),
        {},
        collection=collection,
    )
    href = access.to_href(f"s3://products/{collection}/{name}/dsm.tif")
    made.add_asset("dsm", pystac.Asset(href, roles=["data"], media_type=pystac.MediaType.COG))
    return made


def test_objects_there_and_back(marie: Path, tmp_path: Path) -> None:
    source = tmp_path / "a.bin"
    source.write_bytes(os.urandom(20_000_000))  # by parts
    uri = "s3://products/co3d-dsm/x/a.bin"
    assert not access.exists(uri)
    access.upload(source, uri)
    assert access.exists(uri)
    assert access.exists(access.to_href(uri))
    assert access.read_bytes(uri) == source.read_bytes()
    access.download(access.to_href(uri), tmp_path / "sub" / "b.bin")
    assert (tmp_path / "sub" / "b.bin").read_bytes() == source.read_bytes()
    assert access.list_keys("s3://products/co3d-dsm/x") == [uri]
    access.delete(uri)
    access.delete(uri)  # absent is no error
    assert not access.exists(uri)


def test_in_many_threads(marie: Path) -> None:
    access.write_bytes(b"1", "s3://home/marie/a")
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: access.read_bytes("s3://home/marie/a"), range(64))) == {b"1"}


def test_s3fs_with_storage_options(marie: Path) -> None:
    import fsspec

    access.write_bytes(b"12345", "s3://home/marie/a")
    with fsspec.open("s3://home/marie/a", "rb", **access.storage_options()) as stream:
        assert stream.read() == b"12345"


def test_what_is_not_theirs(stack: AccessStack, marie: Path, tmp_path: Path) -> None:
    stack.root().put_object(Bucket="home", Key="paul/a", Body=b"1")
    local = tmp_path / "a"
    local.write_bytes(b"2")
    for attempt in (
        lambda: access.read_bytes("s3://home/paul/a"),
        lambda: access.exists("s3://home/paul/a"),
        lambda: access.download("s3://home/paul/a", tmp_path / "b"),
        lambda: access.upload(local, "s3://home/paul/a"),
        lambda: access.delete("s3://home/paul/a"),
        lambda: access.list_keys("s3://home/paul"),
    ):
        with pytest.raises(AccessError, match="refuses"):
            attempt()
    assert not list(tmp_path.glob("b*"))
    with pytest.raises(AccessError, match="does not exist"):
        access.read_bytes("s3://home/marie/absent")
    with pytest.raises(ForeignHrefError):
        access.read_bytes("s3://elsewhere/a")


def test_catalogue_there_and_back(marie: Path) -> None:
    access.publish_item(item("one"))
    changed = item("one")
    changed.properties["title"] = "changed"
    access.publish_item(changed)
    found = access.get_item("co3d-dsm", "one")
    assert found.properties["title"] == "changed"
    assert access.to_s3_uri(found.assets["dsm"].href) == "s3://products/co3d-dsm/one/dsm.tif"
    catalog = access.open_catalog()
    assert {c.id for c in catalog.get_collections()} == {"co3d-l1", "co3d-dsm"}
    assert [i.id for i in catalog.search(collections=["co3d-dsm"]).items()] == ["one"]


def test_catalogue_refusals(marie: Path) -> None:
    with pytest.raises(CatalogueError, match="no item 'none'"):
        access.get_item("co3d-dsm", "none")
    with pytest.raises(CatalogueError, match="sentinel2-l1"):
        access.get_item("sentinel2-l1", "one")
    with pytest.raises(CatalogueError, match="no collection 'unknown'"):
        access.publish_item(item("one", "unknown"))
    with pytest.raises(CatalogueError, match="no collection 'sentinel2-l1'"):
        access.publish_item(item("one", "sentinel2-l1"))
    foreign = item("two")
    foreign.assets["dsm"].href = "http://127.0.0.1:1/products/co3d-dsm/two/dsm.tif"
    with pytest.raises(CatalogueError, match="two"):
        access.publish_item(foreign)


def test_tokens_are_read_anew(stack: AccessStack, marie: Path) -> None:
    """An open catalogue outlives its token, and says so when the session is over."""
    catalog = access.open_catalog()
    good = (marie / "stac.jwt").read_text()
    write_private(marie / "stac.jwt", stack.origin.token("marie", "stac", exp=int(time.time()) - 9))
    with pytest.raises(ExpiredSessionError, match="over") as caught:
        access.get_item("co3d-dsm", "one")
    assert "Sign in again" in caught.value.remedy
    with pytest.raises(ExpiredSessionError):
        access.open_catalog()
    write_private(marie / "stac.jwt", good)
    assert list(catalog.get_collections())
    (marie / "stac.jwt").unlink()
    with pytest.raises(ExpiredSessionError, match="cannot be read"):
        access.get_item("co3d-dsm", "one")


def test_expired_session_for_objects(
    stack: AccessStack, marie: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects._PatientFetcher, "RETRY_ATTEMPTS", 1)
    access.write_bytes(b"1", "s3://home/marie/a")
    write_private(marie / "s3.jwt", stack.origin.token("marie", exp=int(time.time()) - 9))
    assert access.read_bytes("s3://home/marie/a") == b"1"  # the session outlives its token
    monkeypatch.setattr(objects, "_local", threading.local())
    with pytest.raises(ExpiredSessionError, match="over"):
        access.read_bytes("s3://home/marie/a")
    (marie / "s3.jwt").unlink()
    with pytest.raises(ExpiredSessionError, match="over"):
        access.read_bytes("s3://home/marie/a")


def test_access_service_that_restarts_is_waited_for(stack: AccessStack, marie: Path) -> None:
    access.write_bytes(b"1", "s3://home/marie/a")
    objects._local.client = None
    stack.stop("access", kill=True)
    later = threading.Timer(1.0, stack.start, ["access"])
    later.start()
    assert access.read_bytes("s3://home/marie/a") == b"1"
    later.join()


def test_store_down(stack: AccessStack, marie: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "_CONFIG", objects._CONFIG.merge(FEW_RETRIES))
    access.write_bytes(b"1", "s3://home/marie/a")
    stack.stop("s3")
    try:
        with pytest.raises(AccessError, match="did not answer"):
            access.read_bytes("s3://home/marie/a")
    finally:
        stack.start("s3")
    assert access.read_bytes("s3://home/marie/a") == b"1"


FEW_RETRIES = objects.Config(retries={"mode": "standard", "total_max_attempts": 2})
