"""The product's STAC item."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pystac
from pyproj import Transformer
from shapely.geometry import Polygon

from boresight.io import geojson
from boresight.workflows.imagery import bbox_of
from boresight.workflows.stereo.job import ProductRecord
from boresight.workflows.stereo.options import StereoOptions
from boresight.workflows.stereo.pair import Pair, engine_versions
from boresight.workflows.targets import Target

EXTENSIONS = (
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
)

_ASSETS: dict[str, tuple[str, list[str]]] = {
    "dsm": ("Surface model", ["data"]),
    "color": ("Image on the grid of the surface model", ["data"]),
    "ambiguity": ("Confidence from matching ambiguity, 0 to 1", ["data"]),
    "invalidity": ("Why a height is missing", ["data"]),
    "hillshade": ("Shaded relief", ["overview", "visual"]),
    "thumbnail": ("Thumbnail", ["thumbnail"]),
    "statistics": ("Statistics", ["metadata"]),
}
_DATUMS = {
    "ellipsoid": "height above the WGS 84 ellipsoid (EPSG:4979)",
    "egm96": "height above the EGM96 geoid (EPSG:5773)",
}


def product_item(
    pair: Pair,
    options: StereoOptions,
    collection: str,
    product: ProductRecord,
    target: Target,
    *,
    began_at: dt.datetime,
) -> pystac.Item:
    """Describe a product that lies in its bucket."""
    geometry = _outline(product, pair.recipe.epsg)
    times = sorted(time for item in pair.items if (time := _time(item)) is not None)
    datum = options.vertical_datum
    properties: dict[str, Any] = {
        "gsd": pair.recipe.resolution_m,
        "proj:code": f"EPSG:{pair.recipe.epsg}",
        "proj:shape": list(product.shape),
        "proj:transform": list(product.transform),
        "processing:level": "L3",
        "processing:facility": "Boresight",
        "processing:datetime": _text(began_at),
        "processing:software": engine_versions(),
        "processing:lineage": "Stereo of two images with CARS: see derived_from.",
        "boresight:level": "L3",
        "boresight:vertical_datum": datum,
        "boresight:vertical_code": "EPSG:4979" if datum == "ellipsoid" else "EPSG:5773",
        "boresight:base_to_height": round(pair.base_to_height, 5),
        "boresight:options": options.model_dump(mode="json", exclude_none=True),
        "boresight:digest": pair.digest,
        "boresight:tiles": product.statistics["tiles"],
        "boresight:valid_share": product.statistics["dsm"]["valid_share"],
    }
    for name in ("platform", "instruments", "boresight:pair", "boresight:reference"):
        value = pair.items[0].properties.get(name)
        if value is not None:
            properties[name] = value
    if "seams" in product.statistics:
        properties["boresight:seams"] = product.statistics["seams"]
    item = pystac.Item(
        id=pair.item_id,
        geometry=geometry,
        bbox=bbox_of(geometry),
        datetime=times[0] if times else began_at,
        start_datetime=times[0] if times else None,
        end_datetime=times[-1] if times else None,
        collection=collection,
        stac_extensions=list(EXTENSIONS),
        properties=properties,
    )
    for record in product.files:
        title, roles = _ASSETS[record.name]
        if record.name == "dsm":
            title = f"{title}, {_DATUMS[datum]}"
        item.add_asset(
            record.name,
            pystac.Asset(
                href=target.href(record.key),
                title=title,
                media_type=record.media_type,
                roles=roles,
                extra_fields={"file:checksum": record.checksum, "file:size": record.size},
            ),
        )
    item.assets["dsm"].extra_fields |= {
        "data_type": "float32",
        "nodata": "nan",
        "bands": [{"name": "height", "unit": "m"}],
    }
    for source in pair.items:
        item.add_link(
            pystac.Link(
                rel="derived_from",
                target=target.item_href(str(source.collection_id), source.id),
                media_type=pystac.MediaType.GEOJSON,
                title=source.id,
            )
        )
    return item


def _outline(product: ProductRecord, epsg: int) -> dict[str, Any]:
    rows, cols = product.shape
    step, _, west, _, _, north = product.transform
    x = [west, west + cols * step, west + cols * step, west]
    y = [north - rows * step, north - rows * step, north, north]
    lon, lat = Transformer.from_crs(epsg, 4326, always_xy=True).transform(x, y)
    # corners on the turn of the first, for outlines across the antimeridian
    lon = [lon[0] + (value - lon[0] + 180.0) % 360.0 - 180.0 for value in lon]
    return geojson(Polygon(list(zip(lon, lat, strict=True))))


def _time(item: pystac.Item) -> dt.datetime | None:
    return item.datetime or item.common_metadata.start_datetime


def _text(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
