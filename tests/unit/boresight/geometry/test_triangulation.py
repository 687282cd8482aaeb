"""Places of ties against shareloc, which intersects lines of sight in space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.comparisons import Recorder

from boresight.geometry import Measurements, Points, RpcImage, adjust
from boresight.io import RpcModel, read_rpc
from boresight.io.gdal import quiet

PAIRS = [("gizeh", "img1", "img2"), ("ventoux", "left_image", "right_image")]


def shareloc_places(paths: list[Path], seen: np.ndarray) -> np.ndarray:
    """Longitude, latitude, height of (col, row, col, row) in the full images."""
    from shareloc.geofunctions.triangulation import sensor_triangulation
    from shareloc.geomodels.rpc import RPC

    with quiet():
        models = [RPC.load(str(path)) for path in paths]
    return np.asarray(sensor_triangulation(seen, *models)[1])


def ours(rpcs: list[RpcModel], seen: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """The same by adjustment: models are held, places are free."""
    n = len(seen)
    left = Measurements.of(0, np.arange(n), seen[:, 1], seen[:, 0], 0.1)
    right = Measurements.of(1, np.arange(n), seen[:, 3], seen[:, 2], 0.1)
    found = adjust(
        [RpcImage(rpc, "bias") for rpc in rpcs],
        left.joined(right),
        Points.ties(*guess.T),
        u_prior=1e-6,
        reject=False,
    )
    return np.stack([found.points.lon, found.points.lat, found.points.height_m], axis=1)


@pytest.mark.others
@pytest.mark.parametrize(("folder", "first", "second"), PAIRS)
def test_places_of_ties_agree(
    real_data: Path, folder: str, first: str, second: str, compared: Recorder
) -> None:
    paths = [real_data / folder / f"{name}.geom" for name in (first, second)]
    rpcs = [read_rpc(path) for path in paths]
    rng = np.random.default_rng(1)
    rpc = rpcs[0]
    row = rpc.row_off + rpc.row_scale * rng.uniform(-0.2, 0.2, 40)
    col = rpc.col_off + rpc.col_scale * rng.uniform(-0.2, 0.2, 40)
    height = rpc.height_off + 0.3 * rpc.height_scale * rng.uniform(-1, 1, 40)
    lon, lat = rpc.localize(row, col, height)
    truth = np.stack([lon, lat, height], axis=1)
    seen = np.stack([*(one.project(lon, lat, height)[k] for one in rpcs for k in (1, 0))], axis=1)
    guess = truth + np.array([2e-4, -2e-4, 25.0])
    for noise_px, tolerance_px in ((0.0, 0.01), (0.3, 0.01)):
        noisy = seen + noise_px * rng.normal(size=seen.shape)
        theirs, found = shareloc_places(paths, noisy), ours(rpcs, noisy, guess)
        for one in rpcs:
            apart = np.array(one.project(*found.T)) - one.project(*theirs.T)
            compared("triangulation", "shareloc", np.abs(apart).max(), tolerance_px, "px")
        if noise_px == 0:
            assert np.abs(found[:, 2] - height).max() < 0.01  # m
        else:
            # the noise is seen: places moved by decimetres
            assert np.abs(found[:, 2] - height).max() > 0.1
