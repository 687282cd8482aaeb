"""Footprints of images on the ground, and whether two images see the same ground."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from shapely import affinity
from shapely.geometry import MultiPolygon, Polygon, box, mapping

from boresight.errors import NonConvergenceError, OverlapError
from boresight.io.images import image_info
from boresight.io.rpc_files import read_rpc
from boresight.rpc import RpcModel

#: least share of the smaller footprint that both images must see
MIN_OVERLAP = 0.05

#: heights tried between the lowest and the highest
_HEIGHTS_TRIED = 33


@dataclass(frozen=True)
class Overlap:
    """How much two images have in common.

    Parameters
    ----------
    fraction : float
        Share of the smaller footprint [1].
    height_ellipsoid_m : float
        Height at which it is largest; for small crops, about that of the ground [m].
    """

    fraction: float
    height_ellipsoid_m: float


def footprint(
    rpc: RpcModel, shape: tuple[int, int], height_ellipsoid_m: float, *, per_side: int = 8
) -> Polygon:
    """Outline of an image on the ground at one height.

    Parameters
    ----------
    rpc : RpcModel
        Model in pixels of the image.
    shape : tuple of int
        Rows, columns.
    height_ellipsoid_m : float
        Height above the ellipsoid [m].
    per_side : int
        Points on each side: sides are curves.

    Returns
    -------
    Polygon
        Longitude, latitude [deg], counter-clockwise. Longitudes follow on: at the antimeridian
        they leave ±180 (:func:`geojson` cuts there).
    """
    steps = np.arange(per_side) / per_side
    rows, cols = shape
    one, zero = np.ones(per_side), np.zeros(per_side)
    row = rows * np.concatenate([zero, steps, one, 1 - steps])
    col = cols * np.concatenate([steps, one, 1 - steps, zero])
    lon, lat = rpc.localize(row, col, height_ellipsoid_m)
    found = np.isfinite(lon)
    if not found.all():
        raise NonConvergenceError(
            f"footprint: {int((~found).sum())} of {found.size} points of the outline were not "
            f"found at {height_ellipsoid_m:g} m.",
            remedy="Check that the RPC belongs to this image.",
        )
    lon = rpc.lon_off + (lon - rpc.lon_off + 180.0) % 360.0 - 180.0
    polygon = Polygon(np.column_stack([lon, lat]))
    return polygon if polygon.exterior.is_ccw else Polygon(polygon.exterior.coords[::-1])


def geojson(polygon: Polygon, *, digits: int = 7) -> dict[str, Any]:
    """GeoJSON geometry of ``polygon``, cut at the antimeridian (RFC 7946, section 3.1.9)."""
    parts = []
    for turn in (-360.0, 0.0, 360.0):
        part = affinity.translate(polygon, xoff=turn).intersection(box(-180.0, -90.0, 180.0, 90.0))
        if isinstance(part, Polygon) and part.area > 0:
            parts.append(part if part.exterior.is_ccw else part.reverse())
    whole = parts[0] if len(parts) == 1 else MultiPolygon(parts)
    rounded: dict[str, Any] = _rounded(mapping(whole), digits)
    return rounded


def overlap_fraction(
    left: tuple[RpcModel, tuple[int, int]],
    right: tuple[RpcModel, tuple[int, int]],
    height_ellipsoid_m: float,
) -> float:
    """Common ground at one height, as a share of the smaller footprint [1]."""
    first, second = (footprint(rpc, shape, height_ellipsoid_m) for rpc, shape in (left, right))
    # both on the same turn of longitude
    turn = 360.0 * round((left[0].lon_off - right[0].lon_off) / 360.0)
    second = affinity.translate(second, xoff=turn)
    smaller = min(first.area, second.area)
    return float(first.intersection(second).area / smaller) if smaller > 0 else 0.0


def check_overlap(
    left: str | Path,
    right: str | Path,
    heights: tuple[float, float] | None = None,
    *,
    minimum: float = MIN_OVERLAP,
) -> Overlap:
    """Largest overlap of two images over a range of heights.

    Parameters
    ----------
    left, right : str or Path
        Images with RPC.
    heights : tuple of float, optional
        Lowest and highest height above the ellipsoid [m]; default: what the two RPC share. The
        ground is somewhere within: images of a small crop overlap only near its true height.
    minimum : float
        Least share to accept [1].

    Returns
    -------
    Overlap
        Share of the smaller footprint, and at which height.

    Raises
    ------
    OverlapError
        Less than ``minimum`` at every height.
    """
    pair = [(read_rpc(path), image_info(path).shape) for path in (left, right)]
    ranges = np.array([rpc.height_range for rpc, _ in pair])
    low, high = heights or (float(ranges[:, 0].max()), float(ranges[:, 1].min()))
    if low > high:
        raise OverlapError(
            f"{left} and {right}: heights of their RPC, {ranges[0]} and {ranges[1]} m, have "
            "nothing in common; the rule is a common range.",
            remedy="Give two images of the same place.",
        )
    tried = np.linspace(low, high, _HEIGHTS_TRIED)
    shares = np.array([overlap_fraction(pair[0], pair[1], float(height)) for height in tried])
    best = float(shares.max())
    if best < minimum:
        raise OverlapError(
            f"{left} and {right} overlap by {100 * best:.1f} % of the smaller footprint at best "
            f"(heights {low:.0f} to {high:.0f} m); the rule is at least {100 * minimum:.0f} %.",
            remedy="Give two images of the same place.",
        )
    # the overlap of large images hardly changes with height: the middle of what is as good
    return Overlap(best, float(np.median(tried[shares > best - 0.02])))


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item, digits) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item, digits) for item in value]
    return round(value, digits) if isinstance(value, float) else value
