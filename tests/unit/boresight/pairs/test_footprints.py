"""Shares of ground, wherever on the Earth, in whatever form the catalogue has the outline."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from boresight.errors import InputError
from boresight.pairs.footprints import (
    EqualAreaMap,
    centre_of,
    geojson_of,
    geometry_of_bbox,
    polygon_rings,
    query_geometry,
)

GEOD = Geod(ellps="WGS84")


def square(lon: float, lat: float, side: float = 1.0) -> dict[str, Any]:
    h = side / 2
    ring = [[lon - h, lat - h], [lon + h, lat - h], [lon + h, lat + h], [lon - h, lat + h]]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def share(first: dict[str, Any], second: dict[str, Any]) -> float:
    ground = EqualAreaMap(*centre_of(first))
    a, b = ground.polygon(first), ground.polygon(second)
    return float(a.intersection(b).area / min(a.area, b.area))


@pytest.mark.parametrize("lat", [0.0, 44.0, -70.0, 88.0])
def test_an_area_is_that_of_the_ellipsoid(lat: float) -> None:
    made = EqualAreaMap(10.0, lat).polygon(square(10.0, lat, 2.0)).area
    # edges along parallels, as the map's are: a geodesic polygon needs them divided too
    west, east, south, north = 9.0, 11.0, lat - 1, lat + 1
    lons = np.linspace(west, east, 400)
    area, _ = GEOD.polygon_area_perimeter(
        [*lons, *lons[::-1]], [*np.full(400, south), *np.full(400, north)]
    )
    assert made == pytest.approx(abs(area), rel=1e-4)


@given(st.floats(-180, 180), st.floats(-85, 85), st.floats(0.05, 0.9))
def test_the_share_of_a_shifted_square_does_not_depend_on_where_it_lies(
    lon: float, lat: float, shift: float
) -> None:
    moved = square(lon + shift, lat)
    assert share(square(lon, lat), moved) == pytest.approx(1 - shift, abs=2e-3)


def _across(form: str) -> dict[str, Any]:
    whole = square(180.0, 10.0, 2.0)  # from 179 to 181
    if form == "continued":
        return whole
    if form == "other turn":
        return square(-180.0, 10.0, 2.0)
    if form == "jumping":
        jumping = copy.deepcopy(whole)
        for point in jumping["coordinates"][0]:
            point[0] = point[0] - 360 if point[0] > 180 else point[0]
        return jumping
    return geometry_of_bbox([179.0, 9.0, -179.0, 11.0])  # cut, a MultiPolygon


@pytest.mark.parametrize("first", ["continued", "other turn", "jumping", "cut"])
@pytest.mark.parametrize("second", ["continued", "jumping", "cut"])
def test_the_antimeridian_is_no_edge(first: str, second: str) -> None:
    assert share(_across(first), _across(second)) == pytest.approx(1.0, abs=1e-6)
    # the neighbour to the east lies on the other side and has half of it
    assert share(_across(first), square(-179.0, 10.0, 2.0)) == pytest.approx(0.5, abs=1e-3)
    lon, lat = centre_of(_across(first))
    assert abs(lon) == pytest.approx(180.0, abs=1e-6)
    assert lat == pytest.approx(10.0, abs=0.1)


def test_a_cut_footprint_has_no_seam() -> None:
    cut = _across("cut")
    assert cut["type"] == "MultiPolygon"
    made = EqualAreaMap(180.0, 10.0).polygon(cut)
    assert made.geom_type == "Polygon"
    assert len(made.interiors) == 0


def test_a_polar_cap_holds_what_lies_within() -> None:
    cap = {
        "type": "Polygon",
        "coordinates": [[[-180, 80], [180, 80], [180, 90], [-180, 90], [-180, 80]]],
    }
    ground = EqualAreaMap(*centre_of(square(0, 87, 2)))
    cap_area = ground.polygon(cap).area
    # of a sphere of equal area: 2 pi R^2 (1 - sin 80)
    assert cap_area == pytest.approx(
        2 * math.pi * 6371007.2**2 * (1 - math.sin(math.radians(80))), rel=0.01
    )
    scene = ground.polygon(square(0, 87, 2))
    assert scene.intersection(ground.polygon(cap)).area == pytest.approx(scene.area, rel=1e-6)


def test_a_hole_is_left_out() -> None:
    with_hole = square(5, 45, 2)
    with_hole["coordinates"].append(square(5, 45, 1)["coordinates"][0])
    ground = EqualAreaMap(5, 45)
    assert ground.polygon(with_hole).area / ground.polygon(square(5, 45, 2)).area == pytest.approx(
        0.75, abs=1e-3
    )


@pytest.mark.parametrize("form", ["continued", "jumping", "cut"])
def test_queries_are_cut_as_the_rule_says(form: str) -> None:
    asked = query_geometry(_across(form))
    points = np.concatenate([ring for rings in polygon_rings(asked) for ring in rings])
    assert np.abs(points[:, 0]).max() == 180.0
    assert asked["type"] == "MultiPolygon"
    assert share(asked, _across("continued")) == pytest.approx(1.0, abs=1e-6)


def test_a_box_with_heights_and_one_across() -> None:
    assert geometry_of_bbox([1, 2, 0, 3, 4, 500]) == geometry_of_bbox([1, 2, 3, 4])
    assert geometry_of_bbox([170, -10, -170, 10])["type"] == "MultiPolygon"


@pytest.mark.parametrize(
    "bbox",
    [[], [1, 2, 3], [1, 5, 3, 4], [1, 2, 3, 95], [float("nan"), 2, 3, 4], ["a", 2, 3, 4], "abcd"],
)
def test_boxes_that_are_none(bbox: Any) -> None:
    with pytest.raises(InputError, match="the rule is west, south, east, north"):
        geometry_of_bbox(bbox)


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "Point", "coordinates": [1, 2]},
        {"type": "Polygon"},
        {"type": "Polygon", "coordinates": "<script>"},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, "x"], [1, 1], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, float("inf")], [1, 1], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 91], [1, 1], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[[0, 0]] * 30_000]},
        {"type": "Polygon", "coordinates": {"a": 1}},
    ],
)
def test_geometries_that_are_none(geometry: Any) -> None:
    with pytest.raises(InputError, match="the rule is"):
        polygon_rings(geometry)


def test_an_outline_without_area() -> None:
    line = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 0], [0, 0]]]}
    with pytest.raises(InputError, match="has no area"):
        EqualAreaMap(0, 0).polygon(line)


def test_nothing_given_is_changed() -> None:
    given_one = _across("jumping")
    before = copy.deepcopy(given_one)
    query_geometry(given_one)
    EqualAreaMap(180, 10).polygon(given_one)
    geojson_of(EqualAreaMap(0, 0).polygon(square(0, 0)).buffer(0).centroid.buffer(1e-5))
    assert given_one == before
