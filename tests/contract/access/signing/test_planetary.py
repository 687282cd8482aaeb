"""The unmodified ``planetary-computer`` SDK, version 1.0, and its redirecting front."""

from __future__ import annotations

import json
import time
from importlib.metadata import version
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from support.signing_stack import Program, SigningStack

SIGN = """
import datetime, json, warnings
warnings.simplefilter("ignore")
import planetary_computer, requests
from planetary_computer import sas
sas.BLOB_STORAGE_DOMAIN = HOST
from pystac import Asset, Item
item = Item("x", None, None, datetime.datetime(2026, 1, 1), {})
item.add_asset("image", Asset(IMAGE))
item.add_asset("elsewhere", Asset("https://elsewhere.example/a.tif"))
signed = planetary_computer.sign(item)
href = signed.assets["image"].href
read = requests.get(href, timeout=30)
import rasterio
with rasterio.open(f"/vsicurl/{href}") as image:
    total = int(image.read(1).sum())
print(json.dumps({
    "read": [read.status_code, len(read.content)],
    "redirects": [r.status_code for r in read.history],
    "final": read.url,
    "total": total,
    "elsewhere": signed.assets["elsewhere"].href,
}))
"""
IMAGE = "catalogue/co3d-l1/scene/image.tif"


@pytest.fixture(scope="module")
def key(real: SigningStack) -> str:
    """What PC_SDK_SUBSCRIPTION_KEY is set to."""
    return make_key(real)


def make_key(real: SigningStack, username: str = "marie", **wanted: Any) -> str:
    made = real.request("POST", "keys", json=wanted, headers=real.bearer(username)).json()
    return f"{made['access_key']}:{made['secret_key']}"


def token(real: SigningStack, key: str, container: str = "catalogue") -> httpx.Response:
    account = real.settings.front_url.partition("//")[2].partition(".")[0]
    headers = {"Ocp-Apim-Subscription-Key": key}
    return real.request("GET", f"pc/token/{account}/{container}", headers=headers)


def query(real: SigningStack, key: str, container: str = "catalogue") -> str:
    answer = token(real, key, container)
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["token"]
    return text


def front(
    real: SigningStack, path: str, text: str, method: str = "GET", **more: Any
) -> httpx.Response:
    url = f"{real.settings.front_url}/{path}?{text}"
    return httpx.request(method, url, timeout=30, trust_env=False, **more)


def redirected(real: SigningStack, answer: httpx.Response) -> str:
    assert answer.status_code == 307, answer.text
    location = answer.headers["location"]
    assert location.startswith(f"{real.settings.s3_url}/")
    assert answer.headers["cache-control"] == "no-store"
    return location


def refused(answer: httpx.Response, status: int, kind: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["type"] == f"urn:boresight:problem:{kind}", answer.text
    assert "location" not in answer.headers


def test_sdk_signs_and_reads(real: SigningStack, key: str) -> None:
    assert version("planetary-computer").startswith("1.0.")
    front_url = real.settings.front_url
    names = {"HOST": front_url.partition("//")[2], "IMAGE": f"{front_url}/{IMAGE}"}
    head = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    environment = {"PC_SDK_SAS_URL": real.url("pc/token"), "PC_SDK_SUBSCRIPTION_KEY": key}
    result = Program(head + SIGN, environment).result()
    assert result["read"][0] == 200
    assert result["redirects"] == [307]
    assert result["final"].startswith(f"{real.settings.s3_url}/{IMAGE}?")
    assert result["total"] == 200  # 20 by 10 pixels of value one, read by GDAL
    assert result["elsewhere"] == "https://elsewhere.example/a.tif"
    without = Program(head + SIGN, environment | {"PC_SDK_SUBSCRIPTION_KEY": ""})
    with pytest.raises(AssertionError, match="401"):
        without.wait()


def test_single_href(real: SigningStack, key: str) -> None:
    headers = {"Ocp-Apim-Subscription-Key": key}
    for origin in (real.settings.s3_url, real.settings.front_url):
        params = {"href": f"{origin}/{IMAGE}", "duration": "5"}
        answer = real.request("GET", "pc/sign", params=params, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["msft:expiry"].endswith("Z")
        url = answer.json()["href"]
        assert url.startswith(f"{real.settings.s3_url}/")
        assert httpx.get(url, trust_env=False).status_code == 200
    refused(real.request("GET", "pc/sign", params=params), 401, "credentials-missing")
    params = {"href": "http://evil.example/catalogue/a"}
    refused(real.request("GET", "pc/sign", params=params, headers=headers), 400, "href-host")


def test_head_and_ranges(real: SigningStack, key: str) -> None:
    text = query(real, key)
    url = redirected(real, front(real, IMAGE, text, "HEAD"))
    assert httpx.head(url, trust_env=False).status_code == 200
    url = redirected(real, front(real, IMAGE, text))
    answer = httpx.get(url, headers={"range": "bytes=0-3"}, trust_env=False)
    assert answer.status_code == 206


def test_token_ends_with_the_session_at_the_latest(real: SigningStack, key: str) -> None:
    answer = token(real, key).json()
    assert answer["msft:expiry"] == dict(parse_qsl(answer["token"]))["se"]
    ends = time.mktime(time.strptime(answer["msft:expiry"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    life_s = real.settings.access.signing.container_token_life_s
    assert 0 < ends - time.time() <= life_s


# attacks ------------------------------------------------------------------------------------------


def test_container_without_anything_to_read(real: SigningStack, key: str) -> None:
    assert token(real, key).status_code == 200
    refused(token(real, key, "secrets"), 404, "container")
    refused(token(real, key, "Catalogue"), 404, "container")
    headers = {"Ocp-Apim-Subscription-Key": key}
    refused(real.request("GET", "pc/token/other/catalogue", headers=headers), 404, "container")


def test_token_gives_no_more_than_its_owner_has(real: SigningStack, key: str) -> None:
    text = query(real, key)
    url = redirected(real, front(real, IMAGE, text))
    assert httpx.get(url, trust_env=False).status_code == 200
    # the store refuses: the address is signed with the owner's own session
    url = redirected(real, front(real, "catalogue/sentinel2-l1/s/a.txt", text))
    assert httpx.get(url, trust_env=False).status_code == 403
    paul = query(real, make_key(real, "paul"))
    url = redirected(real, front(real, "catalogue/sentinel2-l1/s/a.txt", paul))
    assert httpx.get(url, trust_env=False).status_code == 200


def test_token_of_another_container(real: SigningStack, key: str) -> None:
    at_home = query(real, key, "home")
    redirected(real, front(real, "home/marie/a.txt", at_home))
    refused(front(real, "home/marie/a.txt", query(real, key)), 403, "token-container")
    refused(front(real, IMAGE, at_home), 403, "token-container")


def test_limits_of_the_key_are_in_the_token(real: SigningStack) -> None:
    narrow = make_key(real, prefix="catalogue/co3d-l1")
    text = query(real, narrow)
    redirected(real, front(real, IMAGE, text))
    refused(front(real, "catalogue/sentinel2-l1/s/a.txt", text), 403, "token-container")
    refused(token(real, narrow, "home"), 403, "key-prefix")
    refused(token(real, make_key(real, scopes=["write"])), 403, "key-scope")


def test_altered_token(real: SigningStack, key: str) -> None:
    text = query(real, key)
    redirected(real, front(real, IMAGE, text))
    values = dict(parse_qsl(text, keep_blank_values=True))
    for name, value in {
        "se": "2099-01-01T00:00:00Z",
        "sp": "rw",
        "pre": "home/",
        "ses": "AKIA" + "X" * 16,
        "key": "",
        "sig": values["sig"][:-1] + ("A" if values["sig"][-1] != "A" else "B"),
    }.items():
        refused(front(real, IMAGE, urlencode(values | {name: value})), 403, "token-unknown")
    for other in (
        "",
        "sig=",
        urlencode({k: v for k, v in values.items() if k != "sig"}),
        f"{text}&response-content-type=text/html",
        f"{text}&sig=x",
        f"pre=home%2F&{text}",
        urlencode(values | {"sig": "é\ud800".encode(errors="replace")}),
    ):
        refused(front(real, IMAGE, other), 403, "token-unknown")


def test_token_after_revocation_of_its_key(real: SigningStack) -> None:
    key = make_key(real)
    text = query(real, key)
    redirected(real, front(real, IMAGE, text))
    name = key.partition(":")[0]
    assert real.request("DELETE", f"keys/{name}", headers=real.bearer("marie")).status_code == 204
    refused(front(real, IMAGE, text), 403, "token-over")


PATHS = {
    "two dots": ("catalogue/../home/marie/a.txt", 400),
    "quoted dots": ("catalogue/%2e%2e/home/marie/a.txt", 400),
    "quoted twice": ("catalogue/%252e%252e/home/marie/a.txt", 400),
    "quoted slash": ("catalogue%2Fco3d-l1/scene/image.tif", 403),
    "foreign address": ("catalogue//evil.example/a", 400),
    "address as key": ("catalogue/http:%2F%2Fevil.example/a", 400),
    "user@host": ("catalogue@evil.example/a", 404),
    "line break": ("catalogue/co3d-l1/a%0d%0aLocation:%20http:evil", 404),
    "other bucket": ("secrets/a", 404),
    "bucket in another case": ("Catalogue/co3d-l1/scene/image.tif", 404),
}


@pytest.mark.parametrize(("path", "status"), PATHS.values(), ids=PATHS)
def test_the_front_sends_nobody_elsewhere(
    real: SigningStack, key: str, path: str, status: int
) -> None:
    import http.client

    text = query(real, key)
    redirected(real, front(real, IMAGE, text))
    # a client that cleans up no path
    connection = http.client.HTTPConnection(
        real.settings.host, real.settings.port_of("access"), timeout=30
    )
    connection.request("GET", f"/{path}?{text}", headers={"Host": "evil.example"})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    assert answer.status == status, body
    assert answer.getheader("location") is None
    assert json.loads(body).get("detail"), body


def test_the_front_only_reads(real: SigningStack, key: str) -> None:
    text = query(real, key, "home")
    redirected(real, front(real, "home/marie/a.txt", text))
    for method in ("PUT", "POST", "DELETE", "PATCH"):
        answer = front(real, "home/marie/a.txt", text, method, content=b"x")
        assert answer.status_code == 405, (method, answer.text)
    url = redirected(real, front(real, "home/marie/a.txt", text))
    assert httpx.put(url, content=b"x", trust_env=False).status_code == 403
