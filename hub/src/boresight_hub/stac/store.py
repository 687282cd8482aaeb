"""Collections and items in the database: reading by name, and writing under the rules.

Everything here asks a :class:`~boresight_hub.stac.principal.Principal` first. What does not exist
for them raises the same :class:`AbsentError` as what does not exist.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from boresight_hub.errors import CredentialError
from boresight_hub.stac.database import BOX_TIME_US, Database, to_json
from boresight_hub.stac.principal import READ_GROUPS, WRITE_GROUPS, Principal
from boresight_hub.stac.problems import (
    AbsentError,
    ChangedError,
    ConflictError,
    ForbiddenError,
    RequestError,
)
from boresight_hub.stac.validation import CollectionRow, ItemRow

_ITEM_COLUMNS = (
    "collection, id, sort_us, start_us, end_us, datetime_us, west, south, east, north, etag,"
    " properties, geometry"
)


@dataclass(frozen=True, slots=True)
class StoredCollection:
    """A collection of the catalogue."""

    pk: int
    id: str
    read_groups: frozenset[str]
    write_groups: frozenset[str]
    body: str
    etag: str

    def document(self, principal: Principal) -> dict[str, Any]:
        """The collection as ``principal`` sees it, without the links the service makes."""
        document: dict[str, Any] = json.loads(self.body)
        if principal.sees_groups:
            document[READ_GROUPS] = sorted(self.read_groups)
            document[WRITE_GROUPS] = sorted(self.write_groups)
        return document


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item of the catalogue."""

    document: dict[str, Any]
    etag: str


Edit = Callable[[dict[str, Any]], object]
"""Makes a changed document from the stored one."""


def collections(connection: sqlite3.Connection) -> list[StoredCollection]:
    """Every collection, in the order of their names. For our own use: nobody is asked."""
    rows = connection.execute(
        "select pk, id, read_groups, write_groups, body, etag from collection order by id"
    )
    return [
        StoredCollection(
            pk, name, frozenset(json.loads(read)), frozenset(json.loads(write)), body, etag
        )
        for pk, name, read, write, body, etag in rows
    ]


def absent_collection(name: str) -> AbsentError:
    """Refusal for a collection that does not exist, or not for whoever asks."""
    return AbsentError(
        f"There is no collection {name[:200]!r}.",
        remedy="See /collections for those you can read; ask its owner for your group to be added.",
    )


def _absent_item(collection: str, name: str) -> AbsentError:
    return AbsentError(
        f"There is no item {name[:200]!r} in the collection {collection!r}.",
        remedy="Search the collection for what it holds.",
    )


class Store:
    """The catalogue's content.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def visible(self, principal: Principal) -> list[StoredCollection]:
        """Collections whose metadata ``principal`` may read."""
        with self._database.reading() as connection:
            return [c for c in collections(connection) if principal.reads_metadata(c.read_groups)]

    def collection(self, principal: Principal, name: str) -> StoredCollection:
        """One collection.

        Raises
        ------
        AbsentError
        """
        with self._database.reading() as connection:
            found = _find(connection, name)
        if found is None or not principal.reads_metadata(found.read_groups):
            raise absent_collection(name)
        return found

    def item(self, principal: Principal, collection: str, name: str) -> StoredItem:
        """One item.

        Raises
        ------
        AbsentError
        """
        with self._database.reading() as connection:
            home = _readable(connection, principal, collection)
            return _item(connection, home, name)

    def create_collection(self, principal: Principal, row: CollectionRow) -> str:
        """Keep a new collection; returns its ETag.

        Raises
        ------
        ConflictError
            When there is one of that name.
        """
        _admin(principal)
        with self._database.writing() as connection:
            if _find(connection, row.id) is not None:
                raise ConflictError(
                    f"The collection {row.id!r} exists.",
                    remedy="Change it with PUT, or choose another id.",
                )
            insert_collection(connection, row)
        return row.etag

    def edit_collection(
        self,
        principal: Principal,
        name: str,
        edit: Edit,
        check: Callable[[object], CollectionRow],
        if_match: str | None,
    ) -> str:
        """Replace a collection by what ``edit`` makes of it; returns the new ETag.

        Groups that the new document does not name stay as they are.
        """
        _admin(principal)
        with self._database.writing() as connection:
            stored = _find(connection, name)
            if stored is None:
                raise absent_collection(name)
            _unchanged(if_match, stored.etag)
            row = check(edit(stored.document(principal)))
            connection.execute(
                "update collection set read_groups = ?, write_groups = ?, body = ?, etag = ?"
                " where pk = ?",
                (
                    _group_text(stored.read_groups if row.read_groups is None else row.read_groups),
                    _group_text(
                        stored.write_groups if row.write_groups is None else row.write_groups
                    ),
                    row.body,
                    row.etag,
                    stored.pk,
                ),
            )
        return row.etag

    def delete_collection(self, principal: Principal, name: str, if_match: str | None) -> None:
        """Remove an empty collection.

        Raises
        ------
        ConflictError
            When it holds items.
        """
        _admin(principal)
        with self._database.writing() as connection:
            stored = _find(connection, name)
            if stored is None:
                raise absent_collection(name)
            _unchanged(if_match, stored.etag)
            if connection.execute(
                "select 1 from item where collection = ? limit 1", (stored.pk,)
            ).fetchone():
                raise ConflictError(
                    f"The collection {name!r} holds items.", remedy="Delete its items first."
                )
            connection.execute("delete from collection where pk = ?", (stored.pk,))

    def create_items(self, principal: Principal, collection: str, rows: Sequence[ItemRow]) -> None:
        """Keep new items, all or none.

        Raises
        ------
        ConflictError
            When one of them exists.
        """
        _known(principal)
        with self._database.writing() as connection:
            home = _writable(connection, principal, collection)
            for row in rows:
                if not insert_item(connection, home.pk, row):
                    raise ConflictError(
                        f"The item {row.id!r} exists in the collection {collection!r}.",
                        remedy="Change it with PUT, or choose another id.",
                    )

    def bulk(
        self, principal: Principal, collection: str, rows: Iterable[ItemRow], *, upsert: bool
    ) -> list[str]:
        """Keep items in one commit; returns the ids of those that exist and were left alone."""
        _known(principal)
        left: list[str] = []
        with self._database.writing() as connection:
            home = _writable(connection, principal, collection)
            for row in rows:
                if insert_item(connection, home.pk, row):
                    continue
                if upsert:
                    _replace_item(connection, home.pk, row)
                else:
                    left.append(row.id)
        return left

    def edit_item(
        self,
        principal: Principal,
        collection: str,
        name: str,
        edit: Edit,
        check: Callable[[object], ItemRow],
        if_match: str | None,
    ) -> str:
        """Replace an item by what ``edit`` makes of it; returns the new ETag."""
        _known(principal)
        with self._database.writing() as connection:
            home = _writable(connection, principal, collection)
            stored = _item(connection, home, name)
            _unchanged(if_match, stored.etag)
            row = check(edit(stored.document))
            _replace_item(connection, home.pk, row)
        return row.etag

    def delete_item(
        self, principal: Principal, collection: str, name: str, if_match: str | None
    ) -> None:
        """Remove an item."""
        _known(principal)
        with self._database.writing() as connection:
            home = _writable(connection, principal, collection)
            stored = _item(connection, home, name)
            _unchanged(if_match, stored.etag)
            (pk,) = connection.execute(
                "delete from item where collection = ? and id = ? returning pk", (home.pk, name)
            ).fetchone()
            _drop_boxes(connection, pk)

    def require_writable(self, principal: Principal, collection: str) -> None:
        """Refuse early what would be refused later, before a long body is checked."""
        _known(principal)
        with self._database.reading() as connection:
            _writable(connection, principal, collection)

    def require_admin(self, principal: Principal) -> None:
        """Refuse whoever may not write collections."""
        _admin(principal)


def insert_collection(connection: sqlite3.Connection, row: CollectionRow) -> None:
    """Insert a collection; without groups it is the admins' alone."""
    connection.execute(
        "insert into collection (id, read_groups, write_groups, body, etag) values (?, ?, ?, ?, ?)",
        (
            row.id,
            _group_text(row.read_groups or frozenset()),
            _group_text(row.write_groups or frozenset()),
            row.body,
            row.etag,
        ),
    )


def insert_item(connection: sqlite3.Connection, collection_pk: int, row: ItemRow) -> bool:
    """Insert an item; False, and nothing done, when there is one of that name."""
    marks = ", ".join("?" * 13)
    inserted = connection.execute(
        f"insert into item ({_ITEM_COLUMNS}) values ({marks}) on conflict do nothing returning pk",  # noqa: S608
        (collection_pk, row.id, *_values(row)),
    ).fetchone()
    if inserted is None:
        return False
    connection.execute("insert into item_body (pk, body) values (?, ?)", (inserted[0], row.body))
    _add_boxes(connection, inserted[0], row)
    return True


def assemble(body: str, properties: str) -> dict[str, Any]:
    """Item from the two parts it is stored in."""
    document: dict[str, Any] = json.loads(body)
    document["properties"] = json.loads(properties)
    return document


def _replace_item(connection: sqlite3.Connection, collection_pk: int, row: ItemRow) -> None:
    columns = _ITEM_COLUMNS.split(", ", 2)[2]
    marks = ", ".join("?" * 11)
    (pk,) = connection.execute(
        f"update item set ({columns}) = ({marks}) where collection = ? and id = ? returning pk",  # noqa: S608
        (*_values(row), collection_pk, row.id),
    ).fetchone()
    connection.execute("update item_body set body = ? where pk = ?", (row.body, pk))
    _drop_boxes(connection, pk)
    _add_boxes(connection, pk, row)


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


def _add_boxes(connection: sqlite3.Connection, pk: int, row: ItemRow) -> None:
    times = (row.start_us / BOX_TIME_US, row.end_us / BOX_TIME_US)
    for number, (west, south, east, north) in enumerate(row.boxes):
        connection.execute(
            "insert into item_box values (?, ?, ?, ?, ?, ?, ?)",
            (2 * pk + number, west, east, south, north, *times),
        )
    reach = max(row.end_us - row.sort_us, row.sort_us - row.start_us)
    if reach > 0:
        connection.execute("update time_reach set us = max(us, ?)", (reach,))


def _drop_boxes(connection: sqlite3.Connection, pk: int) -> None:
    connection.execute("delete from item_box where id in (?, ?)", (2 * pk, 2 * pk + 1))


def _find(connection: sqlite3.Connection, name: str) -> StoredCollection | None:
    row = connection.execute(
        "select pk, id, read_groups, write_groups, body, etag from collection where id = ?", (name,)
    ).fetchone()
    if row is None:
        return None
    pk, identifier, read, write, body, etag = row
    return StoredCollection(
        pk, identifier, frozenset(json.loads(read)), frozenset(json.loads(write)), body, etag
    )


def _readable(connection: sqlite3.Connection, principal: Principal, name: str) -> StoredCollection:
    found = _find(connection, name)
    if found is None or not principal.reads(found.read_groups):
        raise absent_collection(name)
    return found


def _writable(connection: sqlite3.Connection, principal: Principal, name: str) -> StoredCollection:
    found = _readable(connection, principal, name)
    if not principal.writes(found.write_groups):
        raise ForbiddenError(
            f"None of your groups may write the collection {name!r}.",
            remedy="Ask an admin to add your group to its write groups.",
        )
    return found


def _item(connection: sqlite3.Connection, home: StoredCollection, name: str) -> StoredItem:
    row = connection.execute(
        "select body, properties, etag from item join item_body using (pk)"
        " where collection = ? and id = ?",
        (home.pk, name),
    ).fetchone()
    if row is None:
        raise _absent_item(home.id, name)
    body, properties, etag = row
    return StoredItem(assemble(body, properties), etag)


def _known(principal: Principal) -> None:
    if principal.is_anonymous:
        raise CredentialError(
            "Writing needs a token.", remedy="Send `Authorization: Bearer <token>`."
        )


def _admin(principal: Principal) -> None:
    _known(principal)
    if not principal.is_admin:
        raise ForbiddenError(
            "Only admins create, change and delete collections.", remedy="Ask one of them."
        )


def _unchanged(if_match: str | None, etag: str) -> None:
    if if_match is None or if_match.strip() == "*":
        return
    if etag not in (tag.strip().removeprefix("W/").strip('"') for tag in if_match.split(",")):
        raise ChangedError(
            "The object has changed since it was read.",
            remedy="Read it again, and send the ETag of that answer.",
        )


def _group_text(groups: frozenset[str]) -> str:
    return to_json(sorted(groups))


def checked_ids(rows: Sequence[ItemRow]) -> None:
    """Refuse a request that names an item twice.

    Raises
    ------
    RequestError
    """
    seen: set[str] = set()
    for row in rows:
        if row.id in seen:
            raise RequestError(f"The item {row.id!r} is there twice.", remedy="Send it once.")
        seen.add(row.id)
