from __future__ import annotations

from pathlib import Path

import pytest

import boresight.access as access
from boresight.access import Environment, to_href, to_s3_uri, to_vsis3
from boresight.errors import AccessError, ForeignHrefError

VARIABLES = {
    "BORESIGHT_S3_URL": "http://127.0.0.1:8001",
    "BORESIGHT_BUCKETS": "catalogue,products,home",
    "BORESIGHT_STAC_URL": "http://127.0.0.1:8000/services/stac",
    "BORESIGHT_STAC_TOKEN_FILE": "/run/stac.jwt",
    "BORESIGHT_USER": "marie",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


def test_all_names_are_there() -> None:
    for name in access.__all__:
        assert getattr(access, name).__doc__, name
    assert access.__all__ == sorted(access.__all__)


@pytest.mark.parametrize(
    ("href", "uri"),
    [
        ("http://127.0.0.1:8001/catalogue/co3d-l1/a/b.tif", "s3://catalogue/co3d-l1/a/b.tif"),
        ("http://127.0.0.1:8001/home/marie/a%20b.tif", "s3://home/marie/a b.tif"),
        ("http://127.0.0.1:8001/products/c/%C3%A9.tif", "s3://products/c/é.tif"),
    ],
)
def test_there_and_back(href: str, uri: str) -> None:
    assert to_s3_uri(href) == to_s3_uri(uri) == uri
    assert to_href(uri) == to_href(href) == href
    assert to_vsis3(href) == uri.replace("s3://", "/vsis3/")


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1:8001/catalogue/a/b",
        "http://127.0.0.1:8002/catalogue/a/b",
        "http://127.0.0.1:80011/catalogue/a/b",
        "http://127.0.0.1/catalogue/a/b",
        "http://localhost:8001/catalogue/a/b",
        "http://127.0.0.1:8001@evil.example/catalogue/a/b",
        "http://user@127.0.0.1:8001/catalogue/a/b",
        "http://evil.example/127.0.0.1:8001/catalogue/a/b",
        "//127.0.0.1:8001/catalogue/a/b",
        "http://127.0.0.1:8001/secret/a/b",
        "http://127.0.0.1:8001/catalogue2/a/b",
        "http://127.0.0.1:8001/catalogue",
        "http://127.0.0.1:8001/catalogue/",
        "http://127.0.0.1:8001//catalogue/a",
        "http://127.0.0.1:8001/catalogue/../home/a",
        "http://127.0.0.1:8001/catalogue/a/../../home/paul/a",
        "http://127.0.0.1:8001/catalogue/%2e%2e/home/a",
        "http://127.0.0.1:8001/catalogue/%252e%252e/home/a",
        "http://127.0.0.1:8001/catalogue/a%2f..%2fb",
        "http://127.0.0.1:8001/catalogue/./a",
        "http://127.0.0.1:8001/catalogue/a//b",
        "http://127.0.0.1:8001/catalogue/a\\b",
        "http://127.0.0.1:8001/catalogue/a%00b",
        "http://127.0.0.1:8001/catalogue/a%0ab",
        "http://127.0.0.1:8001/catalogue/a?versionId=1",
        "http://127.0.0.1:8001/catalogue/a#b",
        "s3://secret/a",
        "s3://catalogue",
        "s3://catalogue/",
        "s3://catalogue//a",
        "s3://catalogue/../home/a",
        "s3://catalogue/a?b",
        "s3://catalogue/a#b",
        "s3://user@catalogue/a",
        "s3://catalogue:80/a",
        "/vsis3/catalogue/a",
        "file:///etc/passwd",
        "/etc/passwd",
        "",
    ],
)
def test_foreign_hrefs_are_refused(address: str) -> None:
    for convert in (to_s3_uri, to_vsis3, to_href):
        with pytest.raises(ForeignHrefError, match="buckets"):
            convert(address)


def test_signed_queries_are_not_shown() -> None:
    address = "http://127.0.0.1:8002/catalogue/a?X-Amz-Signature=0123abcd"
    with pytest.raises(ForeignHrefError) as caught:
        to_s3_uri(address)
    assert "0123abcd" not in str(caught.value)


@pytest.mark.parametrize("name", VARIABLES)
def test_missing_variable_is_named(name: str) -> None:
    Environment.from_env(VARIABLES)
    with pytest.raises(AccessError, match=name) as caught:
        Environment.from_env({k: v for k, v in VARIABLES.items() if k != name})
    assert caught.value.remedy


def test_environment_is_frozen() -> None:
    environment = Environment.from_env()
    assert environment.buckets == ("catalogue", "products", "home")
    assert environment.stac_token_file == Path("/run/stac.jwt")
    with pytest.raises(AttributeError):
        environment.user = "paul"  # type: ignore[misc]
