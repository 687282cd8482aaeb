"""Searching: from a query to one page of items.

SQLite's planner knows nothing of how many items lie in a box or hold a value, so the choice is
made here. Whatever an index can answer by itself (areas, ids, indexed properties) is probed with
a bound: if it leaves few candidates, these are read and sorted; else the items are walked in the
order asked for until the page is full, collection by collection, and the walks are merged.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from boresight_hub.stac.paging import Place
from boresight_hub.stac.problems import QueryTimeoutError
from boresight_hub.stac.spatial import Box, index_boxes
from boresight_hub.stac.sql import TRUE, Sql, join, merge
from boresight_hub.stac.sqlite.database import BOX_TIME_US, INDEXED_PROPERTIES, Database
from boresight_hub.stac.storage import Edges, Page, Query
from boresight_hub.stac.texts import assemble

_MAX_WALKS = 32
_MIN_CANDIDATES = 1_000


def most_candidates(limit: int, size: int) -> int:
    """Candidates up to which reading them all is cheaper than walking the catalogue's ``size``.

    To fill a page, a walk passes about ``limit * size / candidates`` items.
    """
    return max(_MIN_CANDIDATES, int(math.sqrt(limit * size)))


class Searcher:
    """Runs queries.

    Parameters
    ----------
    database : Database
    count_limit : int
        Items counted at most.
    count_timeout_s : float
        Time spent counting at most [s].
    """

    def __init__(self, database: Database, *, count_limit: int, count_timeout_s: float) -> None:
        self._database = database
        self._count_limit = count_limit
        self._count_timeout_s = count_timeout_s

    def page(
        self,
        connection: sqlite3.Connection,
        scope: Sequence[int],
        query: Query,
        place: Place | None,
    ) -> Page:
        """Find one page in the collections of the keys ``scope``."""
        plan = _Plan.of(connection, query, place, scope)
        rows, matched = plan.rows(connection)
        edges = Edges.cut(rows, query.limit, place)
        if matched is None:
            matched = len(edges.rows) if edges.single else self._count(connection, plan)
        items = _documents(connection, [row[0] for row in edges.rows])
        return Page(items, edges.following, edges.previous, matched)

    def _count(self, connection: sqlite3.Connection, plan: _Plan) -> int | None:
        sql = plan.count(self._count_limit + 1)
        try:
            with self._database.within(connection, self._count_timeout_s):
                (count,) = connection.execute(sql.text, sql.values).fetchone()
        except QueryTimeoutError:
            return None
        return None if count > self._count_limit else count


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a query is run."""

    query: Query
    place: Place | None
    scope: Sequence[int]
    condition: Sql
    candidates: Sql | None

    @classmethod
    def of(
        cls,
        connection: sqlite3.Connection,
        query: Query,
        place: Place | None,
        scope: Sequence[int],
    ) -> _Plan:
        """Choose a plan: probe what indexes answer, take the first that leaves few candidates."""
        terms: list[Sql] = []
        probes: list[Sql] = []
        if query.ids is not None:
            marks = ", ".join("?" * len(query.ids))
            terms.append(Sql(f"item.id in ({marks})", tuple(query.ids)))
            by_id = f"select pk from item where id in ({marks})"  # noqa: S608 - question marks
            probes.append(Sql(by_id, tuple(query.ids)))
        if query.time_us is not None:
            terms.append(_time_term(connection, query.time_us))
        if query.area is not None:
            west, south, east, north = query.area.bounds
            # what lies wholly in a box needs no geometry; an area of several parts is no box
            inside = Sql(
                "item.west >= ? and item.east <= ? and item.south >= ? and item.north <= ?",
                (west, east, south, north),
            )
            near = Sql(
                "item.west <= ? and item.east >= ? and item.south <= ? and item.north >= ?",
                (east, west, north, south),
            )
            exact = Sql("stac_relate('s_intersects', item.geometry, ?)", (query.area.wkb,))
            is_box = query.area.equals(query.area.envelope)
            template = "({} and ({} or {}))" if is_box else "({} and {})"
            parts = (near, inside, exact) if is_box else (near, exact)
            terms.append(merge(template, *parts))
            probes.append(_box_probe(index_boxes(query.area), query.time_us))
        if query.condition is not None:
            terms.append(query.condition.sql)
            probes += [_box_probe(boxes, query.time_us) for boxes in query.condition.boxes]
            marks = ", ".join("?" * len(scope))
            probes += [
                Sql(
                    f"select pk from item where collection in ({marks}) and {key.text}",  # noqa: S608 - ours
                    (*scope, *key.values),
                )
                for key in query.condition.keys
            ]
        condition = join(terms, "and") if terms else TRUE
        (size,) = connection.execute("select coalesce(max(pk), 0) from item").fetchone()
        bound = most_candidates(query.limit, size)
        for probe in probes:
            counted = f"select count(*) from ({probe.text} limit ?)"  # noqa: S608 - ours
            (count,) = connection.execute(counted, (*probe.values, max(bound, 0) + 1)).fetchone()
            if count <= bound:
                return cls(query, place, scope, condition, probe)
        return cls(query, place, scope, condition, None)

    def rows(self, connection: sqlite3.Connection) -> tuple[list[tuple[Any, ...]], int | None]:
        """Find the place of every item of the page, and of one more if there is one.

        Returns
        -------
        list of tuple
            ``pk`` and the sort keys.
        int or None
            Items on all pages, where that is known anyway.
        """
        query = self.query
        backward = self.place is not None and self.place.backward
        keys = query.order.shown()
        order = query.order.by(backward=backward)
        after = TRUE
        if self.place is not None:
            after = query.order.after(self.place.values, backward=backward)
        if self.candidates is not None:
            sql = merge(
                "select {}, item.pk, {} from {} where {} order by {}",
                after,
                keys,
                self._source(),
                join([self._in_scope(), self.condition], "and"),
                order,
            )
            found = connection.execute(sql.text, sql.values).fetchall()
            return [row[1:] for row in found if row[0]][: query.limit + 1], len(found)
        condition = join([after, self.condition], "and")
        if len(self.scope) > _MAX_WALKS:
            walks = [("", self._in_scope())]
        else:
            named = _index_of(query)
            index = f" indexed by {named}" if named else ""
            walks = [(index, Sql("item.collection = ?", (pk,))) for pk in self.scope]
        merged: list[tuple[Any, ...]] = []
        for index, home in walks:
            sql = merge(
                f"select item.pk, {{}} from item{index} where {{}} and {{}}"  # noqa: S608 - ours
                " order by {} limit ?",
                keys,
                home,
                condition,
                order,
            )
            merged += connection.execute(sql.text, (*sql.values, query.limit + 1))
        if len(walks) > 1:
            merged = self._sorted(merged, backward=backward)
        return merged[: query.limit + 1], None

    def count(self, bound: int) -> Sql:
        """SQL that counts the items of all pages, up to ``bound``."""
        where = join([self._in_scope(), self.condition], "and")
        sql = merge(
            "select count(*) from (select 1 from {} where {} limit ?)", self._source(), where
        )
        return Sql(sql.text, (*sql.values, bound))

    def _source(self) -> Sql:
        if self.candidates is None:
            return Sql("item")
        # the order of a cross join is the planner's order
        return merge(
            "(select distinct pk from ({})) hit cross join item on item.pk = hit.pk",
            self.candidates,
        )

    def _in_scope(self) -> Sql:
        marks = ", ".join("?" * len(self.scope))
        return Sql(f"item.collection in ({marks})", tuple(self.scope))

    def _sorted(self, rows: list[tuple[Any, ...]], *, backward: bool) -> list[tuple[Any, ...]]:
        """Merge walks by SQLite's own comparison, which orders numbers before text."""
        for number, key in reversed(list(enumerate(self.query.order.keys))):
            descending = key.descending is not backward
            present = [row for row in rows if row[1 + number] is not None]
            missing = [row for row in rows if row[1 + number] is None]
            present.sort(
                key=lambda row: (isinstance(row[1 + number], str), row[1 + number]),
                reverse=descending,
            )
            rows = missing + present if backward else present + missing
        return rows


def _index_of(query: Query) -> str | None:
    """Index of ``item`` that holds the items of a collection in the order of the query."""
    names, time = query.order.names, query.order.keys[-2]
    if names[-2:] != ("datetime", "pk") or not time.descending or len(names) > 3:
        return None
    if len(names) == 2:
        return "item_time"
    if names[0] in INDEXED_PROPERTIES:
        return f"item_property_{INDEXED_PROPERTIES.index(names[0])}"
    return None


def _time_term(connection: sqlite3.Connection, time_us: tuple[int, int]) -> Sql:
    start, end = time_us
    (reach,) = connection.execute("select us from time_reach").fetchone()
    # the second half adds nothing but a range that the index on sort_us understands
    return Sql(
        "(item.start_us <= ? and item.end_us >= ? and item.sort_us between ? and ?)",
        (end, start, max(start - reach, -(2**63)), min(end + reach, 2**63 - 1)),
    )


def _box_probe(boxes: Sequence[Box], time_us: tuple[int, int] | None) -> Sql:
    one = (
        "select id / 2 as pk from item_box"
        " where west <= ? and east >= ? and south <= ? and north >= ?"
    )
    times: tuple[float, ...] = ()
    if time_us is not None:
        one += " and first <= ? and last >= ?"
        times = (time_us[1] / BOX_TIME_US, time_us[0] / BOX_TIME_US)
    return Sql(
        " union all ".join([one] * len(boxes)),
        tuple(v for west, south, east, north in boxes for v in (east, west, north, south, *times)),
    )


def _documents(connection: sqlite3.Connection, pks: Sequence[int]) -> list[dict[str, Any]]:
    """Items of ``pks``, in their order."""
    marks = ", ".join("?" * len(pks))
    rows = connection.execute(
        "select i.pk, b.body, i.properties from item i join item_body b using (pk)"  # noqa: S608 - question marks
        f" where i.pk in ({marks})",
        pks,
    )
    found = {pk: (body, properties) for pk, body, properties in rows}
    return [assemble(*found[pk]) for pk in pks]
