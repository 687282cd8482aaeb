"""CQL2 to SQL.

CQL2 JSON is translated here, operator by operator, into a condition on ``item`` in the words of
a :class:`~boresight_hub.stac.dialect.Dialect`. Two rules hold throughout:

* Every value and every name that came from outside is *bound*. The text of the SQL holds our own
  words only (and, for properties with an index, their names from our own list).
* A comparison is *unknown* when a property is absent or of another type, and unknown is no match,
  also below ``NOT``. SQL's own three values cannot say "of another type", so negation is pushed
  down to the leaves, and each leaf holds in one form or the other, or in none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from boresight_hub.stac import instants, texts
from boresight_hub.stac.cql2_nodes import (
    Cql2Error,
    Node,
    arity,
    check_size,
    finite,
    is_number,
    is_property,
    operation,
    shown,
)
from boresight_hub.stac.dialect import Dialect, Operand
from boresight_hub.stac.spatial import (
    PREDICATES,
    Box,
    boxes_geometry,
    index_boxes,
    mend,
    parse_geometry,
    split_bbox,
)
from boresight_hub.stac.sql import FALSE, TRUE, Sql, join, merge

MAX_LIST = 1_000
_MAX_LIKE_WILDCARDS = 8
_MAX_LIKE_CHARS = 256

_COMPARISONS = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
MIRROR = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
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
    boxes: list[list[Box]] = field(default_factory=list)
    keys: list[Sql] = field(default_factory=list)


def translate(dialect: Dialect, node: Node) -> Condition:
    """Translate CQL2 JSON into a condition on ``item``.

    Raises
    ------
    Cql2Error
        When it asks for what CQL2 or this catalogue does not know.
    """
    check_size(node)
    condition = Condition(TRUE)
    translator = _Translator(dialect, condition)
    condition.sql = translator.predicate(node, negated=False, conjunct=True)
    return condition


def property_operand(dialect: Dialect, name: str) -> Operand:
    """Property ``name`` of an item as an operand; ``properties.`` in front may be left out.

    A name is tried as it stands first, then, if it has dots, as a path into nested objects.
    """
    name = name.removeprefix("properties.")
    if name in ("id", "collection", "datetime"):
        return dialect.column(cast(Literal["id", "collection", "datetime"], name))
    if name in ("geometry", "bbox"):
        raise Cql2Error(f"{name!r} can stand in spatial functions only, such as s_intersects.")
    return dialect.property(name)


class _Translator:
    """One translation; collects in ``condition`` what indexes can answer."""

    def __init__(self, dialect: Dialect, condition: Condition) -> None:
        self._dialect = dialect
        self._condition = condition

    def predicate(self, node: Node, *, negated: bool, conjunct: bool) -> Sql:
        """SQL that holds where ``node`` does (or, ``negated``, where its negation does).

        ``conjunct``: the whole filter holds only where this does.
        """
        if isinstance(node, bool):
            return TRUE if node is not negated else FALSE
        if isinstance(node, Mapping) and isinstance(node.get("property"), str):
            return self._comparison("=", node, True, negated=negated, conjunct=conjunct)
        op, args = operation(node)
        if op in ("and", "or"):
            if not args:
                raise Cql2Error(f"{op!r} has no arguments; it takes two or more conditions.")
            junction = op if not negated else {"and": "or", "or": "and"}[op]
            inside = conjunct and junction == "and"
            parts = [self.predicate(arg, negated=negated, conjunct=inside) for arg in args]
            return join(parts, junction)
        if op == "not":
            (arg,) = arity(op, args, 1)
            return self.predicate(arg, negated=not negated, conjunct=conjunct)
        if op in _COMPARISONS:
            left, right = arity(op, args, 2)
            return self._comparison(op, left, right, negated=negated, conjunct=conjunct)
        if op == "isnull":
            (arg,) = arity(op, args, 1)
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
        if is_property(right) and not is_property(left):
            left, right, op = right, left, MIRROR[op]
        if isinstance(right, Mapping) and "date" in right:
            return self._date_comparison(op, left, right)
        if is_property(left, "collection") and isinstance(right, str) and op in ("=", "<>"):
            return self._dialect.in_collections([right], op == "<>")
        first, second = self._operand(left), self._operand(right)
        if "instant" in (first.kind, second.kind):
            first, second = self._as_instant(first), self._as_instant(second)
        sql = self._dialect.compare(op, first, second)
        if conjunct and is_property(left) and second.literal is not None and op != "<>":
            self._offer_key(left, sql)
        return sql

    def _date_comparison(self, op: str, left: Node, right: Node) -> Sql:
        """A date is its whole day: equal is within, before is before its start."""
        start, end = (Operand("instant", at) for at in self._interval(right))
        at, compare = self._as_instant(self._operand(left)), self._dialect.compare
        if op == "=":
            return join([compare(">=", at, start), compare("<=", at, end)], "and")
        if op == "<>":
            return join([compare("<", at, start), compare(">", at, end)], "or")
        return compare(op, at, start if op in ("<", ">=") else end)

    def _is_null(self, arg: Node, *, negated: bool) -> Sql:
        if is_property(arg, "geometry"):
            there = self._dialect.has_geometry()
            return there if negated else merge("not {}", there)
        return merge(f"{{}} {'is not null' if negated else 'is null'}", self._operand(arg).sql)

    def _between(self, args: list[Node], *, negated: bool, conjunct: bool) -> Sql:
        if len(args) == 2 and isinstance(args[1], list):  # a common misspelling
            args = [args[0], *args[1]]
        value, low, high = arity("between", args, 3)
        inside = conjunct and not negated
        return join(
            [
                self._comparison(">=", value, low, negated=negated, conjunct=inside),
                self._comparison("<=", value, high, negated=negated, conjunct=inside),
            ],
            "or" if negated else "and",
        )

    def _in(self, args: list[Node], *, negated: bool, conjunct: bool) -> Sql:
        value, choices = arity("in", args, 2)
        if not isinstance(choices, list) or len(choices) > MAX_LIST:
            raise Cql2Error(f"'in' takes a list of at most {MAX_LIST} values.")
        if not choices:
            return merge("{} is not null", self._operand(value).sql) if negated else FALSE
        if all(isinstance(choice, str) for choice in choices):
            sql = self._in_texts(value, choices, negated=negated)
        elif all(is_number(choice) for choice in choices):
            numbers = [finite(choice) for choice in choices]
            sql = self._dialect.one_of(self._operand(value), "number", numbers, negated)
        else:
            parts = [
                self._comparison("=", value, choice, negated=negated, conjunct=False)
                for choice in choices
            ]
            # a long chain would be deeper than SQLite takes it
            chunks = [parts[n : n + 32] for n in range(0, len(parts), 32)]
            junction = "and" if negated else "or"
            return join([join(chunk, junction) for chunk in chunks], junction)
        if conjunct and not negated and is_property(value):
            self._offer_key(value, sql)
        return sql

    def _in_texts(self, value: Node, choices: list[str], *, negated: bool) -> Sql:
        if is_property(value, "collection"):
            return self._dialect.in_collections(choices, negated)
        operand = self._operand(value)
        if operand.kind == "instant":
            moments = [_instant(choice) for choice in choices]
            return self._dialect.one_of(operand, "instant", moments, negated)
        return self._dialect.one_of(operand, "text", choices, negated)

    def _like(self, args: list[Node], *, negated: bool) -> Sql:
        value, pattern_node = arity("like", args, 2)
        pattern = self._operand(pattern_node).literal
        if not isinstance(pattern, str):
            raise Cql2Error("The pattern of 'like' is a text literal.")
        if len(pattern) > _MAX_LIKE_CHARS or pattern.count("%") > _MAX_LIKE_WILDCARDS:
            raise Cql2Error(
                f"The pattern of 'like' has at most {_MAX_LIKE_CHARS} characters and "
                f"{_MAX_LIKE_WILDCARDS} signs %."
            )
        if re.sub(r"\\.", "", pattern, flags=re.DOTALL).endswith("\\"):
            raise Cql2Error("The pattern of 'like' ends with \\, which escapes what follows it.")
        return self._dialect.like(self._operand(value), pattern, negated)

    def _spatial(self, op: str, args: list[Node], *, negated: bool, conjunct: bool) -> Sql:
        left, right = arity(op, args, 2)
        if is_property(right, "geometry") and not is_property(left, "geometry"):
            left, right = right, left
            op = {"s_within": "s_contains", "s_contains": "s_within"}.get(op, op)
        if not is_property(left, "geometry"):
            raise Cql2Error(f"{op!r} compares the property 'geometry' with a geometry.")
        if is_property(right, "geometry"):
            return self._dialect.spatial(op, None, negated)
        geometry = _geometry(right)
        if conjunct and not negated and op != "s_disjoint":
            self._condition.boxes.append(index_boxes(geometry))
        return self._dialect.spatial(op, geometry, negated)

    def _temporal(self, op: str, args: list[Node], *, negated: bool) -> Sql:
        left, right = arity(op, args, 2)
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
                return self._at(first), self._at(last)
            if "interval" in node:
                ends = node["interval"]
                if not isinstance(ends, list) or len(ends) != 2:
                    raise Cql2Error("An interval has a start and an end.")
                return self._end(ends[0], last=False), self._end(ends[1], last=True)
        if is_property(node, "datetime"):
            # an item without datetime has a range instead
            at = self._dialect.column("datetime").sql
            start, end = self._dialect.time_range()
            return merge("coalesce({}, {})", at, start), merge("coalesce({}, {})", at, end)
        at = self._as_instant(self._operand(node)).sql
        return at, at

    def _at(self, instant_us: int) -> Sql:
        return self._dialect.literal("instant", instant_us).sql

    def _end(self, node: Node, *, last: bool) -> Sql:
        if node == "..":
            return self._at(instants.DISTANT_FUTURE if last else instants.DISTANT_PAST)
        if isinstance(node, str) and "T" not in node.upper():
            return self._interval({"date": node})[1 if last else 0]
        return self._as_instant(self._operand(node)).sql

    def _array(self, op: str, args: list[Node], *, negated: bool) -> Sql:
        left, right = (self._array_side(side) for side in arity(op, args, 2))
        test = self._dialect.arrays(op, left, right)
        return merge("not {}", test) if negated else test

    def _array_side(self, node: Node) -> Operand | list[Any]:
        if isinstance(node, list):
            values = [self._operand(value).literal for value in node]
            if any(value is None for value in values):
                raise Cql2Error("An array of an array function holds literals only.")
            return values
        operand = self._operand(node)
        if operand.kind != "property":
            raise Cql2Error("An array function compares properties and lists.")
        return operand

    def _operand(self, node: Node) -> Operand:
        if isinstance(node, bool):
            return self._dialect.literal("bool", node)
        if is_number(node):
            return self._dialect.literal("number", finite(node))
        if isinstance(node, str):
            return self._dialect.literal("text", node)
        if isinstance(node, Mapping):
            if isinstance(node.get("property"), str):
                return property_operand(self._dialect, node["property"])
            if "timestamp" in node:
                return self._dialect.literal("instant", _instant(node["timestamp"]))
            if "op" in node:
                return self._function(node)
        raise Cql2Error(
            f"{shown(node)} cannot be compared; a property, a number, a text, a truth value, "
            "a TIMESTAMP or a DATE can."
        )

    def _function(self, node: Node) -> Operand:
        op, args = operation(node)
        if op in texts.FOLDS:
            (arg,) = arity(op, args, 1)
            inner = self._operand(arg)
            if isinstance(inner.literal, str):
                return self._dialect.literal("text", texts.FOLDS[op](inner.literal))
            if inner.kind not in ("text", "property"):
                raise Cql2Error(f"{op!r} takes a text.")
            return Operand("text", self._dialect.fold(op, self._dialect.typed(inner, "text")))
        if op in _ARITHMETIC:
            left, right = (
                self._dialect.typed(self._operand(arg), "number") for arg in arity(op, args, 2)
            )
            return Operand("number", self._dialect.arithmetic(op, left, right))
        raise Cql2Error(f"{op[:64]!r} is no function this catalogue knows.")

    def _as_instant(self, operand: Operand) -> Operand:
        if operand.kind == "instant":
            return operand
        if isinstance(operand.literal, str):
            return self._dialect.literal("instant", _instant(operand.literal))
        if operand.kind in ("property", "text"):
            return Operand("instant", self._dialect.as_instant(operand))
        raise Cql2Error("An instant is compared with a TIMESTAMP, a DATE or a property.")

    def _offer_key(self, node: Node, sql: Sql) -> None:
        if self._dialect.is_key(str(node["property"]).removeprefix("properties.")):
            self._condition.keys.append(sql)


def _geometry(node: Node) -> Any:
    try:
        if isinstance(node, Mapping) and "bbox" in node:
            bbox = node["bbox"]
            if not isinstance(bbox, list) or not all(is_number(value) for value in bbox):
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
