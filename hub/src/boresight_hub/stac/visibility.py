"""Who sees and writes what: the one layer between the routes and whatever keeps the catalogue.

Everything here asks a :class:`~boresight_hub.stac.principal.Principal` first, and names to the
backend the collections it may look in. What does not exist for somebody raises the same
:class:`AbsentError` as what does not exist. The check and what it guards see the same state of
the catalogue: they share a transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from boresight_hub.errors import CredentialError
from boresight_hub.stac.dialect import Dialect
from boresight_hub.stac.principal import READ_GROUPS, WRITE_GROUPS, Principal
from boresight_hub.stac.problems import (
    AbsentError,
    ChangedError,
    ConflictError,
    ForbiddenError,
    RequestError,
)
from boresight_hub.stac.storage import (
    Page,
    Query,
    Reading,
    Storage,
    StoredCollection,
    StoredItem,
    Writing,
)
from boresight_hub.stac.tokens import Tokens
from boresight_hub.stac.validation import CollectionRow, ItemRow

Edit = Callable[[dict[str, Any]], object]
"""Makes a changed document from the stored one."""


class Catalogue:
    """The catalogue as each principal sees it.

    Parameters
    ----------
    storage : Storage
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._tokens = Tokens(storage.token_key)

    @property
    def dialect(self) -> Dialect:
        """How filters and orders are written for the backend."""
        return self._storage.dialect

    def check(self) -> None:
        """Ask the backend something small, which fails when it does not work."""
        self._storage.check()

    def collections(self, principal: Principal) -> list[StoredCollection]:
        """Collections whose metadata ``principal`` may read."""
        with self._storage.reading() as reading:
            return [c for c in reading.collections() if principal.reads_metadata(c.read_groups)]

    def collection(self, principal: Principal, name: str) -> StoredCollection:
        """One collection.

        Raises
        ------
        AbsentError
        """
        with self._storage.reading() as reading:
            found = reading.collection(name)
        if found is None or not principal.reads_metadata(found.read_groups):
            raise _absent_collection(name)
        return found

    def item(self, principal: Principal, collection: str, name: str) -> StoredItem:
        """One item.

        Raises
        ------
        AbsentError
        """
        with self._storage.reading() as reading:
            home = _readable(reading, principal, collection)
            return _item(reading, home, name)

    def page(self, principal: Principal, query: Query, *, home: str | None = None) -> Page:
        """Find one page.

        Parameters
        ----------
        principal : Principal
        query : Query
        home : str, optional
            The one collection to search, which has to exist.

        Raises
        ------
        AbsentError
            When ``home`` does not exist for ``principal``.
        RequestError
            When the query's token was not made for this order and this principal.
        QueryTimeoutError
            When the search takes too long.
        """
        place = None
        if query.token:
            place = self._tokens.open(principal, query.order, query.token)
        with self._storage.reading() as reading:
            if home is not None:
                scope = [_readable(reading, principal, home).id]
            else:
                wanted = None if query.collections is None else frozenset(query.collections)
                scope = [
                    c.id
                    for c in reading.collections()
                    if principal.reads(c.read_groups) and (wanted is None or c.id in wanted)
                ]
            return reading.page(scope, query, place) if scope else Page([], None, None, 0)

    def tokens(self, principal: Principal, query: Query, page: Page) -> Iterator[tuple[str, str]]:
        """Relation (``next``, ``prev``) and token of the pages beside ``page``."""
        for rel, place in (("next", page.following), ("prev", page.previous)):
            if place is not None:
                yield rel, self._tokens.seal(principal, query.order, place)

    def property_types(
        self, principal: Principal, home: str | None, sample: int
    ) -> list[tuple[StoredCollection, dict[str, set[str]]]]:
        """Collections whose items ``principal`` may read, with the properties of their newest.

        Parameters
        ----------
        principal : Principal
        home : str or None
            The one collection asked about, which has to exist.
        sample : int
            Items of a collection that are looked at.

        Raises
        ------
        AbsentError
        """
        with self._storage.reading() as reading:
            if home is not None:
                found = [_readable(reading, principal, home)]
            else:
                found = [c for c in reading.collections() if principal.reads(c.read_groups)]
            return [(c, reading.property_types(c.id, sample)) for c in found]

    def create_collection(self, principal: Principal, row: CollectionRow) -> None:
        """Keep a new collection; without groups it is the admins' alone.

        Raises
        ------
        ConflictError
            When there is one of that name.
        """
        self.require_admin(principal)
        with self._storage.writing(row.id) as writing:
            if writing.collection(row.id) is not None:
                raise ConflictError(
                    f"The collection {row.id!r} exists.",
                    remedy="Change it with PUT, or choose another id.",
                )
            writing.insert_collection(_new(row))

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
        self.require_admin(principal)
        with self._writing_collection(name, if_match) as (writing, stored):
            row = check(edit(shown(stored, principal)))
            changed = _new(row)
            if row.read_groups is None:
                changed = replace(changed, read_groups=stored.read_groups)
            if row.write_groups is None:
                changed = replace(changed, write_groups=stored.write_groups)
            writing.replace_collection(changed)
            kept = writing.collection(name)
        return changed.etag if kept is None else kept.etag

    def delete_collection(self, principal: Principal, name: str, if_match: str | None) -> None:
        """Remove an empty collection.

        Raises
        ------
        ConflictError
            When it holds items.
        """
        self.require_admin(principal)
        with self._writing_collection(name, if_match) as (writing, _):
            if writing.holds_items(name):
                raise ConflictError(
                    f"The collection {name!r} holds items.", remedy="Delete its items first."
                )
            writing.delete_collection(name)

    def create_items(self, principal: Principal, collection: str, rows: Sequence[ItemRow]) -> None:
        """Keep new items, all or none.

        Raises
        ------
        ConflictError
            When one of them exists.
        """
        with self._writing_items(principal, collection) as writing:
            for row in writing.insert_items(collection, rows):
                raise ConflictError(
                    f"The item {row.id!r} exists in the collection {collection!r}.",
                    remedy="Change it with PUT, or choose another id.",
                )

    def bulk(
        self, principal: Principal, collection: str, rows: Sequence[ItemRow], *, upsert: bool
    ) -> list[str]:
        """Keep items in one commit; returns the ids of those that exist and were left alone."""
        with self._writing_items(principal, collection) as writing:
            there = writing.insert_items(collection, rows)
            if not upsert:
                return [row.id for row in there]
            writing.replace_items(collection, there)
        return []

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
        with self._writing_items(principal, collection) as writing:
            stored = _item(writing, collection, name)
            _unchanged(if_match, stored.etag)
            writing.replace_items(collection, [check(edit(stored.document))])
            return _item(writing, collection, name).etag

    def delete_item(
        self, principal: Principal, collection: str, name: str, if_match: str | None
    ) -> None:
        """Remove an item."""
        with self._writing_items(principal, collection) as writing:
            _unchanged(if_match, _item(writing, collection, name).etag)
            writing.delete_item(collection, name)

    def require_writable(self, principal: Principal, collection: str) -> None:
        """Refuse early what would be refused later, before a long body is checked."""
        _known(principal)
        with self._storage.reading() as reading:
            _writable(reading, principal, collection)

    def require_admin(self, principal: Principal) -> None:
        """Refuse whoever may not write collections."""
        _known(principal)
        if not principal.is_admin:
            raise ForbiddenError(
                "Only admins create, change and delete collections.", remedy="Ask one of them."
            )

    def plant(self, rows: Sequence[CollectionRow]) -> list[str]:
        """Keep collections if there never was one: one that was deleted must not come back.

        For the service itself: nobody is asked. Returns the names of what was kept.
        """
        with self._storage.writing(None) as writing:
            if not writing.pristine():
                return []
            for row in rows:
                writing.insert_collection(_new(row))
        return [row.id for row in rows]

    @contextmanager
    def _writing_items(self, principal: Principal, collection: str) -> Iterator[Writing]:
        # before a lock is taken, which whoever may not write must not hold
        self.require_writable(principal, collection)
        with self._storage.writing(collection) as writing:
            _writable(writing, principal, collection)
            yield writing

    @contextmanager
    def _writing_collection(
        self, name: str, if_match: str | None
    ) -> Iterator[tuple[Writing, StoredCollection]]:
        with self._storage.writing(name) as writing:
            stored = writing.collection(name)
            if stored is None:
                raise _absent_collection(name)
            _unchanged(if_match, stored.etag)
            yield writing, stored


def shown(collection: StoredCollection, principal: Principal) -> dict[str, Any]:
    """Document of a collection as ``principal`` sees it, without the links the service makes."""
    document: dict[str, Any] = json.loads(collection.body)
    for name, groups in (
        (READ_GROUPS, collection.read_groups),
        (WRITE_GROUPS, collection.write_groups),
    ):
        # not even what somebody loaded past this service
        document.pop(name, None)
        if principal.sees_groups:
            document[name] = sorted(groups)
    return document


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


def _new(row: CollectionRow) -> StoredCollection:
    return StoredCollection(
        row.id,
        row.read_groups or frozenset(),
        row.write_groups or frozenset(),
        row.body,
        row.etag,
    )


def _absent_collection(name: str) -> AbsentError:
    return AbsentError(
        f"There is no collection {name[:200]!r}.",
        remedy="See /collections for those you can read; ask its owner for your group to be added.",
    )


def _readable(state: Reading | Writing, principal: Principal, name: str) -> StoredCollection:
    found = state.collection(name)
    if found is None or not principal.reads(found.read_groups):
        raise _absent_collection(name)
    return found


def _writable(state: Reading | Writing, principal: Principal, name: str) -> None:
    if not principal.writes(_readable(state, principal, name).write_groups):
        raise ForbiddenError(
            f"None of your groups may write the collection {name!r}.",
            remedy="Ask an admin to add your group to its write groups.",
        )


def _item(state: Reading | Writing, home: str | StoredCollection, name: str) -> StoredItem:
    home = home if isinstance(home, str) else home.id
    found = state.item(home, name)
    if found is None:
        raise AbsentError(
            f"There is no item {name[:200]!r} in the collection {home!r}.",
            remedy="Search the collection for what it holds.",
        )
    return found


def _known(principal: Principal) -> None:
    if principal.is_anonymous:
        raise CredentialError(
            "Writing needs a token.", remedy="Send `Authorization: Bearer <token>`."
        )


def _unchanged(if_match: str | None, etag: str) -> None:
    if if_match is None or if_match.strip() == "*":
        return
    if etag not in (tag.strip().removeprefix("W/").strip('"') for tag in if_match.split(",")):
        raise ChangedError(
            "The object has changed since it was read.",
            remedy="Read it again, and send the ETag of that answer.",
        )
