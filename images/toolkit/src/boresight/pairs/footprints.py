"""Footprints of items on an equal-area map, so that shares of ground are true everywhere.

A map of its own for each search, centred on what is looked for: neither the antimeridian nor a
pole is an edge on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from boresight.errors import InputError

FloatArray = NDArray[np.float64]

#: longest piece of an edge; a straight edge in degrees is a curve on the map [deg]
_STEP_DEG = 0.25
#: points that an edge is divided into at most
_PIECES = 1500
#: points of a footprint at most: a catalogue is not trusted to be reasonable
_POINTS = 20_000
#: grid of the map [m]; closes the seam of footprints that are cut at the antimeridian
_GRID_M = 0.01


class EqualAreaMap:
    """Lambert azimuthal equal-area map, WGS 84.

    Parameters
    ----------
    lon, lat : float
        Its centre [deg].

    References
    ----------
    Snyder, Map projections: a working manual, USGS Professional Paper 1395, chapter 24.
    """

    def __init__(self, lon: float, lat: float) -> None:
        self.centre = (lon, lat)
        self._to_map = Transformer.from_crs(
            "EPSG:4326",
            f"+proj=laea +lat_0={lat:.9f} +lon_0={lon:.9f} +datum=WGS84 +units=m",
            always_xy=True,
        )

    def polygon(self, geometry: Mapping[str, Any]) -> BaseGeometry:
        """Area of a GeoJSON polygon on the map [m].

        Parameters
        ----------
        geometry : mapping
            Polygon or MultiPolygon, longitude and latitude [deg]; cut at the antimeridian
            (RFC 7946), continued beyond ±180, or running across it.

        Raises
        ------
        InputError
            It is no polygon, or has no area.
        """
        parts = []
        for rings in polygon_rings(geometry):
            outer, *holes = (self._ring(ring) for ring in rings)
            part = shapely.make_valid(Polygon(outer))
            for hole in holes:
                part = part.difference(shapely.make_valid(Polygon(hole)))
            parts.append(part)
        whole = shapely.union_all(parts, grid_size=_GRID_M)
        if whole.is_empty or not whole.area > 0:
            raise InputError(
                "A footprint has no area; the rule is a polygon with some.",
                remedy="Correct the item's geometry.",
            )
        return whole

    def _ring(self, ring: FloatArray) -> FloatArray:
        lon, lat = divided(ring)
        x, y = self._to_map.transform(lon, lat)
        points = np.column_stack([x, y])
        if not np.isfinite(points).all():
            raise InputError(
                "A footprint reaches the other side of the Earth; the rule is one image's ground.",
                remedy="Correct the item's geometry.",
            )
        return points


def polygon_rings(geometry: Mapping[str, Any]) -> list[list[FloatArray]]:
    """Rings of each polygon of a GeoJSON geometry, shape (points, 2) [deg], closed.

    Raises
    ------
    InputError
        It is no polygon, or its coordinates are none.
    """
    kind = geometry.get("type")
    coordinates = geometry.get("coordinates")
    polygons: Any = [coordinates] if kind == "Polygon" else coordinates
    if kind not in ("Polygon", "MultiPolygon") or not isinstance(polygons, Sequence):
        raise InputError(
            f"The geometry is a {str(kind)[:40]!r}; the rule is a Polygon or a MultiPolygon.",
            remedy="Draw an area, or choose an item with a footprint.",
        )
    try:
        made = [
            [np.array([point[:2] for point in ring], dtype=np.float64) for ring in polygon]
            for polygon in polygons
        ]
    except (TypeError, ValueError, IndexError, KeyError) as exc:
        raise _unreadable() from exc
    count = 0
    for rings in made:
        if not rings:
            raise _unreadable()
        for index, ring in enumerate(rings):
            if ring.ndim != 2 or ring.shape[0] < 3 or ring.shape[1] != 2:
                raise _unreadable()
            if not np.isfinite(ring).all() or (np.abs(ring) > (540.0, 90.0)).any():
                raise _unreadable()
            if (ring[0] != ring[-1]).any():
                rings[index] = np.vstack([ring, ring[:1]])
            count += len(ring)
    if not made or count > _POINTS:
        raise _unreadable()
    return made


def divided(ring: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Points along the edges of a closed ring, longitudes following on [deg].

    An edge goes the shorter way round, but for one from -180 to 180 along a parallel: it goes all
    the way, as that of a polar cap does.
    """
    step = np.diff(ring, axis=0)
    whole_way = (np.abs(step[:, 0]) == 360.0) & (step[:, 1] == 0) & (np.abs(ring[:-1, 1]) < 90.0)
    shorter = (step[:, 0] + 180.0) % 360.0 - 180.0
    # half a turn is left as it is drawn
    step[:, 0] = np.where(whole_way | (np.abs(step[:, 0]) <= 180.0), step[:, 0], shorter)
    lon_now = float(ring[0, 0])
    lons, lats = [], []
    for (dlon, dlat), lat in zip(step, ring[:-1, 1], strict=True):
        pieces = min(_PIECES, max(1, math.ceil(max(abs(dlon), abs(dlat)) / _STEP_DEG)))
        share = np.arange(pieces) / pieces
        lons.append(lon_now + share * dlon)
        lats.append(lat + share * dlat)
        lon_now += float(dlon)
    return np.concatenate(lons), np.concatenate(lats)


def centre_of(geometry: Mapping[str, Any]) -> tuple[float, float]:
    """Longitude and latitude amid the outline of a polygon [deg], by its directions in space."""
    lon, lat = (
        np.radians(np.concatenate(values))
        for values in zip(*(divided(rings[0]) for rings in polygon_rings(geometry)), strict=True)
    )
    x, y, z = (np.cos(lat) * np.cos(lon)), (np.cos(lat) * np.sin(lon)), np.sin(lat)
    mean = np.array([x.mean(), y.mean(), z.mean()])
    if np.linalg.norm(mean) < 1e-3:
        raise InputError(
            "The area goes round the Earth; the rule is one that is smaller.",
            remedy="Draw a smaller area.",
        )
    return (
        float(np.degrees(np.arctan2(mean[1], mean[0]))),
        float(np.degrees(np.arctan2(mean[2], np.hypot(mean[0], mean[1])))),
    )


def geometry_of_bbox(bbox: Sequence[float]) -> dict[str, Any]:
    """GeoJSON of a box west, south, east, north [deg]; west above east crosses the antimeridian.

    Raises
    ------
    InputError
        They are no four (or six, with heights) such numbers.
    """
    try:
        values = [float(value) for value in bbox]
    except (TypeError, ValueError):
        values = []
    if len(values) == 6:
        values = [*values[:2], *values[3:5]]
    good = len(values) == 4 and all(math.isfinite(value) for value in values)
    if (
        not good
        or not -90 <= values[1] < values[3] <= 90
        or max(abs(values[0]), abs(values[2])) > (540.0)
    ):
        raise InputError(
            f"The box {str(list(bbox))[:100]} is not taken; the rule is west, south, east, north "
            "in degrees, south below north.",
            remedy="Draw the area again.",
        )
    west, south, east, north = values
    if east <= west:
        east += 360.0
    return geojson_of(box(west, south, east, north))


def query_geometry(geometry: Mapping[str, Any]) -> dict[str, Any]:
    """GeoJSON to ask a catalogue with: cut at the antimeridian, whatever the item's own form."""
    parts = []
    for rings in polygon_rings(geometry):
        ring = rings[0]
        if np.ptp(ring[:, 0]) <= 180.0:
            parts.append(Polygon(ring))
            continue
        if {-180.0, 180.0} <= set(ring[:, 0].tolist()):
            parts.append(Polygon(ring))  # round a pole, drawn as a band
            continue
        lon = np.concatenate([[0.0], np.cumsum((np.diff(ring[:, 0]) + 180.0) % 360.0 - 180.0)])
        parts.append(Polygon(np.column_stack([ring[0, 0] + lon, ring[:, 1]])))
    return geojson_of(shapely.make_valid(MultiPolygon(parts)) if len(parts) > 1 else parts[0])


def geojson_of(area: BaseGeometry) -> dict[str, Any]:
    """GeoJSON of an area in degrees, cut at the antimeridian (RFC 7946, section 3.1.9)."""
    parts: list[Polygon] = []
    for turn in (-720.0, -360.0, 0.0, 360.0, 720.0):
        moved = shapely.transform(area, lambda points, turn=turn: points + np.array([turn, 0.0]))
        inside = moved.intersection(box(-180.0, -90.0, 180.0, 90.0))
        parts += [
            part
            for part in getattr(inside, "geoms", [inside])
            if isinstance(part, Polygon) and part.area > 0
        ]
    if not parts:
        raise _unreadable()
    whole = parts[0] if len(parts) == 1 else MultiPolygon(parts)
    mapped: dict[str, Any] = shapely.geometry.mapping(whole)
    return mapped


def _unreadable() -> InputError:
    return InputError(
        "The coordinates of a footprint cannot be read; the rule is closed rings of finite "
        "longitudes and latitudes.",
        remedy="Correct the item's geometry.",
    )
