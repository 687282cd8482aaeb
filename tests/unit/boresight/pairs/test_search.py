"""Searches over a catalogue of chosen items: a client's answers, nothing else, are made up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pystac
import pytest
from pystac_client.exceptions import APIError
from support.rpcs import toy_rpc

from boresight.errors import CatalogueError, InputError, RpcError
from boresight.io import view_at_centre
from boresight.pairs import SearchBounds, acquisition_of, find_pairs


def item(name: str, lon: float = 5.0, lat: float = 44.0, **properties: Any) -> dict[str, Any]:
    h = 0.05
    ring = [[lon - h, lat - h], [lon + h, lat - h], [lon + h, lat + h], [lon - h, lat + h]]
    defaults = {
        "datetime": "2025-06-01T10:00:00Z",
        "view:incidence_angle": 8.0,
        "view:azimuth": 0.0,
        "view:sun_elevation": 55.0,
        "view:sun_azimuth": 150.0,
        "gsd": 0.5,
    }
    given = {**defaults, **properties}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": "l1",
        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
        "bbox": [lon - h, lat - h, lon + h, lat + h],
        "properties": {key: value for key, value in given.items() if value is not ...},
        "assets": {},
        "links": [],
    }


class Catalogue:
    """Answers a search with what it was given, whatever was asked; keeps the question."""

    def __init__(self, *items: dict[str, Any]) -> None:
        self.items = items
        self.asked: dict[str, Any] = {}
        self.taken = 0

    def search(self, **parameters: Any) -> Catalogue:
        self.asked = parameters
        return self

    def items_as_dicts(self) -> Iterator[dict[str, Any]]:
        for one in self.items[: self.asked["max_items"]]:
            self.taken += 1
            yield one


LEFT = item("left")
RIGHT = item("right", **{"view:azimuth": 180.0, "datetime": "2025-06-01T10:00:40Z"})


def test_a_pair_of_known_base_to_height() -> None:
    found = find_pairs(Catalogue(LEFT, RIGHT), item=LEFT)
    (pair,) = found.pairs
    assert [pair.left.id, pair.right.id] == ["left", "right"]
    # 2 tan 8°: one looks from the north, the other from the south
    assert pair.base_to_height == pytest.approx(0.28108, abs=1e-5)
    assert pair.overlap == pytest.approx(1.0)
    assert pair.score == pytest.approx(1.0, abs=1e-4)
    assert found.n_items == 2
    assert not found.is_truncated


def test_the_query_is_bounded_and_of_the_items_collection() -> None:
    catalogue = Catalogue(LEFT)
    find_pairs(catalogue, item=LEFT, bounds=SearchBounds(max_days_apart=10, max_items=30))
    asked = catalogue.asked
    assert asked["collections"] == ["l1"]
    assert asked["datetime"] == "2025-05-22T10:00:00Z/2025-06-11T10:00:00Z"
    assert asked["max_items"] == 31
    assert asked["limit"] <= 100
    assert asked["intersects"]["type"] == "Polygon"


def test_no_more_is_taken_than_the_bound() -> None:
    many = Catalogue(*(item(f"i{n}") for n in range(500)))
    found = find_pairs(many, item=LEFT, bounds=SearchBounds(max_items=20, max_pairs=7))
    assert many.taken == 21
    assert found.is_truncated
    assert found.n_items == 20
    assert len(found.pairs) == 7


def test_ranking_puts_the_better_pair_first() -> None:
    late = item("late", **{"view:azimuth": 180.0, "datetime": "2025-12-01T10:00:00Z"})
    flat = item("flat", **{"view:azimuth": 1.0})
    aside = item("aside", lon=5.08, **{"view:azimuth": 180.0})
    found = find_pairs(Catalogue(flat, late, aside, RIGHT, LEFT), item=LEFT)
    partners = [({p.left.id, p.right.id} - {"left"}).pop() for p in found.pairs]
    assert partners[0] == "right"
    assert partners[-1] == "flat"  # the same direction: no heights
    assert {*partners} == {"right", "late", "aside", "flat"}
    scores = [pair.score for pair in found.pairs]
    assert scores == sorted(scores, reverse=True)


def test_an_area_gives_all_pairs_within() -> None:
    items = [LEFT, RIGHT, item("third", **{"view:azimuth": 90.0})]
    catalogue = Catalogue(*items)
    found = find_pairs(catalogue, area=[4.9, 43.9, 5.1, 44.1], collections=["l1"])
    assert len(found.pairs) == 3
    assert {frozenset((p.left.id, p.right.id)) for p in found.pairs} == {
        frozenset(two) for two in (("left", "right"), ("left", "third"), ("right", "third"))
    }
    assert "datetime" not in catalogue.asked
    find_pairs(catalogue, area=LEFT["geometry"], datetime="2025-01-01/2025-12-31")
    assert catalogue.asked["datetime"] == "2025-01-01/2025-12-31"


def test_across_the_antimeridian() -> None:
    west, east = item("west", lon=180.0), item("east", lon=-180.0, **{"view:azimuth": 180.0})
    catalogue = Catalogue(west, east)
    (pair,) = find_pairs(catalogue, item=west).pairs
    assert pair.overlap == pytest.approx(1.0, abs=1e-6)
    assert catalogue.asked["intersects"]["type"] == "MultiPolygon"
    (pair,) = find_pairs(catalogue, area=[179.9, 43.9, -179.9, 44.1]).pairs
    assert pair.overlap == pytest.approx(1.0, abs=1e-6)


def test_items_that_cannot_take_part_are_named() -> None:
    without = item("without-geometry")
    without["geometry"] = None
    broken = item("broken-geometry")
    broken["geometry"] = {"type": "Polygon", "coordinates": "x"}
    blind = item("without-angles", **{"view:azimuth": ...})
    found = find_pairs(Catalogue(LEFT, without, broken, blind, RIGHT), item=LEFT)
    assert len(found.pairs) == 1
    assert {one.id: one.reason for one in found.left_out} == {
        "without-geometry": "geometry",
        "broken-geometry": "geometry",
        "without-angles": "angles",
    }
    assert all(one.words.startswith(one.id) for one in found.left_out)


def test_an_item_without_angles_is_seen_by_its_rpc() -> None:
    rpc, shape = toy_rpc(), (500, 500)
    view = view_at_centre(rpc, shape, rpc.height_off)
    blind = item("blind", **{"view:incidence_angle": ..., "view:azimuth": ...})
    other = item("other", **{"view:incidence_angle": ..., "view:azimuth": ...})
    read: list[str] = []

    def reader(one: Any) -> Any:
        read.append(one["id"])
        return rpc, shape

    (pair,) = find_pairs(Catalogue(blind, other), item=blind, read_rpc=reader).pairs
    assert read == ["blind", "other"]
    assert pair.left.view == view
    assert pair.left.view_source == "rpc"
    assert pair.base_to_height == pytest.approx(0.0, abs=1e-12)


def test_a_pair_has_both_views_from_one_source() -> None:
    blind = item("blind", **{"view:incidence_angle": ...})

    def reader(one: Any) -> Any:
        if one["id"] == "foreign":
            raise RpcError("no RPC")
        return toy_rpc(), (500, 500)

    (pair,) = find_pairs(Catalogue(LEFT, blind), item=LEFT, read_rpc=reader).pairs
    assert (pair.left.view_source, pair.right.view_source) == ("rpc", "rpc")
    foreign = item("foreign")
    found = find_pairs(Catalogue(foreign, blind), item=blind, read_rpc=reader)
    assert found.pairs == ()
    assert [(one.id, one.reason) for one in found.left_out] == [("foreign", "source")]


def test_no_more_rpcs_are_read_than_the_bound() -> None:
    blind = [item(f"i{n}", **{"view:azimuth": ...}) for n in range(9)]
    read: list[str] = []

    def reader(one: Any) -> Any:
        read.append(one["id"])
        return toy_rpc(), (500, 500)

    found = find_pairs(
        Catalogue(*blind), item=blind[0], read_rpc=reader, bounds=SearchBounds(max_rpc_reads=4)
    )
    assert len(read) == 4
    assert len(found.pairs) == 3
    assert len(found.left_out) == 5


def test_time_and_overlap_are_bounds() -> None:
    late = item("late", **{"datetime": "2026-06-01T10:00:00Z"})
    aside = item("aside", lon=5.08)
    catalogue = Catalogue(LEFT, late, aside)
    assert len(find_pairs(catalogue, item=LEFT).pairs) == 2
    assert len(find_pairs(catalogue, item=LEFT, bounds=SearchBounds(min_overlap=0.5)).pairs) == 1
    close = SearchBounds(max_days_apart=100, min_overlap=0.5)
    assert find_pairs(catalogue, item=LEFT, bounds=close).pairs == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_items", 1), ("max_items", 5000), ("min_overlap", 1.5), ("max_days_apart", -1)],
)
def test_bounds_that_are_none(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"{name} is {value}"):
        SearchBounds(**{name: value})


def test_what_is_asked_for_is_one_thing() -> None:
    with pytest.raises(InputError, match="an item or an area"):
        find_pairs(Catalogue())
    with pytest.raises(InputError, match="an item or an area"):
        find_pairs(Catalogue(), item=LEFT, area=[0, 0, 1, 1])
    nowhere = {**LEFT, "geometry": None}
    with pytest.raises(InputError, match="'left' has no footprint"):
        find_pairs(Catalogue(), item=nowhere)


def test_an_answer_that_is_no_catalogues() -> None:
    class Html(Catalogue):
        def items_as_dicts(self) -> Iterator[dict[str, Any]]:
            raise APIError("<html>")
            yield {}

    with pytest.raises(CatalogueError, match="did not answer the search as a STAC API does"):
        find_pairs(Html(), item=LEFT)


@pytest.mark.parametrize(
    "properties",
    [
        {"view:incidence_angle": "8"},
        {"view:incidence_angle": float("nan")},
        {"view:incidence_angle": 95.0},
        {"view:azimuth": None},
        {"view:azimuth": True},
    ],
)
def test_angles_that_are_none(properties: dict[str, Any]) -> None:
    assert acquisition_of(item("i")).view is not None
    assert acquisition_of(item("i", **properties)).view is None


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"datetime": "2025-06-01T12:00:00+02:00"}, dt.datetime(2025, 6, 1, 10, tzinfo=dt.UTC)),
        ({"datetime": "2025-06-01T10:00:00"}, dt.datetime(2025, 6, 1, 10, tzinfo=dt.UTC)),
        (
            {
                "datetime": None,
                "start_datetime": "2025-06-01T10:00:00Z",
                "end_datetime": "2025-06-01T10:00:10Z",
            },
            dt.datetime(2025, 6, 1, 10, 0, 5, tzinfo=dt.UTC),
        ),
        ({"datetime": "yesterday"}, None),
        ({"datetime": 7}, None),
    ],
)
def test_times(properties: dict[str, Any], expected: dt.datetime | None) -> None:
    assert acquisition_of(item("i", **properties)).acquired_at == expected


def test_items_of_pystac_and_what_is_told() -> None:
    given = pystac.Item.from_dict(LEFT)
    (pair,) = find_pairs(Catalogue(LEFT, RIGHT), item=given).pairs
    told = pair.as_dict("fr")
    assert [score["criterion"] for score in told["scores"]] == [
        "overlap",
        "base_to_height",
        "time_apart",
        "sun_difference",
        "incidence_difference",
    ]
    assert "en un seul passage" in told["scores"][2]["sentence"]
    assert told["left"]["id"] == "left"


def test_unknown_light_and_time_are_said_and_cost() -> None:
    dark = item("dark", **{"view:azimuth": 180.0, "view:sun_azimuth": ..., "datetime": None})
    (pair,) = find_pairs(Catalogue(dark), item=LEFT).pairs
    verdicts = {score.criterion: score.verdict.value for score in pair.scores}
    assert verdicts["sun_difference"] == verdicts["time_apart"] == "unknown"
    assert 0.5 < pair.score < 1.0
