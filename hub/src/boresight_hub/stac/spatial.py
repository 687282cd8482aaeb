"""Geometry of the catalogue: longitude and latitude in degrees (CRS84), two dimensions decide.

Stored geometries are WKB. A box that crosses the antimeridian (west > east) becomes two boxes
that meet at ±180°, as RFC 7946 wants geometries to be cut.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

Box = tuple[float, float, float, float]
"""West, south, east, north [degree]; west <= east."""

_TYPES = frozenset(
    {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"}
)

PREDICATES: dict[str, Callable[[BaseGeometry, BaseGeometry], bool]] = {
    "s_intersects": lambda a, b: bool(a.intersects(b)),
    "s_equals": lambda a, b: bool(a.equals(b)),
    "s_disjoint": lambda a, b: bool(a.disjoint(b)),
    "s_touches": lambda a, b: bool(a.touches(b)),
    "s_within": lambda a, b: bool(a.within(b)),
    "s_overlaps": lambda a, b: bool(a.overlaps(b)),
    "s_crosses": lambda a, b: bool(a.crosses(b)),
    "s_contains": lambda a, b: bool(a.contains(b)),
}
"""CQL2 spatial functions by their name."""

_CONVERSE = {"s_within": "s_contains", "s_contains": "s_within"}


def split_bbox(bbox: Sequence[float]) -> list[Box]:
    """Cut a STAC bbox (4 numbers, or 6 with heights) at the antimeridian.

    Returns
    -------
    list of Box
        One box, or two where ``west > east``.

    Raises
    ------
    ValueError
        When the numbers are no box on the globe.
    """
    if len(bbox) == 6:
        west, south, low, east, north, high = (float(value) for value in bbox)
        if low > high:
            raise ValueError(f"The bbox {list(bbox)} has its lower height {low} above {high}.")
    elif len(bbox) == 4:
        west, south, east, north = (float(value) for value in bbox)
    else:
        raise ValueError(f"The bbox has {len(bbox)} numbers; it has 4, or 6 with heights.")
    if not all(math.isfinite(value) for value in (west, south, east, north)):
        raise ValueError(f"The bbox {list(bbox)} holds a number that is not finite.")
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= 90 and north <= 90):
        raise ValueError(
            f"The bbox {list(bbox)} leaves the globe; longitudes are within ±180, latitudes ±90."
        )
    if south > north:
        raise ValueError(f"The bbox {list(bbox)} has its south {south} above its north {north}.")
    if west <= east:
        return [(west, south, east, north)]
    return [(west, south, 180.0, north), (-180.0, south, east, north)]


def boxes_geometry(boxes: Sequence[Box]) -> BaseGeometry:
    """Geometry of one box or several; a flat box becomes a line or a point."""
    parts = [
        shapely.box(*box) if box[0] < box[2] and box[1] < box[3] else _flat(box) for box in boxes
    ]
    return parts[0] if len(parts) == 1 else shapely.union_all(parts)


def parse_geometry(value: object) -> BaseGeometry:
    """Geometry of a GeoJSON geometry object.

    Raises
    ------
    ValueError
        When it is none, is empty, or leaves the globe.
    """
    if not isinstance(value, Mapping):
        raise ValueError("The geometry is no GeoJSON object.")
    kind = value.get("type")
    if kind == "GeometryCollection":
        parts = value.get("geometries")
        if not isinstance(parts, list) or not parts or len(parts) > 1000:
            raise ValueError("A GeometryCollection has a list of 1 to 1000 `geometries`.")
        if any(isinstance(p, Mapping) and p.get("type") == "GeometryCollection" for p in parts):
            raise ValueError("A GeometryCollection inside another one is not supported.")
        return shapely.GeometryCollection([parse_geometry(part) for part in parts])
    if kind not in _TYPES:
        raise ValueError(f"{str(kind)[:40]!r} is no GeoJSON geometry type.")
    _check_numbers(value.get("coordinates"))
    try:
        text = json.dumps({"type": kind, "coordinates": value["coordinates"]}, allow_nan=False)
        geometry: BaseGeometry = shapely.force_2d(shapely.from_geojson(text))
    except (shapely.errors.GEOSException, ValueError, TypeError, KeyError) as exc:
        raise ValueError(f"The coordinates of the {kind} are not those of a {kind}.") from exc
    if geometry is None or geometry.is_empty:
        raise ValueError(f"The {kind} is empty.")
    west, south, east, north = geometry.bounds
    if not (west >= -180 and east <= 180 and south >= -90 and north <= 90):
        raise ValueError(
            f"The {kind} spans {west}..{east}, {south}..{north}; longitudes are within ±180, "
            "latitudes within ±90, and what crosses the antimeridian is cut there."
        )
    return geometry


def why_invalid(geometry: BaseGeometry) -> str:
    """Reason why ``geometry`` is not valid (OGC), empty if it is."""
    return "" if geometry.is_valid else str(shapely.is_valid_reason(geometry))


def mend(geometry: BaseGeometry) -> BaseGeometry:
    """Valid geometry that covers the same ground, for what somebody searches by."""
    mended: BaseGeometry = geometry if geometry.is_valid else shapely.make_valid(geometry)
    return mended


def index_boxes(geometry: BaseGeometry) -> list[Box]:
    """Boxes for the R*Tree: one, or one at either side of the antimeridian.

    A geometry in parts that reaches from one side of the globe to the other is most likely one
    that was cut at ±180°; a single box around it would be hit by everything.
    """
    west, south, east, north = geometry.bounds
    if east - west <= 180 or not hasattr(geometry, "geoms"):
        return [(west, south, east, north)]
    boxes: list[Box] = []
    for side in (
        [part for part in geometry.geoms if part.bounds[0] + part.bounds[2] < 0],
        [part for part in geometry.geoms if part.bounds[0] + part.bounds[2] >= 0],
    ):
        if side:
            bounds = [part.bounds for part in side]
            boxes.append(
                (
                    min(b[0] for b in bounds),
                    min(b[1] for b in bounds),
                    max(b[2] for b in bounds),
                    max(b[3] for b in bounds),
                )
            )
    return boxes


def relate_wkb(predicate: str, stored: bytes | None, wanted: bytes) -> int | None:
    """Relation of two WKB geometries, as an SQLite function: 1, 0, or NULL without geometry.

    ``wanted``, the same for every row, is prepared once.
    """
    if stored is None:
        return None
    left = shapely.from_wkb(stored)
    right = _prepared(wanted)
    if predicate in _CONVERSE:
        # only the left side of a predicate makes use of the preparation
        return int(PREDICATES[_CONVERSE[predicate]](right, left))
    return int(PREDICATES[predicate](right, left))


@lru_cache(maxsize=32)
def _prepared(wkb: bytes) -> BaseGeometry:
    geometry: BaseGeometry = shapely.from_wkb(wkb)
    shapely.prepare(geometry)
    return geometry


def _flat(box: Box) -> BaseGeometry:
    west, south, east, north = box
    if west == east and south == north:
        return shapely.Point(west, south)
    return shapely.LineString([(west, south), (east, north)])


def _check_numbers(coordinates: Any) -> None:
    """Every leaf is a finite number, the nesting that of GeoJSON at most."""
    level = [coordinates]
    for _ in range(5):
        below: list[Any] = []
        for value in level:
            if isinstance(value, list):
                below.extend(value)
            elif isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError("A coordinate is not a number.")
            elif not math.isfinite(value):
                raise ValueError("A coordinate is not a finite number.")
        if not below:
            return
        level = below
    raise ValueError("The coordinates are nested deeper than those of any geometry.")
