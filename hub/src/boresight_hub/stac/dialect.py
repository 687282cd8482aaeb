"""What a database has to be able to say, so that CQL2 means the same on each.

The translator (:mod:`boresight_hub.stac.cql2_sql`) and the order of pages
(:mod:`boresight_hub.stac.paging`) are written once; a :class:`Dialect` gives the words. Items are
called ``item`` in all of them. One rule holds for every condition a dialect writes: a comparison
with what is absent, or of another type, is no match, and neither is its negation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from boresight_hub.stac.sql import Sql

Kind = Literal["number", "text", "bool", "instant", "property"]


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


@dataclass(frozen=True, slots=True)
class Sortable:
    """Something items can be ordered by.

    Attributes
    ----------
    ordered : Sql
        What is compared.
    shown : Sql
        The same as a number or text that can stand in a page token.
    bound : str
        SQL of a value that came back from a token, with one question mark.
    nullable : bool
        Whether items can be without it.
    """

    ordered: Sql
    shown: Sql
    bound: str = "?"
    nullable: bool = False


class Dialect(Protocol):
    """The SQL of one database, over the items of the catalogue."""

    @property
    def newest(self) -> Sortable:
        """What items are ordered by when nobody says: their time."""

    @property
    def places(self) -> Sequence[tuple[str, Sortable]]:
        """Names and keys, in falling order, that together tell any two items apart."""

    def sortable(self, name: str) -> Sortable:
        """Key for the property ``name``, which is not ``datetime``."""

    def property(self, name: str) -> Operand:
        """Any other property of an item."""

    def column(self, name: Literal["id", "collection", "datetime"]) -> Operand:
        """Something every item has, or, as ``datetime``, may have."""

    def literal(self, kind: Literal["number", "text", "bool", "instant"], value: Any) -> Operand:
        """A value; an instant is given in microseconds since 1970."""

    def time_range(self) -> tuple[Sql, Sql]:
        """First and last instant of an item."""

    def typed(self, operand: Operand, kind: Literal["number", "text"]) -> Sql:
        """Value of ``operand`` if it is of ``kind``, else NULL."""

    def as_instant(self, operand: Operand) -> Sql:
        """Instant of a property or a text, NULL when it is none."""

    def compare(self, op: str, first: Operand, second: Operand) -> Sql:
        """Comparison by one of ``= <> < <= > >=``."""

    def one_of(
        self,
        operand: Operand,
        kind: Literal["number", "text", "instant"],
        values: Sequence[Any],
        negated: bool,
    ) -> Sql:
        """Whether ``operand`` is of ``kind`` and one (``negated``: none) of ``values``."""

    def in_collections(self, names: Sequence[str], negated: bool) -> Sql:
        """Whether the item stands in one (``negated``: none) of the collections."""

    def like(self, operand: Operand, pattern: str, negated: bool) -> Sql:
        r"""Whether ``operand`` is text and matches; ``%``, ``_``, and ``\`` to escape them."""

    def fold(self, op: str, text: Sql) -> Sql:
        """Text without difference of case (``casei``), or without accents (``accenti``)."""

    def arithmetic(self, op: str, left: Sql, right: Sql) -> Sql:
        """Result of one of ``+ - * / % ^ div``, NULL when there is none."""

    def arrays(self, op: str, left: Operand | list[Any], right: Operand | list[Any]) -> Sql:
        """Truth of a CQL2 array function, NULL when a side is no array."""

    def has_geometry(self) -> Sql:
        """Whether the item has a geometry."""

    def spatial(self, op: str, geometry: Any | None, negated: bool) -> Sql:
        """Truth of a CQL2 spatial function of the item's geometry and ``geometry``.

        Without ``geometry`` it is the item's own again.
        """

    def is_key(self, name: str) -> bool:
        """Whether an index answers for the property ``name`` by itself."""
