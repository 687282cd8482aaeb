"""Pixels of a raster asset to a PNG and its histograms; needs numpy and rasterio."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile

from jupyterlab_stac.errors import PreviewError
from jupyterlab_stac.preview import MAX_SIDE_PX, Preview, PreviewRequest, without_query

#: A file without overviews is read whole; up to this size [px].
MAX_WHOLE_PX = 36_000_000
_BINS = 64
# none of them can refer to other files
_DRIVERS = ["GTiff", "JP2OpenJPEG", "PNG", "JPEG"]
_STRETCH_PERCENT = (2.0, 98.0)
_GDAL = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_CONNECTTIMEOUT": "5",
    "GDAL_HTTP_TIMEOUT": "20",
    "GDAL_HTTP_MAX_RETRY": "1",
}


def draw(path: str, wanted: PreviewRequest) -> Preview:
    """Read a picture; as `jupyterlab_stac.preview.read_preview`."""
    try:
        with warnings.catch_warnings(), rasterio.Env(**_GDAL):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, driver=_DRIVERS) as image:
                return _pictured(image, wanted)
    except RasterioError as exc:
        said = without_query(str(exc))[:300]
        raise PreviewError(
            f"GDAL cannot read this asset: {said}",
            remedy="It may be gone, not a GeoTIFF, JPEG 2000, PNG or JPEG, or not yours to read.",
            kind="unreadable",
            said=said,
        ) from exc


def _pictured(image: Any, wanted: PreviewRequest) -> Preview:
    bands = _bands(image, wanted.bands)
    has_overviews = bool(image.overviews(bands[0]))
    if not has_overviews and image.width * image.height > MAX_WHOLE_PX:
        raise PreviewError(
            f"This image has {image.width} x {image.height} pixels and no overviews: "
            "all of it would have to be read.",
            remedy="Open it in a notebook, or add overviews (gdaladdo).",
            kind="no-overviews",
            width=image.width,
            height=image.height,
        )
    scale = min(1.0, min(wanted.side_px, MAX_SIDE_PX) / max(image.width, image.height))
    shape = (
        len(bands),
        max(1, round(image.height * scale)),
        max(1, round(image.width * scale)),
    )
    data = image.read(list(bands), out_shape=shape, masked=True)
    values = np.ma.abs(data) if np.iscomplexobj(data) else data
    values = np.ma.masked_invalid(values.astype("float64"))
    colours = _palette(image, bands)
    if colours is None:
        limits = [wanted.stretch or _limits(band) for band in values]
        rgba = _rgba(values, limits)
    else:
        limits = [_limits(band) for band in values]
        rgba = _painted(np.ma.filled(values[0], -1).astype(int), colours)
    about = {
        "width": image.width,
        "height": image.height,
        "dtype": image.dtypes[0],
        "crs": image.crs.to_string()[:80] if image.crs else None,
        "nodata": _number(image.nodata),
        "overviews": has_overviews,
        "bands": [
            {"index": i, "name": image.descriptions[i - 1] or f"{i}", "unit": image.units[i - 1]}
            for i in range(1, image.count + 1)
        ],
        "shown": list(bands),
        "histograms": [
            _histogram(band, index, limit)
            for band, index, limit in zip(values, bands, limits, strict=True)
        ],
    }
    return Preview(_png(rgba), about)


def _bands(image: Any, wanted: tuple[int, ...]) -> tuple[int, ...]:
    if not wanted:
        colours = [c.name for c in image.colorinterp]
        if {"red", "green", "blue"} <= set(colours):
            return tuple(colours.index(name) + 1 for name in ("red", "green", "blue"))
        return (1,)
    outside = [index for index in wanted if not 1 <= index <= image.count]
    if outside or len(wanted) not in (1, 3):
        raise PreviewError(
            f"The bands {list(wanted)} cannot be shown: this image has {image.count}.",
            remedy="Choose one band, or three.",
            kind="bands",
            count=image.count,
        )
    return wanted


def _palette(image: Any, bands: tuple[int, ...]) -> dict[int, tuple[int, ...]] | None:
    if len(bands) != 1 or image.colorinterp[bands[0] - 1].name != "palette":
        return None
    colours: dict[int, tuple[int, ...]] = image.colormap(bands[0])
    return colours


def _limits(band: np.ma.MaskedArray) -> tuple[float, float]:
    valid = band.compressed()
    if valid.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(valid, _STRETCH_PERCENT)
    return float(low), float(high)


def _rgba(values: np.ma.MaskedArray, limits: list[tuple[float, float]]) -> np.ndarray:
    """Bytes, shape (4, rows, cols); transparent where there is no value."""
    grey = np.empty(values.shape, np.uint8)
    for band, (low, high), out in zip(values, limits, list(grey), strict=True):
        span = high - low
        plain = band.filled(low)
        part = (plain - low) / span if span > 0 else np.where(plain > low, 1.0, 0.5)
        out[...] = np.rint(np.clip(part, 0.0, 1.0) * 255)
    colours = grey if len(grey) == 3 else np.repeat(grey, 3, axis=0)
    opaque = ~np.ma.getmaskarray(values).any(axis=0)
    alpha = np.where(opaque, 255, 0).astype(np.uint8)
    return np.concatenate([colours, alpha.reshape(1, *alpha.shape)])


def _painted(codes: np.ndarray, colours: dict[int, tuple[int, ...]]) -> np.ndarray:
    table = np.zeros((max(colours) + 2, 4), np.uint8)
    for code, colour in colours.items():
        table[code] = colour
    known = np.isin(codes, list(colours))
    return np.moveaxis(table[np.where(known, codes, len(table) - 1)], -1, 0)


def _histogram(band: np.ma.MaskedArray, index: int, limits: tuple[float, float]) -> dict[str, Any]:
    valid = band.compressed()
    if valid.size == 0:
        return {"band": index, "empty": True, "stretch": list(limits), "counts": []}
    low, high = float(valid.min()), float(valid.max())
    counts, _ = np.histogram(valid, bins=_BINS, range=(low, high if high > low else low + 1.0))
    return {
        "band": index,
        "empty": False,
        "min": low,
        "max": high,
        "mean": float(valid.mean()),
        "std": float(valid.std()),
        "counts": counts.tolist(),
        "stretch": list(limits),
    }


def _number(value: Any) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None


def _png(rgba: np.ndarray) -> bytes:
    _, rows, cols = rgba.shape
    with MemoryFile() as memory:
        with memory.open(driver="PNG", width=cols, height=rows, count=4, dtype="uint8") as image:
            image.write(rgba)
        return bytes(memory.read())
