"""Order of search results, and the tokens that lead from page to page.

A token is a place in the order: the sort keys of the item at the edge of a page, which way to go
on, and a mark of the order it belongs to. It holds no filter and no rights, which are those of
the request it comes with. Items that come or go elsewhere do not move the place.

Items that lack a property come last in the order by it, in both directions.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from boresight_hub.stac.cql2_sql import Sql, property_operand
from boresight_hub.stac.database import INDEXED_PROPERTIES
from boresight_hub.stac.problems import RequestError

_MAX_SORT_KEYS = 6
_MAX_TOKEN_CHARS = 4096
Scalar = int | float | str | None


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of an order: SQL of its value, and its direction."""

    name: str
    sql: Sql
    descending: bool
    nullable: bool = True

    def order(self, *, backward: bool) -> Sql:
        """Term of ORDER BY."""
        descending = self.descending is not backward
        nulls = "" if not self.nullable else f" nulls {'first' if backward else 'last'}"
        return Sql(f"{self.sql.text} {'desc' if descending else 'asc'}{nulls}", self.sql.values)

    def beyond(self, value: Scalar, *, backward: bool) -> Sql | None:
        """Condition for lying beyond ``value`` in the order; None when nothing can."""
        text, bound = self.sql.text, self.sql.values
        sign = "<" if self.descending is not backward else ">"
        if value is None:
            return Sql(f"{text} is not null", bound) if backward else None
        if self.nullable and not backward:
            return Sql(f"({text} {sign} ? or {text} is null)", (*bound, value, *bound))
        return Sql(f"{text} {sign} ?", (*bound, value))


_PLACE = SortKey("pk", Sql("item.pk"), descending=True, nullable=False)
_TIME = SortKey("datetime", Sql("item.sort_us"), descending=True, nullable=False)


@dataclass(frozen=True, slots=True)
class Order:
    """A total order of items."""

    keys: tuple[SortKey, ...]

    @property
    def mark(self) -> str:
        """Short name of the order, to tell a token of another one."""
        spelled = ",".join(f"{'-' if key.descending else '+'}{key.name}" for key in self.keys)
        return hashlib.sha256(spelled.encode()).hexdigest()[:8]

    @property
    def index(self) -> str | None:
        """Index of ``item`` that holds the items of a collection in this order."""
        if self.keys == (_TIME, _PLACE):
            return "item_time"
        first = self.keys[0]
        if self.keys[1:] == (_TIME, _PLACE) and first.name in INDEXED_PROPERTIES:
            return f"item_property_{INDEXED_PROPERTIES.index(first.name)}"
        return None

    def by(self, *, backward: bool) -> Sql:
        """ORDER BY, without the words."""
        terms = [key.order(backward=backward) for key in self.keys]
        return Sql(
            ", ".join(term.text for term in terms), tuple(v for term in terms for v in term.values)
        )

    def after(self, values: Sequence[Scalar], *, backward: bool) -> Sql:
        """Condition for lying beyond ``values``, one for each key."""
        if self.keys == (_TIME, _PLACE):
            # the form an index understands
            sign = ">" if backward else "<"
            return Sql(f"(item.sort_us, item.pk) {sign} (?, ?)", tuple(values))
        parts: list[Sql] = []
        equal: list[Sql] = []
        for key, value in zip(self.keys, values, strict=True):
            beyond = key.beyond(value, backward=backward)
            if beyond is not None:
                chain = [*equal, beyond]
                parts.append(
                    Sql(
                        "(" + " and ".join(part.text for part in chain) + ")",
                        tuple(v for part in chain for v in part.values),
                    )
                )
            equal.append(Sql(f"{key.sql.text} is ?", (*key.sql.values, value)))
        return Sql(
            "(" + " or ".join(part.text for part in parts) + ")",
            tuple(v for part in parts for v in part.values),
        )


def order_of(sortby: Sequence[tuple[str, bool]]) -> Order:
    """Order by ``(field, descending)`` pairs; latest first when there are none.

    Raises
    ------
    RequestError
        When a field cannot be sorted by, or there are too many.
    """
    if len(sortby) > _MAX_SORT_KEYS:
        raise RequestError(f"sortby has {len(sortby)} fields; at most {_MAX_SORT_KEYS} are used.")
    keys: list[SortKey] = []
    for field, descending in sortby:
        name = field.strip().removeprefix("properties.")
        if name == "datetime":
            keys.append(SortKey(name, _TIME.sql, descending, nullable=False))
        else:
            try:
                operand = property_operand(name)
            except ValueError as exc:
                raise RequestError(f"Items cannot be sorted by {field[:100]!r}.") from exc
            keys.append(SortKey(name, operand.sql, descending, nullable=operand.kind == "property"))
    if all(key.name != "datetime" for key in keys):
        keys.append(_TIME)
    return Order((*keys, _PLACE))


@dataclass(frozen=True, slots=True)
class Place:
    """A place in an order, and which way to go on from it."""

    values: tuple[Scalar, ...]
    backward: bool = False


def encode(order: Order, place: Place) -> str:
    """Token of ``place``."""
    content = json.dumps([order.mark, int(place.backward), *place.values], separators=(",", ":"))
    token = base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")
    if len(token) > _MAX_TOKEN_CHARS:
        raise RequestError(
            "A value items are sorted by is too long to go on from.",
            remedy="Sort by a property with short values.",
        )
    return token


def decode(order: Order, token: str) -> Place:
    """Place of ``token``.

    Raises
    ------
    RequestError
        When it is no token of ours, or one of another order.
    """
    refused = RequestError(
        "The token is none of this search.",
        remedy="Follow the links of a page; start again without token.",
    )
    if len(token) > _MAX_TOKEN_CHARS:
        raise refused
    try:
        padded = token + "=" * (-len(token) % 4)
        content = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as exc:
        raise refused from exc
    if not isinstance(content, list) or len(content) != len(order.keys) + 2:
        raise refused
    mark, backward, *values = content
    if mark != order.mark or backward not in (0, 1):
        raise refused
    for key, value in zip(order.keys, values, strict=True):
        if isinstance(value, bool) or not isinstance(value, int | float | str | None):
            raise refused
        if value is None and not key.nullable:
            raise refused
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise refused
    return Place(tuple(values), bool(backward))
