"""How good a surface model is: against a reference, or as an item of the catalogue.

Heights are compared above one datum: where model and reference differ, the reference is converted
with the EGM96 grid. A reference of about the model's resolution is compared at its own pixels
(model taken bilinearly); of a much coarser one, each pixel is compared with the mean of the model
within.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from shapely.geometry import mapping
from shapely.geometry import shape as to_shape

from boresight import access
from boresight.dsm import Comparison, compare, sample, statistics
from boresight.errors import CatalogueError, ImageError, InputError
from boresight.io import bytes_checksum, image_info, read_image, whole_or_nothing
from boresight.workflows.report_figure import draw
from boresight.workflows.stereo.geoid import undulation

FloatArray = NDArray[np.float64]

#: tag of our products that says what heights are above
DATUM_TAG = "VERTICAL_DATUM"
DATUMS = ("ellipsoid", "egm96")

#: a reference this many times coarser is compared with means, not with points
_COARSE = 2.0

#: least share of a coarse pixel that the model must know
_MIN_COVER = 0.5


@dataclass(frozen=True)
class DsmReport:
    """A surface model against a reference.

    Parameters
    ----------
    comparison : Comparison
        The numbers.
    dsm, reference : str
        What was compared.
    vertical_datum : str
        What heights were above when they were compared.
    conversion : str
        What was done to get there.
    figure, twin : Path or None
        PNG, and the numbers as JSON.
    """

    comparison: Comparison
    dsm: str
    reference: str
    vertical_datum: str
    conversion: str
    figure: Path | None
    twin: Path | None

    def as_dict(self) -> dict[str, Any]:
        """All numbers as JSON takes them."""
        return {
            "dsm": self.dsm,
            "reference": self.reference,
            "vertical_datum": self.vertical_datum,
            "conversion": self.conversion,
            **self.comparison.as_dict(),
        }


@dataclass(frozen=True)
class Verification:
    """An item's DSM, read again from its bucket.

    Parameters
    ----------
    item : pystac.Item
        The DSM's item.
    gsd_m, base_to_height : float
        Of the images it was made from.
    n, n_valid : int
        Pixels in the ground that both images see, and those with a height.
    comparison : Comparison or None
        Against the truth, where there is one.
    outline : dict
        Ground that both images see: GeoJSON geometry.
    """

    item: pystac.Item
    gsd_m: float
    base_to_height: float
    n: int
    n_valid: int
    comparison: Comparison | None
    outline: dict[str, Any]

    def figures(self) -> dict[str, Any]:
        """The numbers to print, as JSON takes them; those of errors only where truth is known."""
        figures: dict[str, Any] = {
            "item": self.item.id,
            "collection": self.item.collection_id,
            "gsd_m": self.gsd_m,
            "base_to_height": self.base_to_height,
            "href": _surface_asset(self.item).href,
            "n": self.n,
            "completeness": self.n_valid / self.n if self.n else 0.0,
        }
        if self.comparison is not None:
            figures |= {
                "n": self.comparison.n,
                "completeness": self.comparison.completeness,
                "median_abs_error_m": self.comparison.median_abs_m,
                "bias_m": self.comparison.bias_mean_m,
                "median_m": self.comparison.median_m,
                "nmad_m": self.comparison.nmad_m,
                "rmse_m": self.comparison.rmse_m,
                "le90_m": self.comparison.le90_m,
                "le90_estimator": self.comparison.le90_estimator,
            }
        return figures


@dataclass(frozen=True)
class _Surface:
    """Heights on any grid with a reference system."""

    heights: FloatArray
    transform: tuple[float, float, float, float, float, float]
    epsg: int
    datum: str
    source: str


def dsm_report(
    dsm: str | Path,
    reference: str | Path,
    *,
    output_dir: str | Path | None = None,
    dsm_datum: str | None = None,
    reference_datum: str | None = None,
    outline: dict[str, Any] | None = None,
    title: str | None = None,
) -> DsmReport:
    """Compare a surface model with a reference.

    Parameters
    ----------
    dsm, reference : str or Path
        Files, ``/vsi…`` or addresses in our buckets; the reference may be an SRTM ``.hgt``.
    output_dir : str or Path, optional
        Where ``report.png`` and ``report.json`` go; none are written without.
    dsm_datum, reference_datum : {"ellipsoid", "egm96"}, optional
        What heights are above; default: what the file says (``.hgt``: egm96).
    outline : dict, optional
        GeoJSON geometry (longitude, latitude): only the reference within counts, for completeness
        too. Default: the model's grid.
    title : str, optional
        Of the figure.

    Raises
    ------
    ImageError
        A file does not open, or its datum is not known.
    InputError
        They have no valid pixel in common.
    """
    model = _read(dsm, dsm_datum)
    truth = _read(reference, reference_datum)
    conversion = "none: one datum"
    if model.datum != truth.datum:
        truth = _convert(truth, model.datum)
        conversion = f"reference converted to {model.datum} with the EGM96 grid (15', bilinear)"
    aligned, wanted = _align(model, truth, outline)
    comparison = compare(aligned, wanted, resolution_m=_resolution_m(truth))
    figure = twin = None
    report = DsmReport(comparison, model.source, truth.source, model.datum, conversion, None, None)
    if output_dir is not None:
        folder = Path(output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        figure, twin = folder / "report.png", folder / "report.json"
        with whole_or_nothing(figure) as draft:
            draw(
                draft,
                aligned,
                wanted,
                comparison,
                resolution_m=_resolution_m(truth),
                title=title or f"{Path(model.source).name} against {Path(truth.source).name}",
                datum=model.datum,
            )
        with whole_or_nothing(twin) as draft:
            draft.write_text(json.dumps(report.as_dict(), indent=1) + "\n", encoding="utf-8")
    return DsmReport(comparison, model.source, truth.source, model.datum, conversion, figure, twin)


def verify_item(collection: str, item_id: str) -> Verification:
    """Read an item's DSM from its bucket, check its checksum, and compute its figures again.

    Parameters
    ----------
    collection, item_id : str
        The DSM's item: linked ``derived_from`` to the items of its images.

    Raises
    ------
    CatalogueError
        No such item, or it lacks its links or assets.
    ImageError
        The object is not what the item says.
    """
    item = access.get_item(collection, item_id)
    asset = _surface_asset(item)
    content = access.read_bytes(asset.href)
    stated = asset.extra_fields.get("file:checksum")
    if stated is not None and bytes_checksum(content) != stated:
        raise ImageError(
            f"{asset.href}: checksum {bytes_checksum(content)}, the item says {stated}.",
            remedy="Run the stereo job again; the object was changed behind the catalogue.",
        )
    sources = [
        access.get_item(*place)
        for link in item.links
        if link.rel == "derived_from"
        and (place := _place_of(str(link.get_href(transform_href=False))))
    ]
    if len(sources) < 2:
        raise CatalogueError(
            f"{item.id}: {len(sources)} links derived_from to items; the rule is two.",
            remedy="Publish it with boresight.workflows.stereo.",
        )
    seen = shapely.intersection_all([to_shape(source.geometry) for source in sources])
    outline: dict[str, Any] = mapping(seen)
    model = _read(asset.href, None)
    inside = model.heights[_within(model, outline)]
    first = sources[0]
    comparison = None
    reference_id = first.properties.get("boresight:reference")
    if reference_id:
        truth_item = access.get_item(str(first.collection_id), str(reference_id))
        truth = _surface_asset(truth_item)
        comparison = dsm_report(asset.href, truth.href, outline=outline).comparison
    return Verification(
        item=item,
        gsd_m=float(first.properties["gsd"]),
        base_to_height=float(first.properties["boresight:base_to_height"]),
        n=int(inside.size),
        n_valid=statistics(inside).n_valid,
        comparison=comparison,
        outline=outline,
    )


def _read(source: str | Path, datum: str | None) -> _Surface:
    text = str(source)
    path = access.to_vsis3(text) if re.match(r"(https?|s3)://", text) else text
    info = image_info(path)
    if info.epsg is None:
        raise ImageError(
            f"{text}: no reference system with an EPSG code; the rule is one.",
            remedy="Warp it to one first.",
        )
    if datum is None:
        datum = info.tags.get(DATUM_TAG, "egm96" if text.lower().endswith(".hgt") else "").lower()
    if datum not in DATUMS:
        raise ImageError(
            f"{text}: vertical datum {datum or 'not stated'!r}; the rule is one of "
            f"{', '.join(DATUMS)}, stated by the file's tag {DATUM_TAG} or by the caller.",
            remedy="Give dsm_datum or reference_datum.",
        )
    heights = read_image(path).isel(band=0).values.astype(np.float64)
    heights[~np.isfinite(heights)] = np.nan
    t = info.transform
    return _Surface(heights, (t.a, t.b, t.c, t.d, t.e, t.f), info.epsg, datum, text)


def _surface_asset(item: pystac.Item) -> pystac.Asset:
    if "dsm" in item.assets:
        return item.assets["dsm"]
    for asset in item.assets.values():
        if "data" in (asset.roles or []):
            return asset
    raise CatalogueError(
        f"{item.id}: no asset dsm, nor one of role data.", remedy="Give the item of a DSM."
    )


def _place_of(href: str) -> tuple[str, str] | None:
    found = re.search(r"/collections/([^/?]+)/items/([^/?]+)/?$", href)
    return (found[1], found[2]) if found else None


def _centres(surface: _Surface, rows: slice) -> tuple[FloatArray, FloatArray]:
    """Map coordinates of pixel centres of some rows, shape (rows, cols)."""
    a, b, c, d, e, f = surface.transform
    row = np.arange(*rows.indices(surface.heights.shape[0]))[:, None] + 0.5
    col = np.arange(surface.heights.shape[1])[None] + 0.5
    return a * col + b * row + c, d * col + e * row + f


def _strips(surface: _Surface, rows: int = 256) -> list[slice]:
    total = surface.heights.shape[0]
    return [slice(first, min(first + rows, total)) for first in range(0, total, rows)]


def _convert(surface: _Surface, datum: str) -> _Surface:
    """Heights above the other datum: h (ellipsoid) = H (geoid) + N."""
    sign = 1.0 if datum == "ellipsoid" else -1.0
    to_geographic = Transformer.from_crs(surface.epsg, 4326, always_xy=True)
    heights = surface.heights.copy()
    for rows in _strips(surface):
        lon, lat = to_geographic.transform(*_centres(surface, rows))
        heights[rows] += sign * undulation(lon, lat)
    return _Surface(heights, surface.transform, surface.epsg, datum, surface.source)


def _resolution_m(surface: _Surface) -> float:
    """Side of a pixel [m], also of a geographic grid."""
    side = float(np.sqrt(abs(surface.transform[0] * surface.transform[4])))
    if not CRS.from_epsg(surface.epsg).is_geographic:
        return side
    middle = surface.transform[5] + surface.transform[4] * surface.heights.shape[0] / 2
    return float(side * 111_320.0 * np.sqrt(np.cos(np.radians(middle))))


def _align(
    model: _Surface, truth: _Surface, outline: dict[str, Any] | None
) -> tuple[FloatArray, FloatArray]:
    """Model at the reference's pixels, and the reference, cut to where the model may be."""
    if _resolution_m(truth) > _COARSE * _resolution_m(model):
        aligned, covered = _means(model, truth)
    else:
        aligned, covered = _points(model, truth)
    wanted = np.where(covered, truth.heights, np.nan)
    if outline is not None:
        wanted[~_within(truth, outline)] = np.nan
    used = np.isfinite(wanted)
    if not used.any():
        raise InputError(
            f"{model.source} and {truth.source} have no ground in common.",
            remedy="Give a reference of the same place.",
        )
    rows, cols = np.flatnonzero(used.any(axis=1)), np.flatnonzero(used.any(axis=0))
    part = np.s_[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    return aligned[part], wanted[part]


def _points(model: _Surface, truth: _Surface) -> tuple[FloatArray, NDArray[np.bool_]]:
    to_model = Transformer.from_crs(truth.epsg, model.epsg, always_xy=True)
    aligned = np.empty(truth.heights.shape)
    covered = np.empty(truth.heights.shape, dtype=bool)
    for rows in _strips(truth):
        x, y = _centres(truth, rows)
        if truth.epsg != model.epsg:
            x, y = to_model.transform(x, y)
        row, col = _place(model, x, y)
        aligned[rows] = sample(model.heights, row, col)
        covered[rows] = _inside(model, row, col)
    return aligned, covered


def _means(model: _Surface, truth: _Surface) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Mean of the model in each pixel of the reference, where enough of it is known."""
    to_truth = Transformer.from_crs(model.epsg, truth.epsg, always_xy=True)
    size = truth.heights.size
    total, known, present = (np.zeros(size) for _ in range(3))
    for rows in _strips(model):
        x, y = _centres(model, rows)
        if truth.epsg != model.epsg:
            x, y = to_truth.transform(x, y)
        row, col = _place(truth, x, y)
        inside = _inside(truth, row, col)
        cell = (np.floor(row) * truth.heights.shape[1] + np.floor(col))[inside].astype(np.int64)
        values = model.heights[rows][inside]
        valid = np.isfinite(values)
        total += np.bincount(cell[valid], values[valid], size)
        known += np.bincount(cell[valid], minlength=size)
        present += np.bincount(cell, minlength=size)
    full = present.max(initial=1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(known >= _MIN_COVER * full, total / known, np.nan)
    shape = truth.heights.shape
    return means.reshape(shape), (present >= _MIN_COVER * full).reshape(shape)


def _place(surface: _Surface, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    a, b, c, d, e, f = surface.transform
    determinant = a * e - b * d
    x, y = x - c, y - f
    return (a * y - d * x) / determinant, (e * x - b * y) / determinant


def _inside(surface: _Surface, row: FloatArray, col: FloatArray) -> NDArray[np.bool_]:
    rows, cols = surface.heights.shape
    inside: NDArray[np.bool_] = (row >= 0) & (col >= 0) & (row < rows) & (col < cols)
    return inside


def _within(surface: _Surface, outline: dict[str, Any]) -> NDArray[np.bool_]:
    polygon = to_shape(outline)
    shapely.prepare(polygon)
    to_geographic = Transformer.from_crs(surface.epsg, 4326, always_xy=True)
    mask = np.empty(surface.heights.shape, dtype=bool)
    for rows in _strips(surface):
        lon, lat = to_geographic.transform(*_centres(surface, rows))
        mask[rows] = shapely.contains_xy(polygon, lon, lat)
    return mask
