from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from boresight.errors import StereoError
from boresight.io import is_cog
from boresight.workflows.stereo.engine.recipe import Recipe, SensorFile
from boresight.workflows.stereo.products import Layers, join, read_layers, trim, write_product
from boresight.workflows.stereo.tiles import Layout

RECIPE = Recipe(
    SensorFile("l"), SensorFile("r"), 0.5, 32631, geoid=False, color=True, quality=True,
    max_ram_mb=2000,
)  # fmt: skip
WEST, NORTH = 600_000.0, 4_900_000.0


def _layers(rows: int = 40, cols: int = 60, *, hole: bool = True) -> Layers:
    y, x = np.mgrid[:rows, :cols]
    dsm = (100 + 0.1 * x + 0.2 * y).astype(np.float32)
    if hole:
        dsm[:3] = np.nan
        dsm[:, -5:] = np.nan
        dsm[20, 20] = np.nan
    color = (x + y).astype(np.uint16)
    return Layers(
        {"dsm": dsm, "color": color, "invalidity": np.isnan(dsm).astype(np.uint8)},
        {"dsm": float("nan"), "color": 65535.0, "invalidity": 255.0},
        Affine(0.5, 0, WEST, 0, -0.5, NORTH),
    )


def _write(layers: Layers, folder: Path) -> dict[str, Path]:
    """As CARS writes: plain TIFF, -32768 for unknown heights."""
    folder.mkdir()
    paths = {}
    for name, values in layers.arrays.items():
        paths[name] = folder / f"{name}.tif"
        nodata = -32768.0 if name == "dsm" else layers.nodata[name]
        out = np.where(np.isnan(values), -32768, values) if name == "dsm" else values
        with rasterio.open(
            paths[name], "w", driver="GTiff", height=values.shape[0], width=values.shape[1],
            count=1, dtype=values.dtype, nodata=nodata, crs="EPSG:32631",
            transform=layers.transform,
        ) as file:  # fmt: skip
            file.write(out.astype(values.dtype), 1)
    return paths


def test_tiles_read_from_files_join_to_the_whole(tmp_path: Path) -> None:
    whole = _layers()
    files = _write(whole, tmp_path / "run")
    layout = Layout((WEST, NORTH - 20, WEST + 30, NORTH), 0.5, 2, 3)
    # every tile sees the whole run, as if margins were wide
    parts = [read_layers(files, tile.box) for tile in layout.tiles]
    assert [part.arrays["dsm"].shape for part in parts] == [(20, 20)] * 6
    joined = join(parts, layout)
    assert joined.transform == whole.transform
    for name, values in whole.arrays.items():
        np.testing.assert_array_equal(joined.arrays[name], values)


def test_missing_tile_is_nodata(tmp_path: Path) -> None:
    whole = _layers(hole=False)
    files = _write(whole, tmp_path / "run")
    layout = Layout((WEST, NORTH - 20, WEST + 30, NORTH), 0.5, 1, 2)
    joined = join([read_layers(files, layout.tiles[0].box)], layout)
    assert np.isnan(joined.arrays["dsm"][:, 30:]).all()
    assert np.isfinite(joined.arrays["dsm"][:, :30]).all()
    assert (joined.arrays["color"][:, 30:] == 65535).all()


def test_tile_of_another_resolution_is_refused() -> None:
    odd = _layers()
    layout = Layout((WEST, NORTH - 20, WEST + 30, NORTH), 1.0, 1, 1)
    with pytest.raises(StereoError, match=r"0\.5 m, the mosaic of 1\.0 m"):
        join([odd], layout)


def test_trim() -> None:
    trimmed = trim(_layers())
    assert trimmed.arrays["dsm"].shape == trimmed.arrays["color"].shape == (37, 55)
    assert (trimmed.transform.c, trimmed.transform.f) == (WEST, NORTH - 1.5)
    empty = _layers()
    empty.arrays["dsm"][:] = np.nan
    with pytest.raises(StereoError, match="0 valid pixels"):
        trim(empty)


def test_files_of_a_product(tmp_path: Path) -> None:
    layers = trim(_layers())
    layout = Layout((WEST, NORTH - 20, WEST + 30, NORTH), 0.5, 2, 2)
    files, numbers = write_product(layers, tmp_path / "a", RECIPE, layout)
    with rasterio.open(files["dsm"][0]) as dsm:
        assert dsm.crs.to_epsg() == 32631
        assert dsm.tags()["VERTICAL_DATUM"] == "ellipsoid"
        assert dsm.units == ("m",)
        assert np.isnan(dsm.nodata)
        np.testing.assert_array_equal(dsm.read(1), layers.arrays["dsm"])
    assert is_cog(files["dsm"][0])
    told = json.loads(files["statistics"][0].read_text())
    assert told == numbers
    assert numbers["tiles"] == 4
    assert numbers["dsm"]["n_valid"] == int(np.isfinite(layers.arrays["dsm"]).sum())
    # a plane has no step across seams; float32 heights of 100 m are known to 8 µm
    assert abs(numbers["seams"]["step_max_m"]) < 1e-4
    for picture in ("hillshade", "thumbnail"):
        assert files[picture][0].read_bytes().startswith(b"\x89PNG")
    again, _ = write_product(layers, tmp_path / "b", RECIPE, layout)
    for name, (path, _) in files.items():
        assert path.read_bytes() == again[name][0].read_bytes(), f"{name} is not reproducible"
