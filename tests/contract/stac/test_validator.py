"""The service is clean under stac-api-validator, with everything it can check.

Schemas come from the copies that pystac ships: no network is touched.
"""

import json
from importlib import resources
from urllib.parse import urlsplit

import pytest
import requests
from support.stac_stack import make_item

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

CONFORMANCE = [
    "core", "item-search", "features", "collections", "filter", "item-search#sort",
    "item-search#fields", "item-search#query", "features#sort", "features#fields",
    "features#query", "transaction",
]  # fmt: skip
# the validator's item of the transaction test names it, and its schema ships with nobody
UNSHIPPED = {"stac-extensions.github.io"}


# of every backend: the validator asks once for a schema, and keeps it
ASKED: list[str] = []


def shipped_schema(url: str) -> dict | None:
    parts = urlsplit(url)
    if parts.hostname in UNSHIPPED:
        return {}
    name = parts.path.rsplit("/", 1)[-1]
    root = resources.files("pystac") / "validation" / "jsonschemas"
    for folder in ("stac-spec/v1.1.0", "geojson"):
        if (file := root / folder / name).is_file():
            return json.loads(file.read_text())
    return None


@pytest.fixture
def offline(monkeypatch):
    """Requests to this machine go out; schemas are served from what is installed."""
    send = requests.adapters.HTTPAdapter.send

    def local_send(self, request, **kwargs):
        if urlsplit(request.url).hostname == "127.0.0.1":
            return send(self, request, **kwargs)
        ASKED.append(request.url)
        response = requests.Response()
        schema = shipped_schema(request.url)
        response.status_code = 404 if schema is None else 200
        response._content = json.dumps(schema).encode()
        response.url, response.request = request.url, request
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", local_send)


@pytest.mark.usefixtures("offline")
def test_validator_finds_nothing(catalogue, people):
    from stac_api_validator.validations import QueryConfig, validate_api

    for number in range(12):
        item = make_item(
            catalogue, "co3d-l1", f"valid-{number:02}", west=20.0 + number / 20, south=20.0,
            datetime=f"2026-02-{number + 1:02}T10:00:00Z", platform="co3d",
            instruments=["co3d-optical"],
            **{"eo:cloud_cover": 5.0 * number},
        )  # fmt: skip
        assert people.lea.post("/collections/co3d-l1/items", json=item).status_code == 201
    everywhere = make_item(catalogue, "co3d-l1", "valid-world", **{"eo:cloud_cover": 50.0})
    everywhere["geometry"] = json.loads(GEOMETRY)
    everywhere["bbox"] = [-170, -80, 170, 80]
    assert people.lea.post("/collections/co3d-l1/items", json=everywhere).status_code == 201
    # the validator begins by deleting this one, and expects that to succeed
    first = make_item(catalogue, "co3d-l1", "S2A_47XNF_20230423_0_L2A", **{"eo:cloud_cover": 50.0})
    assert people.lea.post("/collections/co3d-l1/items", json=first).status_code == 201

    warnings, errors = validate_api(
        root_url=catalogue.settings.stac_url,
        ccs_to_validate=CONFORMANCE,
        collection="co3d-l1",
        geometry=GEOMETRY,
        auth_bearer_token=people.tokens["lea"],
        auth_query_parameter=None,
        fields_nested_property="properties.eo:cloud_cover",
        validate_pagination=True,
        query_config=QueryConfig(
            "eo:cloud_cover",
            "10",
            "10",
            "10",
            "10",
            "10",
            "10",
            "platform",
            "co",
            "3d",
            "o3",
            "instruments",
            "co3d-optical,other",
        ),
        transaction_collection="co3d-l1",
        headers={},
        stac_check_config=None,
    )

    assert not list(errors), "\n".join(errors)
    (catalogue.settings.state_dir / "warnings.txt").write_text("\n".join(warnings))
    assert any("item.json" in url for url in ASKED), "no item was held against its schema"


GEOMETRY = json.dumps(
    {
        "type": "Polygon",
        "coordinates": [[[-170, -80], [170, -80], [170, 80], [-170, 80], [-170, -80]]],
    }
)
