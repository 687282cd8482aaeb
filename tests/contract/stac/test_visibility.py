"""Who sees what, on every route there is.

The table names every route; one that is missing from it fails the test, so that a new one cannot
be forgotten. Each refusal first shows that the right person succeeds with the same request.
"""

import base64
import json
import uuid
from types import SimpleNamespace

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from support.stac_stack import make_item

from boresight_hub.settings import HubSettings, StacSettings
from boresight_hub.stac.app import PREFIX, create_app

CO3D, S2 = "co3d-l1", "sentinel2-l1"
EVERYBODY = ("marie", "paul", "lea", "nobody", "access", "other_service", "anonymous")

# route -> who gets an answer about CO3D's collection (200, 201, 204); everybody else is refused
PUBLIC = {
    ("GET", ""), ("GET", "/"), ("GET", "/conformance"), ("GET", "/api"), ("GET", "/api.html"),
    ("GET", "/health"), ("GET", "/_mgmt/ping"), ("GET", "/_mgmt/health"),
}  # fmt: skip
LISTS = {("GET", "/collections"), ("GET", "/search"), ("POST", "/search"), ("GET", "/queryables")}
ITEM = "/collections/{collection_id}/items/{item_id}"
HOME = "/collections/{collection_id}"
READS = {
    ("GET", HOME): ("marie", "lea", "access"),
    ("GET", f"{HOME}/items"): ("marie", "lea"),
    ("GET", ITEM): ("marie", "lea"),
    ("GET", f"{HOME}/queryables"): ("marie", "lea"),
}
WRITES = {
    ("POST", f"{HOME}/items"): ("marie", "lea"),
    ("PUT", ITEM): ("marie", "lea"),
    ("PATCH", ITEM): ("marie", "lea"),
    ("DELETE", ITEM): ("marie", "lea"),
    ("POST", f"{HOME}/bulk_items"): ("marie", "lea"),
    ("POST", "/collections"): ("lea",),
    ("PUT", HOME): ("lea",),
    ("PATCH", HOME): ("lea",),
    ("DELETE", HOME): ("lea",),
}


def routes_of(routes: list[BaseRoute]) -> set[tuple[str, str]]:
    found = set()
    for route in routes:
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        if not isinstance(route, APIRoute) and getattr(inner, "routes", None):
            found |= routes_of(inner.routes)
            continue
        path = getattr(route, "path", None)
        assert path is not None, route
        assert path.startswith(PREFIX), f"{path} is outside the service's prefix"
        found |= {(m, path.removeprefix(PREFIX)) for m in route.methods - {"HEAD"}}
    return found


async def test_the_table_names_every_route(tmp_path, backend):
    stac = StacSettings(**backend(tmp_path))
    app = create_app(HubSettings(state_dir=tmp_path, stac=stac))
    async with app.router.lifespan_context(app):
        assert routes_of(app.routes) == PUBLIC | LISTS | set(READS) | set(WRITES)


@pytest.fixture(scope="module")
def seen(catalogue, people):
    """One secret item of each group."""
    for client, home in ((people.lea, CO3D), (people.lea, S2)):
        item = make_item(catalogue, home, "secret", secret_name=f"of-{home}")
        assert client.post(f"/collections/{home}/items", json=item).status_code == 201
    return people


class Case:
    """One route with its request, made afresh for every call."""

    def __init__(self, method: str, path: str, catalogue) -> None:
        self.method, self.path, self.catalogue = method, path, catalogue

    def send(self, client, admin, home=CO3D):
        """Prepare as admin, then ask as ``client``."""
        name = f"x{uuid.uuid4().hex}"
        path, body = self.path, None
        item = make_item(self.catalogue, home, name)
        if "{item_id}" in path and self.method != "GET":
            made = admin.post(f"/collections/{home}/items", json=item)
            assert made.status_code in (201, 404), made.text
        if self.method == "POST" and path.endswith("/items"):
            body = item
        elif self.method == "POST" and path.endswith("/bulk_items"):
            body = {"items": {name: item}}
        elif self.method == "PUT" and "{item_id}" in path:
            body = item
        elif self.method == "PATCH":
            body = {"properties": {"a": 1}} if "{item_id}" in path else {"title": "changed"}
        elif path == "/collections":
            body = admin.get(f"/collections/{CO3D}").json() | {"id": name}
        elif self.method == "PUT":
            body = admin.get(f"/collections/{home}").json() if home == CO3D else {"id": home}
        if self.method == "DELETE" and path == HOME and home == CO3D:
            document = admin.get(f"/collections/{CO3D}").json() | {"id": name}
            assert admin.post("/collections", json=document).status_code == 201
            home = name
        item_id = name if self.method != "GET" else "secret"
        path = path.replace("{collection_id}", home).replace("{item_id}", item_id)
        return client.request(self.method, path, json=body)


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize(("method", "path"), sorted(PUBLIC))
def test_public_routes_answer_and_say_nothing_of_collections(seen, who, method, path):
    answer = getattr(seen, who).request(method, path)
    assert answer.status_code == 200
    assert "secret" not in answer.text
    assert "sentinel2" not in answer.text


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize(("method", "path"), sorted(READS))
def test_reading(catalogue, seen, who, method, path):
    case = Case(method, path, catalogue)
    assert case.send(seen.marie, seen.lea).status_code == 200, "the right person succeeds"
    answer = case.send(getattr(seen, who), seen.lea)
    if who in READS[method, path]:
        assert answer.status_code == 200
        return
    assert_same_as_absent(case, getattr(seen, who), seen.lea, answer)


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize(("method", "path"), sorted(WRITES))
def test_writing(catalogue, seen, who, method, path):
    case = Case(method, path, catalogue)
    right = getattr(seen, WRITES[method, path][0])
    assert case.send(right, seen.lea).status_code in (200, 201, 204), "the right person succeeds"
    answer = case.send(getattr(seen, who), seen.lea)
    if who in WRITES[method, path]:
        assert answer.status_code in (200, 201, 204)
    elif who == "anonymous":
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    elif WRITES[method, path] == ("lea",):
        assert answer.status_code == 403, "collections are the admins'"
    else:
        assert_same_as_absent(case, getattr(seen, who), seen.lea, answer)


def assert_same_as_absent(case, client, admin, answer):
    assert answer.status_code == 404
    absent = case.send(client, admin, home="never-was")
    assert absent.status_code == 404
    assert answer.json() == json.loads(absent.text.replace("never-was", CO3D))


def test_a_reader_who_may_not_write_is_told_so(catalogue, seen):
    document = seen.lea.get(f"/collections/{CO3D}").json() | {
        "id": "read-only",
        "boresight:read_groups": ["co3d-calibration"],
        "boresight:write_groups": [],
    }
    assert seen.lea.post("/collections", json=document).status_code == 201
    item = make_item(catalogue, "read-only", "i")
    assert seen.lea.post("/collections/read-only/items", json=item).status_code == 201
    assert seen.marie.get("/collections/read-only/items/i").status_code == 200
    for answer in (
        seen.marie.post("/collections/read-only/items", json=item | {"id": "j"}),
        seen.marie.put("/collections/read-only/items/i", json=item),
        seen.marie.patch("/collections/read-only/items/i", json={"properties": {"a": 1}}),
        seen.marie.delete("/collections/read-only/items/i"),
        seen.marie.post("/collections/read-only/bulk_items", json={"items": {"i": item}}),
    ):
        assert answer.status_code == 403, answer.text
    assert (
        seen.marie.get("/collections/read-only/items/i").json()["properties"] == item["properties"]
    )
    assert seen.lea.delete("/collections/read-only/items/i").status_code == 204
    assert seen.lea.delete("/collections/read-only").status_code == 204


LISTED = {
    "marie": {"co3d-l1", "co3d-dsm"},
    "paul": {S2},
    "lea": {"co3d-l1", "co3d-dsm", S2},
    "nobody": set(),
    "access": {"co3d-l1", "co3d-dsm", S2},
    "other_service": set(),
    "anonymous": set(),
}
FOUND = {**LISTED, "access": set()}


@pytest.mark.parametrize("who", EVERYBODY)
def test_lists_counts_and_queryables(seen, who):
    client = getattr(seen, who)
    listed = client.get("/collections").json()
    ids = {c["id"] for c in listed["collections"]}
    assert ids & {"co3d-l1", "co3d-dsm", S2} == LISTED[who]
    assert listed["numberMatched"] == len(listed["collections"])
    shown = who in ("lea", "access")
    for collection in listed["collections"]:
        assert ("boresight:read_groups" in collection) is shown
        assert ("boresight:write_groups" in collection) is shown

    expected = {(home, "secret") for home in FOUND[who] & {CO3D, S2}}
    for answer in (
        client.get("/search", params={"ids": "secret"}),
        client.post("/search", json={"ids": ["secret"]}),
        client.get("/search", params={"ids": "secret", "collections": f"{CO3D},{S2}"}),
        client.post("/search", json={"filter": {"op": "like", "args": [
            {"property": "secret_name"}, "of-%"]}}),
        client.get("/search", params={"filter": f"secret_name LIKE 'of-%' OR collection = '{S2}'",
                                      "ids": "secret"}),
        client.get("/search", params={"filter": "NOT (id = 'nothing')", "ids": "secret"}),
    ):  # fmt: skip
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert {(i["collection"], i["id"]) for i in page["features"]} == expected
        assert page["numberMatched"] == page["numberReturned"] == len(expected)

    named = client.get("/queryables").json()["properties"]
    assert ("secret_name" in named) is bool(expected)


def test_groups_that_an_edit_does_not_name_stay(catalogue, seen):
    document = seen.lea.get(f"/collections/{CO3D}").json()
    for key in ("boresight:read_groups", "boresight:write_groups"):
        assert document.pop(key) == ["co3d-calibration"]
    assert seen.lea.put(f"/collections/{CO3D}", json=document).status_code == 204
    again = seen.lea.get(f"/collections/{CO3D}").json()
    assert again["boresight:read_groups"] == ["co3d-calibration"]
    assert seen.marie.get(f"/collections/{CO3D}").status_code == 200


@pytest.fixture
def forger(catalogue):
    from cryptography.hazmat.primitives.asymmetric import rsa

    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    origin = catalogue.origin
    claims = origin.claims("lea", "stac")
    good = origin.sign(claims)
    head, body, signature = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').decode().rstrip("=")
    return SimpleNamespace(
        good=good,
        bad={
            "audience": origin.token("lea", "s3"),
            "expired": origin.sign(claims | {"exp": claims["iat"] - 60}),
            "issuer": origin.sign(claims | {"iss": "http://127.0.0.1:1/idp/realms/boresight"}),
            "key": origin.sign(claims, key=other),
            "hs256": origin.sign(claims, key="x" * 40, algorithm="HS256"),
            "none": f"{none}.{body}.",
            "cut": f"{head}.{body}.{signature[:-8]}",
            "nonsense": "not-a-token",
        },
    )


def test_bad_tokens_are_refused_everywhere(catalogue, people, forger):
    with catalogue.client(forger.good) as client:
        assert client.get("/collections").json()["collections"], "the right token succeeds"
    for name, token in forger.bad.items():
        with catalogue.client(token) as client:
            for path in ("/collections", "/search", f"/collections/{CO3D}", "/"):
                answer = client.get(path)
                assert answer.status_code == 401, (name, path)
                assert token not in answer.text
    for header in ("Basic bGVhOng=", "Bearer", forger.good):
        answer = people.anonymous.get("/collections", headers={"Authorization": header})
        assert answer.status_code == 401, header
    assert "eyJ" not in catalogue.log()
