"""Pages: every item once, in order, forwards and backwards, while the catalogue changes."""

import base64
import itertools
from dataclasses import replace

import pytest
from support.stac_shelf import Shelf

from boresight_hub.stac.principal import Principal
from boresight_hub.stac.problems import RequestError

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


def step(shelf, who, sortby, limit, *, token=None, **more):
    """A page, and the tokens of those beside it."""
    query = shelf.query(limit=limit, token=token, sortby=sortby, **more)
    page = shelf.catalogue.page(who, query)
    return page, dict(shelf.catalogue.tokens(who, query, page))


def pages(shelf, who, sortby, limit, **more):
    token = None
    while True:
        page, beside = step(shelf, who, sortby, limit, token=token, **more)
        yield page
        token = beside.get("next")
        if token is None:
            return


def names(page):
    return [item["id"] for item in page.items]


@pytest.fixture(scope="module")
def filled(tmp_path_factory, backend, make_feature):
    """23 items in two collections, for tests that only read."""
    folder = tmp_path_factory.mktemp("filled")
    made = Shelf(folder, seed=False, **backend(folder))
    made.add_collection("c")
    fill(made, make_feature)
    yield made
    made.close()


@pytest.mark.parametrize("limit", [1, 3, 23, 24])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("bbox", [None, [0, 0, 2, 2]], ids=["walk", "area"])
def test_pages_hold_every_item_once_and_go_back(filled, admin, order, limit, bbox):
    spec = ORDERS[order]
    whole = names(step(filled, admin, spec, 100, bbox=bbox)[0])
    assert len(whole) == 23
    page, beside = step(filled, admin, spec, limit, bbox=bbox)
    forward = [page]
    assert "prev" not in beside
    while "next" in beside:
        page, beside = step(filled, admin, spec, limit, token=beside["next"], bbox=bbox)
        forward.append(page)
    assert list(itertools.chain(*map(names, forward))) == whole
    assert {page.matched for page in forward} == {23}

    seen = [names(page)]
    while "prev" in beside:
        page, beside = step(filled, admin, spec, limit, token=beside["prev"], bbox=bbox)
        seen.insert(0, names(page))
    assert list(itertools.chain(*seen)) == whole


def test_order_is_by_value_and_what_lacks_it_comes_last(filled, admin):
    for descending in (False, True):
        (page,) = pages(filled, admin, [("eo:cloud_cover", descending)], 100)
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
    shelf.catalogue.delete_item(admin, "cd"[int(gone[1:]) % 2], gone, None)
    seen += list(itertools.chain(*map(names, walk)))
    assert seen == [name for name in before if name != gone] + ["oldest"]


def test_count_is_left_out_beyond_its_limit(shelf, make_feature, admin):
    rows = [shelf.rules.item(make_feature(f"n{n}"), "c") for n in range(501)]
    shelf.catalogue.create_items(admin, "c", rows)
    assert next(pages(shelf, admin, [], 10)).matched is None
    assert next(pages(shelf, admin, [], 10, ids=["n1", "n2"])).matched == 2


MEMBER = Principal(name="m", groups=frozenset({"g"}))


@pytest.fixture(scope="module")
def tokens(filled, admin):
    """The token of a good page, and the query it belongs to."""
    query = filled.query(limit=2)
    page = filled.catalogue.page(admin, query)
    return query, dict(filled.catalogue.tokens(admin, query, page))["next"]


def refusal(shelf, who, query):
    with pytest.raises(RequestError, match="token") as refused:
        shelf.catalogue.page(who, query)
    return str(refused.value)


@pytest.mark.parametrize(
    "bad", ["x", "=" * 9, "é", "A" * 40, "A" * 5000, "\ud800", "W10", "cut", "changed", "longer"]
)
def test_tokens_that_are_none_are_refused(filled, admin, tokens, bad):
    query, token = tokens
    assert filled.catalogue.page(admin, replace(query, token=token)).items
    made = {
        "cut": token[:-4],
        "changed": token[:-9] + "AAAA" + token[-5:],
        "longer": token + "AAAA",
    }
    refusal(filled, admin, replace(query, token=made.get(bad, bad)))


def test_a_token_of_another_order_or_person_is_refused_as_if_it_were_none(filled, admin, tokens):
    query, token = tokens
    assert filled.catalogue.page(admin, replace(query, token=token)).items
    nonsense = refusal(filled, admin, replace(query, token="nonsense"))
    other = filled.query(limit=2, sortby=[("id", True)], token=token)
    assert refusal(filled, admin, other) == nonsense
    somebody = replace(admin, name="somebody-else")
    assert refusal(filled, somebody, replace(query, token=token)) == nonsense
    assert refusal(filled, MEMBER, replace(query, token=token)) == nonsense


def test_a_token_can_be_read_by_nobody(filled, admin):
    for spec in ORDERS.values():
        query = filled.query(limit=2, sortby=spec)
        page = filled.catalogue.page(admin, query)
        token = dict(filled.catalogue.tokens(admin, query, page))["next"]
        content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        for item in page.items:
            assert item["id"].encode() not in content
        assert b"2020" not in content


def test_a_token_lives_as_long_as_the_catalogue(filled, admin, tokens):
    from boresight_hub.stac.app import open_storage
    from boresight_hub.stac.visibility import Catalogue

    query, token = tokens
    again = open_storage(filled.settings)  # another replica, or the service started again
    page = Catalogue(again).page(admin, replace(query, token=token))
    again.close()
    assert page.items == filled.catalogue.page(admin, replace(query, token=token)).items
