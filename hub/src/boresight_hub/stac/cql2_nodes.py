"""CQL2 as a tree: parsing, bounds on what is worked on, and what a node is.

The parser is the crate ``cql2``; what it makes of text or JSON is CQL2 JSON. It is recursive and
has no bound of its own, so that bounds are checked before it sees anything.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import cql2

Node = Any
"""CQL2 JSON: a mapping with ``op``/``property``/``timestamp``/…, a list, or a scalar."""

MAX_TEXT_CHARS = 20_000
MAX_DEPTH = 60
MAX_NODES = 5_000
_MAX_TEXT_OPERATORS = 500


class Cql2Error(ValueError):
    """A filter that cannot be understood; the message is for its author."""


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


def operation(node: Node) -> tuple[str, list[Node]]:
    """Operator, in small letters, and arguments of a node.

    Raises
    ------
    Cql2Error
        When the node is no operation.
    """
    if not isinstance(node, Mapping) or not isinstance(node.get("op"), str):
        raise Cql2Error(f"{shown(node)} stands where a condition has to be.")
    args = node.get("args")
    if not isinstance(args, list):
        raise Cql2Error(f"{node['op'][:64]!r} has no list of `args`.")
    return node["op"].lower(), args


def arity(op: str, args: list[Node], count: int) -> list[Node]:
    """Check and give the arguments of an operator that takes ``count`` of them.

    Raises
    ------
    Cql2Error
    """
    if len(args) != count:
        raise Cql2Error(f"{op!r} takes {count} arguments and has {len(args)}.")
    return args


def is_property(node: Node, name: str | None = None) -> bool:
    """Whether the node is a property (the one called ``name``)."""
    if not isinstance(node, Mapping) or not isinstance(node.get("property"), str):
        return False
    return name is None or node["property"].removeprefix("properties.") == name


def is_number(value: object) -> bool:
    """Whether the node is a number; a truth value is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def finite(value: Any) -> float:
    """Number of a literal.

    Raises
    ------
    Cql2Error
        When it is infinite or no number.
    """
    number = float(value)
    if not math.isfinite(number):
        raise Cql2Error("A number of the filter is not finite.")
    return number


def shown(node: Node) -> str:
    """Beginning of the node, for a message."""
    return repr(node)[:80]


def _first_line(exc: Exception) -> str:
    lines = [line.strip() for line in str(exc).splitlines() if line.strip(" |")]
    return " ".join(lines)[:200]


_OPERATORS = re.compile(
    r"\b(?:AND|OR|NOT|CASEI|ACCENTI|DIV)\b|[+*/^%]|(?<=[\w)\"'])\s*-|-(?=\s*[-(a-z])", re.I
)


def _check_text(text: str) -> None:
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
