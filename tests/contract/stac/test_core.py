"""The service as its clients see it: a process of its own behind one origin."""

import pystac_client
from support.stac_stack import make_item


def test_pystac_client_finds_what_was_published(catalogue, people):
    item = make_item(catalogue, "co3d-l1", "core-1", **{"eo:cloud_cover": 7.5})
    created = people.marie.post("/collections/co3d-l1/items", json=item)
    assert created.status_code == 201, created.text
    assert (
        created.headers["location"]
        == f"{catalogue.settings.stac_url}/collections/co3d-l1/items/core-1"
    )
    client = pystac_client.Client.open(
        catalogue.settings.stac_url,
        headers={"Authorization": f"Bearer {people.tokens['marie']}"},
    )
    assert {c.id for c in client.get_collections()} == {"co3d-l1", "co3d-dsm"}
    found = list(
        client.search(
            collections=["co3d-l1"],
            bbox=[10.2, 40.2, 10.4, 40.4],
            datetime="2026-03",
            filter={"op": "<", "args": [{"property": "eo:cloud_cover"}, 10]},
        ).items()
    )
    assert [i.id for i in found] == ["core-1"]
    assert found[0].properties == item["properties"]
    assert found[0].assets["image"].href == item["assets"]["image"]["href"]


def test_names_that_no_database_can_bind_are_found_in_nothing(people):
    assert people.marie.get("/collections/co3d-l1").status_code == 200
    for path in ("/collections/%00", "/collections/co3d-l1/items/%00", "/collections/%ff"):
        assert people.marie.get(path).status_code == 404, path
    for body in (
        {"ids": ["\0"]},
        {"collections": ["\0"]},
        {"filter": {"op": "=", "args": [{"property": "\0"}, "\0"]}},
        {"filter": {"op": "in", "args": [{"property": "id"}, ["a\0b", "\ufffe"]]}},
        {"sortby": [{"field": "\0", "direction": "asc"}], "ids": ["none"]},
    ):
        answer = people.marie.post("/search", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["features"] == []
    kind = {"Content-Type": "application/json"}
    for content in (
        b'{"ids": ["\\ud800"]}',
        b'{"collections": ["\\ud800"]}',
        b'{"token": "\\ud800"}',
        b'{"filter": {"op": "=", "args": [{"property": "\\ud800"}, 1]}}',
        b'{"query": {"\\ud800": {"eq": "\\ud800"}}}',
    ):
        answer = people.marie.post("/search", content=content, headers=kind)
        assert answer.status_code == 400, content
        assert "no Unicode" in answer.json()["description"]


def test_filters_on_odd_geometries_are_answered(people):
    """A collection of geometries, a flat box, a filter geometry that crosses itself."""
    parts = [
        {"type": "Point", "coordinates": [10.5, 40.5]},
        {"type": "LineString", "coordinates": [[10, 40], [11, 41]]},
    ]
    bow = [[[10, 40], [11, 41], [11, 40], [10, 41], [10, 40]]]
    for geometry in (
        {"type": "GeometryCollection", "geometries": parts},
        {"bbox": [10.5, 40.5, 10.5, 40.5]},
        {"bbox": [170, -10, -170, 50]},
        {"type": "Polygon", "coordinates": bow},
    ):
        for op in ("intersects", "equals", "disjoint", "touches", "within", "overlaps",
                   "crosses", "contains"):  # fmt: skip
            node = {"op": f"s_{op}", "args": [{"property": "geometry"}, geometry]}
            for wanted in (node, {"op": "not", "args": [node]}):
                answer = people.marie.post("/search", json={"filter": wanted})
                assert answer.status_code == 200, (op, geometry, answer.text)
