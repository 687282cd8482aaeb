"""CQL2 and the order of pages in PostgreSQL, over pgSTAC's table ``items``.

A property is a piece of JSON (``jsonb``), which knows its type; a number of it is compared as
``jsonb`` compares numbers, exactly, and a text by its code points, whatever the database's
collation. Arithmetic is exact too (``numeric``) and has no overflow that would end a query.
Functions that PostgreSQL lacks are in the schema ``boresight`` (``schema.sql``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from boresight_hub.stac import instants
from boresight_hub.stac.cql2_sql import MIRROR
from boresight_hub.stac.dialect import Operand, Sortable
from boresight_hub.stac.sql import FALSE, Sql, merge

INDEXED_PROPERTIES = ("eo:cloud_cover", "platform")
"""Properties with indexes of their own, which :mod:`boresight_hub.stac.pgstac.setup` makes."""

_JSON_TYPES = {"number": "number", "text": "string", "bool": "boolean"}
_PREDICATES = {
    "s_intersects": "ST_Intersects",
    "s_equals": "ST_Equals",
    "s_disjoint": "ST_Disjoint",
    "s_touches": "ST_Touches",
    "s_within": "ST_Within",
    "s_overlaps": "ST_Overlaps",
    "s_crosses": "ST_Crosses",
    "s_contains": "ST_Contains",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# a property that is JSON's null is as good as absent
_PROPERTY = "nullif(item.content->'properties'->{}, 'null'::jsonb)"


def property_sql(name: str) -> str:
    """SQL of a property with a name of ours, in the very words of the index on it."""
    return _PROPERTY.format(f"'{name}'").replace("item.", "")


def instant(instant_us: int) -> Sql:
    """SQL of an instant."""
    if instant_us <= instants.DISTANT_PAST:
        return Sql("'-infinity'::timestamptz")
    if instant_us >= instants.DISTANT_FUTURE:
        return Sql("'infinity'::timestamptz")
    return Sql("?::timestamptz", (instant_text(instant_us),))


def instant_text(instant_us: int) -> str:
    """Text of an instant as PostgreSQL reads it."""
    return (_EPOCH + timedelta(microseconds=instant_us)).isoformat()


class PgstacDialect:
    """See :class:`boresight_hub.stac.dialect.Dialect`."""

    newest = Sortable(Sql("item.datetime"), Sql("item.datetime::text"), "?::timestamptz")
    places = (
        ("id", Sortable(Sql("item.id"), Sql("item.id"), "?::text")),
        ("collection", Sortable(Sql("item.collection"), Sql("item.collection"), "?::text")),
    )

    def sortable(self, name: str) -> Sortable:
        """Key for a property."""
        for known, key in self.places:
            if name == known:
                return key
        sql = self.property(name).sql
        return Sortable(sql, merge("({})::text", sql), "?::jsonb", nullable=True)

    def property(self, name: str) -> Operand:
        """Value at the name as it stands, else at the path that its dots make of it."""
        if name in INDEXED_PROPERTIES:
            return _property(Sql(_PROPERTY.format(f"'{name}'")))
        whole = Sql(_PROPERTY.format("?::text"), (name,))
        if "." not in name:
            return _property(whole)
        parts = name.split(".")
        nested = Sql(_PROPERTY.format("->".join(["?::text"] * len(parts))), tuple(parts))
        return _property(merge("coalesce({}, {})", whole, nested))

    def column(self, name: Literal["id", "collection", "datetime"]) -> Operand:
        """Something every item has, or may have."""
        if name == "datetime":
            # the column of that name is the start, for an item with a range
            return Operand(
                "instant", Sql("boresight.instant(item.content->'properties'->>'datetime')")
            )
        return Operand("text", Sql(f"item.{name}"))

    def literal(self, kind: Literal["number", "text", "bool", "instant"], value: Any) -> Operand:
        """A value."""
        match kind:
            case "number":
                sql = Sql("?::numeric", (_exact(value),))
            case "text":
                sql = Sql("?::text", (value,))
            case "bool":
                sql = Sql("?::boolean", (value,))
            case "instant":
                sql = instant(value)
        return Operand(kind, sql, literal=value)

    def time_range(self) -> tuple[Sql, Sql]:
        """First and last instant of an item."""
        return Sql("item.datetime"), Sql("item.end_datetime")

    def typed(self, operand: Operand, kind: Literal["number", "text"]) -> Sql:
        """Value if it is of ``kind``."""
        if operand.kind == kind:
            return operand.sql
        if operand.type_of is None:
            return Sql("null")
        value = merge(f"{{}}{'::numeric' if kind == 'number' else ''}", _text(operand))
        return merge(
            f"case when {{}} = '{_JSON_TYPES[kind]}' then {{}} end", operand.type_of, value
        )

    def as_instant(self, operand: Operand) -> Sql:
        """Instant of a property or a text."""
        if operand.kind == "property":
            return merge("boresight.instant({})", _text(operand))
        return merge("boresight.instant({})", operand.sql)

    def compare(self, op: str, first: Operand, second: Operand) -> Sql:
        """Comparison of two values of one type."""
        if second.type_of is not None and first.type_of is None:
            first, second, op = second, first, MIRROR[op]
        if first.type_of is None:
            return FALSE if first.kind != second.kind else _compare(op, first, second)
        if second.type_of is None:
            if second.kind == "text":
                value = Operand("text", _text(first))
                test = _compare(op, value, second)
            else:
                test = merge(f"{{}} {op} to_jsonb({{}})", first.sql, second.sql)
            return merge(f"({{}} and {{}} = '{_JSON_TYPES[second.kind]}')", test, first.type_of)
        both = merge("{} = {}", first.type_of, second.type_of)
        texts = _compare(op, Operand("text", _text(first)), Operand("text", _text(second)))
        other = merge(f"{{}} {op} {{}}", first.sql, second.sql)
        return merge(
            "(case when {} then case when {} = 'string' then {} else {} end end)",
            both,
            first.type_of,
            texts,
            other,
        )

    def one_of(
        self,
        operand: Operand,
        kind: Literal["number", "text", "instant"],
        values: Sequence[Any],
        negated: bool,
    ) -> Sql:
        """Whether the value is one of ``values``."""
        test = "<> all" if negated else "= any"
        if kind == "instant":
            marks = [instant(value) for value in values]
            listed = Sql(
                f"(array[{', '.join(mark.text for mark in marks)}])",
                tuple(value for mark in marks for value in mark.values),
            )
            return merge(f"{{}} {test} {{}}", operand.sql, listed)
        if kind == "text":
            listed = Sql("(?::text[])", (list(values),))
            if operand.kind == "text":
                return merge(f"{{}} {test} {{}}", operand.sql, listed)
        else:
            listed = Sql("(?::numeric[])", ([_exact(value) for value in values],))
            if operand.kind == "number":
                return merge(f"{{}} {test} {{}}", operand.sql, listed)
        if operand.type_of is None:
            return FALSE
        value = self.typed(operand, kind)
        return merge(f"({{}} {test} {{}})", value, listed)

    def in_collections(self, names: Sequence[str], negated: bool) -> Sql:
        """Whether the item stands in one of the collections."""
        test = "<> all" if negated else "= any"
        return Sql(f"item.collection {test} (?::text[])", (list(names),))

    def like(self, operand: Operand, pattern: str, negated: bool) -> Sql:
        """Whether the value is text that matches."""
        test = f"{'not like' if negated else 'like'} ?::text escape '\\'"
        value = self.typed(operand, "text")
        return merge(f"({{}} {test})", value, Sql("", (pattern,)))

    def fold(self, op: str, text: Sql) -> Sql:
        """Text without difference of case, or without accents."""
        return merge(f"boresight.fold_{'case' if op == 'casei' else 'accents'}({{}})", text)

    def arithmetic(self, op: str, left: Sql, right: Sql) -> Sql:
        """Result, NULL when there is none."""
        match op:
            case "/":
                return merge("({}::numeric / nullif({}::numeric, 0))", left, right)
            case "%":
                return merge("mod({}::numeric, nullif({}::numeric, 0))", left, right)
            case "div":
                return merge("trunc({}::numeric / nullif({}::numeric, 0))", left, right)
            case "^":
                return merge("boresight.power({}, {})", left, right)
        return merge(f"({{}}::numeric {op} {{}}::numeric)", left, right)

    def arrays(self, op: str, left: Operand | list[Any], right: Operand | list[Any]) -> Sql:
        """Truth of an array function."""
        sides = (
            Sql("?::jsonb", (json.dumps(side),)) if isinstance(side, list) else side.sql
            for side in (left, right)
        )
        return merge(f"boresight.arrays('{op}', {{}}, {{}})", *sides)

    def has_geometry(self) -> Sql:
        """Whether the item has a geometry: pgSTAC wants one, so that none is an empty one."""
        return Sql("(not ST_IsEmpty(item.geometry))")

    def spatial(self, op: str, geometry: Any | None, negated: bool) -> Sql:
        """Truth of a spatial function."""
        wanted = Sql("item.geometry")
        if geometry is not None:
            wanted = Sql("ST_GeomFromWKB(?, 4326)", (geometry.wkb,))
        test = merge(f"{_PREDICATES[op]}(item.geometry, {{}})", wanted)
        return merge(f"({{}} and {'not ' if negated else ''}{{}})", self.has_geometry(), test)

    def is_key(self, name: str) -> bool:
        """Nothing is probed here: PostgreSQL plans by itself."""
        return False


def _property(sql: Sql) -> Operand:
    return Operand("property", sql, merge("jsonb_typeof({})", sql))


def _text(operand: Operand) -> Sql:
    """Text of a property."""
    return merge("({} #>> array[]::text[])", operand.sql)


def _compare(op: str, first: Operand, second: Operand) -> Sql:
    if first.kind == "text" and op not in ("=", "<>"):
        return merge(f'{{}} {op} {{}} collate "C"', first.sql, second.sql)
    return merge(f"{{}} {op} {{}}", first.sql, second.sql)


def _exact(value: float) -> Decimal:
    return Decimal(repr(value))
