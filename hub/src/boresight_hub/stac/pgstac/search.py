"""Searching in pgSTAC's tables: from a query to one page of items.

pgSTAC's own ``search`` is not used: its page tokens name an item, which it looks up without
asking who may see it, and its counts come from a cache. PostgreSQL's planner knows how many items
lie in a box, a range or below a value, so that there is no choice of plans here.
"""

from __future__ import annotations

from collections.abc import Sequence

from boresight_hub.stac.paging import Place
from boresight_hub.stac.pgstac import items
from boresight_hub.stac.pgstac.connections import Connection, Connections, run
from boresight_hub.stac.pgstac.dialect import PgstacDialect, instant
from boresight_hub.stac.problems import QueryTimeoutError
from boresight_hub.stac.sql import TRUE, Sql, join, merge
from boresight_hub.stac.storage import Edges, Page, Query

_ITEM = 5  # columns of an item, before those of its place


class Searcher:
    """Runs queries.

    Parameters
    ----------
    connections : Connections
    dialect : PgstacDialect
    count_limit : int
        Items counted at most.
    count_timeout_s : float
        Time spent counting at most [s].
    """

    def __init__(
        self,
        connections: Connections,
        dialect: PgstacDialect,
        *,
        count_limit: int,
        count_timeout_s: float,
    ) -> None:
        self._connections = connections
        self._dialect = dialect
        self._count_limit = count_limit
        self._count_timeout_s = count_timeout_s

    def page(
        self, connection: Connection, scope: Sequence[str], query: Query, place: Place | None
    ) -> Page:
        """Find one page in the collections ``scope``."""
        where = self._where(scope, query)
        backward = place is not None and place.backward
        after = TRUE if place is None else query.order.after(place.values, backward=backward)
        sql = merge(
            # geometries are written out for the rows of the page alone
            "select {}, {} from (select item.* from pgstac.items item"
            " where {} and {} order by {} limit ?) found order by {}",
            Sql(items.columns("found")),
            _of_found(query.order.shown()),
            where,
            after,
            query.order.by(backward=backward),
            Sql("", (query.limit + 1,)),
            _of_found(query.order.by(backward=backward)),
        )
        rows = [(row[:_ITEM], *row[_ITEM:]) for row in run(connection, sql)]
        edges = Edges.cut(rows, query.limit, place)
        matched = len(edges.rows) if edges.single else self._count(connection, where)
        found = items.documents(connection, [row[0] for row in edges.rows])
        return Page(found, edges.following, edges.previous, matched)

    def _where(self, scope: Sequence[str], query: Query) -> Sql:
        # one name is compared as such: the planner then sees one partition
        terms = [
            Sql("item.collection = ?::text", (scope[0],))
            if len(scope) == 1
            else self._dialect.in_collections(scope, negated=False)
        ]
        if query.ids is not None:
            terms.append(Sql("item.id = any(?::text[])", (list(query.ids),)))
        if query.time_us is not None:
            first, last = (instant(end) for end in query.time_us)
            terms.append(
                merge(
                    "tstzrange(item.datetime, item.end_datetime, '[]') && tstzrange({}, {}, '[]')",
                    first,
                    last,
                )
            )
        if query.area is not None:
            terms.append(self._dialect.spatial("s_intersects", query.area, negated=False))
        if query.condition is not None:
            terms.append(query.condition.sql)
        return join(terms, "and")

    def _count(self, connection: Connection, where: Sql) -> int | None:
        limit = self._count_limit
        sql = merge(
            "select count(*) from (select from pgstac.items item where {} limit ?) counted",
            where,
            Sql("", (limit + 1,)),
        )
        try:
            with self._connections.within(connection, self._count_timeout_s):
                (count,) = run(connection, sql).fetchone() or (0,)
        except QueryTimeoutError:
            return None
        return None if count > limit else int(count)


def _of_found(sql: Sql) -> Sql:
    return Sql(sql.text.replace("item.", "found."), sql.values)
