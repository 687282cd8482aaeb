"""Pieces of SQL with the values bound in them.

The text of a piece holds our own words only; whatever came from outside is a value. A question
mark stands for each value, in whatever dialect: the connection writes it as its driver wants it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL and the values bound in it, in their order."""

    text: str
    values: tuple[object, ...] = ()


TRUE = Sql("true")
FALSE = Sql("false")


def merge(template: str, *parts: Sql) -> Sql:
    """Put the texts of ``parts`` into the ``{}`` of ``template``; their values follow in order.

    A part without text only brings values, for question marks the template has itself.
    """
    texts = [part.text for part in parts if part.text]
    pieces = template.split("{}")
    text = pieces[0] + "".join(a + b for a, b in zip(texts, pieces[1:], strict=True))
    return Sql(text, tuple(value for part in parts for value in part.values))


def join(parts: Sequence[Sql], junction: str) -> Sql:
    """Parts with ``and`` or ``or`` between, in brackets."""
    return Sql(
        "(" + f" {junction} ".join(part.text for part in parts) + ")",
        tuple(value for part in parts for value in part.values),
    )


def join_list(parts: Sequence[Sql]) -> Sql:
    """Parts with commas between."""
    return Sql(
        ", ".join(part.text for part in parts),
        tuple(value for part in parts for value in part.values),
    )
