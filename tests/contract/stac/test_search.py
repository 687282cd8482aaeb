"""Areas, times and ids; the same answer whichever plan is taken."""

import json
import time

import pytest
import shapely
from support.stac_shelf import Shelf

from boresight_hub.stac.cql2_nodes import Cql2Error
from boresight_hub.stac.problems import QueryTimeoutError, RequestError
from boresight_hub.stac.sqlite import search


def box(west, south, east, north):
    return json.loads(shapely.to_geojson(shapely.box(west, south, east, north)))


@pytest.fixture
def places(shelf, make_feature):
    fiji = json.loads(
        shapely.to_geojson(
            shapely.MultiPolygon(
                [shapely.box(177, -19, 180, -16), shapely.box(-180, -19, -178, -16)]
            )
        )
    )
    triangle = {"type": "Polygon", "coordinates": [[[20, 20], [30, 20], [20, 30], [20, 20]]]}
    shelf.add_items(
        "c",
        make_feature("origin", box(-1, -1, 1, 1)),
        make_feature("west", box(-179, -5, -178, 5), datetime="2021-01-01T00:00:00Z"),
        make_feature("east", box(178, -5, 179, 5), datetime="2022-01-01T00:00:00Z"),
        make_feature("fiji", fiji, datetime="2023-01-01T00:00:00Z"),
        make_feature("triangle", triangle, datetime="2024-01-01T00:00:00Z"),
        make_feature(
            "range", box(50, 50, 51, 51), datetime=None,
            start_datetime="2019-01-01T00:00:00Z", end_datetime="2019-12-31T00:00:00Z",
        ),
    )  # fmt: skip
    nowhere = make_feature("nowhere", datetime="2025-01-01T00:00:00Z") | {"geometry": None}
    del nowhere["bbox"]
    shelf.add_items("c", nowhere)
    return shelf


@pytest.fixture(params=["candidates", "walk"])
def plan(request, monkeypatch):
    """Both plans of SQLite: no probe finds fewer than none."""
    if request.param == "walk":
        monkeypatch.setattr(search, "most_candidates", lambda limit, size: -1)
    return request.param


def found(shelf, admin, **parameters):
    page = shelf.find(admin, limit=100, **parameters)
    assert page.matched == len(page.items)
    return {item["id"] for item in page.items}


@pytest.mark.usefixtures("plan")
@pytest.mark.parametrize(
    ("bbox", "expected"),
    [
        ([-2, -2, 2, 2], {"origin"}),
        ([0, 0, 0, 0], {"origin"}),
        ([1, 1, 2, 2], {"origin"}),
        ([1.001, 1.001, 2, 2], set()),
        ([0, 0, -500, 1, 1, 9000], {"origin"}),
        ([177, -20, -177, 10], {"west", "east", "fiji"}),
        ([179.5, -20, 180, 10], {"fiji"}),
        ([-180, -20, -179.5, 10], {"fiji"}),
        ([-10, -20, 10, 10], {"origin"}),
        ([20, 20, 21, 21], {"triangle"}),
        ([28, 28, 30, 30], set()),
        ([-180, -90, 180, 90], {"origin", "west", "east", "fiji", "triangle", "range"}),
    ],
)
def test_bbox(places, admin, bbox, expected):
    assert found(places, admin, bbox=bbox) == expected


@pytest.mark.usefixtures("plan")
@pytest.mark.parametrize(
    ("datetime", "expected"),
    [
        ("2020-01-01T00:00:00Z", {"origin"}),
        ("2020-01-01T01:00:00+01:00", {"origin"}),
        ("../2020-06-01T00:00:00Z", {"origin", "range"}),
        ("2022-06-01T00:00:00Z/..", {"fiji", "triangle", "nowhere"}),
        ("2019-06-01T00:00:00Z", {"range"}),
        ("2019-06-01T00:00:00Z/2019-06-02T00:00:00Z", {"range"}),
        ("2018-01-01T00:00:00Z/2019-01-01T00:00:00Z", {"range"}),
        ("2019-12-31T00:00:00Z/2019-12-31T00:00:00Z", {"range"}),
        ("2019-12-31T00:00:01Z/2019-12-31T23:00:00Z", set()),
    ],
)
def test_datetime(places, admin, datetime, expected):
    assert found(places, admin, datetime=datetime) == expected


@pytest.mark.usefixtures("plan")
def test_filters_combine(places, admin):
    assert found(places, admin, ids=["fiji", "nope", "x' or '1'='1"]) == {"fiji"}
    assert found(places, admin, collections=["nope"]) == set()
    assert found(places, admin, collections=["nope", "c"], ids=["west"]) == {"west"}
    world = [-180, -90, 180, 90]
    assert found(places, admin, bbox=world, datetime="2021-01-01T00:00:00Z") == {"west"}
    assert found(places, admin, filter_expr="S_INTERSECTS(geometry, BBOX(177,-20,-177,10))"
                 " AND datetime > DATE('2021-06-01')") == {"east", "fiji"}  # fmt: skip
    line = {"type": "LineString", "coordinates": [[-2, 0], [21, 21]]}
    assert found(places, admin, intersects=line) == {"origin", "triangle"}
    both = {
        "type": "GeometryCollection",
        "geometries": [line, {"type": "Point", "coordinates": [50, 50]}],
    }
    assert found(places, admin, intersects=both) == {"origin", "triangle", "range"}
    bow_tie = {"type": "Polygon", "coordinates": [[[-2, -2], [2, 2], [2, -2], [-2, 2], [-2, -2]]]}
    assert found(places, admin, intersects=bow_tie) == {"origin"}


def test_query_extension(places, make_feature, admin):
    places.add_items("c", make_feature("q", platform="co3d-1", gsd=0.5, tags=["x", "y"], pct="5%"))
    for query in (
        {"platform": {"eq": "co3d-1"}}, {"platform": {"startsWith": "co3d", "endsWith": "-1"}},
        {"gsd": {"lt": 1, "gte": "0.5"}}, {"gsd": {"in": [0.5, 7]}}, {"tags": {"in": ["y", "z"]}},
        {"pct": {"contains": "%"}}, {"platform": {"neq": "co3d-2"}}, {"gsd": {"eq": "0.5"}},
    ):  # fmt: skip
        assert found(places, admin, query=query) == {"q"}, query
    assert found(places, admin, query={"platform": {"contains": "%"}}) == set()


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"bbox": [1, 2, 3]}, "4, or 6"),
        ({"bbox": [0, 5, 1, 4]}, "south"),
        ({"bbox": [-181, 0, 1, 4]}, "globe"),
        ({"bbox": [0, 0, float("nan"), 4]}, "finite"),
        ({"bbox": [0, 0, 1, 1], "intersects": {}}, "one of them"),
        ({"intersects": {"type": "Circle"}}, "'Circle' is no GeoJSON"),
        ({"intersects": {"type": "Point", "coordinates": ["a", 1]}}, "not a number"),
        ({"intersects": {"type": "Point", "coordinates": []}}, "empty"),
        ({"intersects": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}}, "Polygon"),
        ({"datetime": "../.."}, "open at both ends"),
        ({"datetime": "2020-01-01"}, "RFC 3339"),
        ({"datetime": "2021-01-01T00:00:00Z/2020-01-01T00:00:00Z"}, "before it starts"),
        ({"limit": 0}, "at least 1"),
        ({"ids": ["x"] * 1001}, "at most 1000"),
        ({"sortby": [("geometry", False)]}, "cannot be sorted"),
        ({"sortby": [("a", False)] * 7}, "at most 6"),
        ({"query": {"a": {"matches": 1}}}, "no operator"),
        ({"query": {"a": 1}}, "no object"),
        ({"filter_expr": "a = 1", "filter_crs": "EPSG:3857"}, "CRS84"),
    ],
)
def test_refusals_say_why(empty_shelf, parameters, says):
    with pytest.raises((RequestError, Cql2Error)) as refused:
        empty_shelf.query(**parameters)
    assert says in str(refused.value)


def test_a_query_ends_when_its_time_is_over(tmp_path, backend, make_feature, admin):
    """The filter is slow for the many long texts that it folds, all in vain."""
    quick = Shelf(tmp_path, **backend(tmp_path) | {"query_timeout_s": 0.3})
    quick.add_collection("c")
    slow = {"text": "a" * 5000}
    for start in range(0, 2000, 500):
        rows = [
            quick.rules.item(make_feature(f"n{n}", **slow), "c") for n in range(start, start + 500)
        ]
        quick.catalogue.create_items(admin, "c", rows)
    assert len(quick.find(admin, limit=10).items) == 10
    filter_expr = " OR ".join(f"casei(text) = 'x{n}'" for n in range(80))
    started = time.monotonic()
    with pytest.raises(QueryTimeoutError, match="longer than"):
        quick.find(admin, filter_expr=filter_expr)
    assert time.monotonic() - started < 3
    assert quick.find(admin, limit=1).items, "the connection is as good as new"
    quick.close()
