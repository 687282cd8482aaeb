"""The real pairs with their RPC refined by ties: epipolar residual, and what was surveyed.

Ties of dense correlation estimate a bias of both images. They say next to nothing of what lies
along epipolar lines, which stays as the producer has it. Surface models of the delivered and of
the refined pair are held against the Great Pyramid's survey, and on the Mont Ventoux against SRTM.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from numpy.typing import NDArray

from boresight.compute import Cluster
from boresight.dsm import Solid, fit_facets
from boresight.geometry import CorrelationOptions, RpcImage, adjust, stereo_ties, subset
from boresight.io import RpcModel, read_dsm, read_rpc, write_cog
from boresight.io.gdal import quiet
from boresight.workflows.ingest import find_pair, ingest_pair
from boresight.workflows.report import dsm_report
from boresight.workflows.stereo import stereo
from boresight.workflows.targets import FolderTarget

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

#: Petrie 1883, The Pyramids and Temples of Gizeh; Lehner and Dash for the present height. The
#: sides are those of the casing, of which nothing is left: the core is some metres narrower
SIDE_M, INCLINATION_DEG, HEIGHT_M = 230.33, 51.84, 138.5
SIDE_BOUND_M, INCLINATION_BOUND_DEG, HEIGHT_BOUND_M = 6.0, 0.8, 3.0

#: the sides look to true north, east, south and west; grid north is this far off there
ASPECT_DEG, ASPECT_BOUND_DEG = 0.9, 0.5

#: far above what ties are known to, far below a Pléiades image's location (CE90 of 12 m, a standard
#: deviation of 11 px): what ties tell next to nothing of stays as delivered
U_BIAS_PX = 1.0

#: noise of the matching of one place (the top): a pixel of this pair's disparity is 6 m of height
TOP_PX = 0.1


@dataclass(frozen=True)
class Refined:
    """A pair with its models, delivered and refined, and the residual across epipolar lines."""

    images: tuple[NDArray[np.float32], NDArray[np.float32]]
    models: dict[str, tuple[RpcModel, RpcModel]]
    before_px: float
    after_px: float


def refine(folder: Path, heights_m: tuple[float, float], search_px: int) -> Refined:
    """Refine on every second tie; the others judge."""
    first, second = find_pair(folder)
    delivered = read_rpc(first), read_rpc(second)
    with quiet(), rasterio.open(first) as one, rasterio.open(second) as other:
        images = one.read(1), other.read(1)
    options = CorrelationOptions(window_px=48, step_px=24, search_px=search_px, min_score=0.6)
    before = stereo_ties(*images, delivered, heights_m, options)
    learned = np.arange(before.score.size) % 2 == 0
    ties = subset(before, learned)
    models = RpcImage(delivered[0]), RpcImage(delivered[1])
    found = adjust(models, ties.measurements, ties.points, u_prior=U_BIAS_PX)
    refined = (
        models[0].corrected(found.values[:2]).rpc,
        models[1].corrected(found.values[2:]).rpc,
    )
    # ties are found anew; those at places that the refinement has not used are the judges
    after = stereo_ties(*images, refined, heights_m, options)
    m, n = after.measurements, after.score.size
    used = set(zip(ties.measurements.row.tolist(), ties.measurements.col.tolist(), strict=True))
    places = zip(m.row[:n].tolist(), m.col[:n].tolist(), strict=True)
    spared = np.array([place not in used for place in places])
    assert spared.sum() >= 10
    return Refined(
        images,
        {"delivered": delivered, "refined": refined},
        float(np.median(np.abs(before.across_px[~learned]))),
        float(np.median(np.abs(after.across_px[spared]))),
    )


def surfaces(pair: Refined, folder: Path, compute: Cluster) -> dict[str, pystac.Item]:
    """Surface models of the pair with either model."""
    items = {}
    for name, rpcs in pair.models.items():
        source = folder / name
        source.mkdir(parents=True)
        paths = [source / "left.tif", source / "right.tif"]
        for path, image, rpc in zip(paths, pair.images, rpcs, strict=True):
            write_cog(path, image, rpc=rpc)
        target = FolderTarget(folder / f"{name}-products")
        scenes = ingest_pair(paths[0], paths[1], collection="l1", target=target)
        items[name] = stereo(*scenes, compute=compute, collection="dsm", target=target).item
    return items


def facts(solid: Solid) -> dict[str, float]:
    """What was surveyed, as a surface model has it."""
    foot = {
        # from the model's middle to where the face meets the ground
        round(f.aspect_deg / 90.0) % 4: (f.plane[2] - solid.ground_m) / np.hypot(*f.plane[:2])
        for f in solid.facets
    }
    faces = solid.well_observed
    slopes = [abs(f.inclination_deg - INCLINATION_DEG) for f in faces]
    aspects = [abs((f.aspect_deg + 45.0) % 90.0 - 45.0 - ASPECT_DEG) for f in faces]
    return {
        "faces": len(faces),
        "inclination_error_deg": float(np.mean(slopes)),
        "largest_inclination_error_deg": max(slopes),
        "u_inclination_deg": float(np.sqrt(np.mean([f.u_inclination_deg**2 for f in faces]))),
        "largest_aspect_error_deg": max(aspects),
        "height_m": solid.height_m,
        "side_east_west_m": float(foot[1] + foot[3]),
        "side_north_south_m": float(foot[0] + foot[2]),
    }


def test_the_great_pyramid_keeps_its_shape(
    real_data: Path, two_workers: Cluster, tmp_path: Path
) -> None:
    pair = refine(real_data / "gizeh", (20.0, 240.0), 4)
    items = surfaces(pair, tmp_path, two_workers)
    models = {name: read_dsm(item.assets["dsm"].href) for name, item in items.items()}
    found = {name: facts(fit_facets(m.heights, m.resolution_m)) for name, m in models.items()}
    px_m = models["refined"].resolution_m / items["refined"].properties["boresight:base_to_height"]
    sys.stdout.write(
        json.dumps({"across_px": [pair.before_px, pair.after_px], "px_m": px_m, **found}) + "\n"
    )
    assert pair.before_px > 0.3
    assert pair.after_px < 0.2 * pair.before_px
    for one in found.values():
        assert one["faces"] >= 3  # the north face lies in shadow
        assert one["largest_inclination_error_deg"] < INCLINATION_BOUND_DEG
        assert one["largest_aspect_error_deg"] < ASPECT_BOUND_DEG
        assert one["height_m"] == pytest.approx(HEIGHT_M, abs=HEIGHT_BOUND_M)
        for side in ("side_east_west_m", "side_north_south_m"):
            assert one[side] == pytest.approx(SIDE_M, abs=SIDE_BOUND_M)
    before, after = found["delivered"], found["refined"]
    # none worse by more than chance
    chance_deg = 2.0 * np.hypot(before["u_inclination_deg"], after["u_inclination_deg"])
    assert after["inclination_error_deg"] < before["inclination_error_deg"] + chance_deg
    for name, truth in (
        ("height_m", HEIGHT_M),
        ("side_east_west_m", SIDE_M),
        ("side_north_south_m", SIDE_M),
    ):
        assert abs(after[name] - truth) < abs(before[name] - truth) + TOP_PX * px_m, name


def test_ventoux_stays_where_it_lies(real_data: Path, two_workers: Cluster, tmp_path: Path) -> None:
    pair = refine(real_data / "ventoux", (480.0, 600.0), 8)
    items = surfaces(pair, tmp_path, two_workers)
    srtm = real_data / "geodesy" / "N44E005.hgt"
    reports = {n: dsm_report(item.assets["dsm"].href, srtm) for n, item in items.items()}
    bias_m = {n: report.comparison.bias_mean_m for n, report in reports.items()}
    models = {n: read_dsm(item.assets["dsm"].href) for n, item in items.items()}
    known = {n: float(np.isfinite(model.heights).mean()) for n, model in models.items()}
    sys.stdout.write(
        json.dumps({"across_px": [pair.before_px, pair.after_px], "b": bias_m, "known": known})
        + "\n"
    )
    assert pair.before_px > 3.0
    assert pair.after_px < 0.05 * pair.before_px
    # ten posts of a 90 m model on a mountain side tell metres, not decimetres
    assert abs(bias_m["refined"]) < abs(bias_m["delivered"]) + 1.0
    assert known["refined"] > known["delivered"] - 0.01
