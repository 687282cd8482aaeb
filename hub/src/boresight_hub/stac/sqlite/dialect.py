"""CQL2 and the order of pages in SQLite: items as JSON text, instants as microseconds.

``json_extract`` gives a property's value in SQL's own types, so that its JSON type stands beside
it in every comparison. What SQL lacks is a Python function of the module ``database``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from boresight_hub.stac.cql2_sql import MIRROR
from boresight_hub.stac.dialect import Operand, Sortable
from boresight_hub.stac.sql import FALSE, Sql, merge
from boresight_hub.stac.sqlite.database import INDEXED_PROPERTIES, property_sql
from boresight_hub.stac.texts import to_json

_JSON_TYPES = {
    "number": "in ('integer', 'real')",
    "text": "= 'text'",
    "bool": "in ('true', 'false')",
}


class SqliteDialect:
    """See :class:`boresight_hub.stac.dialect.Dialect`."""

    newest = Sortable(Sql("item.sort_us"), Sql("item.sort_us"))
    places = (("pk", Sortable(Sql("item.pk"), Sql("item.pk"))),)

    def sortable(self, name: str) -> Sortable:
        """Key for a property."""
        if name in ("id", "collection"):
            sql = self.column("id" if name == "id" else "collection").sql
            return Sortable(sql, sql)
        sql = self.property(name).sql
        return Sortable(sql, sql, nullable=True)

    def property(self, name: str) -> Operand:
        """Value at the name as it stands, else at the path that its dots make of it."""
        if name in INDEXED_PROPERTIES:
            path = f'$."{name}"'
            type_of = Sql(f"json_type(item.properties, '{path}')")
            return Operand("property", Sql(property_sql(path)), type_of)
        if not name or re.search(r'["\\\x00-\x1f]', name):
            # a JSON path has no way to write these; walk the object instead
            head = "(select j.{} from json_each(item.properties) j where j.key = ?)"
            return Operand(
                "property", Sql(head.format("value"), (name,)), Sql(head.format("type"), (name,))
            )
        whole = f'$."{name}"'
        if "." not in name:
            return Operand(
                "property",
                Sql("json_extract(item.properties, ?)", (whole,)),
                Sql("json_type(item.properties, ?)", (whole,)),
            )
        nested = "$" + "".join(f'."{part}"' for part in name.split("."))
        both = (whole, nested)
        value = "coalesce(json_extract(item.properties, ?), json_extract(item.properties, ?))"
        kind = "coalesce(json_type(item.properties, ?), json_type(item.properties, ?))"
        return Operand("property", Sql(value, both), Sql(kind, both))

    def column(self, name: Literal["id", "collection", "datetime"]) -> Operand:
        """Something every item has, or may have."""
        match name:
            case "id":
                return Operand("text", Sql("item.id"))
            case "collection":
                sql = "(select c.id from collection c where c.pk = item.collection)"
                return Operand("text", Sql(sql))
            case "datetime":
                return Operand("instant", Sql("item.datetime_us"))

    def literal(self, kind: Literal["number", "text", "bool", "instant"], value: Any) -> Operand:
        """A value."""
        bound = int(value) if kind == "bool" else value
        return Operand(kind, Sql("?", (bound,)), literal=value)

    def time_range(self) -> tuple[Sql, Sql]:
        """First and last instant of an item."""
        return Sql("item.start_us"), Sql("item.end_us")

    def typed(self, operand: Operand, kind: Literal["number", "text"]) -> Sql:
        """Value if it is of ``kind``."""
        if operand.kind == kind:
            return operand.sql
        if operand.type_of is None:
            return Sql("null")
        return merge(
            f"case when {{}} {_JSON_TYPES[kind]} then {{}} end", operand.type_of, operand.sql
        )

    def as_instant(self, operand: Operand) -> Sql:
        """Instant of a property or a text."""
        return merge("stac_instant({})", operand.sql)

    def compare(self, op: str, first: Operand, second: Operand) -> Sql:
        """Comparison of two values of one type."""
        if first.type_of is not None and second.type_of is not None:
            same = merge(
                "{} is not null and replace(replace({}, 'real', 'integer'), 'false', 'true')"
                " = replace(replace({}, 'real', 'integer'), 'false', 'true')",
                first.type_of,
                first.type_of,
                second.type_of,
            )
            return merge(f"({{}} {op} {{}} and {{}})", first.sql, second.sql, same)
        if second.type_of is not None:
            first, second, op = second, first, MIRROR[op]
        if first.type_of is not None:
            return merge(
                f"({{}} {op} {{}} and {{}} {_JSON_TYPES[second.kind]})",
                first.sql,
                second.sql,
                first.type_of,
            )
        if first.kind != second.kind:
            return FALSE
        return merge(f"{{}} {op} {{}}", first.sql, second.sql)

    def one_of(
        self,
        operand: Operand,
        kind: Literal["number", "text", "instant"],
        values: Sequence[Any],
        negated: bool,
    ) -> Sql:
        """Whether the value is one of ``values``."""
        test = f"{'not in' if negated else 'in'} ({', '.join('?' * len(values))})"
        return self._guarded(operand, kind, test, tuple(values))

    def in_collections(self, names: Sequence[str], negated: bool) -> Sql:
        """Whether the item stands in one of the collections."""
        marks = ", ".join("?" * len(names))
        pks = f"select c.pk from collection c where c.id in ({marks})"  # noqa: S608 - question marks
        return Sql(f"item.collection {'not in' if negated else 'in'} ({pks})", tuple(names))

    def like(self, operand: Operand, pattern: str, negated: bool) -> Sql:
        """Whether the value is text that matches."""
        test = f"{'not like' if negated else 'like'} ? escape '\\'"
        return self._guarded(operand, "text", test, (pattern,))

    def fold(self, op: str, text: Sql) -> Sql:
        """Text without difference of case, or without accents."""
        return merge(f"stac_{op}({{}})", text)

    def arithmetic(self, op: str, left: Sql, right: Sql) -> Sql:
        """Result, NULL when there is none."""
        if op in ("+", "-", "*"):
            return merge(f"({{}} {op} {{}})", left, right)
        if op == "/":
            return merge("(1.0 * {} / {})", left, right)
        return merge(f"stac_number('{op}', {{}}, {{}})", left, right)

    def arrays(self, op: str, left: Operand | list[Any], right: Operand | list[Any]) -> Sql:
        """Truth of an array function."""
        sides = (
            Sql("?", (to_json(side),)) if isinstance(side, list) else side.sql
            for side in (left, right)
        )
        return merge(f"stac_array('{op}', {{}}, {{}})", *sides)

    def has_geometry(self) -> Sql:
        """Whether the item has a geometry."""
        return Sql("(item.geometry is not null)")

    def spatial(self, op: str, geometry: Any | None, negated: bool) -> Sql:
        """Truth of a spatial function."""
        if geometry is None:
            test = Sql("stac_relate(?, item.geometry, item.geometry)", (op,))
        else:
            test = Sql("stac_relate(?, item.geometry, ?)", (op, geometry.wkb))
        if negated:
            return merge("not {}", test)
        if op == "s_disjoint" or geometry is None:
            return test
        west, south, east, north = geometry.bounds
        near = Sql(
            "item.west <= ? and item.east >= ? and item.south <= ? and item.north >= ?",
            (east, west, north, south),
        )
        return merge("({} and {})", near, test)

    def is_key(self, name: str) -> bool:
        """Whether an index answers by itself."""
        return name == "id" or name in INDEXED_PROPERTIES

    def _guarded(self, operand: Operand, kind: str, test: str, values: tuple[object, ...]) -> Sql:
        if operand.kind == kind:
            return merge(f"{{}} {test}", operand.sql, Sql("", values))
        if operand.type_of is None:
            return FALSE
        return merge(
            f"({{}} {test} and {{}} {_JSON_TYPES[kind]})",
            operand.sql,
            Sql("", values),
            operand.type_of,
        )
