"""Somebody of another group asks for what is not theirs, in every way there is.

One rule judges all of it: what does not exist for somebody is answered, to the letter, as what
never was. Each row of the table is sent by marie, who may, and shows her the secret; by paul, who
may not; and by paul once more for a collection, or an item, that never was. The answers to paul
are the same but for the names he himself sent.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.stac_stack import make_item, polygon

HOME, ITEM = "co3d-l1", "attacked"
ABSENT_HOME, ABSENT_ITEM = "never-was", "no-such-item"
WEST, SOUTH = 77.0, 7.0
BOX = [WEST, SOUTH, WEST + 1, SOUTH + 1]
ELSEWHERE = [-60.0, -60.0, -59.0, -59.0]
TIME, OTHER_TIME = "2031-05-05T05:05:05Z", "2033-03-03T03:03:03Z"


@dataclass(frozen=True)
class Attack:
    """A request; ``make`` gets the names and values of what it is after."""

    name: str
    make: Callable[[dict[str, Any]], dict[str, Any]]
    method: str = "GET"
    path: str = "/search"
    shows: str | None = ITEM
    by_marie: tuple[int, ...] = (200,)
    headers: dict[str, str] = field(default_factory=dict)


# what is really there, and what never was
THERE = {
    "home": HOME, "item": ITEM, "bbox": BOX, "geometry": polygon(WEST, SOUTH), "time": TIME,
    "text": "of-the-secret", "number": 424242,
}  # fmt: skip
ABSENT = {
    "home": ABSENT_HOME, "item": ABSENT_ITEM, "bbox": ELSEWHERE,
    "geometry": polygon(*ELSEWHERE[:2]), "time": OTHER_TIME, "text": "of-nothing",
    "number": 535353,
}  # fmt: skip


def prop(name: str, op: str, value: object) -> dict[str, Any]:
    return {"op": op, "args": [{"property": name}, value]}


def search(name: str, **parameters: Callable[[dict[str, Any]], Any]) -> list[Attack]:
    """The same search by GET and by POST."""

    def get(values: dict[str, Any]) -> dict[str, Any]:
        made = {key.replace("_", "-"): of(values) for key, of in parameters.items()}
        if isinstance(made.get("filter"), dict):
            made["filter-lang"] = "cql2-json"
        return {"params": {key: _parameter(value) for key, value in made.items()}}

    def post(values: dict[str, Any]) -> dict[str, Any]:
        made = {key.replace("_", "-"): of(values) for key, of in parameters.items()}
        if "sortby" in made:
            made["sortby"] = [{"field": made["sortby"].lstrip("-"), "direction": "desc"}]
        if "fields" in made:
            made["fields"] = {"include": made["fields"].split(",")}
        if isinstance(made.get("filter"), str):
            made["filter-lang"] = "cql2-text"
        return {"json": made}

    return [
        Attack(f"GET {name}", get),
        Attack(f"POST {name}", post, "POST"),
    ]


def _parameter(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def items(name: str, **parameters: Any) -> Attack:
    return Attack(
        f"items {name}", lambda _: {"params": parameters}, path="/collections/{home}/items"
    )


EVERYWHERE = [
    *search("collections", collections=lambda v: [v["home"]], limit=lambda _: 1000),
    *search("ids", ids=lambda v: [v["item"]]),
    *search("collections and ids", collections=lambda v: [v["home"]], ids=lambda v: [v["item"]]),
    *search("bbox", bbox=lambda v: v["bbox"]),
    *search("intersects", intersects=lambda v: v["geometry"]),
    *search("datetime", datetime=lambda v: v["time"]),
    *search("filter on the collection", filter=lambda v: prop("collection", "=", v["home"])),
    *search("filter on the collection by name", filter=lambda v: f"collection IN ('{v['home']}')"),
    *search("filter on not the own collection", ids=lambda v: [v["item"]],
            filter=lambda _: "collection <> 'sentinel2-l1'"),
    *search("filter on the id", filter=lambda v: prop("id", "=", v["item"])),
    *search("filter by pattern of the id", filter=lambda v: f"id LIKE '{v['item'][:-1]}_'"),
    *search("filter on a text", filter=lambda v: prop("secret_name", "=", v["text"])),
    *search("filter on a number", filter=lambda v: prop("secret_number", ">=", v["number"]),
            ids=lambda v: [v["item"]]),
    *search("filter of anything or", ids=lambda v: [v["item"]],
            filter=lambda _: "TRUE OR secret_name IS NULL"),
    *search("filter of nothing negated", ids=lambda v: [v["item"]], filter=lambda _: "NOT FALSE"),
    *search("filter on space", filter=lambda v: {
        "op": "s_intersects", "args": [{"property": "geometry"}, v["geometry"]]}),
    *search("filter on time", filter=lambda v: {
        "op": "t_intersects", "args": [{"property": "datetime"}, {"timestamp": v["time"]}]}),
    *search("filter that breaks on the secret alone", ids=lambda v: [v["item"]],
            filter=lambda _: "secret_number / (secret_number - 424242) = 1 OR id <> ''"),
    *search("query", query=lambda v: {"secret_name": {"eq": v["text"]}}),
    *search("sortby", sortby=lambda _: "-secret_number", ids=lambda v: [v["item"]]),
    *search("sortby the collection", sortby=lambda _: "-collection", ids=lambda v: [v["item"]]),
    *search("fields", fields=lambda _: "id,secret_name,boresight:read_groups",
            ids=lambda v: [v["item"]]),
    Attack("collection", lambda _: {}, path="/collections/{home}", shows="Panchromatic"),
    Attack("queryables of it", lambda _: {}, path="/collections/{home}/queryables",
           shows="secret_name"),
    Attack("item", lambda _: {}, path="/collections/{home}/items/{item}"),
    items("all", limit=1000),
    items("by id", filter=f"id = '{ITEM}'"),
    items("by bbox", bbox=_parameter(BOX)),
    items("by a filter that is none", filter="id =") ,
    items("by a limit that is none", limit=0),
    items("by a sort that is none", sortby="geometry"),
]  # fmt: skip
EVERYWHERE = [
    a
    if " that is none" not in a.name
    else Attack(a.name, a.make, a.method, a.path, None, (400,), a.headers)
    for a in EVERYWHERE
]


def write(name, method, path, body, by_marie=(200, 201, 204), **headers) -> Attack:
    return Attack(name, body, method, path, None, by_marie, headers)


def new_item(values: dict[str, Any]) -> dict[str, Any]:
    """The item as it is, so that writing it again changes nothing."""
    return {"json": values["document"] | {"id": values["item"], "collection": values["home"]}}


AN_ITEM = "/collections/{home}/items/{item}"
WRITING = [
    write("create", "POST", "/collections/{home}/items", new_item, (409,)),
    write("create what is no item", "POST", "/collections/{home}/items",
          lambda _: {"json": {"type": "Feature"}}, (400,)),
    write("create a list", "POST", "/collections/{home}/items",
          lambda _: {"json": {"type": "FeatureCollection", "features": []}}, (400,)),
    write("bulk", "POST", "/collections/{home}/bulk_items",
          lambda v: {"json": {"items": {v["item"]: new_item(v)["json"]}}}),
    write("upsert", "POST", "/collections/{home}/bulk_items",
          lambda v: {"json": {"items": {v["item"]: new_item(v)["json"]}, "method": "upsert"}}),
    write("replace", "PUT", AN_ITEM, new_item),
    write("replace if another", "PUT", AN_ITEM, new_item, (412,), **{"If-Match": '"x"'}),
    write("patch", "PATCH", AN_ITEM, lambda _: {"json": {"properties": {"x": 1}}}),
    write("patch what is no patch", "PATCH", AN_ITEM, lambda _: {"json": [{"op": "?"}]}, (400,)),
    write("test a value", "PATCH", AN_ITEM, lambda _: {"json": [
        {"op": "test", "path": "/properties/secret_number", "value": 1}]}, (409,)),
    write("delete if another", "DELETE", AN_ITEM, lambda _: {}, (412,), **{"If-Match": '"x"'}),
    write("replace the collection", "PUT", "/collections/{home}",
          lambda v: {"json": {"id": v["home"]}}, (403,)),
    write("open the collection", "PATCH", "/collections/{home}",
          lambda _: {"json": {"boresight:read_groups": ["sentinel2-calibration"]}}, (403,)),
    write("delete the collection", "DELETE", "/collections/{home}", lambda _: {}, (403,)),
    write("make the collection", "POST", "/collections",
          lambda v: {"json": {"id": v["home"]}}, (403,)),
]  # fmt: skip


@pytest.fixture(scope="module")
def secret(catalogue, people) -> dict[str, Any]:
    """The secret item, beside which paul has an item of his own."""
    item = make_item(
        catalogue, HOME, ITEM, west=WEST, south=SOUTH, datetime=TIME,
        secret_name="of-the-secret", secret_number=424242,
    )  # fmt: skip
    assert people.lea.post(f"/collections/{HOME}/items", json=item).status_code == 201
    for name in ("own-1", "own-2"):
        own = make_item(catalogue, "sentinel2-l1", name, secret_number=5)
        assert people.paul.post("/collections/sentinel2-l1/items", json=own).status_code == 201
    return item


def send(client, attack: Attack, values: dict[str, Any]):
    path = attack.path.format(**{key: values[key] for key in ("home", "item")})
    return client.request(attack.method, path, headers=attack.headers, **attack.make(values))


def spelled(answer, values: dict[str, Any]) -> str:
    """The answer without the names and values that the question held."""
    text = json.dumps(answer.json(), sort_keys=True)
    for link in answer.json().get("links", []) if answer.status_code == 200 else ():
        if link["rel"] == "self":
            text = text.replace(json.dumps(link["href"]), '"self"')
    for key in ("home", "item", "text"):
        text = text.replace(values[key], f"<{key}>")
    return text


@pytest.mark.parametrize("attack", EVERYWHERE, ids=lambda a: a.name)
def test_reading_what_is_not_yours_is_reading_nothing(people, secret, attack):
    there, absent = THERE | {"document": secret}, ABSENT | {"document": secret}
    good = send(people.marie, attack, there)
    assert good.status_code in attack.by_marie, good.text
    if attack.shows:
        assert attack.shows in good.text, "the right person is shown it"
        if attack.path == "/search":
            assert any(item["id"] == ITEM for item in good.json()["features"])
    for who in ("paul", "anonymous", "access"):
        client = getattr(people, who)
        bad, nothing = send(client, attack, there), send(client, attack, absent)
        if who == "access" and attack.name == "collection":
            assert bad.status_code == 200, "it makes policies of them"
            continue
        assert bad.status_code == nothing.status_code
        said = spelled(bad, there)
        assert said == spelled(nothing, absent)
        assert "secret_name" not in said
        assert "424242" not in said


@pytest.mark.parametrize("attack", WRITING, ids=lambda a: a.name)
def test_writing_what_is_not_yours_is_writing_nowhere(people, secret, attack):
    there, absent = THERE | {"document": secret}, ABSENT | {"document": secret}
    good = send(people.marie, attack, there)
    assert good.status_code in attack.by_marie, good.text
    stored = people.marie.get(f"/collections/{HOME}/items/{ITEM}").json()
    bad, nothing = send(people.paul, attack, there), send(people.paul, attack, absent)
    assert bad.status_code == nothing.status_code
    assert bad.status_code in (403, 404)
    assert spelled(bad, there) == spelled(nothing, absent)
    assert people.marie.get(f"/collections/{HOME}/items/{ITEM}").json() == stored
    assert send(people.anonymous, attack, there).status_code == 401


def next_of(answer) -> tuple[str, str]:
    """Token of the following page, and the whole link."""
    link = next(link for link in answer.json()["links"] if link["rel"] == "next")
    body = link.get("body")
    return body["token"] if body else re.search(r"token=([^&]+)", link["href"])[1], link["href"]


@pytest.mark.parametrize("sortby", ["-datetime", "+secret_number", "collection", "id"])
def test_a_token_of_somebody_else_is_no_token(people, secret, sortby):
    item = secret | {"id": "attacked-too"}
    people.lea.post(f"/collections/{HOME}/items", json=item)
    for path in ("/search", f"/collections/{HOME}/items", "/collections/sentinel2-l1/items"):
        parameters = {"limit": 1, "sortby": sortby}
        token, href = next_of(people.lea.get(path, params=parameters))
        assert people.lea.get(href).status_code == 200, "its owner goes on"
        for who in ("marie", "paul", "nobody", "anonymous", "access"):
            client = getattr(people, who)
            used = client.get(path, params=parameters | {"token": token})
            nonsense = client.get(path, params=parameters | {"token": "nonsense"})
            assert used.status_code == nonsense.status_code == 400
            assert used.json() == nonsense.json()
    direction = "desc" if sortby.startswith("-") else "asc"
    body = {"limit": 1, "sortby": [{"field": sortby.lstrip("-+"), "direction": direction}]}
    token, _ = next_of(people.lea.post("/search", json=body))
    assert people.lea.post("/search", json=body | {"token": token}).status_code == 200
    used = people.paul.post("/search", json=body | {"token": token})
    assert used.status_code == 400
    assert used.json() == people.paul.post("/search", json=body | {"token": "nonsense"}).json()


def test_walking_all_pages_meets_nothing_of_others(people, secret):
    """Neither items, nor gaps in what pages hold, nor counts that are too large."""
    href, seen = "/search?limit=1", []
    while href:
        page = people.paul.get(href).json()
        seen += [(item["collection"], item["id"]) for item in page["features"]]
        assert page["numberMatched"] == 2
        assert page["numberReturned"] == 1
        href = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert sorted(seen) == [("sentinel2-l1", "own-1"), ("sentinel2-l1", "own-2")]
    assert "secret_number" in people.paul.get("/queryables").text, "it is one of his own"
    assert "secret_name" not in people.paul.get("/queryables").text
    assert "secret_name" in people.marie.get("/queryables").text
