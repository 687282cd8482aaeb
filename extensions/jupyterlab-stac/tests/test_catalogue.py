"""Signatures, downloads, what is remembered: without a Jupyter server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jupyterlab_stac.catalogue import Catalogue
from jupyterlab_stac.downloads import name_of
from jupyterlab_stac.errors import DownloadError, HostError, PanelError, RequestError, SlowError
from jupyterlab_stac.preview import PreviewRequest
from jupyterlab_stac.providers import Providers, end_of
from jupyterlab_stac.remembered import Remembered

pytestmark = pytest.mark.enable_socket
END = datetime(2030, 1, 1, tzinfo=UTC)


class Store:
    """Signs hrefs of its own; refuses batches with one that is not allowed, as some do."""

    name = "store"

    def __init__(self, netloc: str) -> None:
        self.netloc = netloc
        self.batches: list[int] = []

    def hosts(self):
        return (self.netloc,)

    def signs(self, href):
        return href.startswith("store://")

    def sign(self, hrefs):
        self.batches.append(len(hrefs))
        if any("secret" in href for href in hrefs):
            raise PanelError("Not yours.", remedy="Ask.")
        root = f"http://{self.netloc}/file/"
        return {href: (f"{root}{href.removeprefix('store://')}?sig=x", END) for href in hrefs}

    def gdal_path(self, href):
        return None


class Mine:
    def apis(self):
        return ({"url": "http://127.0.0.1:9/stac", "title": "Mine", "code": {"open": ["a", "b"]}},)

    def headers(self, url):
        return {"Authorization": "Bearer t"} if url.startswith("http://127.0.0.1:9/stac") else {}


@pytest.fixture
async def catalogue(host, tmp_path):
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    made = Catalogue(
        apis=[{"url": "https://public.example/v1", "title": "Public"}],
        hosts=[],
        providers=Providers([Mine()], [Store(host.netloc)]),
        remembered=Remembered(tmp_path / "held.json"),
        root=root,
    )
    yield made
    await made.close()


def test_settings_tell_apis_and_no_token(catalogue):
    settings = catalogue.settings()
    assert [(a["title"], a["has_token"]) for a in settings["apis"]] == [
        ("Mine", True), ("Public", False),
    ]  # fmt: skip
    assert "Bearer" not in str(settings)


async def test_signing_goes_in_one_request_and_a_refusal_hits_its_own(catalogue):
    store = catalogue.providers.signers[0]
    good = await catalogue.sign([f"store://{i}" for i in range(64)])
    assert store.batches == [64]
    assert good["signed"]["store://7"]["expires_at"] == END.isoformat()
    mixed = await catalogue.sign(["store://a", "store://secret", "https://x.example/y", "s3://b/c"])
    assert set(mixed["signed"]) == {"store://a", "https://x.example/y"}
    assert mixed["signed"]["https://x.example/y"]["signer"] == ""
    assert mixed["refused"]["store://secret"]["message"].endswith("Not yours.")
    assert mixed["refused"]["s3://b/c"]["kind"] == "unsigned"
    with pytest.raises(RequestError):
        await catalogue.sign(["store://a"] * 65)


def test_what_a_reader_adds_is_remembered_as_long_as_adding_is_allowed(catalogue, tmp_path):
    catalogue.add_api("https://new.example/v1/#x", " New ")
    held = Remembered(tmp_path / "held.json")
    assert held.apis == {"https://new.example/v1": "New"}
    assert held.hosts == ["new.example"]
    options = {"apis": [], "hosts": [], "providers": Providers(), "remembered": held,
               "root": tmp_path}  # fmt: skip
    assert Catalogue(**options).hosts.allows("https://new.example/v1")
    fixed = Catalogue(**options, may_add=False)
    assert not fixed.hosts.allows("https://new.example/v1")
    assert fixed.settings()["apis"] == []
    with pytest.raises(HostError, match="switched off"):
        fixed.add_api("https://more.example", "")


def test_a_damaged_file_counts_as_empty(tmp_path):
    path = tmp_path / "held.json"
    for text in ("{", "[]", '{"apis": 3}', '{"hosts": null}'):
        path.write_text(text)
        assert Remembered(path).apis == {}


async def until(catalogue, key, *states):
    for _ in range(400):
        found = next((d for d in catalogue.downloads.list() if d["key"] == key), None)
        if found is None or found["state"] in states:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(catalogue.downloads.list())


async def test_a_file_is_fetched_whole_and_never_over_another(catalogue, tmp_path):
    for expected in ("a.tif", "a-1.tif"):
        begun = catalogue.downloads.start("store://b/a.tif", "sub")
        found = await until(catalogue, begun.key, "done", "failed")
        assert found["state"] == "done", found
        assert found["path"] == f"sub/{expected}"
        path = tmp_path / "root" / "sub" / expected
        assert path.read_bytes() == bytes(range(256)) * 8192
    assert sorted(p.name for p in (tmp_path / "root" / "sub").iterdir()) == ["a-1.tif", "a.tif"]


@pytest.mark.parametrize("folder", ["..", "../..", "/etc", "none", "sub/../../x"])
async def test_nothing_is_written_elsewhere(catalogue, folder):
    with pytest.raises(DownloadError):
        catalogue.downloads.start("store://b/a.tif", folder)


async def test_a_link_out_of_the_folder_is_not_followed(catalogue, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "root" / "out").symlink_to(tmp_path / "outside")
    with pytest.raises(DownloadError):
        catalogue.downloads.start("store://b/a.tif", "out")


async def test_a_download_is_cancelled_and_leaves_nothing(catalogue, host, tmp_path):
    catalogue.hosts.configure(host.url(""))
    begun = catalogue.downloads.start(host.url("drip"), "")
    for _ in range(200):
        if begun.done_bytes:
            break
        await asyncio.sleep(0.02)
    assert 0 < begun.done_bytes < begun.total_bytes
    assert list((tmp_path / "root").glob(".*.part"))
    await catalogue.downloads.cancel(begun.key)
    assert begun.state == "cancelled"
    assert list((tmp_path / "root").glob("*.part")) == []
    assert [p.name for p in (tmp_path / "root").iterdir()] == ["sub"]
    with pytest.raises(RequestError):
        await catalogue.downloads.cancel("nothing")


async def test_a_download_from_a_host_that_is_not_allowed_fails_in_words(catalogue):
    begun = catalogue.downloads.start("http://169.254.169.254/latest", "")
    found = await until(catalogue, begun.key, "failed", "done")
    assert found["error"]["kind"] == "host"


@pytest.mark.parametrize(
    ("href", "name"),
    [
        ("https://x/a/b.tif?sig=1", "b.tif"),
        ("https://x/..%2f..%2fetc%2fpasswd", "passwd"),
        ("https://x/%2e%2e", "asset"),
        ("https://x/", "asset"),
        ("https://x/.bashrc", "bashrc"),
        ("https://x/a%00b%0a.tif", "a_b_.tif"),
        ("https://x/" + "a" * 400, "a" * 150),
    ],
)
def test_names_of_files_are_harmless(href, name):
    assert name_of(href) == name
    assert Path(name).name == name


async def test_previews_ask_allowed_hosts_only(catalogue, host):
    with pytest.raises(HostError):
        await catalogue.preview("http://169.254.169.254/x.tif", PreviewRequest())
    way = host.url("redirect?to=http://169.254.169.254/x.tif")
    catalogue.hosts.configure(host.url(""))
    with pytest.raises(HostError, match=r"169\.254"):
        await catalogue.preview(way, PreviewRequest())


def test_ends_of_signatures_of_others():
    assert end_of("https://a/b?se=2030-01-01T00%3A00%3A00Z&sig=x") == END
    aws = "https://a/b?X-Amz-Date=20291231T230000Z&X-Amz-Expires=3600"
    assert end_of(aws) == END
    assert end_of("https://a/b") is None
    assert end_of("https://a/b?se=soon") is None
    assert end_of(aws) - timedelta(hours=1) < END


def test_slow_is_unreachable_for_who_does_not_care():
    assert issubclass(SlowError, PanelError)
