"""The catalogue from outside: signed when opened, not when searched."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pystac
import pytest
from support.people import TokenFiles, sign_in_here
from support.signing_stack import SigningStack

from boresight import access
from boresight.access.addresses import addresses_of
from boresight.access.assets import SignedAsset, SigningAssets
from boresight.access.signin import connect
from boresight.errors import AccessError, ForeignHrefError
from boresight_hub import oidc

SIGNING = re.compile(r"signed (\d+) (?:get|head|put) for")
COUNT = 1000


def item(stack: SigningStack, name: str, **hrefs: str) -> pystac.Item:
    made = pystac.Item(
        name,
        {"type": "Point", "coordinates": [5.0, 44.0]},
        [5.0, 44.0, 5.0, 44.0],
        datetime(2026, 1, 1, tzinfo=UTC),
        {},
        collection="co3d-dsm",
    )
    for key, path in (hrefs or {"dsm": "products/co3d-dsm/scene/dsm.tif"}).items():
        made.add_asset(key, pystac.Asset(f"{stack.settings.s3_url}/{path}", roles=["data"]))
    return made


@pytest.fixture(scope="module", autouse=True)
def shelf(stack: SigningStack) -> None:
    """A thousand items of three assets."""
    assets = {
        "dsm": "products/co3d-dsm/scene/dsm.tif",
        "color": "products/co3d-dsm/scene/color.tif",
        "notes": "products/co3d-dsm/scene/notes.txt",
    }
    items = [item(stack, f"many-{n:04}", **assets).to_dict() for n in range(COUNT)]
    tokens = stack.idp.sign_in("marie")
    exchanged = oidc.exchange(stack.settings, tokens["access_token"], "stac")
    token = asyncio.run(exchanged).access_token
    answer = httpx.post(
        f"{stack.settings.stac_url}/collections/co3d-dsm/items",
        json={"type": "FeatureCollection", "features": items},
        headers={"authorization": f"Bearer {token}"},
        timeout=60,
        trust_env=False,
    )
    assert answer.status_code == 201, answer.text[:2000]


class Audit:
    """What the signing API has written down since."""

    def __init__(self, stack: SigningStack) -> None:
        self._stack = stack
        self._before = len(stack.access.log("access"))

    def signings(self) -> list[int]:
        """Addresses of each request."""
        log = self._stack.access.log("access")[self._before :]
        return [int(n) for n in SIGNING.findall(log)]


@pytest.fixture
def audit(stack: SigningStack) -> Audit:
    return Audit(stack)


def status(address: str) -> int:
    headers = {"range": "bytes=0-9"}
    return httpx.get(address, headers=headers, timeout=30, trust_env=False).status_code


def test_a_search_signs_nothing_and_an_opening_signs_once(laptop: Path, audit: Audit) -> None:
    catalog = access.open_catalog()
    found = list(catalog.search(collections=["co3d-dsm"], limit=500).items())
    assert len(found) >= COUNT
    assert all(isinstance(asset, SignedAsset) for one in found for asset in one.assets.values())
    # looked at in every way that does not open
    assert found[0].to_dict()
    assert found[0].clone()
    assert repr(found[0].assets["dsm"])
    assert audit.signings() == []

    address = found[0].assets["dsm"].href
    assert "X-Amz-Signature" in address
    assert status(address) == 206
    # its siblings came along
    assert "X-Amz-Signature" in found[0].assets["color"].href
    assert audit.signings() == [3]
    # the other 999 point at the same objects here, so they are signed as well
    assert all(one.assets["dsm"].href.startswith(address.split("?")[0]) for one in found)
    # once more, if a second has gone by
    assert audit.signings() in ([3], [3, 3])


@pytest.mark.parametrize("way", ["collection", "get_item", "item_collection", "pages", "toolkit"])
def test_every_way_to_an_item(laptop: Path, audit: Audit, way: str) -> None:
    catalog = access.open_catalog()
    search = catalog.search(collections=["co3d-dsm"], ids=["many-0001"])
    found: Any
    match way:
        case "collection":
            found = next(iter(catalog.get_collection("co3d-dsm").get_items()))
        case "get_item":
            found = catalog.get_collection("co3d-dsm").get_item("many-0001")
        case "item_collection":
            found = search.item_collection()[0]
        case "pages":
            found = next(iter(search.pages()))[0]
        case _:
            found = access.get_item("co3d-dsm", "many-0001")
    assert audit.signings() == []
    assert status(found.assets["dsm"].href) == 206
    # as a dictionary it is what the catalogue holds
    assert "X-Amz" not in json.dumps(next(iter(search.items_as_dicts())))


def test_what_is_written_down_is_canonical(stack: SigningStack, laptop: Path, href: str) -> None:
    catalog = access.open_catalog()
    found = next(iter(catalog.search(ids=["many-0002"]).items()))
    assert found.assets["dsm"].href != href
    travelled = pickle.loads(pickle.dumps(found))  # noqa: S301 - made on this line
    for one in (found, found.clone(), copy.deepcopy(found), travelled):
        asset = one.assets["dsm"]
        assert isinstance(asset, SignedAsset)
        assert asset.canonical_href == href
        assert one.to_dict()["assets"]["dsm"]["href"] == href
        assert "X-Amz" not in repr(asset)
        assert "X-Amz-Signature" in asset.href
    content = pickle.dumps(found)
    for secret in (access.token("access"), access.token("stac")):
        assert secret.encode() not in content
    # so it can be published again
    changed = found.clone()
    changed.properties["title"] = "changed outside"
    access.publish_item(changed)
    assert access.get_item("co3d-dsm", "many-0002").properties["title"] == "changed outside"


def test_an_address_is_signed_anew_before_it_ends(laptop: Path, audit: Audit) -> None:
    """Over four sessions of 5 s; no use of the asset meets an address that is over."""
    catalog = access.open_catalog()
    asset = next(iter(catalog.search(ids=["many-0003"]).items())).assets["dsm"]
    first = asset.href
    seen = set()
    end = time.monotonic() + 20
    uses = 0
    while time.monotonic() < end:
        address = asset.href
        assert status(address) == 206
        seen.add(address)
        uses += 1
        time.sleep(0.1)
    assert status(first) == 403
    assert len(seen) >= 5
    # not at every use
    assert len(audit.signings()) < uses / 4


def test_many_at_once_share_requests(stack: SigningStack, laptop: Path, audit: Audit) -> None:
    hrefs = [f"{stack.settings.s3_url}/products/co3d-dsm/{n}.tif" for n in range(150)]
    signed = access.sign(hrefs)
    assert list(signed) == hrefs
    assert audit.signings() == [64, 64, 22]
    # and threads that wait for each other, too
    addresses = addresses_of(connect())
    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(addresses.address, hrefs[:96]))
    assert all("X-Amz-Signature" in one for one in found)
    # 96 if each asked for itself; how many share depends on how busy the machine is
    assert len(audit.signings()) - 3 < 80


def test_a_sibling_that_is_refused_is_in_nobodys_way(
    stack: SigningStack, laptop: Path, audit: Audit
) -> None:
    mixed = item(
        stack, "mixed", dsm="products/co3d-dsm/scene/dsm.tif", secret="home/paul/secret.tif"
    )
    mixed.add_asset("elsewhere", pystac.Asset("https://elsewhere.example/a.tif?b=c"))
    SigningAssets(connect())(mixed)
    assert status(mixed.assets["dsm"].href) == 206
    assert audit.signings() == [1]
    # the store would refuse it too; here it is said by name
    with pytest.raises(AccessError, match=r"marie may not read .*home/paul/secret.tif"):
        _ = mixed.assets["secret"].href
    # what is not ours is left as it is
    assert mixed.assets["elsewhere"].href == "https://elsewhere.example/a.tif?b=c"


def test_sign_for_other_programs(stack: SigningStack, anywhere: str, href: str) -> None:
    mine = f"{stack.settings.s3_url}/home/marie/from-outside.txt"
    put = access.sign([mine], op="put")[mine]
    assert httpx.put(put, content=b"1", timeout=30, trust_env=False).status_code == 200
    assert httpx.get(access.sign([mine])[mine], timeout=30, trust_env=False).content == b"1"
    short = access.sign([href], life_s=2)[href]
    assert status(short) == 206
    with pytest.raises(AccessError, match=r"life of 9999999 s.*Ask for less"):
        access.sign([href], life_s=9_999_999)
    with pytest.raises(ForeignHrefError, match="not plainly below"):
        access.sign([href, "https://elsewhere.example/a.tif"])
    time.sleep(3)
    assert status(short) == 403


def test_inside_hrefs_stay_as_they_are(
    stack: SigningStack, server: TokenFiles, audit: Audit, href: str
) -> None:
    found = next(iter(access.open_catalog().search(ids=["many-0004"]).items()))
    assert type(found.assets["dsm"]) is pystac.Asset
    assert found.assets["dsm"].href == href
    assert access.to_vsis3(found.assets["dsm"].href).startswith("/vsis3/products/")
    # the environment's own address is no other one
    again = access.open_catalog(stack.settings.public_url)
    assert type(next(iter(again.search(ids=["many-0004"]).items())).assets["dsm"]) is pystac.Asset
    assert audit.signings() == []


def test_others_see_nothing_of_it(
    stack: SigningStack, laptop: Path, href: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert access.open_catalog().get_collection("co3d-dsm").id == "co3d-dsm"
    assert access.sign([href])
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "of-paul"))
    assert sign_in_here(stack.idp, "paul") == "paul"
    assert "co3d-dsm" not in {c.id for c in access.open_catalog().get_collections()}
    with pytest.raises(AccessError, match="paul may not read"):
        access.sign([href])
