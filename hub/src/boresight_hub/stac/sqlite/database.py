"""The SQLite database of the catalogue: schema, connections, time limits.

One writer at a time, any number of readers (WAL). Every query runs under a time limit, so that
no search holds a thread for ever. A commit is on the disk before it is acknowledged.

Invariants: ``item.pk`` never changes and is never used again, so that page tokens stay true while
items come and go; ``item_box`` holds the boxes ``2 pk`` and, for what is cut at the antimeridian,
``2 pk + 1``, in space and time.
"""

from __future__ import annotations

import json
import math
import os
import queue
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from boresight_hub.errors import StateError
from boresight_hub.stac.instants import instant_us
from boresight_hub.stac.problems import QueryTimeoutError
from boresight_hub.stac.spatial import relate_wkb
from boresight_hub.stac.texts import FOLDS, to_json

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x42535443  # "BSTC"

BOX_TIME_US = 7 * 86_400_000_000
"""Unit of time in the R*Tree [microsecond]: a week, so that years weigh as much as continents."""

INDEXED_PROPERTIES = ("eo:cloud_cover", "platform")
"""Properties with an index of their own: searching and sorting by them does not read every item."""


def property_sql(path: str) -> str:
    """SQL of a property at a JSON path of ours, in the very words of the index on it."""
    return f"json_extract(item.properties, '{path}')"


def _index_sql() -> str:
    return "\n".join(
        f"create index item_property_{number} on item"
        f" (collection, json_extract(properties, '$.\"{name}\"'), sort_us desc, pk desc);"
        for number, name in enumerate(INDEXED_PROPERTIES)
    )


_SCHEMA = f"""
create table collection (
  pk integer primary key autoincrement,
  id text not null unique,
  read_groups text not null,
  write_groups text not null,
  body text not null,
  etag text not null
);
create table item (
  pk integer primary key autoincrement,
  collection integer not null references collection (pk),
  id text not null,
  sort_us integer not null,    -- datetime, else start_datetime
  start_us integer not null,
  end_us integer not null,
  datetime_us integer,
  west real, south real, east real, north real,
  etag text not null,
  properties text not null,    -- apart from the body: filters parse nothing else
  geometry blob,               -- WKB
  unique (collection, id)
);
-- apart from item, of which searches read many rows to give few
create table item_body (
  pk integer primary key references item (pk) on delete cascade,
  body text not null
);
-- widest distance between an item's sort_us and the ends of its time range
create table time_reach (us integer not null);
insert into time_reach values (0);
create index item_time on item (collection, sort_us desc, pk desc);
create index item_time_all on item (sort_us desc, pk desc);
create index item_id on item (id);
{_index_sql()}
create virtual table item_box using rtree (id, west, east, south, north, first, last);
"""  # noqa: S608 - built from constants


class Database:
    """Connections to one database file.

    Parameters
    ----------
    path : Path
        File; it is made, for its owner alone, when absent.
    query_timeout_s : float
        Longest run of one query, and longest wait for the writer [s].
    readers : int
        Connections that read at the same time.
    """

    def __init__(self, path: Path, *, query_timeout_s: float = 10.0, readers: int = 4) -> None:
        self._path = path
        self._timeout_s = query_timeout_s
        self._write_lock = threading.Lock()
        self._deadlines: dict[int, float] = {}
        self._idle: queue.LifoQueue[sqlite3.Connection | None] = queue.LifoQueue()
        for _ in range(readers):
            self._idle.put(None)
        path.touch(mode=0o600, exist_ok=True)
        os.chmod(path, 0o600)  # noqa: PTH101 - an older file may have been opened to others
        self._writer = self._connect()
        self._prepare()

    def close(self) -> None:
        """Close every connection that is not at work."""
        while True:
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                break
            if connection is not None:
                connection.close()
        with self._write_lock:
            self._writer.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that sees one state of the catalogue until it is handed back.

        Raises
        ------
        QueryTimeoutError
            When all connections stay busy, or a query takes too long.
        """
        try:
            connection = self._idle.get(timeout=self._timeout_s)
        except queue.Empty:
            raise QueryTimeoutError(
                f"No query of the catalogue ended within {self._timeout_s:g} s.",
                remedy="Try again in a moment.",
            ) from None
        try:
            if connection is None:
                connection = self._connect()
                connection.execute("pragma query_only = on")
            with self._limited(connection, self._timeout_s):
                connection.execute("begin")
                try:
                    yield connection
                finally:
                    connection.execute("rollback")
        finally:
            self._idle.put(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the one connection that writes; what it wrote is kept unless an exception leaves.

        Raises
        ------
        QueryTimeoutError
            When other writes go on for too long.
        """
        if not self._write_lock.acquire(timeout=self._timeout_s):
            raise QueryTimeoutError(
                f"Other writes to the catalogue went on for more than {self._timeout_s:g} s.",
                remedy="Try again in a moment.",
            )
        try:
            self._writer.execute("begin immediate")
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("rollback")
                raise
            self._writer.execute("commit")
        finally:
            self._write_lock.release()

    def token_key(self) -> bytes:
        """Key of the page tokens; it is made once, and lives with the catalogue."""
        with self.writing() as connection:
            # also in a file of before there was such a key
            connection.execute(
                "create table if not exists token_key (one integer primary key check (one = 1),"
                " key blob not null)"
            )
            connection.execute(
                "insert into token_key values (1, ?) on conflict do nothing",
                (secrets.token_bytes(32),),
            )
            (key,) = connection.execute("select key from token_key").fetchone()
        return bytes(key)

    @contextmanager
    def within(self, connection: sqlite3.Connection, limit_s: float) -> Iterator[None]:
        """Bound what follows on ``connection`` more tightly.

        Raises
        ------
        QueryTimeoutError
            When it takes longer.
        """
        with self._limited(connection, limit_s):
            yield

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=self._timeout_s, isolation_level=None, check_same_thread=False
        )
        for pragma in (
            "journal_mode = wal",
            "synchronous = full",
            "foreign_keys = on",
            "case_sensitive_like = on",
            "cache_size = -4000",
            "temp_store = memory",
        ):
            connection.execute(f"pragma {pragma}")
        for name, (arity, function) in _FUNCTIONS.items():
            connection.create_function(name, arity, function, deterministic=True)
        return connection

    @contextmanager
    def _limited(self, connection: sqlite3.Connection, limit_s: float) -> Iterator[None]:
        deadline = time.monotonic() + limit_s
        outer = self._deadlines.get(id(connection))
        if outer is not None:
            deadline = min(deadline, outer)
        self._deadlines[id(connection)] = deadline
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 2000)
        try:
            yield
        except sqlite3.OperationalError as exc:
            if "interrupted" in str(exc):
                raise QueryTimeoutError(
                    f"The query took longer than {limit_s:g} s.",
                    remedy="Narrow it: a collection, a time range, a smaller area.",
                ) from exc
            raise
        finally:
            if outer is None:
                del self._deadlines[id(connection)]
                connection.set_progress_handler(None, 0)
            else:
                self._deadlines[id(connection)] = outer
                connection.set_progress_handler(lambda: time.monotonic() > outer, 2000)

    def _prepare(self) -> None:
        (version,) = self._writer.execute("pragma user_version").fetchone()
        (application,) = self._writer.execute("pragma application_id").fetchone()
        if version == SCHEMA_VERSION and application == _APPLICATION_ID:
            return
        if version > SCHEMA_VERSION or (version == 0 and self._has_tables()):
            raise StateError(
                f"The catalogue {self._path} has version {version} and application id "
                f"{application:#x}; this program reads version {SCHEMA_VERSION} of its own.",
                remedy="Use the program that made it, or another state directory.",
            )
        with self.writing() as connection:
            for statement in _SCHEMA.split(";\n"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"pragma user_version = {SCHEMA_VERSION}")
            connection.execute(f"pragma application_id = {_APPLICATION_ID}")

    def _has_tables(self) -> bool:
        with closing(self._writer.execute("select 1 from sqlite_master")) as found:
            return found.fetchone() is not None


def array_relation(relation: str, left: str | None, right: str | None) -> int | None:
    """CQL2 array functions on JSON arrays; NULL when one side is no array."""
    first, second = _array(left), _array(right)
    if first is None or second is None:
        return None
    return int(
        {
            "a_equals": first == second,
            "a_contains": first >= second,
            "a_containedby": first <= second,
            "a_overlaps": bool(first & second),
        }[relation]
    )


def _array(text: str | None) -> frozenset[tuple[bool, str, object]] | None:
    if not isinstance(text, str):
        return None
    try:
        values = json.loads(text)
    except ValueError:
        return None
    if not isinstance(values, list):
        return None
    # True == 1 in Python, and a list cannot be a member of a set
    return frozenset(
        (
            isinstance(v, bool),
            type(v).__name__ if not isinstance(v, int | float) else "n",
            to_json(v) if isinstance(v, list | dict) else v,
        )
        for v in values
    )


def _folded(op: str, text: object) -> str | None:
    return FOLDS[op](text) if isinstance(text, str) else None


def _instant(text: object) -> int | None:
    if not isinstance(text, str):
        return None
    try:
        return instant_us(text)
    except ValueError:
        return None


def _number(function: str, a: object, b: object) -> float | None:
    if not isinstance(a, int | float) or not isinstance(b, int | float):
        return None
    try:
        if function == "^":
            result = float(a) ** float(b)
        elif function == "%":
            result = math.fmod(a, b)
        else:
            result = float(math.trunc(a / b))
    except (ValueError, OverflowError, ZeroDivisionError):
        return None
    return result if isinstance(result, float) and math.isfinite(result) else None


_FUNCTIONS: dict[str, tuple[int, Callable[..., str | int | float | None]]] = {
    "stac_relate": (3, relate_wkb),
    "stac_casei": (1, lambda text: _folded("casei", text)),
    "stac_accenti": (1, lambda text: _folded("accenti", text)),
    "stac_array": (3, array_relation),
    "stac_instant": (1, _instant),
    "stac_number": (3, _number),
}
