"""Pictures: of files that rasterio has written."""

from __future__ import annotations

import io

import numpy as np
import pytest

from jupyterlab_stac.errors import PreviewError
from jupyterlab_stac.preview import MAX_SIDE_PX, PreviewRequest, read_preview

rasterio = pytest.importorskip("rasterio")
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def write(path, data, *, nodata=None, overviews=(), **options):
    bands, rows, cols = data.shape
    profile = {"driver": "GTiff", "width": cols, "height": rows, "count": bands,
               "dtype": data.dtype, "nodata": nodata, **options}  # fmt: skip
    with rasterio.open(path, "w", **profile) as image:
        image.write(data)
        if overviews:
            image.build_overviews(overviews)
    return str(path)


def pixels(preview):
    with rasterio.MemoryFile(io.BytesIO(preview.png)) as memory, memory.open() as image:
        return image.read()


def test_a_ramp_is_stretched_from_its_second_to_its_98th_percentile(tmp_path):
    ramp = np.linspace(100, 1100, 200, dtype="float32")
    path = write(tmp_path / "a.tif", np.broadcast_to(ramp, (1, 50, 200)).copy())
    found = read_preview(path, PreviewRequest(side_px=200))
    grey = pixels(found)[0]
    assert (grey[:, 0].max(), grey[:, -1].min()) == (0, 255)
    histogram = found.about["histograms"][0]
    # of 200 equal steps: 100 + 0.02 * 1000, by numpy's linear estimator
    assert histogram["stretch"] == pytest.approx([120, 1080], abs=1)
    assert (histogram["min"], histogram["max"]) == (100, 1100)
    assert histogram["mean"] == pytest.approx(600, abs=0.1)
    assert sum(histogram["counts"]) == 50 * 200


def test_the_stretch_that_is_asked_for(tmp_path):
    path = write(tmp_path / "a.tif", np.array([[[0, 50, 100, 200]]], "uint16"))
    grey = pixels(read_preview(path, PreviewRequest(stretch=(0, 100))))[0]
    assert grey.tolist() == [[0, 128, 255, 255]]


def test_pixels_without_a_value_are_transparent_and_do_not_count(tmp_path):
    data = np.array([[[7, -9999, np.nan, 9]]], "float32")
    found = read_preview(write(tmp_path / "a.tif", data, nodata=-9999), PreviewRequest())
    assert pixels(found)[3].tolist() == [[255, 0, 0, 255]]
    assert found.about["histograms"][0]["mean"] == 8


def test_bands_are_chosen_and_have_names(tmp_path):
    data = np.stack([np.full((4, 4), value, "uint8") for value in (10, 20, 30, 40)])
    path = write(tmp_path / "a.tif", data, photometric="MINISBLACK")
    with rasterio.open(path, "r+") as image:
        image.set_band_description(1, "B02")
    found = read_preview(path, PreviewRequest(bands=(4, 2, 1), stretch=(0, 255)))
    assert pixels(found)[:3, 0, 0].tolist() == [40, 20, 10]
    assert [band["name"] for band in found.about["bands"]] == ["B02", "2", "3", "4"]
    for wrong in ((5,), (0,), (1, 2)):
        with pytest.raises(PreviewError, match="has 4"):
            read_preview(path, PreviewRequest(bands=wrong))


def test_colours_are_shown_as_such(tmp_path):
    data = np.zeros((3, 4, 4), "uint8")
    path = write(tmp_path / "a.tif", data, photometric="RGB")
    assert read_preview(path, PreviewRequest()).about["shown"] == [1, 2, 3]


def test_a_palette_is_painted(tmp_path):
    path = write(tmp_path / "a.tif", np.array([[[1, 2, 9]]], "uint8"))
    with rasterio.open(path, "r+") as image:
        image.write_colormap(1, {1: (255, 0, 0, 255), 2: (0, 0, 255, 255), 9: (0, 0, 0, 0)})
    found = pixels(read_preview(path, PreviewRequest()))
    assert found[:, 0].T.tolist() == [[255, 0, 0, 255], [0, 0, 255, 255], [0, 0, 0, 0]]


def test_an_empty_image_is_told_as_such(tmp_path):
    data = np.full((1, 4, 4), 5, "uint8")
    found = read_preview(write(tmp_path / "a.tif", data, nodata=5), PreviewRequest())
    assert found.about["histograms"][0]["empty"] is True
    assert pixels(found)[3].max() == 0


def test_complex_values_are_shown_by_their_modulus(tmp_path):
    data = np.array([[[3 + 4j, 6 + 8j]]], "complex64")
    found = read_preview(write(tmp_path / "a.tif", data), PreviewRequest())
    assert found.about["histograms"][0]["max"] == 10


def test_large_images_are_read_from_overviews_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr("jupyterlab_stac.picture.MAX_WHOLE_PX", 1000)
    data = np.zeros((1, 64, 3000), "uint8")
    kinds = {"tiled": True, "blockxsize": 16, "blockysize": 16}
    found = read_preview(
        write(tmp_path / "a.tif", data, overviews=(2, 4), **kinds), PreviewRequest(side_px=5000)
    )
    assert pixels(found).shape[2] == MAX_SIDE_PX
    with pytest.raises(PreviewError, match="overviews"):
        read_preview(write(tmp_path / "b.tif", data, **kinds), PreviewRequest())


def test_formats_that_lead_to_other_files_are_not_opened(tmp_path):
    secret = write(tmp_path / "a.tif", np.ones((1, 4, 4), "uint8"))
    vrt = tmp_path / "b.tif"
    vrt.write_text(
        f'<VRTDataset rasterXSize="4" rasterYSize="4"><VRTRasterBand dataType="Byte" band="1">'
        f"<SimpleSource><SourceFilename>{secret}</SourceFilename><SourceBand>1</SourceBand>"
        f"</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with rasterio.open(vrt) as image:
        assert image.read().max() == 1, "GDAL itself would follow it"
    with pytest.raises(PreviewError):
        read_preview(str(vrt), PreviewRequest())


def test_errors_show_no_signature(tmp_path):
    with pytest.raises(PreviewError) as found:
        read_preview(f"{tmp_path}/none.tif?X-Amz-Signature=abc", PreviewRequest())
    assert "abc" not in str(found.value)
