"""Candidates from a STAC API: bounded queries, then every two that see common ground."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pystac
from shapely.geometry.base import BaseGeometry

from boresight.errors import BoresightError, CatalogueError, InputError
from boresight.pairs.acquisitions import Acquisition, RpcReader, acquisition_of
from boresight.pairs.footprints import (
    EqualAreaMap,
    centre_of,
    geometry_of_bbox,
    query_geometry,
)
from boresight.pairs.ranking import CandidatePair, pair_of, rank

_PAGE = 100


class Searchable(Protocol):
    """What is asked: a ``pystac_client.Client``."""

    @property
    def search(self) -> Callable[..., Any]:
        """Search items; the answer has ``items_as_dicts()``."""
        ...


@dataclass(frozen=True)
class SearchBounds:
    """How far a search goes.

    Attributes
    ----------
    max_items : int
        Items that are looked at, 2 to 1000.
    max_pairs : int
        Pairs that are told.
    max_days_apart : float
        Longest time between the images [day].
    min_overlap : float
        Least common share of the smaller footprint [1].
    max_rpc_reads : int
        Images whose RPC is read, for items without angles.
    """

    max_items: int = 200
    max_pairs: int = 50
    max_days_apart: float = 366.0
    min_overlap: float = 0.1
    max_rpc_reads: int = 20

    def __post_init__(self) -> None:
        for name, low, high in (
            ("max_items", 2, 1000),
            ("max_pairs", 1, 1000),
            ("max_days_apart", 0, 36600),
            ("min_overlap", 0, 1),
            ("max_rpc_reads", 0, 1000),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(
                    f"{name} is {value}; the rule is from {low} to {high}.",
                    remedy=f"Choose {name} within.",
                )


@dataclass(frozen=True)
class LeftOut:
    """An item that could not take part.

    Attributes
    ----------
    collection, id : str
    reason : {"geometry", "angles", "source"}
        No footprint; neither angles nor RPC; angles where its partners have only an RPC.
    words : str
        The same for people.
    """

    collection: str
    id: str
    reason: str
    words: str


@dataclass(frozen=True)
class PairSearch:
    """What a search has found.

    Attributes
    ----------
    pairs : tuple of CandidatePair
        Best first.
    n_items : int
        Items that were looked at.
    left_out : tuple of LeftOut
        Those of them that could not take part, and why.
    is_truncated : bool
        Whether the catalogue has more items than were looked at.
    """

    pairs: tuple[CandidatePair, ...]
    n_items: int
    left_out: tuple[LeftOut, ...]
    is_truncated: bool


_REASONS = {
    "geometry": "has no footprint that can be read",
    "angles": "has neither view:incidence_angle with view:azimuth nor an RPC that can be read",
    "source": "has angles, its partner only an RPC: their azimuths may be counted differently",
}


def find_pairs(
    catalog: Searchable,
    *,
    item: pystac.Item | Mapping[str, Any] | None = None,
    area: Mapping[str, Any] | Sequence[float] | None = None,
    collections: Sequence[str] | None = None,
    datetime: str | None = None,
    bounds: SearchBounds | None = None,
    read_rpc: RpcReader | None = None,
    prefer_rpc: bool = False,
) -> PairSearch:
    """Find pairs with an item, or within an area.

    Parameters
    ----------
    catalog : pystac_client.Client
        As :func:`boresight.access.open_catalog` gives it; of any STAC API.
    item : pystac.Item or mapping, optional
        One image of every pair.
    area : mapping or sequence of float, optional
        GeoJSON polygon, or a box west, south, east, north [deg]; in place of ``item``.
    collections : sequence of str, optional
        Where to search; default: the item's own collection, for an area everywhere.
    datetime : str, optional
        Interval as STAC writes it; default: around the item's time.
    bounds : SearchBounds, optional
    read_rpc : callable, optional
        Reads the RPC of an item's image (:func:`boresight.pairs.images.read_item_rpc`), for items
        without angles; None leaves them out.
    prefer_rpc : bool
        Read the RPC of every image, within the bounds, though the items have angles.

    Raises
    ------
    InputError
        Neither item nor area or both, or one that has no footprint.
    CatalogueError
        The catalogue does not answer as a STAC API does.
    """
    bounds = bounds or SearchBounds()
    if (item is None) == (area is None):
        raise InputError(
            "A search has an item or an area, not both; the rule is one of them.",
            remedy="Choose an item, or draw an area.",
        )
    anchor = acquisition_of(_as_dict(item)) if item is not None else None
    geometry = _geometry(anchor, area)
    query: dict[str, Any] = {
        "intersects": query_geometry(geometry),
        "max_items": bounds.max_items + 1,
        "limit": min(_PAGE, bounds.max_items + 1),
    }
    if collections is None and anchor is not None and anchor.collection:
        collections = [anchor.collection]
    if collections:
        query["collections"] = list(collections)
    when = datetime or (_window(anchor, bounds) if anchor else None)
    if when:
        query["datetime"] = when
    found = _items(catalog, query)
    others = [acquisition_of(one) for one in found[: bounds.max_items]]
    looked_at = len(others)
    if anchor is not None:
        others = [one for one in others if one.key != anchor.key]
    pool = _Pool(EqualAreaMap(*centre_of(geometry)), bounds, read_rpc, prefer_rpc=prefer_rpc)
    pairs = pool.among(others) if anchor is None else pool.with_one(anchor, others)
    return PairSearch(
        pairs=tuple(rank(pairs)[: bounds.max_pairs]),
        n_items=looked_at,
        left_out=tuple(pool.left_out.values()),
        is_truncated=len(found) > bounds.max_items,
    )


class _Pool:
    """Acquisitions of one search, their ground, and what could not take part."""

    def __init__(
        self,
        ground: EqualAreaMap,
        bounds: SearchBounds,
        read_rpc: RpcReader | None,
        *,
        prefer_rpc: bool,
    ) -> None:
        self._map, self._bounds, self._read = ground, bounds, read_rpc
        self._prefer_rpc = prefer_rpc
        self._reads_left = bounds.max_rpc_reads
        self._by_rpc: dict[tuple[str, str], Acquisition | None] = {}
        self.left_out: dict[tuple[str, str], LeftOut] = {}

    def with_one(self, anchor: Acquisition, others: list[Acquisition]) -> list[CandidatePair]:
        """Pairs of ``anchor`` with each of the others."""
        first = self._usable(anchor)
        if first is None:
            return []
        area = self._map.polygon(first.geometry or {})
        made = (self._pair((first, area), other) for other in self._grounds(others))
        return [pair for pair in made if pair is not None]

    def among(self, acquisitions: list[Acquisition]) -> list[CandidatePair]:
        """Pairs among all of them."""
        grounds = self._grounds(acquisitions)
        made = (
            self._pair(first, second)
            for index, first in enumerate(grounds)
            for second in grounds[index + 1 :]
        )
        return [pair for pair in made if pair is not None]

    def _grounds(self, acquisitions: list[Acquisition]) -> list[tuple[Acquisition, BaseGeometry]]:
        found = []
        for one in acquisitions:
            usable = self._usable(one)
            if usable is None:
                continue
            try:
                found.append((usable, self._map.polygon(usable.geometry or {})))
            except BoresightError:
                self._leave_out(one, "geometry")
        return found

    def _usable(self, one: Acquisition) -> Acquisition | None:
        if one.geometry is None:
            self._leave_out(one, "geometry")
            return None
        if self._prefer_rpc or one.view is None:
            by_rpc = self._from_rpc(one)
            one = by_rpc or one
        if one.view is None:
            self._leave_out(one, "angles")
            return None
        return one

    def _pair(
        self,
        first: tuple[Acquisition, BaseGeometry],
        second: tuple[Acquisition, BaseGeometry],
    ) -> CandidatePair | None:
        if _apart_days(first[0], second[0]) > self._bounds.max_days_apart:
            return None
        areas = (first[1], second[1])
        pair = pair_of(first[0], second[0], areas)
        if pair is None or pair.overlap < self._bounds.min_overlap:
            return None
        if pair.left.view_source == pair.right.view_source:
            return pair
        both = [self._from_rpc(one) or one for one in (first[0], second[0])]
        if both[0].view_source != both[1].view_source:
            self._leave_out(next(one for one in both if one.view_source == "angles"), "source")
            return None
        return pair_of(both[0], both[1], areas)

    def _from_rpc(self, one: Acquisition) -> Acquisition | None:
        """Acquisition with its view by RPC; None when it has none, or enough have been read."""
        if one.view_source == "rpc":
            return one
        if one.key in self._by_rpc:
            return self._by_rpc[one.key]
        if self._read is None or self._reads_left <= 0:
            return None
        self._reads_left -= 1
        try:
            made: Acquisition | None = one.with_rpc(self._read)
        except BoresightError:
            made = None
        self._by_rpc[one.key] = made
        return made

    def _leave_out(self, one: Acquisition, reason: str) -> None:
        words = f"{one.id} {_REASONS[reason]}."
        self.left_out.setdefault(one.key, LeftOut(one.collection, one.id, reason, words))


def _as_dict(item: pystac.Item | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(item, pystac.Item):
        made: dict[str, Any] = item.to_dict(include_self_link=False, transform_hrefs=False)
        return made
    return item


def _geometry(
    anchor: Acquisition | None, area: Mapping[str, Any] | Sequence[float] | None
) -> Mapping[str, Any]:
    if anchor is not None:
        if anchor.geometry is None:
            raise InputError(
                f"The item {anchor.id!r} has no footprint that can be read; the rule is a polygon.",
                remedy="Choose another item, or draw an area.",
            )
        return anchor.geometry
    if isinstance(area, Mapping):
        return area
    return geometry_of_bbox(list(area or ()))


def _window(anchor: Acquisition, bounds: SearchBounds) -> str | None:
    if anchor.acquired_at is None:
        return None
    reach = dt.timedelta(days=bounds.max_days_apart)
    ends = []
    for sign in (-1, 1):
        try:
            moment = anchor.acquired_at + sign * reach
        except OverflowError:
            ends.append("..")
            continue
        # whole seconds, rounded outwards
        moment = _whole_second(moment, up=sign > 0)
        ends.append(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return "/".join(ends)


def _whole_second(moment: dt.datetime, *, up: bool) -> dt.datetime:
    """Whole second at or after ``moment``, or at or before it."""
    whole = moment.replace(microsecond=0)
    return whole + dt.timedelta(seconds=1) if up and whole != moment else whole


def _items(catalog: Searchable, query: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        return [one for one in catalog.search(**query).items_as_dicts() if isinstance(one, dict)]
    except BoresightError:
        raise
    except Exception as exc:  # whatever an answer that is no STAC does to a client
        raise CatalogueError(
            f"The catalogue did not answer the search as a STAC API does ({type(exc).__name__}).",
            remedy="See whether its address is right, and try again.",
        ) from exc


def _apart_days(first: Acquisition, second: Acquisition) -> float:
    if first.acquired_at is None or second.acquired_at is None:
        return 0.0
    return abs((first.acquired_at - second.acquired_at).total_seconds()) / 86400.0
