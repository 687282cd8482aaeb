"""What a backend of the catalogue has to do.

A backend keeps collections and items, and finds items in the collections it is told to look in.
It knows no principals: who may see what is decided in one place, in
:class:`~boresight_hub.stac.visibility.Catalogue`, which names the collections of every request.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from boresight_hub.stac.cql2_sql import Condition
from boresight_hub.stac.dialect import Dialect
from boresight_hub.stac.paging import Order, Place
from boresight_hub.stac.validation import ItemRow

MAX_IDS = 1_000


@dataclass(frozen=True, slots=True)
class StoredCollection:
    """A collection of the catalogue.

    Attributes
    ----------
    id : str
    read_groups, write_groups : frozenset of str
    body : str
        JSON of the document, without the groups and the links the service makes.
    etag : str
    """

    id: str
    read_groups: frozenset[str]
    write_groups: frozenset[str]
    body: str
    etag: str


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item of the catalogue."""

    document: dict[str, Any]
    etag: str


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for.

    Attributes
    ----------
    order : Order
    limit : int
        Items of a page at most.
    collections : sequence of str or None
        Names; those that do not exist for the principal match nothing.
    ids : sequence of str or None
    area : geometry or None
        Shapely geometry in CRS84 that items intersect.
    time_us : tuple of int or None
        First and last microsecond of a time range that items meet.
    condition : Condition or None
        Translated filter.
    token : str or None
        Where the page starts, as its reader sent it; the beginning without.
    """

    order: Order
    limit: int
    collections: Sequence[str] | None = None
    ids: Sequence[str] | None = None
    area: Any = None
    time_us: tuple[int, int] | None = None
    condition: Condition | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of items.

    Attributes
    ----------
    items : list of dict
    following, previous : Place or None
        Where the neighbouring pages start; None where there is none.
    matched : int or None
        Items on all pages; None when counting them would take long.
    """

    items: list[dict[str, Any]]
    following: Place | None
    previous: Place | None
    matched: int | None


@dataclass(frozen=True, slots=True)
class Edges:
    """The rows of a page, from one row more than it holds."""

    rows: list[tuple[Any, ...]]
    following: Place | None
    previous: Place | None
    single: bool

    @classmethod
    def cut(cls, rows: list[tuple[Any, ...]], limit: int, place: Place | None) -> Edges:
        """Cut ``rows`` (something, then the sort keys) to a page, and find its neighbours."""
        backward = place is not None and place.backward
        more = len(rows) > limit
        rows = rows[:limit]
        if backward:
            rows.reverse()
        following = previous = None
        if rows and (more or backward):
            following = Place(tuple(rows[-1][1:]))
        if rows and (more if backward else place is not None):
            previous = Place(tuple(rows[0][1:]), backward=True)
        return cls(rows, following, previous, single=not more and place is None)


class Reading(Protocol):
    """One state of the catalogue."""

    def collections(self) -> list[StoredCollection]:
        """Every collection, in the order of their names."""

    def collection(self, name: str) -> StoredCollection | None:
        """One collection."""

    def item(self, home: str, name: str) -> StoredItem | None:
        """One item of the collection ``home``."""

    def page(self, scope: Sequence[str], query: Query, place: Place | None) -> Page:
        """Find a page of the items in the collections ``scope``, which are not none."""

    def property_types(self, home: str, sample: int) -> dict[str, set[str]]:
        """JSON types of the properties of the newest ``sample`` items of ``home``."""


class Writing(Protocol):
    """The catalogue while it is written; nobody else writes the same collection."""

    def collection(self, name: str) -> StoredCollection | None:
        """One collection."""

    def item(self, home: str, name: str) -> StoredItem | None:
        """One item of the collection ``home``."""

    def pristine(self) -> bool:
        """Whether there never was a collection."""

    def holds_items(self, home: str) -> bool:
        """Whether the collection ``home`` has items."""

    def insert_collection(self, collection: StoredCollection) -> None:
        """Keep a collection that is not there."""

    def replace_collection(self, collection: StoredCollection) -> None:
        """Keep another state of a collection that is there."""

    def delete_collection(self, name: str) -> None:
        """Remove a collection without items."""

    def insert_items(self, home: str, rows: Sequence[ItemRow]) -> list[ItemRow]:
        """Keep the items that are not there; returns those that are, which are left alone."""

    def replace_items(self, home: str, rows: Sequence[ItemRow]) -> None:
        """Keep another state of items that are there."""

    def delete_item(self, home: str, name: str) -> None:
        """Remove an item that is there."""


class Storage(Protocol):
    """A backend of the catalogue."""

    @property
    def dialect(self) -> Dialect:
        """How filters and orders are written for it."""

    @property
    def token_key(self) -> bytes:
        """Key of the page tokens, the same for every process on this catalogue."""

    def reading(self) -> AbstractContextManager[Reading]:
        """Give one state of the catalogue, which no write changes until it is handed back.

        Raises
        ------
        QueryTimeoutError
            When all connections stay busy, or a query takes too long.
        UnavailableError
            When the database does not answer.
        """

    def writing(self, collection: str | None) -> AbstractContextManager[Writing]:
        """Give ``collection`` (None: all of them) to write; kept unless an exception leaves.

        Raises
        ------
        QueryTimeoutError
            When other writes go on for too long.
        UnavailableError
            When the database does not answer.
        """

    def check(self) -> None:
        """Ask the database something small.

        Raises
        ------
        QueryTimeoutError, UnavailableError
        """

    def close(self) -> None:
        """Close every connection."""


def etag_text(body: str) -> str:
    """JSON in a form that does not depend on the order of keys or on spelling."""
    return json.dumps(json.loads(body), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
