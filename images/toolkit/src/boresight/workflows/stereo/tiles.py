"""Ground tiles: a grid of boxes on the lattice of the DSM."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from pyproj import Transformer
from shapely.geometry import Polygon
from shapely.ops import unary_union

from boresight.errors import NonConvergenceError, OverlapError
from boresight.io import footprint
from boresight.workflows.stereo.elevation import View
from boresight.workflows.stereo.engine.recipe import Box

#: a pair is one task up to this many tiles a side: the margins of tiles cost more than they gain
_ONE_TASK_TILES = 1.5
#: least area of a tile that is made only to give every worker one: its fixed cost is that of
#: about half a megapixel
_MIN_SPLIT_PX = 4_000_000
_HEIGHTS = 5
#: what a run of CARS takes: for itself, and for each image pixel of its ground [byte]; 4.8 GB were
#: measured for 9.7 Mpx of a panchromatic pair
RUN_BYTES, RUN_BYTES_PER_PX = 700_000_000, 450
#: no tile is made smaller for want of memory [px]
_LEAST_SIDE_PX = 500


@dataclass(frozen=True)
class Tile:
    """One box of the layout, without margin.

    Attributes
    ----------
    row, col : int
        Position in the layout, from the north-west.
    box : tuple of float
        West, south, east, north [m].
    """

    row: int
    col: int
    box: Box

    def with_margin(self, margin_m: float) -> Box:
        """Box with ``margin_m`` on every side."""
        west, south, east, north = self.box
        return west - margin_m, south - margin_m, east + margin_m, north + margin_m

    @property
    def name(self) -> str:
        """Name that says the box: equal for equal boxes, whatever the layout."""
        return "_".join(f"{value:.2f}" for value in self.box)


@dataclass(frozen=True)
class Layout:
    """Boxes that cover the common ground without overlap.

    Attributes
    ----------
    bounds : tuple of float
        West, south, east, north, multiples of the resolution [m].
    resolution_m : float
    rows, cols : int
        Tiles.
    """

    bounds: Box
    resolution_m: float
    rows: int
    cols: int

    @property
    def tiles(self) -> list[Tile]:
        """All tiles, row by row from the north-west."""
        west, south, east, north = self.bounds
        x = self._edges(west, east, self.cols)
        y = self._edges(south, north, self.rows)[::-1]
        return [
            Tile(row, col, (x[col], y[row + 1], x[col + 1], y[row]))
            for row in range(self.rows)
            for col in range(self.cols)
        ]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the whole [px]."""
        west, south, east, north = self.bounds
        return (
            round((north - south) / self.resolution_m),
            round((east - west) / self.resolution_m),
        )

    def _edges(self, low: float, high: float, count: int) -> list[float]:
        steps = np.linspace(low, high, count + 1) / self.resolution_m
        return [float(value) for value in np.round(steps) * self.resolution_m]


def common_ground(left: View, right: View, epsg: int, heights_m: tuple[float, float]) -> Polygon:
    """Ground that both images may see between two heights [m above the ellipsoid], in ``epsg``.

    Raises
    ------
    OverlapError
        There is none.
    """
    to_map = Transformer.from_crs(4326, epsg, always_xy=True).transform
    parts = []
    for height in np.linspace(*heights_m, _HEIGHTS):
        try:
            seen = [footprint(v.rpc, v.shape, float(height)) for v in (left, right)]
        except NonConvergenceError:
            continue
        first, second = (shapely.transform(part, to_map, interleaved=False) for part in seen)
        parts.append(first.intersection(second))
    ground = unary_union([part for part in parts if not part.is_empty])
    if ground.is_empty:
        raise OverlapError(
            f"{left.image} and {right.image}: no common ground between {heights_m[0]:.0f} and "
            f"{heights_m[1]:.0f} m; the rule is that both see the same ground.",
            remedy="Give two images of one place.",
        )
    hull: Polygon = ground.convex_hull
    return hull


def largest_tile_m2(memory_bytes: int, gsd_m: float) -> float:
    """Ground, margins included, for which a run of CARS has memory enough [m²].

    Parameters
    ----------
    memory_bytes : int
        What the run may take.
    gsd_m : float
        Ground sampling of the images [m].
    """
    return max(memory_bytes - RUN_BYTES, 0) / RUN_BYTES_PER_PX * gsd_m**2


def plan(
    ground: Polygon,
    resolution_m: float,
    tile_size_px: int,
    *,
    margin_m: float,
    n_workers: int,
    tile_margin_m: float = 0.0,
    max_tile_m2: float = math.inf,
) -> Layout:
    """Lay tiles over ``ground``.

    Parameters
    ----------
    ground : Polygon
        In map coordinates [m].
    resolution_m : float
    tile_size_px : int
        Largest side of a tile [px].
    margin_m : float
        Room around ``ground`` for lines of sight that leave it.
    n_workers : int
        As many tiles are made at least, unless they became too small.
    tile_margin_m : float
        Ground that is computed around each tile [m].
    max_tile_m2 : float
        Largest ground of a tile with its margins [m²].

    Returns
    -------
    Layout
        Of one tile when the pair is small.
    """
    west, south, east, north = ground.bounds
    step = resolution_m
    bounds = (
        math.floor((west - margin_m) / step) * step,
        math.floor((south - margin_m) / step) * step,
        math.ceil((east + margin_m) / step) * step,
        math.ceil((north + margin_m) / step) * step,
    )
    cols_px, rows_px = ((bounds[i + 2] - bounds[i]) / step for i in (0, 1))
    if max(cols_px, rows_px) <= _ONE_TASK_TILES * tile_size_px:
        rows = cols = 1
    else:
        rows, cols = (math.ceil(size / tile_size_px) for size in (rows_px, cols_px))
    # margins of the box are empty: what counts is the ground itself
    area_px = ground.area / step**2
    wanted = min(n_workers, int(area_px // _MIN_SPLIT_PX))

    def is_too_large() -> bool:
        sides_px = (rows_px / rows, cols_px / cols)
        area_m2 = math.prod(side * step + 2 * tile_margin_m for side in sides_px)
        return bool(area_m2 > max_tile_m2 and max(sides_px) >= 2 * _LEAST_SIDE_PX)

    while rows * cols < wanted or is_too_large():
        if rows_px / rows >= cols_px / cols:
            rows += 1
        else:
            cols += 1
    return Layout(bounds, resolution_m, rows, cols)
