"""Collections and items in pgSTAC.

For :mod:`boresight_hub.stac.visibility`, which asks who may: nobody is asked here. Groups stand
in the column ``private`` of a collection, which no client is ever shown: what is loaded by other
tools has none, and is the admins' alone. Items are written by pgSTAC's functions, under a lock of
their collection, so that what was checked before a write still holds at its end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pypgstac

from boresight_hub.errors import StateError
from boresight_hub.settings import HubSettings
from boresight_hub.stac.paging import Place
from boresight_hub.stac.pgstac import items
from boresight_hub.stac.pgstac.connections import Connection, Connections, run
from boresight_hub.stac.pgstac.dialect import PgstacDialect
from boresight_hub.stac.pgstac.search import Searcher
from boresight_hub.stac.sql import Sql
from boresight_hub.stac.storage import Page, Query, StoredCollection, StoredItem
from boresight_hub.stac.texts import to_json
from boresight_hub.stac.validation import ItemRow

SCHEMA_VERSION = 1
_COLLECTION = "select id, content, private from pgstac.collections"
_LOCK_ALL = "boresight"
# thousands of items at once, and pgSTAC's own upkeep of their partition
_WRITE_PATIENCE = 30


class PgstacStorage:
    """See :class:`boresight_hub.stac.storage.Storage`.

    Parameters
    ----------
    connections : Connections
    searcher : Searcher

    Raises
    ------
    StateError
        When the database is not set up, or by another version of the program.
    """

    dialect = PgstacDialect()

    def __init__(self, connections: Connections, searcher: Searcher) -> None:
        self._connections = connections
        self._searcher = searcher
        self.token_key = self._token_key()

    @classmethod
    def of(cls, settings: HubSettings) -> PgstacStorage:
        """Connect to the server that the settings name."""
        stac = settings.stac
        connections = Connections(settings)
        searcher = Searcher(
            connections,
            cls.dialect,
            count_limit=stac.count_limit,
            count_timeout_s=stac.count_timeout_s,
        )
        try:
            return cls(connections, searcher)
        except BaseException:
            connections.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[State]:
        """Give one state of the catalogue."""
        begin = "begin isolation level repeatable read read only"
        with self._connections.transaction(begin) as connection:
            yield State(connection, self._searcher)

    @contextmanager
    def writing(self, collection: str | None) -> Iterator[Changes]:
        """Give a collection to write, or all of them."""
        with self._connections.transaction("begin", patience=_WRITE_PATIENCE) as connection:
            # whoever writes one collection shares the lock of all, and has that of its own
            alone, shared = "pg_advisory_xact_lock", "pg_advisory_xact_lock_shared"
            whole = Sql(
                f"select {alone if collection is None else shared}(hashtextextended(?::text, 0))",
                (_LOCK_ALL,),
            )
            run(connection, whole)
            if collection is not None:
                one = Sql(
                    f"select {alone}(hashtextextended(?::text, 1))",
                    (collection,),
                )
                run(connection, one)
            yield Changes(connection, self._searcher)

    def check(self) -> None:
        """Read something small."""
        with self._connections.transaction("begin read only") as connection:
            connection.execute("select from pgstac.collections limit 1")

    def close(self) -> None:
        """Close every connection."""
        self._connections.close()

    def _token_key(self) -> bytes:
        with self._connections.transaction("begin read only") as connection:
            found = connection.execute(
                "select to_regclass('pgstac.migrations'), to_regclass('boresight.setting'),"
                " current_setting('server_encoding')"
            ).fetchone() or (None, None, None)
            version: tuple[Any, ...] | None = None
            if None not in found:
                version = connection.execute(
                    "select pgstac.get_version(), version, token_key from boresight.setting"
                ).fetchone()
        wanted = (pypgstac.__version__, SCHEMA_VERSION)
        if version is None or version[:2] != wanted or found[2] != "UTF8":
            seen = "nothing of the kind" if version is None else f"{version[0]} and {version[1]}"
            raise StateError(
                f"The database holds pgSTAC and our schema in the versions {seen}, in "
                f"{found[2]}; this program works with {wanted[0]} and {wanted[1]}, in UTF8.",
                remedy="Run `python -m boresight_hub.stac.pgstac.setup`, which migrates it.",
            )
        return bytes(version[2])


class State:
    """See :class:`boresight_hub.stac.storage.Reading`."""

    def __init__(self, connection: Connection, searcher: Searcher) -> None:
        self._connection = connection
        self._searcher = searcher

    def collections(self) -> list[StoredCollection]:
        """Every collection, in the order of their names."""
        rows = self._connection.execute(f'{_COLLECTION} order by id collate "C"')
        return [_collection(row) for row in rows]

    def collection(self, name: str) -> StoredCollection | None:
        """One collection."""
        row = run(self._connection, Sql(f"{_COLLECTION} where id = ?::text", (name,))).fetchone()
        return None if row is None else _collection(row)

    def item(self, home: str, name: str) -> StoredItem | None:
        """One item of a collection."""
        sql = Sql(
            f"select {items.columns('item')} from pgstac.items item"  # noqa: S608 - ours
            " where item.collection = ?::text and item.id = ?::text",
            (home, name),
        )
        row = run(self._connection, sql).fetchone()
        if row is None:
            return None
        (document,) = items.documents(self._connection, [row])
        return StoredItem(document, _etag(document))

    def page(self, scope: Sequence[str], query: Query, place: Place | None) -> Page:
        """Find a page of the items in the collections ``scope``."""
        return self._searcher.page(self._connection, scope, query, place)

    def property_types(self, home: str, sample: int) -> dict[str, set[str]]:
        """JSON types of the properties of the newest items of a collection."""
        sql = Sql(
            "select distinct p.key, jsonb_typeof(p.value) from (select content->'properties' as of"
            " from pgstac.items where collection = ?::text order by datetime desc limit ?) i,"
            " jsonb_each(i.of) p where jsonb_typeof(p.value) <> 'null'",
            (home, sample),
        )
        found: dict[str, set[str]] = {}
        for name, kind in run(self._connection, sql):
            found.setdefault(name, set()).add(kind)
        return found


class Changes(State):
    """See :class:`boresight_hub.stac.storage.Writing`."""

    def pristine(self) -> bool:
        """Whether there never was a collection."""
        row = self._connection.execute("select is_called from pgstac.collections_key_seq")
        return row.fetchone() == (False,)

    def holds_items(self, home: str) -> bool:
        """Whether a collection has items."""
        sql = Sql("select from pgstac.items where collection = ?::text limit 1", (home,))
        return run(self._connection, sql).fetchone() is not None

    def insert_collection(self, collection: StoredCollection) -> None:
        """Keep a collection that is not there."""
        run(self._connection, Sql("select create_collection(?::jsonb)", (collection.body,)))
        self._set_groups(collection)

    def replace_collection(self, collection: StoredCollection) -> None:
        """Keep another state of a collection that is there."""
        run(self._connection, Sql("select update_collection(?::jsonb)", (collection.body,)))
        self._set_groups(collection)

    def delete_collection(self, name: str) -> None:
        """Remove a collection without items."""
        run(self._connection, Sql("select delete_collection(?::text)", (name,)))

    def insert_items(self, home: str, rows: Sequence[ItemRow]) -> list[ItemRow]:
        """Keep the items that are not there; returns those that are."""
        sql = Sql(
            "select id from pgstac.items where collection = ?::text and id = any(?::text[])",
            (home, [row.id for row in rows]),
        )
        known = {name for (name,) in run(self._connection, sql)}
        items.insert(self._connection, home, [row for row in rows if row.id not in known])
        return [row for row in rows if row.id in known]

    def replace_items(self, home: str, rows: Sequence[ItemRow]) -> None:
        """Keep another state of items that are there."""
        items.delete(self._connection, home, [row.id for row in rows])
        items.insert(self._connection, home, rows)

    def delete_item(self, home: str, name: str) -> None:
        """Remove an item that is there."""
        items.delete(self._connection, home, [name])

    def _set_groups(self, collection: StoredCollection) -> None:
        groups = {"read": sorted(collection.read_groups), "write": sorted(collection.write_groups)}
        sql = Sql(
            "update pgstac.collections"
            " set private = coalesce(private, '{}') || jsonb_build_object('boresight', ?::jsonb)"
            " where id = ?::text",
            (to_json(groups), collection.id),
        )
        run(self._connection, sql)


def _collection(row: tuple[str, dict[str, Any], dict[str, Any] | None]) -> StoredCollection:
    name, content, private = row
    groups = (private or {}).get("boresight") or {}
    return StoredCollection(
        name,
        frozenset(groups.get("read") or ()),
        frozenset(groups.get("write") or ()),
        to_json(content),
        _etag(content),
    )


def _etag(document: dict[str, Any]) -> str:
    """Hash of a document; keys have no order in the database, so that they have none here."""
    spelled = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(spelled.encode()).hexdigest()[:24]
