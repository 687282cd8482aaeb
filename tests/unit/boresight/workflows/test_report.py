"""Report of a surface model: grids, datums, coarse references, figure and twin."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pystac
import pytest
from affine import Affine
from matplotlib import image as mpl_image
from pyproj import Transformer

from boresight.errors import ImageError, InputError
from boresight.io import write_cog
from boresight.workflows.report import Verification, dsm_report
from boresight.workflows.stereo.geoid import undulation

RNG = np.random.default_rng(6)
GRID = Affine(0.5, 0, 600000.0, 0, -0.5, 4900000.0)
EPSG = 32631


def surface(transform: Affine, shape: tuple[int, int]) -> np.ndarray:
    rows, cols = np.indices(shape) + 0.5
    x, y = transform * (cols, rows)
    return 400 + 0.1 * (x - 600000) - 0.05 * (y - 4900000)


def write(path: Path, heights: np.ndarray, transform: Affine = GRID, **extra: object) -> Path:
    tags = {"VERTICAL_DATUM": extra.pop("datum", "ellipsoid")}
    return write_cog(
        path,
        heights.astype(np.float32),
        transform=transform,
        crs=extra.pop("epsg", EPSG),  # type: ignore[arg-type]
        nodata=float("nan"),
        tags=tags if tags["VERTICAL_DATUM"] else {},  # type: ignore[arg-type]
    )


def test_numbers_figure_and_twin(tmp_path: Path) -> None:
    truth = surface(GRID, (300, 400))
    model = truth + RNG.normal(0.2, 0.4, truth.shape)
    model[50:100, 50:150] = np.nan
    report = dsm_report(
        write(tmp_path / "dsm.tif", model),
        write(tmp_path / "truth.tif", truth),
        output_dir=tmp_path / "out",
    )
    found = report.comparison
    assert found.bias_mean_m == pytest.approx(0.2, abs=0.01)
    assert found.nmad_m == pytest.approx(0.4, rel=0.02)
    assert found.completeness == pytest.approx(1 - 5000 / 120000)
    assert report.figure is not None
    assert report.twin is not None
    assert mpl_image.imread(report.figure).shape[2] == 4
    twin = json.loads(report.twin.read_text())
    assert twin["nmad_m"] == found.nmad_m
    assert twin["vertical_datum"] == "ellipsoid"
    assert "empirical" in twin["le90_estimator"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["report.json", "report.png"]


def test_other_grid_and_partial_cover(tmp_path: Path) -> None:
    part = GRID * Affine.translation(100.5, 80.25)
    report = dsm_report(
        write(tmp_path / "dsm.tif", surface(part, (100, 120)) + 1.0, part),
        write(tmp_path / "truth.tif", surface(GRID, (300, 400))),
    )
    assert report.comparison.median_m == pytest.approx(1.0, abs=1e-3)
    # the reference outside the model's grid does not count as missing
    assert report.comparison.completeness > 0.97
    assert report.comparison.n_reference < 13_000
    assert report.figure is None


def test_outline_limits_the_reference(tmp_path: Path) -> None:
    truth = surface(GRID, (300, 400))
    model = np.full_like(truth, np.nan)
    model[:150] = truth[:150]
    paths = write(tmp_path / "dsm.tif", model), write(tmp_path / "truth.tif", truth)
    assert dsm_report(*paths).comparison.completeness == pytest.approx(0.5)
    to_geographic = Transformer.from_crs(EPSG, 4326, always_xy=True)
    corners = [GRID * corner for corner in ((0, 0), (400, 0), (400, 150), (0, 150), (0, 0))]
    ring = [list(to_geographic.transform(*corner)) for corner in corners]
    outline = {"type": "Polygon", "coordinates": [ring]}
    assert dsm_report(*paths, outline=outline).comparison.completeness > 0.99


def test_datums_are_brought_together(tmp_path: Path) -> None:
    truth = surface(GRID, (100, 100))
    lon, lat = Transformer.from_crs(EPSG, 4326, always_xy=True).transform(600025.0, 4899975.0)
    n = float(undulation([lon], [lat])[0])
    assert 45 < n < 55  # the geoid lies about 50 m above the ellipsoid in southern France
    ellipsoid = write(tmp_path / "dsm.tif", truth + n)
    report = dsm_report(ellipsoid, write(tmp_path / "truth.tif", truth, datum="egm96"))
    assert report.comparison.median_m == pytest.approx(0.0, abs=0.01)
    assert report.vertical_datum == "ellipsoid"
    assert "EGM96" in report.conversion
    back = dsm_report(tmp_path / "truth.tif", ellipsoid)
    assert back.comparison.median_m == pytest.approx(0.0, abs=0.01)
    assert back.vertical_datum == "egm96"


def test_coarse_reference_in_degrees_takes_means(tmp_path: Path) -> None:
    model = surface(GRID, (800, 800)) + RNG.normal(0, 2.0, (800, 800))
    to_geographic = Transformer.from_crs(EPSG, 4326, always_xy=True)
    west, north = to_geographic.transform(600050.0, 4899950.0)
    coarse = Affine(1 / 3600, 0, west, 0, -1 / 3600, north)
    rows, cols = np.indices((10, 12)) + 0.5
    lon, lat = coarse * (cols, rows)
    x, y = Transformer.from_crs(4326, EPSG, always_xy=True).transform(lon, lat)
    truth = 400 + 0.1 * (x - 600000) - 0.05 * (y - 4900000)
    report = dsm_report(
        write(tmp_path / "dsm.tif", model), write(tmp_path / "truth.tif", truth, coarse, epsg=4326)
    )
    # about 2700 heights of 2 m noise in a post: their mean is known to 4 cm
    assert report.comparison.n > 50
    assert report.comparison.rmse_m < 0.15


def test_srtm_is_above_the_geoid(real_data: Path, tmp_path: Path) -> None:
    hgt = real_data / "geodesy" / "N44E005.hgt"
    to_map = Transformer.from_crs(4326, EPSG, always_xy=True)
    x, y = to_map.transform(5.2, 44.2)
    grid = Affine(10, 0, round(x), 0, -10, round(y))
    flat = write(tmp_path / "dsm.tif", np.full((60, 60), 0.0), grid)
    above_ellipsoid = dsm_report(flat, hgt)
    above_geoid = dsm_report(flat, hgt, dsm_datum="egm96")
    assert above_geoid.conversion == "none: one datum"
    difference = above_geoid.comparison.median_m - above_ellipsoid.comparison.median_m
    assert difference == pytest.approx(float(undulation([5.2], [44.2])[0]), abs=0.1)


def test_unknown_datum_is_refused(tmp_path: Path) -> None:
    truth = surface(GRID, (50, 50))
    unknown = write(tmp_path / "a.tif", truth, datum="")
    with pytest.raises(ImageError, match=r"vertical datum 'not stated'.*ellipsoid, egm96"):
        dsm_report(unknown, unknown)
    assert dsm_report(unknown, unknown, dsm_datum="egm96", reference_datum="egm96").comparison.n


def test_nothing_in_common_is_refused(tmp_path: Path) -> None:
    far = GRID * Affine.translation(5000, 0)
    with pytest.raises(InputError, match="no ground in common"):
        dsm_report(
            write(tmp_path / "a.tif", surface(GRID, (50, 50))),
            write(tmp_path / "b.tif", surface(far, (50, 50)), far),
        )


def test_figures_without_truth_have_no_errors() -> None:
    item = pystac.Item("a", None, None, dt.datetime(2026, 1, 1, tzinfo=dt.UTC), {})
    item.add_asset("dsm", pystac.Asset(href="https://here/a.tif", roles=["data"]))
    figures = Verification(item, 0.5, 0.28, 200, 150, None, {}).figures()
    assert figures["completeness"] == 0.75
    assert "median_abs_error_m" not in figures
