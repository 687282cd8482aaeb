"""RPC: against shareloc and GDAL on real images, every format, every convention."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import RPCTransformer
from support.comparisons import Recorder
from support.rpcs import WRITERS, toy_rpc, write_geom

from boresight.errors import ImageError, NonConvergenceError, RpcError
from boresight.io import (
    from_tiff_tags,
    image_info,
    image_to_cog,
    read_rpc,
    to_rasterio,
    to_tiff_tags,
    write_cog,
    write_rpc_text,
)
from boresight.io.gdal import quiet

REAL = ["gizeh/img1", "gizeh/img2", "ventoux/left_image", "ventoux/right_image"]


def grid(shape: tuple[int, int], n: int = 7) -> tuple[np.ndarray, np.ndarray]:
    rows, cols = np.meshgrid(np.linspace(0, shape[0], n), np.linspace(0, shape[1], n))
    return rows.ravel(), cols.ravel()


def shareloc_model(path: Path | str):  # type: ignore[no-untyped-def]
    from shareloc.geomodels.rpc import RPC

    with quiet():
        return RPC.load(str(path))


@pytest.mark.others
@pytest.mark.parametrize("name", REAL)
def test_real_images_agree_with_shareloc(real_data: Path, name: str, compared: Recorder) -> None:
    image, geom = real_data / f"{name}.tif", real_data / f"{name}.geom"
    rpc, info = read_rpc(image), image_info(image)
    rows, cols = grid(info.shape)
    theirs = shareloc_model(geom)
    for height in np.linspace(*rpc.height_range, 3):
        lon, lat = rpc.localize(rows, cols, height)
        # shareloc counts from the corner too, but in the full image
        row, col, _ = theirs.inverse_loc(lon, lat, np.full(lon.size, height))
        apart = [row - info.transform.f - rows, col - info.transform.c - cols]
        what = "image of a place, real RPCs (.geom)"
        compared(what, "shareloc", np.abs(apart).max(), 1e-5, "px")
        point = theirs.direct_loc_h(rows + info.transform.f, cols + info.transform.c, height)
        apart = [point[:, 0] - lon, point[:, 1] - lat]
        what = "place of a pixel, real RPCs (.geom)"
        compared(what, "shareloc", np.abs(apart).max(), 1e-8, "deg")


@pytest.mark.others
@pytest.mark.parametrize("name", REAL)
def test_real_images_agree_with_gdal(real_data: Path, name: str, compared: Recorder) -> None:
    image = real_data / f"{name}.tif"
    rpc = read_rpc(image)
    rows, cols = grid(image_info(image).shape)
    lon, lat = rpc.localize(rows, cols, rpc.height_off)
    with RPCTransformer(to_rasterio(rpc)) as gdal:
        row, col = gdal.rowcol(lon, lat, zs=np.full(lon.size, rpc.height_off), op=lambda v: v)
    # GDAL's transformer counts from the corner of the first pixel, as we do
    apart = np.abs([np.asarray(row) - rows, np.asarray(col) - cols]).max()
    compared("image of a place, real RPCs (TIFF)", "GDAL", apart, 0.01, "px")


@pytest.mark.parametrize("name", REAL)
def test_real_round_trip(real_data: Path, name: str) -> None:
    image = real_data / f"{name}.tif"
    rpc = read_rpc(image)
    rows, cols = grid(image_info(image).shape, 15)
    for height in np.linspace(*rpc.height_range, 5):
        row, col = rpc.project(*rpc.localize(rows, cols, height), height)
        assert np.hypot(row - rows, col - cols).max() < 1e-5


@pytest.mark.others
def test_dimap_equals_geom_on_ventoux(real_data: Path, compared: Recorder) -> None:
    folder = real_data / "ventoux"
    dimap = read_rpc(next(folder.glob("RPC*.XML")))
    geom = read_rpc(folder / "left_image.geom")
    rows, cols = np.meshgrid(np.linspace(0, 41801, 9), np.linspace(0, 39182, 9))
    lon, lat = geom.localize(rows, cols, 1000.0)
    row, col = dimap.project(lon, lat, 1000.0)
    apart = np.hypot(row - rows, col - cols).max()
    compared("image of a place, .geom of Ventoux", "its DIMAP RPC", apart, 1e-6, "px")


@pytest.mark.parametrize("name", REAL)
def test_what_cars_reads_from_our_cog_is_what_we_read(
    real_data: Path, tmp_path: Path, name: str
) -> None:
    """The crop's transform is gone and the tag counts pixels of the file: no reader can differ."""
    source = real_data / f"{name}.tif"
    rpc = read_rpc(source)
    cog = image_to_cog(source, tmp_path / "image.tif", rpc=rpc)
    again = read_rpc(cog)
    info = image_info(cog)
    assert info.transform.is_identity
    rows, cols = grid(info.shape)
    lon, lat = rpc.localize(rows, cols, rpc.height_off)
    ours = again.project(lon, lat, rpc.height_off)
    theirs = shareloc_model(cog).inverse_loc(lon, lat, np.full(lon.size, rpc.height_off))
    for row, col in (ours, theirs[:2]):
        assert np.hypot(row - rows, col - cols).max() < 1e-6


@pytest.mark.parametrize("kind", sorted(WRITERS))
@pytest.mark.parametrize("crop", [False, True], ids=["whole", "crop"])
def test_sidecars_of_every_format(tmp_path: Path, kind: str, crop: bool) -> None:
    rpc = toy_rpc(size_px=4000.0)
    path = tmp_path / "scene.tif"
    place = (1200, 700) if crop else (0, 0)
    transform = Affine.translation(place[1], place[0]) if crop else None
    write_plain(path, np.zeros((100, 100), np.uint16), transform)
    WRITERS[kind](path, rpc)
    found = read_rpc(path)
    assert found.row_off == pytest.approx(rpc.row_off - place[0], abs=1e-9)
    assert found.col_off == pytest.approx(rpc.col_off - place[1], abs=1e-9)
    assert found.col_den == pytest.approx(rpc.col_den, abs=1e-15)
    assert found.row_num == pytest.approx(rpc.row_num, abs=1e-15)


def test_dimap_first_pixel_as_shareloc_has_it(tmp_path: Path) -> None:
    WRITERS["dimap2"](tmp_path / "a.tif", replace(toy_rpc(), err_bias_m=None))
    path = tmp_path / "RPC_a.XML"
    text = path.read_text().replace("<RFM_Validity>", f"{_direct()}<RFM_Validity>", 1)
    path.write_text(text)
    theirs, ours = shareloc_model(path), read_rpc(path)
    assert theirs.offset_row == pytest.approx(ours.row_off, abs=1e-9)
    assert theirs.offset_col == pytest.approx(ours.col_off, abs=1e-9)


def _direct() -> str:
    names = [f"{a}_{b}_COEFF" for a in ("SAMP", "LINE") for b in ("NUM", "DEN")]
    rows = "".join(f"<{n}_{i}>0</{n}_{i}>" for n in names for i in range(1, 21))
    return f"<Direct_Model>{rows}</Direct_Model>"


def write_plain(path: Path, array: np.ndarray, transform: Affine | None, **extra: object) -> None:
    profile = {"height": array.shape[0], "width": array.shape[1], "count": 1, "dtype": array.dtype}
    if transform is not None:
        profile["transform"] = transform
    with quiet(sidecars=False), rasterio.open(path, "w", driver="GTiff", **profile) as dataset:
        dataset.write(array, 1)
        if "rpc" in extra:
            dataset.rpcs = to_rasterio(extra["rpc"])  # type: ignore[arg-type]


def test_tag_of_a_crop_by_gdal_and_by_cars(tmp_path: Path) -> None:
    """GDAL moves the RPC of a crop; cars-extractroi keeps it and writes a transform."""
    full = toy_rpc(size_px=4000.0)
    array = np.zeros((100, 100), np.uint16)
    place = Affine.translation(700, 1200)
    write_plain(tmp_path / "gdal.tif", array, None, rpc=full.cropped(1200, 700))
    write_plain(tmp_path / "both.tif", array, place, rpc=full.cropped(1200, 700))
    write_plain(tmp_path / "cars.tif", array, place, rpc=full)
    for name in ("gdal", "both", "cars"):
        found = read_rpc(tmp_path / f"{name}.tif")
        assert found.row_off == pytest.approx(full.row_off - 1200, abs=1e-6), name
        assert found.col_off == pytest.approx(full.col_off - 700, abs=1e-6), name


def test_reduced_image(tmp_path: Path) -> None:
    full = toy_rpc(size_px=4000.0)
    path = tmp_path / "half.tif"
    write_plain(path, np.zeros((100, 100), np.uint16), Affine(2, 0, 700, 0, 2, 1200))
    write_geom(tmp_path / "half.geom", full)
    lon, lat = full.localize(1200 + 2 * 30.0, 700 + 2 * 40.0, 300.0)
    row, col = read_rpc(path).project(lon, lat, 300.0)
    assert (float(row), float(col)) == pytest.approx((30.0, 40.0), abs=1e-6)


def test_flipped_crop_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "flip.tif"
    write_plain(path, np.zeros((100, 100), np.uint16), Affine(1, 0, 700, 0, -1, 1200))
    write_geom(tmp_path / "flip.geom", toy_rpc())
    with pytest.raises(RpcError, match="transform"):
        read_rpc(path)


def test_no_rpc_says_what_was_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "plain.tif"
    write_plain(path, np.zeros((100, 100), np.uint16), None)
    with pytest.raises(RpcError, match=r"TIFF tag.*plain_RPC.TXT.*plain.RPB.*plain.geom") as caught:
        read_rpc(path)
    assert "beside the image" in caught.value.remedy


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t.replace("LINE_OFF:", "XLINE_OFF:"), "without LINE_OFF"),
        (lambda t: t.replace("SAMP_SCALE: 250.0", "SAMP_SCALE: 0"), "col_scale is 0"),
        (lambda t: t.replace("LINE_NUM_COEFF_20:", "NOTHING_20:"), "19 coefficients"),
        (lambda t: t.replace("LAT_OFF: 44.0", "LAT_OFF: north"), "'north'"),
    ],
    ids=["missing", "zero scale", "coefficient", "word"],
)
def test_broken_text_names_what_is_wrong(tmp_path: Path, edit, message: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "a_RPC.TXT"
    write_rpc_text(path, toy_rpc())
    path.write_text(edit(path.read_text()))
    with pytest.raises(RpcError, match=message):
        read_rpc(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xml", "<broken", "not well-formed"),
        ("a.xml", "<Dimap_Document/>", "without a rational model"),
        ("a.geom", "polynomial_format: A\n", "polynomial_format is A"),
    ],
)
def test_other_broken_files(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(RpcError, match=message):
        read_rpc(tmp_path / name)


def test_missing_files() -> None:
    with pytest.raises(RpcError, match="cannot be read"):
        read_rpc("/nowhere/a.geom")
    with pytest.raises(ImageError, match="does not open"):
        read_rpc("/nowhere/a.tif")


def test_units_after_scalars_are_understood(tmp_path: Path) -> None:
    write_rpc_text(tmp_path / "a_RPC.TXT", toy_rpc())
    text = (tmp_path / "a_RPC.TXT").read_text()
    text = text.replace("LINE_OFF: 249.5", "LINE_OFF: +000249.50 pixels")
    (tmp_path / "a_RPC.TXT").write_text(text)
    assert read_rpc(tmp_path / "a_RPC.TXT").row_off == 250.0


def test_tags_are_lossless() -> None:
    rpc = replace(toy_rpc(), err_bias_m=1.5, err_rand_m=0.25)
    tags = to_tiff_tags(rpc)
    assert float(tags["LINE_OFF"]) == rpc.row_off - 0.5
    assert from_tiff_tags(tags, source="here") == rpc


def test_tag_in_a_written_cog(tmp_path: Path) -> None:
    rpc = toy_rpc()
    write_cog(tmp_path / "a.tif", np.zeros((500, 500), np.uint16), rpc=rpc)
    found = read_rpc(tmp_path / "a.tif")
    assert found.row_off == pytest.approx(rpc.row_off, abs=1e-9)
    assert found.row_num == pytest.approx(rpc.row_num, abs=1e-14)


@settings(max_examples=60, deadline=None)
@given(
    row=st.floats(-50, 550),
    col=st.floats(-50, 550),
    height=st.floats(-100, 700),
    lon=st.sampled_from([5.0, -70.0, 179.9995, -179.9995]),
    lat=st.sampled_from([44.0, -33.0, 0.0]),
)
def test_round_trip(row: float, col: float, height: float, lon: float, lat: float) -> None:
    rpc = toy_rpc(lon, lat)
    found_lon, found_lat = rpc.localize(row, col, height)
    assert -180.0 <= found_lon <= 180.0
    for turn in (-360.0, 0.0, 360.0):
        again = rpc.project(found_lon + turn, found_lat, height)
        assert np.hypot(again[0] - row, again[1] - col) < 1e-3


def test_nan_and_shapes() -> None:
    rpc = toy_rpc()
    lon, lat = rpc.localize(np.array([[10.0, np.nan], [20.0, 30.0]]), 5.0, 300.0)
    assert lon.shape == (2, 2)
    assert np.isnan(lon).tolist() == [[False, True], [False, False]]
    assert np.array_equal(np.isnan(lon), np.isnan(lat))
    row, _ = rpc.project(5.0, 44.0, np.array([300.0, np.inf, np.nan]))
    assert np.isfinite(row).tolist() == [True, False, False]
    assert rpc.localize(np.empty(0), np.empty(0), 1.0)[0].shape == (0,)


def test_input_is_not_changed() -> None:
    rows = np.array([1.0, 2.0])
    toy_rpc().localize(rows, rows, 0.0)
    assert rows.tolist() == [1.0, 2.0]


def test_far_outside_is_nan_and_nothing_at_all_an_error() -> None:
    rpc = toy_rpc()
    lon, _ = rpc.localize(np.array([100.0, 1e9]), 100.0, 300.0)
    assert np.isfinite(lon).tolist() == [True, False]
    with pytest.raises(NonConvergenceError, match="none of 1 positions"):
        rpc.localize(1e9, 1e9, 300.0)
