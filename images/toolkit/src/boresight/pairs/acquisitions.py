"""What an item says of an acquisition: when, where, from where, in which light.

Items come from catalogues of others: nothing in them is taken to be as it should.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from boresight.errors import BoresightError
from boresight.io import RpcModel, View, view_at_centre
from boresight.pairs.footprints import polygon_rings

#: reads the RPC of an item's image, and the image's rows and columns
RpcReader = Callable[[Mapping[str, Any]], tuple[RpcModel, tuple[int, int]]]

#: incidence beyond which a line of sight runs along the ground [deg]
_MOST_INCIDENCE_DEG = 80.0


@dataclass(frozen=True)
class Acquisition:
    """An image of a pair to be.

    Attributes
    ----------
    id, collection : str
    acquired_at : datetime or None
        Aware, UTC; middle of the acquisition where it has a start and an end.
    geometry : mapping or None
        GeoJSON footprint [deg].
    view : View or None
        Line of sight at the centre.
    view_source : {"", "angles", "rpc"}
        What ``view`` is from: the item's angles, or the image's RPC.
    sun : tuple of float or None
        Elevation and azimuth [deg].
    item : mapping
        The item itself.
    """

    id: str
    collection: str
    acquired_at: dt.datetime | None
    geometry: Mapping[str, Any] | None
    view: View | None
    view_source: str
    sun: tuple[float, float] | None
    item: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        """Collection and id, which name an item within its API."""
        return self.collection, self.id

    def with_rpc(self, read: RpcReader) -> Acquisition:
        """View as the image's RPC gives it.

        Raises
        ------
        BoresightError
            The image has none, or cannot be read.
        """
        rpc, shape = read(self.item)
        height_m = _number(_properties(self.item).get("boresight:footprint_height_m"))
        view = view_at_centre(rpc, shape, rpc.height_off if height_m is None else height_m)
        return replace(self, view=view, view_source="rpc")


def acquisition_of(item: Mapping[str, Any]) -> Acquisition:
    """Read an item.

    Parameters
    ----------
    item : mapping
        STAC item as JSON; what is missing or cannot be read is None.
    """
    properties = _properties(item)
    geometry = item.get("geometry")
    if not isinstance(geometry, Mapping):
        geometry = None
    else:
        try:
            polygon_rings(geometry)
        except BoresightError:
            geometry = None
    incidence = _number(properties.get("view:incidence_angle"))
    azimuth = _number(properties.get("view:azimuth"))
    view = None
    if incidence is not None and 0 <= abs(incidence) <= _MOST_INCIDENCE_DEG:
        # at the nadir every azimuth is as good
        azimuth = 0.0 if azimuth is None and abs(incidence) < 0.01 else azimuth
        if azimuth is not None:
            gsd_m = _number(properties.get("gsd"))
            view = View(abs(incidence), azimuth % 360.0, math.nan if gsd_m is None else gsd_m)
    elevation = _number(properties.get("view:sun_elevation"))
    sun_azimuth = _number(properties.get("view:sun_azimuth"))
    has_sun = elevation is not None and sun_azimuth is not None and abs(elevation) <= 90
    return Acquisition(
        id=str(item.get("id", "")),
        collection=str(item.get("collection") or ""),
        acquired_at=_time(properties),
        geometry=geometry,
        view=view,
        view_source="angles" if view else "",
        sun=(elevation, sun_azimuth) if has_sun else None,  # type: ignore[arg-type]
        item=item,
    )


def _properties(item: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = item.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _time(properties: Mapping[str, Any]) -> dt.datetime | None:
    start, end = (_moment(properties.get(name)) for name in ("start_datetime", "end_datetime"))
    return _moment(properties.get("datetime")) or (
        start + (end - start) / 2 if start and end else start or end
    )


def _moment(text: object) -> dt.datetime | None:
    if not isinstance(text, str):
        return None
    try:
        moment = dt.datetime.fromisoformat(text.strip())
        # a time without zone is UTC: RFC 3339 asks for one
        return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
