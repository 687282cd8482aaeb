"""What the catalogue's panel is given: our API, the user's token, signed addresses."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from boresight.access import panel

STAC = "http://127.0.0.1:8000/services/stac"
S3 = "http://127.0.0.1:8001"


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("stac", "access"):
        (tmp_path / f"{name}.jwt").write_text(f"token-{name}")
    for name, value in {
        "BORESIGHT_S3_URL": S3,
        "BORESIGHT_BUCKETS": "home,data",
        "BORESIGHT_STAC_URL": STAC,
        "BORESIGHT_STAC_TOKEN_FILE": str(tmp_path / "stac.jwt"),
        "BORESIGHT_USER": "marie",
        "BORESIGHT_ACCESS_URL": "http://127.0.0.1:8000/services/access",
        "BORESIGHT_ACCESS_TOKEN_FILE": str(tmp_path / "access.jwt"),
    }.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def test_elsewhere_there_is_nothing_to_offer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BORESIGHT_STAC_URL", raising=False)
    assert panel.tokens() is None
    assert panel.signer() is None


def test_the_panel_finds_it() -> None:
    for group, expected in (("tokens", panel.tokens), ("signers", panel.signer)):
        (found,) = entry_points(group=f"jupyterlab_stac.{group}", name="boresight")
        assert found.load() is expected


def test_the_token_goes_to_our_catalogue_alone(inside: Path) -> None:
    tokens = panel.tokens()
    assert tokens is not None
    (api,) = tokens.apis()
    for url in (api["url"], f"{STAC}/search", f"{STAC}?x=1"):
        assert tokens.headers(url) == {"Authorization": "Bearer token-stac"}
    for url in (
        f"{STAC}-other/search",
        f"{STAC}/../access/token",
        "http://127.0.0.1:8000/services/access",
        "http://127.0.0.1:8001/services/stac/",
        "https://example.org/services/stac",
    ):
        assert tokens.headers(url) == {}
    (inside / "stac.jwt").write_text("newer")
    assert tokens.headers(STAC) == {"Authorization": "Bearer newer"}


def test_objects_of_ours_are_signed_in_one_request_whatever_the_service_s_clock(
    inside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []
    skew = timedelta(hours=5)

    def send(_self: object, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        assert request.headers["Authorization"] == "Bearer token-access"
        asked.append(json.loads(request.body or b""))
        there = datetime.now(UTC).replace(microsecond=0) + skew
        answer = requests.Response()
        answer.status_code = 200
        answer.request = request
        answer.headers["Date"] = format_datetime(there, usegmt=True)
        content = {
            "hrefs": {href: f"{href}?signed" for href in asked[-1]["hrefs"]},
            "expires_at": (there + timedelta(minutes=42)).isoformat(),
        }
        answer._content = json.dumps(content).encode()
        return answer

    monkeypatch.setattr(HTTPAdapter, "send", send)
    signer = panel.signer()
    assert signer is not None
    hrefs = [f"{S3}/data/a.tif", f"{S3}/home/b.tif"]
    found = signer.sign(hrefs)
    assert [one["hrefs"] for one in asked] == [hrefs]
    address, ends_at = found[hrefs[0]]
    assert address == f"{hrefs[0]}?signed"
    assert ends_at is not None
    left_s = (ends_at - datetime.now(UTC)).total_seconds()
    assert left_s == pytest.approx(42 * 60, abs=5)


def test_what_is_ours(inside: Path) -> None:
    signer = panel.signer()
    assert signer is not None
    assert signer.hosts() == ("127.0.0.1:8001",)
    assert signer.signs(f"{S3}/data/a.tif")
    assert signer.gdal_path(f"{S3}/data/a.tif") == "/vsis3/data/a.tif"
    for href in (f"{S3}/other/a.tif", "https://example.org/data/a.tif", f"{S3}/data/../x"):
        assert not signer.signs(href)
