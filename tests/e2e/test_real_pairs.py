"""Two real Pléiades pairs through `boresight demo --pair`, against what others have measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.environment import Environment, printed

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(1800)]

# Surveyed: faces inclined 51.84° (Petrie 1883, The Pyramids and Temples of Gizeh), present height
# about 138.5 m (Lehner and Dash)
_INCLINATION_DEG, _INCLINATION_BOUND_DEG = 51.84, 0.8
_HEIGHT_M, _HEIGHT_BOUND_M = 138.5, 3.0

_FACES = """
import json
from boresight import access
from boresight.dsm import fit_facets
from boresight.io import read_dsm
item = access.get_item({collection!r}, {item!r})
dsm = read_dsm(access.to_vsis3(item.assets["dsm"].href))
solid = fit_facets(dsm.heights, dsm.resolution_m)
print(json.dumps({{
    "height_m": solid.height_m,
    "completeness": solid.completeness,
    "faces": [
        {{"aspect_deg": f.aspect_deg, "inclination_deg": f.inclination_deg,
          "u_deg": f.u_inclination_deg, "nmad_m": f.nmad_m, "completeness": f.completeness}}
        for f in solid.well_observed
    ],
}}))
"""

_TILES_AGAINST_WHOLE = """
import json
import numpy as np
from boresight import access, compute
from boresight.dsm import seam_statistics
from boresight.io import read_dsm
from boresight.workflows.stereo import StereoOptions, stereo
whole = access.get_item({collection!r}, {item!r})
sources = [link.get_href() for link in whole.links if link.rel == "derived_from"]
pair = [access.get_item("co3d-l1", href.rsplit("/", 1)[1]) for href in sources]
heights = lambda item: read_dsm(access.to_vsis3(item.assets["dsm"].href)).heights
a = heights(whole)
with compute.cluster(n_workers=2) as cluster:
    # how the work is cut is no part of the product's name, so this replaces it
    tiled = stereo(*pair, StereoOptions(tile_size_px=280), compute=cluster, force=True).item
b = heights(tiled)
both = np.isfinite(a) & np.isfinite(b)
print(json.dumps({{
    "tiles_before": whole.properties["boresight:tiles"],
    "tiles": tiled.properties["boresight:tiles"],
    "same_mask": bool((np.isfinite(a) == np.isfinite(b)).all()),
    "largest_difference_m": float(np.abs(a - b)[both].max()),
    "n": int(both.sum()),
}}))
"""

_AGAINST_SRTM = """
import json
from boresight import access
from boresight.workflows.report import dsm_report
item = access.get_item({collection!r}, {item!r})
found = dsm_report(item.assets["dsm"].href, {srtm!r})
print(json.dumps({{"n": found.comparison.n, "bias_m": found.comparison.bias_mean_m,
    "median_m": found.comparison.median_m, "datum": found.vertical_datum,
    "conversion": found.conversion}}))
"""


def _run(environment: Environment, code: str, figures: dict[str, Any], **names: str) -> Any:
    """Run ``code`` in a kernel of the engineer's; what it printed last, as JSON."""
    text = code.format(collection=figures["collection"], item=figures["item"], **names)
    with environment.session("marie") as session, session.kernel() as kernel:
        return json.loads(printed(kernel.execute(text, timeout_s=1200)).strip().splitlines()[-1])


@pytest.fixture(scope="module")
def gizeh(environment: Environment, real_data: Path) -> dict[str, Any]:
    return environment.demo("--pair", str(real_data / "gizeh"))["figures"]


@pytest.fixture(scope="module")
def ventoux(environment: Environment, real_data: Path) -> dict[str, Any]:
    return environment.demo("--pair", str(real_data / "ventoux"))["figures"]


def test_the_great_pyramid_has_its_surveyed_shape(
    environment: Environment, gizeh: dict[str, Any], record_property: Any
) -> None:
    solid = _run(environment, _FACES, gizeh)
    record_property("gizeh", json.dumps({"pair_completeness": gizeh["completeness"], **solid}))
    print(json.dumps({"pair_completeness": gizeh["completeness"], **solid}, indent=1))
    assert len(solid["faces"]) >= 3  # the north face lies in shadow
    for face in solid["faces"]:
        assert face["inclination_deg"] == pytest.approx(
            _INCLINATION_DEG, abs=_INCLINATION_BOUND_DEG
        ), face
    assert solid["height_m"] == pytest.approx(_HEIGHT_M, abs=_HEIGHT_BOUND_M)


def test_tiles_equal_the_whole_pair(environment: Environment, ventoux: dict[str, Any]) -> None:
    found = _run(environment, _TILES_AGAINST_WHOLE, ventoux)
    print(json.dumps(found, indent=1))
    assert found["tiles_before"] == 1
    assert found["tiles"] >= 4
    assert found["same_mask"]
    assert found["largest_difference_m"] == 0
    assert found["n"] > 50_000


def test_ventoux_lies_where_srtm_says(
    environment: Environment, ventoux: dict[str, Any], real_data: Path
) -> None:
    found = _run(
        environment, _AGAINST_SRTM, ventoux, srtm=str(real_data / "geodesy" / "N44E005.hgt")
    )
    print(json.dumps(found, indent=1))
    # about ten posts of a 90 m model on a mountain side: no more than a sanity check
    assert found["n"] >= 5
    assert abs(found["bias_m"]) < 30
    assert "EGM96" in found["conversion"]
