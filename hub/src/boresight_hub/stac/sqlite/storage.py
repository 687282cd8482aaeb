"""Collections and items in SQLite.

For :mod:`boresight_hub.stac.visibility`, which asks who may: nobody is asked here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from boresight_hub.settings import HubSettings
from boresight_hub.stac.paging import Place
from boresight_hub.stac.sqlite.database import BOX_TIME_US, Database
from boresight_hub.stac.sqlite.dialect import SqliteDialect
from boresight_hub.stac.sqlite.search import Searcher
from boresight_hub.stac.storage import Page, Query, StoredCollection, StoredItem
from boresight_hub.stac.texts import assemble, to_json
from boresight_hub.stac.validation import ItemRow

_ITEM_COLUMNS = (
    "collection, id, sort_us, start_us, end_us, datetime_us, west, south, east, north, etag,"
    " properties, geometry"
)
_COLLECTION = "select id, read_groups, write_groups, body, etag from collection"
_TYPES = {
    "text": "string",
    "integer": "number",
    "real": "number",
    "true": "boolean",
    "false": "boolean",
}


class SqliteStorage:
    """See :class:`boresight_hub.stac.storage.Storage`.

    Parameters
    ----------
    database : Database
    searcher : Searcher
    """

    dialect = SqliteDialect()

    def __init__(self, database: Database, searcher: Searcher) -> None:
        self._database = database
        self._searcher = searcher
        self.token_key = database.token_key()

    @classmethod
    def of(cls, settings: HubSettings) -> SqliteStorage:
        """Open, or make, the file below the state directory."""
        stac = settings.stac
        database = Database(
            settings.folder("stac") / "stac.sqlite", query_timeout_s=stac.query_timeout_s
        )
        searcher = Searcher(
            database, count_limit=stac.count_limit, count_timeout_s=stac.count_timeout_s
        )
        return cls(database, searcher)

    @contextmanager
    def reading(self) -> Iterator[State]:
        """Give one state of the catalogue."""
        with self._database.reading() as connection:
            yield State(connection, self._searcher)

    @contextmanager
    def writing(self, collection: str | None) -> Iterator[Changes]:
        """Give the catalogue to write, the whole of it."""
        with self._database.writing() as connection:
            yield Changes(connection, self._searcher)

    def check(self) -> None:
        """Read something small."""
        with self._database.reading() as connection:
            connection.execute("select 1 from collection limit 1").fetchone()

    def close(self) -> None:
        """Close every connection that is not at work."""
        self._database.close()


class State:
    """See :class:`boresight_hub.stac.storage.Reading`."""

    def __init__(self, connection: sqlite3.Connection, searcher: Searcher) -> None:
        self._connection = connection
        self._searcher = searcher

    def collections(self) -> list[StoredCollection]:
        """Every collection, in the order of their names."""
        rows = self._connection.execute(f"{_COLLECTION} order by id")
        return [_collection(row) for row in rows]

    def collection(self, name: str) -> StoredCollection | None:
        """One collection."""
        row = self._connection.execute(f"{_COLLECTION} where id = ?", (name,)).fetchone()
        return None if row is None else _collection(row)

    def item(self, home: str, name: str) -> StoredItem | None:
        """One item of a collection."""
        row = self._connection.execute(
            "select body, properties, etag from item join item_body using (pk)"
            " where collection = (select pk from collection where id = ?) and id = ?",
            (home, name),
        ).fetchone()
        return None if row is None else StoredItem(assemble(row[0], row[1]), row[2])

    def page(self, scope: Sequence[str], query: Query, place: Place | None) -> Page:
        """Find a page of the items in the collections ``scope``."""
        wanted = set(scope)
        rows = self._connection.execute("select id, pk from collection order by id")
        pks = [pk for name, pk in rows if name in wanted]
        return self._searcher.page(self._connection, pks, query, place)

    def property_types(self, home: str, sample: int) -> dict[str, set[str]]:
        """JSON types of the properties of the newest items of a collection."""
        rows = self._connection.execute(
            "select distinct j.key, j.type from (select properties from item"
            " indexed by item_time where collection = ? order by sort_us desc, pk desc limit ?) i,"
            " json_each(i.properties) j where j.type <> 'null'",
            (self._pk(home), sample),
        )
        found: dict[str, set[str]] = {}
        for name, kind in rows:
            found.setdefault(name, set()).add(_TYPES.get(kind, kind))
        return found

    def _pk(self, home: str) -> int:
        (pk,) = self._connection.execute(
            "select pk from collection where id = ?", (home,)
        ).fetchone()
        return int(pk)


class Changes(State):
    """See :class:`boresight_hub.stac.storage.Writing`."""

    def pristine(self) -> bool:
        """Whether there never was a collection."""
        used = self._connection.execute("select 1 from sqlite_sequence where name = 'collection'")
        return used.fetchone() is None

    def holds_items(self, home: str) -> bool:
        """Whether a collection has items."""
        found = self._connection.execute(
            "select 1 from item where collection = ? limit 1", (self._pk(home),)
        )
        return found.fetchone() is not None

    def insert_collection(self, collection: StoredCollection) -> None:
        """Keep a collection that is not there."""
        self._connection.execute(
            "insert into collection (read_groups, write_groups, body, etag, id)"
            " values (?, ?, ?, ?, ?)",
            _columns(collection),
        )

    def replace_collection(self, collection: StoredCollection) -> None:
        """Keep another state of a collection that is there."""
        self._connection.execute(
            "update collection set read_groups = ?, write_groups = ?, body = ?, etag = ?"
            " where id = ?",
            _columns(collection),
        )

    def delete_collection(self, name: str) -> None:
        """Remove a collection without items."""
        self._connection.execute("delete from collection where id = ?", (name,))

    def insert_items(self, home: str, rows: Sequence[ItemRow]) -> list[ItemRow]:
        """Keep the items that are not there; returns those that are."""
        home_pk, there = self._pk(home), []
        marks = ", ".join("?" * 13)
        for row in rows:
            inserted = self._connection.execute(
                f"insert into item ({_ITEM_COLUMNS}) values ({marks})"  # noqa: S608 - question marks
                " on conflict do nothing returning pk",
                (home_pk, row.id, *_values(row)),
            ).fetchone()
            if inserted is None:
                there.append(row)
                continue
            self._connection.execute(
                "insert into item_body (pk, body) values (?, ?)", (inserted[0], row.body)
            )
            self._add_boxes(inserted[0], row)
        return there

    def replace_items(self, home: str, rows: Sequence[ItemRow]) -> None:
        """Keep another state of items that are there."""
        home_pk = self._pk(home)
        columns = _ITEM_COLUMNS.split(", ", 2)[2]
        marks = ", ".join("?" * 11)
        for row in rows:
            (pk,) = self._connection.execute(
                f"update item set ({columns}) = ({marks})"  # noqa: S608 - question marks
                " where collection = ? and id = ? returning pk",
                (*_values(row), home_pk, row.id),
            ).fetchone()
            self._connection.execute("update item_body set body = ? where pk = ?", (row.body, pk))
            self._drop_boxes(pk)
            self._add_boxes(pk, row)

    def delete_item(self, home: str, name: str) -> None:
        """Remove an item that is there."""
        (pk,) = self._connection.execute(
            "delete from item where collection = ? and id = ? returning pk", (self._pk(home), name)
        ).fetchone()
        self._drop_boxes(pk)

    def _add_boxes(self, pk: int, row: ItemRow) -> None:
        times = (row.start_us / BOX_TIME_US, row.end_us / BOX_TIME_US)
        for number, (west, south, east, north) in enumerate(row.boxes):
            self._connection.execute(
                "insert into item_box values (?, ?, ?, ?, ?, ?, ?)",
                (2 * pk + number, west, east, south, north, *times),
            )
        reach = max(row.end_us - row.sort_us, row.sort_us - row.start_us)
        if reach > 0:
            self._connection.execute("update time_reach set us = max(us, ?)", (reach,))

    def _drop_boxes(self, pk: int) -> None:
        self._connection.execute("delete from item_box where id in (?, ?)", (2 * pk, 2 * pk + 1))


def _collection(row: tuple[str, str, str, str, str]) -> StoredCollection:
    name, read, write, body, etag = row
    return StoredCollection(
        name, frozenset(json.loads(read)), frozenset(json.loads(write)), body, etag
    )


def _columns(collection: StoredCollection) -> tuple[str, ...]:
    return (
        to_json(sorted(collection.read_groups)),
        to_json(sorted(collection.write_groups)),
        collection.body,
        collection.etag,
        collection.id,
    )


def _values(row: ItemRow) -> tuple[object, ...]:
    return (
        row.sort_us,
        row.start_us,
        row.end_us,
        row.datetime_us,
        *(row.bounds or (None, None, None, None)),
        row.etag,
        row.properties,
        row.geometry,
    )
