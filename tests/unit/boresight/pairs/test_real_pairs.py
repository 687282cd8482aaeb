"""Base-to-height ratios of real and simulated pairs, against values from elsewhere."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pyproj import Transformer
from shareloc.geomodels import GeoModel

from boresight.io import check_overlap, image_info, read_rpc
from boresight.pairs import CandidatePair, acquisition_of, find_pairs
from boresight.simulate import PairConfig, simulate_pair
from boresight.workflows.ingest import find_pair, ingest_pair
from boresight.workflows.targets import FolderTarget

ECEF = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)


class Shelf:
    """Items of a folder, as a client gives them."""

    def __init__(self, *items: dict[str, Any]) -> None:
        self.items = items

    def search(self, **_parameters: Any) -> Shelf:
        return self

    def items_as_dicts(self) -> list[dict[str, Any]]:
        return list(self.items)


def _line_of_sight(image: Path, ground: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slope of the line of sight at a point of the ground, towards east and north [1].

    By shareloc's reading and inversion of the .geom file, and vectors in space.
    """
    model = GeoModel(str(image.with_suffix(".geom")), "RPC")
    row, col, _ = model.inverse_loc(*(np.array([value]) for value in ground))
    points = [
        model.direct_loc_h(row, col, np.array([ground[2] + rise]))[0] for rise in (-50.0, 50.0)
    ]
    low, high = (np.array(ECEF.transform(*point)) for point in points)
    lon, lat = np.radians(ground[:2])
    east = np.array([-math.sin(lon), math.cos(lon), 0.0])
    up = np.array([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)])
    north = np.cross(up, east)
    ray = high - low
    return np.array([ray @ east, ray @ north]) / (ray @ up)


def _outside_ratio(left: Path, right: Path) -> float:
    height_m = check_overlap(left, right).height_ellipsoid_m
    model = GeoModel(str(left.with_suffix(".geom")), "RPC")
    rows, cols = image_info(left).shape
    ground = model.direct_loc_h(np.array([rows / 2]), np.array([cols / 2]), np.array([height_m]))[0]
    return float(np.linalg.norm(_line_of_sight(left, ground) - _line_of_sight(right, ground)))


@pytest.mark.parametrize("name", ["ventoux", "gizeh"])
@pytest.mark.parametrize("by", ["angles", "rpc"])
def test_a_real_pairs_ratio_is_that_of_another_program(
    real_data: Path, tmp_path: Path, name: str, by: str
) -> None:
    left, right = find_pair(real_data / name)
    items = ingest_pair(left, right, collection="l1", target=FolderTarget(tmp_path))
    dicts = [one.to_dict(transform_hrefs=False) for one in items]

    def reader(one: Any) -> Any:
        path = one["assets"]["image"]["href"]
        return read_rpc(path), image_info(path).shape

    pair: CandidatePair
    (pair,) = find_pairs(
        Shelf(*dicts), item=dicts[0], read_rpc=reader, prefer_rpc=by == "rpc"
    ).pairs
    assert pair.left.view_source == by
    expected = _outside_ratio(left, right)
    assert pair.base_to_height == pytest.approx(expected, abs=0.005)
    assert pair.overlap > 0.5


def test_a_simulated_pairs_ratio_is_the_one_asked_for() -> None:
    made = simulate_pair(PairConfig(size_px=128, seed=3, incidence_deg=11.0, azimuth_deg=30.0))
    item: dict[str, Any] = {
        "collection": "l1",
        "properties": {"boresight:footprint_height_m": 200.0},
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[1.4, 43.5], [1.5, 43.5], [1.5, 43.7], [1.4, 43.7], [1.4, 43.5]]],
        },
    }
    rpcs = {"left": made.rpc_left, "right": made.rpc_right}
    items = [{**item, "id": name} for name in rpcs]
    (pair,) = find_pairs(
        Shelf(*items), item=items[0], read_rpc=lambda one: (rpcs[one["id"]], (128, 128))
    ).pairs
    # the ground is an ellipsoid and not a plane: half a per cent
    assert pair.base_to_height == pytest.approx(made.base_to_height, rel=0.01)
    assert acquisition_of(items[0]).view is None
