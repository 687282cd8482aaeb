"""Order of search results, and places in it.

Pages are cut by key: a place is the sort keys of the item at the edge of a page, and which way to
go on. It holds no filter and no rights, which are those of the request it comes with. Items that
come or go elsewhere do not move the place. How a place travels is the business of
:mod:`boresight_hub.stac.tokens`.

Items that lack a property come last in the order by it, in both directions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from boresight_hub.stac.dialect import Dialect, Sortable
from boresight_hub.stac.problems import RequestError
from boresight_hub.stac.sql import Sql, join, join_list, merge

_MAX_SORT_KEYS = 6
Scalar = int | float | str | None


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of an order: what it is the value of, and its direction."""

    name: str
    of: Sortable
    descending: bool

    def order(self, *, backward: bool) -> Sql:
        """Term of ORDER BY."""
        descending = self.descending is not backward
        nulls = "" if not self.of.nullable else f" nulls {'first' if backward else 'last'}"
        return merge(f"{{}} {'desc' if descending else 'asc'}{nulls}", self.of.ordered)

    def value(self, value: Scalar) -> Sql:
        """SQL of a value of this key that came back."""
        return Sql(self.of.bound, (value,))

    def same(self, value: Scalar) -> Sql:
        """Condition for having ``value``."""
        if value is None:
            return merge("{} is null", self.of.ordered)
        return merge("{} = {}", self.of.ordered, self.value(value))

    def beyond(self, value: Scalar, *, backward: bool) -> Sql | None:
        """Condition for lying beyond ``value`` in the order; None when nothing can."""
        ordered = self.of.ordered
        sign = "<" if self.descending is not backward else ">"
        if value is None:
            return merge("{} is not null", ordered) if backward else None
        further = merge(f"{{}} {sign} {{}}", ordered, self.value(value))
        if self.of.nullable and not backward:
            return merge("({} or {} is null)", further, ordered)
        return further


@dataclass(frozen=True, slots=True)
class Order:
    """A total order of items."""

    keys: tuple[SortKey, ...]

    @property
    def mark(self) -> str:
        """Short name of the order, to tell a place of another one."""
        spelled = ",".join(f"{'-' if key.descending else '+'}{key.name}" for key in self.keys)
        return hashlib.sha256(spelled.encode()).hexdigest()[:8]

    @property
    def names(self) -> tuple[str, ...]:
        """What the keys are the values of."""
        return tuple(key.name for key in self.keys)

    def shown(self) -> Sql:
        """Columns of the values that make up a place."""
        return join_list([key.of.shown for key in self.keys])

    def by(self, *, backward: bool) -> Sql:
        """ORDER BY, without the words."""
        return join_list([key.order(backward=backward) for key in self.keys])

    def after(self, values: Sequence[Scalar], *, backward: bool) -> Sql:
        """Condition for lying beyond ``values``, one for each key."""
        if len({key.descending for key in self.keys}) == 1 and not any(
            key.of.nullable for key in self.keys
        ):
            # the form an index understands
            sign = "<" if self.keys[0].descending is not backward else ">"
            edge = [key.value(value) for key, value in zip(self.keys, values, strict=True)]
            here = join_list([key.of.ordered for key in self.keys])
            return merge(f"(({{}}) {sign} ({{}}))", here, join_list(edge))
        parts: list[Sql] = []
        equal: list[Sql] = []
        for key, value in zip(self.keys, values, strict=True):
            beyond = key.beyond(value, backward=backward)
            if beyond is not None:
                parts.append(join([*equal, beyond], "and"))
            equal.append(key.same(value))
        return join(parts, "or")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in an order, and which way to go on from it."""

    values: tuple[Scalar, ...]
    backward: bool = False


def order_of(dialect: Dialect, sortby: Sequence[tuple[str, bool]]) -> Order:
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
            keys.append(SortKey(name, dialect.newest, descending))
        elif name in ("geometry", "bbox"):
            raise RequestError(f"Items cannot be sorted by {field[:100]!r}.")
        else:
            keys.append(SortKey(name, dialect.sortable(name), descending))
    if all(key.name != "datetime" for key in keys):
        keys.append(SortKey("datetime", dialect.newest, descending=True))
    keys += [SortKey(name, of, descending=True) for name, of in dialect.places]
    return Order(tuple(keys))


def fits(order: Order, values: Sequence[object]) -> bool:
    """Whether ``values`` can be those of a place in ``order``."""
    if len(values) != len(order.keys):
        return False
    for key, value in zip(order.keys, values, strict=True):
        if isinstance(value, bool) or not isinstance(value, int | float | str | None):
            return False
        if value is None and not key.of.nullable:
            return False
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            return False
    return True
