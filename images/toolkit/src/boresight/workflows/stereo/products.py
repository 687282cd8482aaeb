"""From layers of runs to the files of a product: COGs, pictures, statistics."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from matplotlib import image as mpl_image
from numpy.typing import NDArray
from rasterio.windows import Window, from_bounds

from boresight.dsm import Tile as Part
from boresight.dsm import hillshade, mosaic, seam_statistics, statistics
from boresight.errors import StereoError
from boresight.io import write_cog
from boresight.io.gdal import quiet
from boresight.workflows.stereo.engine.recipe import Box, Recipe
from boresight.workflows.stereo.tiles import Layout

#: tag of the DSM that says what its heights are above
DATUM_TAG = "VERTICAL_DATUM"
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
PNG = "image/png"
JSON = "application/json"

_PICTURE_PX = 1024
_THUMBNAIL_PX = 256
_DESCRIPTIONS = {
    "dsm": ("height", "m"),
    "color": ("intensity", "1"),
    "ambiguity": ("confidence from ambiguity", "1"),
    "invalidity": ("reason of missing heights", "1"),
}


@dataclass(frozen=True)
class Layers:
    """Layers of one product on one grid.

    Attributes
    ----------
    arrays : dict of str to ndarray, shape (rows, cols) or (bands, rows, cols)
        ``dsm`` in metres with NaN; the others as CARS gives them.
    nodata : dict of str to float or None
    transform : Affine
    """

    arrays: dict[str, NDArray[Any]]
    nodata: dict[str, float | None]
    transform: Affine


def read_layers(files: dict[str, Path], box: Box | None = None) -> Layers:
    """Read the layers of a run, whole or within ``box`` (on the lattice)."""
    arrays: dict[str, NDArray[Any]] = {}
    nodata: dict[str, float | None] = {}
    transform = Affine.identity()
    for name, path in files.items():
        with quiet(), rasterio.open(path) as source:
            window = Window(0, 0, source.width, source.height)
            if box is not None:
                asked = from_bounds(*box, transform=source.transform)
                asked = asked.round_offsets().round_lengths()
                window = _within(asked, source.width, source.height)
            values = source.read(window=window)
            if name == "dsm":
                transform = source.window_transform(window)
                values = values.astype(np.float32)
                values[values == source.nodata] = np.nan
            arrays[name] = values[0] if values.shape[0] == 1 else values
            nodata[name] = float("nan") if name == "dsm" else source.nodata
    return Layers(arrays, nodata, transform)


def join(parts: Sequence[Layers], layout: Layout) -> Layers:
    """Put the cores of tiles side by side; nothing is blended, since they agree."""
    west, _, _, north = layout.bounds
    step = layout.resolution_m
    whole = Affine(step, 0, west, 0, -step, north)
    names = set.intersection(*(set(part.arrays) for part in parts))
    arrays = {}
    for name in names:
        first = parts[0].arrays[name]
        shape = (*first.shape[:-2], *layout.shape)
        pieces = []
        for part in parts:
            if part.transform.a != step:
                raise StereoError(
                    f"A tile has pixels of {part.transform.a} m, the mosaic of {step} m; the rule "
                    "is one size.",
                    remedy="Remove the scratch of the job and run it again.",
                )
            row = round((north - part.transform.f) / step)
            col = round((part.transform.c - west) / step)
            pieces.append(Part(part.arrays[name], row, col))
        joined = mosaic(pieces, shape)
        background = parts[0].nodata[name]
        if background is not None and not np.isnan(background):
            _fill_outside(joined, pieces, background)
        arrays[name] = joined
    return Layers(arrays, dict(parts[0].nodata), whole)


def trim(layers: Layers) -> Layers:
    """Cut away rows and columns at the border in which no height is known."""
    known = np.isfinite(layers.arrays["dsm"])
    if not known.any():
        raise StereoError(
            "No height was found: 0 valid pixels; the rule is at least one.",
            remedy="Look at the pair: cloud, sea, or ground that changed between the images.",
        )
    rows, cols = (np.flatnonzero(known.any(axis)) for axis in (1, 0))
    rows_kept, cols_kept = (slice(at[0], at[-1] + 1) for at in (rows, cols))
    arrays = {name: values[..., rows_kept, cols_kept] for name, values in layers.arrays.items()}
    transform = layers.transform @ Affine.translation(float(cols[0]), float(rows[0]))
    return Layers(arrays, layers.nodata, transform)


def write_product(
    layers: Layers, folder: Path, recipe: Recipe, layout: Layout | None
) -> tuple[dict[str, tuple[Path, str]], dict[str, Any]]:
    """Write the files of a product.

    Returns
    -------
    files : dict of str to (Path, str)
        By asset name; with media type.
    statistics : dict
    """
    folder.mkdir(parents=True, exist_ok=True)
    dsm = layers.arrays["dsm"]
    datum = "egm96" if recipe.geoid else "ellipsoid"
    files: dict[str, tuple[Path, str]] = {}
    for name, values in layers.arrays.items():
        title, unit = _DESCRIPTIONS[name]
        bands = 1 if values.ndim == 2 else values.shape[0]
        files[name] = (
            write_cog(
                folder / f"{name}.tif",
                values,
                transform=layers.transform,
                crs=recipe.epsg,
                nodata=layers.nodata[name],
                overviews="nearest" if name == "invalidity" else "average",
                names=[title] if bands == 1 else [f"{title} {i + 1}" for i in range(bands)],
                units=[unit] * bands,
                tags={DATUM_TAG: datum} if name == "dsm" else None,
            ),
            COG,
        )
    numbers = summary(layers, recipe, layout)
    path = folder / "statistics.json"
    path.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    files["statistics"] = (path, JSON)
    for name, size in (("hillshade", _PICTURE_PX), ("thumbnail", _THUMBNAIL_PX)):
        picture = folder / f"{name}.png"
        _write_shade(picture, dsm, recipe.resolution_m, size)
        files[name] = (picture, PNG)
    return files, numbers


def summary(layers: Layers, recipe: Recipe, layout: Layout | None) -> dict[str, Any]:
    """Numbers that describe the DSM, and the seams of its tiles."""
    dsm = layers.arrays["dsm"]
    numbers: dict[str, Any] = {
        "unit": "m",
        "vertical_datum": "egm96" if recipe.geoid else "ellipsoid",
        "resolution_m": recipe.resolution_m,
        "dsm": _plain(statistics(dsm).as_dict()),
        "tiles": 1 if layout is None else layout.rows * layout.cols,
    }
    if layout is not None and numbers["tiles"] > 1:
        step = layout.resolution_m
        boxes = [tile.box for tile in layout.tiles]
        rows = {round((layers.transform.f - box[1]) / step) for box in boxes}
        cols = {round((box[2] - layers.transform.c) / step) for box in boxes}
        seams = seam_statistics(dsm, sorted(rows), sorted(cols))
        numbers["seams"] = _plain(asdict(seams))
    return numbers


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN."""
    return {
        key: _plain(value)
        if isinstance(value, dict)
        else None
        if isinstance(value, float) and not np.isfinite(value)
        else value
        for key, value in values.items()
    }


def _within(window: Window, width: int, height: int) -> Window:
    left, top = max(0, int(window.col_off)), max(0, int(window.row_off))
    right = min(width, int(window.col_off + window.width))
    bottom = min(height, int(window.row_off + window.height))
    return Window(left, top, max(0, right - left), max(0, bottom - top))


def _fill_outside(whole: NDArray[Any], pieces: Sequence[Part], value: float) -> None:
    covered = np.zeros(whole.shape[-2:], bool)
    for piece in pieces:
        rows, cols = piece.values.shape[-2:]
        top, left = max(piece.row, 0), max(piece.col, 0)
        covered[top : max(piece.row + rows, 0), left : max(piece.col + cols, 0)] = True
    whole[..., ~covered] = value


def _write_shade(path: Path, dsm: NDArray[np.float32], resolution_m: float, size_px: int) -> None:
    factor = max(1, -(-max(dsm.shape) // size_px))
    rows, cols = (n // factor * factor for n in dsm.shape)
    blocks = dsm[:rows, :cols].reshape(rows // factor, factor, cols // factor, factor)
    known = np.isfinite(blocks).sum((1, 3))
    total = np.where(np.isfinite(blocks), blocks, 0).sum((1, 3))
    with np.errstate(invalid="ignore", divide="ignore"):
        small = np.where(known > 0, total / known, np.nan)
    shade = hillshade(small, resolution_m * factor)
    grey = np.nan_to_num(255 * shade).astype(np.uint8)
    alpha = np.where(np.isfinite(shade), 255, 0).astype(np.uint8)
    # no name of the software in it: equal input, equal bytes
    metadata: dict[str, Any] = {"Software": None}
    mpl_image.imsave(path, np.dstack([grey, grey, grey, alpha]), format="png", metadata=metadata)
