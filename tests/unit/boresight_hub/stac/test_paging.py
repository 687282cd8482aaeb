"""Pages: every item once, in order, forwards and backwards, while the catalogue changes."""

import base64
import itertools
import json

import pytest

from boresight_hub.settings import StacSettings
from boresight_hub.stac import paging, requests
from boresight_hub.stac.principal import Principal
from boresight_hub.stac.problems import RequestError

SETTINGS = StacSettings()
ORDERS = {
    "default": [],
    "time": [("datetime", False)],
    "indexed": [("eo:cloud_cover", False)],
    "indexed, descending": [("properties.eo:cloud_cover", True)],
    "unindexed": [("rank", False)],
    "two": [("site", True), ("rank", False)],
    "id": [("id", False)],
    "collection, id": [("collection", True), ("id", False)],
}


def fill(shelf, make_feature, count=23):
    shelf.add_collection("d")
    for number in range(count):
        properties = {
            "datetime": f"2020-01-{number % 7 + 1:02}T00:00:00Z",
            "site": "ab"[number % 2],
        }
        if number % 5:
            properties["eo:cloud_cover"] = number % 4
        if number % 3:
            properties["rank"] = number * 7 % 11 if number % 2 else f"r{number}"
        shelf.add_items("cd"[number % 2], make_feature(f"i{number:02}", **properties))


def pages(shelf, admin, sortby, limit, *, after=None, **more):
    token = after
    while True:
        query = requests.query_of(SETTINGS, limit=limit, token=token, sortby=sortby, **more)
        page = shelf.searcher.page(admin, query)
        yield page
        if page.following is None:
            return
        token = paging.encode(query.order, page.following)


def names(page):
    return [item["id"] for item in page.items]


@pytest.mark.parametrize("limit", [1, 3, 23, 24])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("bbox", [None, [0, 0, 2, 2]], ids=["walk", "area"])
def test_pages_hold_every_item_once_and_go_back(shelf, make_feature, admin, order, limit, bbox):
    fill(shelf, make_feature)
    whole = names(next(pages(shelf, admin, ORDERS[order], 100, bbox=bbox)))
    forward = list(pages(shelf, admin, ORDERS[order], limit, bbox=bbox))
    assert list(itertools.chain(*map(names, forward))) == whole
    assert len(whole) == 23
    assert {page.matched for page in forward} == {23}

    spec = paging.order_of(ORDERS[order])
    page, seen = forward[-1], [names(forward[-1])]
    while page.previous is not None:
        token = paging.encode(spec, page.previous)
        page = next(pages(shelf, admin, ORDERS[order], limit, after=token, bbox=bbox))
        seen.insert(0, names(page))
    assert list(itertools.chain(*seen)) == whole
    assert page.previous is None
    assert forward[0].previous is None


def test_order_is_by_value_and_what_lacks_it_comes_last(shelf, make_feature, admin):
    fill(shelf, make_feature)
    for descending in (False, True):
        (page,) = pages(shelf, admin, [("eo:cloud_cover", descending)], 100)
        values = [item["properties"].get("eo:cloud_cover") for item in page.items]
        present = [value for value in values if value is not None]
        assert present == sorted(present, reverse=descending)
        assert values == present + [None] * values.count(None)
        assert None in values


def test_items_that_come_and_go_move_no_page(shelf, make_feature, admin):
    fill(shelf, make_feature)
    before = list(itertools.chain(*map(names, pages(shelf, admin, [], 5))))
    walk = pages(shelf, admin, [], 5)
    seen = names(next(walk))
    shelf.add_items("c", make_feature("newest", datetime="2030-01-01T00:00:00Z"))
    shelf.add_items("c", make_feature("oldest", datetime="2000-01-01T00:00:00Z"))
    gone = before[7]
    shelf.store.delete_item(admin, "cd"[int(gone[1:]) % 2], gone, None)
    seen += list(itertools.chain(*map(names, walk)))
    assert seen == [name for name in before if name != gone] + ["oldest"]


def test_count_is_left_out_beyond_its_limit(shelf, make_feature, admin):
    rows = [shelf.rules.item(make_feature(f"n{n}"), "c") for n in range(501)]
    shelf.store.create_items(admin, "c", rows)
    assert next(pages(shelf, admin, [], 10)).matched is None
    assert next(pages(shelf, admin, [], 10, ids=["n1", "n2"])).matched == 2


def forged(*content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "token",
    [
        "x", "=" * 9, "é", "A" * 5000, forged(), forged("other", 0, 1, 2),
        base64.urlsafe_b64encode(b"[" * 3000).decode(),
        *(forged(paging.order_of([]).mark, *rest) for rest in (
            (2, 1, 2), (0, 1), (0, 1, 2, 3), (0, None, 2), (0, True, 2), (0, [1], 2), (0, 1, 2**70),
        )),
    ],
)  # fmt: skip
def test_tokens_that_are_none_are_refused(token):
    with pytest.raises(RequestError, match="token"):
        paging.decode(paging.order_of([]), token)


def test_a_token_of_another_order_is_refused():
    token = paging.encode(paging.order_of([("id", False)]), paging.Place(("i", 1, 2)))
    with pytest.raises(RequestError, match="token"):
        paging.decode(paging.order_of([("id", True)]), token)


def test_a_token_shows_nothing_more(shelf, make_feature, admin):
    """The token of somebody who sees all gives others what they may see, and no more."""
    shelf.add_collection("mine", read_groups=["g"])
    shelf.add_items("mine", *(make_feature(f"m{n}") for n in range(3)))
    shelf.add_items("c", *(make_feature(f"s{n}") for n in range(3)))
    query = requests.query_of(SETTINGS, limit=2)
    token = paging.encode(query.order, shelf.searcher.page(admin, query).following)
    member = Principal(name="m", groups=frozenset({"g"}))
    page = shelf.searcher.page(member, requests.query_of(SETTINGS, limit=10, token=token))
    assert {item["collection"] for item in page.items} <= {"mine"}
    assert page.matched == 3
