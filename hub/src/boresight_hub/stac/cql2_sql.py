"""CQL2 to SQL.

The parser is the crate ``cql2``; what it makes of text or JSON is CQL2 JSON, which is translated
here, operator by operator, into a condition on the table ``item``. Two rules hold throughout:

* Every value and every name that came from outside is *bound*. The text of the SQL holds our own
  words only (and, for properties with an index, their names from our own list).
* A comparison is *unknown* when a property is absent or of another type, and unknown is no match,
  also below ``NOT``. SQL's own three values cannot say "of another type", so negation is pushed
  down to the leaves, and each leaf holds in one form or the other, or in none.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import cql2

from boresight_hub.stac import instants
from boresight_hub.stac.database import (
    INDEXED_PROPERTIES,
    fold_accents,
    fold_case,
    property_sql,
    to_json,
)
from boresight_hub.stac.spatial import (
    PREDICATES,
    boxes_geometry,
    index_boxes,
    mend,
    parse_geometry,
    split_bbox,
)

Node = Any
"""CQL2 JSON: a mapping with ``op``/``property``/``timestamp``/…, a list, or a scalar."""

Kind = Literal["number", "text", "bool", "instant", "property"]

MAX_TEXT_CHARS = 20_000
MAX_DEPTH = 60
MAX_NODES = 5_000
MAX_LIST = 1_000
_MAX_TEXT_OPERATORS = 500
_MAX_LIKE_WILDCARDS = 8
_MAX_LIKE_CHARS = 256

_COMPARISONS = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_MIRROR = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ARITHMETIC = frozenset(["+", "-", "*", "/", "%", "^", "div"])
_ARRAYS = frozenset({"a_equals", "a_contains", "a_containedby", "a_overlaps"})
# s and e: start and end of the first interval, S and E: of the second
_TEMPORAL = {
    "t_after": "{s} > {E}",
    "t_before": "{e} < {S}",
    "t_contains": "{s} < {S} and {e} > {E}",
    "t_disjoint": "({e} < {S} or {s} > {E})",
    "t_during": "{s} > {S} and {e} < {E}",
    "t_equals": "{s} = {S} and {e} = {E}",
    "t_finishedby": "{s} < {S} and {e} = {E}",
    "t_finishes": "{s} > {S} and {e} = {E}",
    "t_intersects": "{s} <= {E} and {e} >= {S}",
    "t_meets": "{e} = {S}",
    "t_metby": "{s} = {E}",
    "t_overlappedby": "{s} > {S} and {s} < {E} and {e} > {E}",
    "t_overlaps": "{s} < {S} and {e} > {S} and {e} < {E}",
    "t_startedby": "{s} = {S} and {e} > {E}",
    "t_starts": "{s} = {S} and {e} < {E}",
}
_JSON_TYPES = {
    "number": "in ('integer', 'real')",
    "text": "= 'text'",
    "bool": "in ('true', 'false')",
}


class Cql2Error(ValueError):
    """A filter that cannot be understood; the message is for its author."""


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL and the values bound in it, in their order."""

    text: str
    values: tuple[object, ...] = ()


TRUE = Sql("1")
FALSE = Sql("0")


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison.

    Attributes
    ----------
    kind : str
        What it is; a ``property`` may turn out to be anything.
    sql : Sql
        Its value.
    type_of : Sql or None
        For a property: SQL of its JSON type.
    literal : object
        For a literal: the value.
    """

    kind: Kind
    sql: Sql
    type_of: Sql | None = None
    literal: object = None


@dataclass(slots=True)
class Condition:
    """A translated filter.

    Attributes
    ----------
    sql : Sql
        Condition on ``item``.
    boxes : list of list of Box
        The filter holds only where each of these meets an item.
    keys : list of Sql
        Parts of the filter that an index answers by itself.
    """

    sql: Sql
    boxes: list[list[tuple[float, float, float, float]]] = field(default_factory=list)
    keys: list[Sql] = field(default_factory=list)


def parse(filter_expr: str | Mapping[str, Any]) -> Node:
    """CQL2 JSON of a filter in text (a string) or JSON (a mapping).

    Raises
    ------
    Cql2Error
        When it is no CQL2, or larger than a filter may be.
    """
    if isinstance(filter_expr, str):
        _check_text(filter_expr)
        try:
            return cql2.parse_text(filter_expr).to_json()
        except Exception as exc:  # the crate raises bare Exception as well
            raise Cql2Error(f"The filter is no CQL2 text: {_first_line(exc)}") from exc
    check_size(filter_expr)
    try:
        return cql2.parse_json(json.dumps(filter_expr, allow_nan=False)).to_json()
    except Exception as exc:
        raise Cql2Error(f"The filter is no CQL2 JSON: {_first_line(exc)}") from exc


def translate(node: Node) -> Condition:
    """Translate CQL2 JSON into a condition on the table ``item``.

    Raises
    ------
    Cql2Error
        When it asks for what CQL2 or this catalogue does not know.
    """
    check_size(node)
    condition = Condition(TRUE)
    condition.sql = _Translator(condition).predicate(node, negated=False, conjunct=True)
    return condition


def check_size(node: Node) -> None:
    """Refuse JSON that is nested so deep, or so large, that working on it would do harm.

    Raises
    ------
    Cql2Error
    """
    level, count, depth = [node], 0, 0
    while level:
        count += len(level)
        depth += 1
        if depth > MAX_DEPTH or count > MAX_NODES * 10:
            raise Cql2Error(
                f"The filter is nested deeper than {MAX_DEPTH} or holds more than "
                f"{MAX_NODES * 10} values; simplify it, or cut it into several searches."
            )
        below: list[Node] = []
        for value in level:
            if isinstance(value, Mapping):
                below.extend(value.values())
            elif isinstance(value, list | tuple):
                below.extend(value)
        level = below


def property_operand(name: str) -> Operand:
    """Property ``name`` of an item as an operand; ``properties.`` in front may be left out.

    A name is tried as it stands first, then, if it has dots, as a path into nested objects.
    """
    name = name.removeprefix("properties.")
    match name:
        case "id":
            return Operand("text", Sql("item.id"))
        case "collection":
            sql = "(select c.id from collection c where c.pk = item.collection)"
            return Operand("text", Sql(sql))
        case "datetime":
            return Operand("instant", Sql("item.datetime_us"))
        case "geometry" | "bbox":
            raise Cql2Error(f"{name!r} can stand in spatial functions only, such as s_intersects.")
    if name in INDEXED_PROPERTIES:
        path = f'$."{name}"'
        return Operand(
            "property", Sql(property_sql(path)), Sql(f"json_type(item.properties, '{path}')")
        )
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
    return Operand(
        "property",
        Sql("coalesce(json_extract(item.properties, ?), json_extract(item.properties, ?))", both),
        Sql("coalesce(json_type(item.properties, ?), json_type(item.properties, ?))", both),
    )


class _Translator:
    """One translation; collects in ``condition`` what indexes can answer."""

    def __init__(self, condition: Condition) -> None:
        self._condition = condition

    def predicate(self, node: Node, *, negated: bool, conjunct: bool) -> Sql:
        """SQL that holds where ``node`` does (or, ``negated``, where its negation does).

        ``conjunct``: the whole filter holds only where this does.
        """
        if isinstance(node, bool):
            return TRUE if node is not negated else FALSE
        if isinstance(node, Mapping) and isinstance(node.get("property"), str):
            return self._comparison("=", node, True, negated=negated, conjunct=conjunct)
        op, args = _operation(node)
        if op in ("and", "or"):
            if not args:
                raise Cql2Error(f"{op!r} has no arguments; it takes two or more conditions.")
            junction = op if not negated else {"and": "or", "or": "and"}[op]
            inside = conjunct and junction == "and"
            parts = [self.predicate(arg, negated=negated, conjunct=inside) for arg in args]
            return join(parts, junction)
        if op == "not":
            (arg,) = _arity(op, args, 1)
            return self.predicate(arg, negated=not negated, conjunct=conjunct)
        if op in _COMPARISONS:
            left, right = _arity(op, args, 2)
            return self._comparison(op, left, right, negated=negated, conjunct=conjunct)
        if op == "isnull":
            (arg,) = _arity(op, args, 1)
            return self._is_null(arg, negated=negated)
        if op == "between":
            return self._between(args, negated=negated, conjunct=conjunct)
        if op == "in":
            return self._in(args, negated=negated, conjunct=conjunct)
        if op == "like":
            return self._like(args, negated=negated)
        if op in PREDICATES:
            return self._spatial(op, args, negated=negated, conjunct=conjunct)
        if op in _TEMPORAL:
            return self._temporal(op, args, negated=negated)
        if op in _ARRAYS:
            return self._array(op, args, negated=negated)
        raise Cql2Error(
            f"{op[:64]!r} is no condition; there are the operators and functions of CQL2."
        )

    def _comparison(
        self, op: str, left: Node, right: Node, *, negated: bool, conjunct: bool
    ) -> Sql:
        if negated:
            op = _COMPARISONS[op]
        if _is_property(right) and not _is_property(left):
            left, right, op = right, left, _MIRROR[op]
        if isinstance(right, Mapping) and "date" in right:
            return self._date_comparison(op, left, right)
        if _is_property(left, "collection") and isinstance(right, str) and op in ("=", "<>"):
            one_of = "in" if op == "=" else "not in"
            return _in_collections(one_of, [right])
        first, second = self._operand(left), self._operand(right)
        first, second = _as_instants(first, second)
        sql = _compare(op, first, second)
        if conjunct and _is_property(left) and second.literal is not None and op != "<>":
            self._offer_key(left, sql)
        return sql

    def _date_comparison(self, op: str, left: Node, right: Node) -> Sql:
        """A date is its whole day: equal is within, before is before its start."""
        start, end = self._interval(right)
        at = _to_instant(self._operand(left)).sql
        if op in ("=", "<>"):
            inside = "between" if op == "=" else "not between"
            return merge(f"{{}} {inside} {{}} and {{}}", at, start, end)
        return merge(f"{{}} {op} {{}}", at, start if op in ("<", ">=") else end)

    def _is_null(self, arg: Node, *, negated: bool) -> Sql:
        is_null = "is not null" if negated else "is null"
        if _is_property(arg, "geometry"):
            return Sql(f"item.geometry {is_null}")
        return merge(f"{{}} {is_null}", self._operand(arg).sql)

    def _between(self, args: list[Node], *, negated: bool, conjunct: bool) -> Sql:
        if len(args) == 2 and isinstance(args[1], list):  # a common misspelling
            args = [args[0], *args[1]]
        value, low, high = _arity("between", args, 3)
        return join(
            [
                self._comparison(
                    ">=", value, low, negated=negated, conjunct=conjunct and not negated
                ),
                self._comparison(
                    "<=", value, high, negated=negated, conjunct=conjunct and not negated
                ),
            ],
            "or" if negated else "and",
        )

    def _in(self, args: list[Node], *, negated: bool, conjunct: bool) -> Sql:
        value, choices = _arity("in", args, 2)
        if not isinstance(choices, list) or len(choices) > MAX_LIST:
            raise Cql2Error(f"'in' takes a list of at most {MAX_LIST} values.")
        if not choices:
            return merge("{} is not null", self._operand(value).sql) if negated else FALSE
        if all(isinstance(choice, str) for choice in choices):
            sql = self._in_texts(value, choices, negated=negated)
        elif all(_is_number(choice) for choice in choices):
            sql = self._in_numbers(value, choices, negated=negated)
        else:
            parts = [
                self._comparison("=", value, choice, negated=negated, conjunct=False)
                for choice in choices
            ]
            return join(parts, "and" if negated else "or")
        if conjunct and not negated and _is_property(value):
            self._offer_key(value, sql)
        return sql

    def _in_texts(self, value: Node, choices: list[str], *, negated: bool) -> Sql:
        word = "not in" if negated else "in"
        marks = ", ".join("?" * len(choices))
        if _is_property(value, "collection"):
            return _in_collections(word, choices)
        operand = self._operand(value)
        if operand.kind == "instant":
            moments = tuple(_instant(choice) for choice in choices)
            return merge(f"{{}} {word} ({marks})", operand.sql, Sql("", moments))
        return _guarded(operand, "text", f"{word} ({marks})", tuple(choices))

    def _in_numbers(self, value: Node, choices: list[float], *, negated: bool) -> Sql:
        word = "not in" if negated else "in"
        marks = ", ".join("?" * len(choices))
        values = tuple(_finite(choice) for choice in choices)
        return _guarded(self._operand(value), "number", f"{word} ({marks})", values)

    def _like(self, args: list[Node], *, negated: bool) -> Sql:
        value, pattern_node = _arity("like", args, 2)
        pattern = self._operand(pattern_node).literal
        if not isinstance(pattern, str):
            raise Cql2Error("The pattern of 'like' is a text literal.")
        if len(pattern) > _MAX_LIKE_CHARS or pattern.count("%") > _MAX_LIKE_WILDCARDS:
            raise Cql2Error(
                f"The pattern of 'like' has at most {_MAX_LIKE_CHARS} characters and "
                f"{_MAX_LIKE_WILDCARDS} signs %."
            )
        word = "not like" if negated else "like"
        return _guarded(self._operand(value), "text", f"{word} ? escape '\\'", (pattern,))

    def _spatial(self, op: str, args: list[Node], *, negated: bool, conjunct: bool) -> Sql:
        left, right = _arity(op, args, 2)
        if _is_property(right, "geometry") and not _is_property(left, "geometry"):
            left, right = right, left
            op = {"s_within": "s_contains", "s_contains": "s_within"}.get(op, op)
        if not _is_property(left, "geometry"):
            raise Cql2Error(f"{op!r} compares the property 'geometry' with a geometry.")
        if _is_property(right, "geometry"):
            test = Sql("stac_relate(?, item.geometry, item.geometry)", (op,))
            return merge("not {}", test) if negated else test
        geometry = _geometry(right)
        test = Sql("stac_relate(?, item.geometry, ?)", (op, geometry.wkb))
        if negated:
            return merge("not {}", test)
        if op == "s_disjoint":
            return test
        if conjunct:
            self._condition.boxes.append(index_boxes(geometry))
        west, south, east, north = geometry.bounds
        near = Sql(
            "item.west <= ? and item.east >= ? and item.south <= ? and item.north >= ?",
            (east, west, north, south),
        )
        return merge("({} and {})", near, test)

    def _temporal(self, op: str, args: list[Node], *, negated: bool) -> Sql:
        left, right = _arity(op, args, 2)
        (s, e), (start, end) = self._interval(left), self._interval(right)
        names = {"s": s, "e": e, "S": start, "E": end}
        template = _TEMPORAL[op]
        used = [names[name] for name in re.findall(r"\{(\w)\}", template)]
        sql = merge(re.sub(r"\{\w\}", "{}", template), *used)
        return merge("not ({})" if negated else "({})", sql)

    def _interval(self, node: Node) -> tuple[Sql, Sql]:
        """First and last microsecond of an instant, a date, an interval or a property."""
        if isinstance(node, Mapping):
            if "date" in node:
                try:
                    first, last = instants.day_us(str(node["date"]))
                except ValueError as exc:
                    raise Cql2Error(str(exc)) from exc
                return Sql("?", (first,)), Sql("?", (last,))
            if "interval" in node:
                ends = node["interval"]
                if not isinstance(ends, list) or len(ends) != 2:
                    raise Cql2Error("An interval has a start and an end.")
                return self._end(ends[0], last=False), self._end(ends[1], last=True)
        if _is_property(node, "datetime"):
            # an item without datetime has a range instead
            return (
                Sql("coalesce(item.datetime_us, item.start_us)"),
                Sql("coalesce(item.datetime_us, item.end_us)"),
            )
        at = _to_instant(self._operand(node)).sql
        return at, at

    def _end(self, node: Node, *, last: bool) -> Sql:
        if node == "..":
            return Sql("?", (instants.DISTANT_FUTURE if last else instants.DISTANT_PAST,))
        if isinstance(node, str) and "T" not in node.upper():
            return self._interval({"date": node})[1 if last else 0]
        return _to_instant(self._operand(node)).sql

    def _array(self, op: str, args: list[Node], *, negated: bool) -> Sql:
        left, right = (self._array_side(side) for side in _arity(op, args, 2))
        test = merge(f"stac_array('{op}', {{}}, {{}})", left, right)
        return merge("not {}", test) if negated else test

    def _array_side(self, node: Node) -> Sql:
        if isinstance(node, list):
            values = [self._operand(value).literal for value in node]
            if any(value is None for value in values):
                raise Cql2Error("An array of an array function holds literals only.")
            return Sql("?", (to_json(values),))
        operand = self._operand(node)
        if operand.kind != "property":
            raise Cql2Error("An array function compares properties and lists.")
        return operand.sql

    def _operand(self, node: Node) -> Operand:
        if isinstance(node, bool):
            return Operand("bool", Sql("?", (int(node),)), literal=node)
        if _is_number(node):
            value = _finite(node)
            return Operand("number", Sql("?", (value,)), literal=value)
        if isinstance(node, str):
            return Operand("text", Sql("?", (node,)), literal=node)
        if isinstance(node, Mapping):
            if isinstance(node.get("property"), str):
                return property_operand(node["property"])
            if "timestamp" in node:
                at = _instant(node["timestamp"])
                return Operand("instant", Sql("?", (at,)), literal=at)
            if "op" in node:
                return self._function(node)
        raise Cql2Error(
            f"{_shown(node)} cannot be compared; a property, a number, a text, a truth value, "
            "a TIMESTAMP or a DATE can."
        )

    def _function(self, node: Node) -> Operand:
        op, args = _operation(node)
        if op in ("casei", "accenti"):
            (arg,) = _arity(op, args, 1)
            inner = self._operand(arg)
            if isinstance(inner.literal, str):
                folded = (fold_case if op == "casei" else fold_accents)(inner.literal)
                return Operand("text", Sql("?", (folded,)), literal=folded)
            if inner.kind not in ("text", "property"):
                raise Cql2Error(f"{op!r} takes a text.")
            return Operand("text", merge(f"stac_{op}({{}})", _typed(inner, "text")))
        if op in _ARITHMETIC:
            left, right = (_typed(self._operand(arg), "number") for arg in _arity(op, args, 2))
            if op in ("+", "-", "*"):
                return Operand("number", merge(f"({{}} {op} {{}})", left, right))
            if op == "/":
                return Operand("number", merge("(1.0 * {} / {})", left, right))
            return Operand("number", merge(f"stac_number('{op}', {{}}, {{}})", left, right))
        raise Cql2Error(f"{op[:64]!r} is no function this catalogue knows.")

    def _offer_key(self, node: Node, sql: Sql) -> None:
        name = str(node["property"]).removeprefix("properties.")
        if name == "id" or name in INDEXED_PROPERTIES:
            self._condition.keys.append(sql)


def _compare(op: str, first: Operand, second: Operand) -> Sql:
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
        first, second, op = second, first, _MIRROR[op]
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


def _in_collections(one_of: str, names: list[str]) -> Sql:
    marks = ", ".join("?" * len(names))
    return Sql(
        f"item.collection {one_of} (select c.pk from collection c where c.id in ({marks}))",  # noqa: S608 - question marks
        tuple(names),
    )


def _guarded(operand: Operand, kind: Kind, test: str, values: tuple[object, ...]) -> Sql:
    """``operand test``, where it is of ``kind``."""
    if operand.kind == kind:
        return merge(f"{{}} {test}", operand.sql, Sql("", values))
    if operand.type_of is None:
        return FALSE
    return merge(
        f"({{}} {test} and {{}} {_JSON_TYPES[kind]})", operand.sql, Sql("", values), operand.type_of
    )


def _typed(operand: Operand, kind: Kind) -> Sql:
    """Value of ``operand`` if it is of ``kind``, else NULL."""
    if operand.kind == kind:
        return operand.sql
    if operand.type_of is None:
        return Sql("null")
    return merge(f"case when {{}} {_JSON_TYPES[kind]} then {{}} end", operand.type_of, operand.sql)


def _as_instants(first: Operand, second: Operand) -> tuple[Operand, Operand]:
    if "instant" in (first.kind, second.kind):
        return _to_instant(first), _to_instant(second)
    return first, second


def _to_instant(operand: Operand) -> Operand:
    if operand.kind == "instant":
        return operand
    if isinstance(operand.literal, str):
        at = _instant(operand.literal)
        return Operand("instant", Sql("?", (at,)), literal=at)
    if operand.kind in ("property", "text"):
        return Operand("instant", merge("stac_instant({})", operand.sql))
    raise Cql2Error("An instant is compared with a TIMESTAMP, a DATE or a property.")


def _geometry(node: Node) -> Any:
    try:
        if isinstance(node, Mapping) and "bbox" in node:
            bbox = node["bbox"]
            if not isinstance(bbox, list) or not all(_is_number(value) for value in bbox):
                raise Cql2Error("A bbox is a list of 4 or 6 numbers.")
            return boxes_geometry(split_bbox(bbox))
        return mend(parse_geometry(node))
    except ValueError as exc:
        raise Cql2Error(str(exc)) from exc


def _instant(text: object) -> int:
    try:
        return instants.instant_us(str(text))
    except ValueError as exc:
        raise Cql2Error(str(exc)) from exc


def _operation(node: Node) -> tuple[str, list[Node]]:
    if not isinstance(node, Mapping) or not isinstance(node.get("op"), str):
        raise Cql2Error(f"{_shown(node)} stands where a condition has to be.")
    args = node.get("args")
    if not isinstance(args, list):
        raise Cql2Error(f"{node['op'][:64]!r} has no list of `args`.")
    return node["op"].lower(), args


def _arity(op: str, args: list[Node], count: int) -> list[Node]:
    if len(args) != count:
        raise Cql2Error(f"{op!r} takes {count} arguments and has {len(args)}.")
    return args


def _is_property(node: Node, name: str | None = None) -> bool:
    if not isinstance(node, Mapping) or not isinstance(node.get("property"), str):
        return False
    return name is None or node["property"].removeprefix("properties.") == name


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise Cql2Error("A number of the filter is not finite.")
    return number


def merge(template: str, *parts: Sql) -> Sql:
    """Put the texts of ``parts`` into the ``{}`` of ``template``; their values follow in order.

    A part without text only brings values, for question marks the template has itself.
    """
    texts = [part.text for part in parts if part.text]
    pieces = template.split("{}")
    text = pieces[0] + "".join(a + b for a, b in zip(texts, pieces[1:], strict=True))
    return Sql(text, tuple(value for part in parts for value in part.values))


def join(parts: list[Sql], junction: str) -> Sql:
    """Parts with ``and`` or ``or`` between, in brackets."""
    return Sql(
        "(" + f" {junction} ".join(part.text for part in parts) + ")",
        tuple(value for part in parts for value in part.values),
    )


def join_list(parts: list[Sql]) -> Sql:
    """Parts with commas between."""
    return Sql(
        ", ".join(part.text for part in parts),
        tuple(value for part in parts for value in part.values),
    )


def _shown(node: Node) -> str:
    return repr(node)[:80]


def _first_line(exc: Exception) -> str:
    lines = [line.strip() for line in str(exc).splitlines() if line.strip(" |")]
    return " ".join(lines)[:200]


_OPERATORS = re.compile(
    r"\b(?:AND|OR|NOT|CASEI|ACCENTI|DIV)\b|[+*/^%]|(?<=[\w)\"'])\s*-|-(?=\s*[-(a-z])", re.I
)


def _check_text(text: str) -> None:
    """The parser is recursive and has no bound of its own: what is nested deep would end us."""
    if len(text) > MAX_TEXT_CHARS:
        raise Cql2Error(
            f"The filter has {len(text)} characters; at most {MAX_TEXT_CHARS} are read. "
            "Send long geometries as `intersects` with POST."
        )
    depth = deepest = 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH or len(_OPERATORS.findall(text)) > _MAX_TEXT_OPERATORS:
        raise Cql2Error(
            f"The filter nests deeper than {MAX_DEPTH} or has more than {_MAX_TEXT_OPERATORS} "
            "operators; simplify it, or cut it into several searches."
        )
