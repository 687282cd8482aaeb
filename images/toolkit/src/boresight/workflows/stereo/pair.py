"""The pair: what two items say, checked before anything is computed."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import pystac
from pyproj import Transformer

from boresight import access
from boresight.errors import InputError
from boresight.io import (
    base_to_height,
    check_image,
    check_overlap,
    image_info,
    read_rpc,
    view_at_centre,
)
from boresight.workflows.stereo.elevation import View
from boresight.workflows.stereo.engine.recipe import Recipe, SensorFile
from boresight.workflows.stereo.options import StereoOptions

#: images up to this size are read whole before the start; larger ones were when they were ingested
_READ_WHOLE_PX = 25_000_000

#: moves when the same inputs give another product
RECIPE_VERSION = "1"

ENGINE_PACKAGES = ("cars", "pandora", "shareloc")


@dataclass(frozen=True)
class Pair:
    """Two images that can be used, and what follows from them.

    Attributes
    ----------
    items : tuple of pystac.Item
        Left, right.
    recipe : Recipe
    views : tuple of View
    height_ellipsoid_m : float
        Height at which they overlap most [m].
    base_to_height : float
        [1]
    gsd_m : float
        Mean ground sampling of the two at the centre of their overlap [m].
    digest : str
        Of everything the product depends on.
    """

    items: tuple[pystac.Item, pystac.Item]
    recipe: Recipe
    views: tuple[View, View]
    height_ellipsoid_m: float
    base_to_height: float
    gsd_m: float
    digest: str

    @property
    def item_id(self) -> str:
        """Name of the product: equal inputs, options and engine give an equal one."""
        name = str(self.items[0].properties.get("boresight:pair", self.items[0].id))
        return f"{name[:60]}-dsm-{self.digest[:12]}"


def check_pair(
    left: pystac.Item, right: pystac.Item, options: StereoOptions, *, local_files: bool = False
) -> Pair:
    """Check two items and the images behind them.

    Parameters
    ----------
    left, right : pystac.Item
        With an asset ``image``, or one of role ``data``.
    options : StereoOptions
    local_files : bool
        Whether hrefs may be paths of this machine.

    Raises
    ------
    ForeignHrefError
        An href lies outside our buckets.
    ImageError, RpcError, OverlapError
        The images cannot be used.
    """
    assets = (_image_asset(left), _image_asset(right))
    sources = [_source(asset.href, local_files=local_files) for asset in assets]
    views = []
    for source in sources:
        info = image_info(source)
        rpc = read_rpc(source)
        if math.prod(info.shape) <= _READ_WHOLE_PX:
            check_image(source)
        views.append(View(source, rpc, info.shape))
    overlap = check_overlap(sources[0], sources[1], options.height_range_m)
    height = overlap.height_ellipsoid_m
    seen = [view_at_centre(view.rpc, view.shape, height) for view in views]
    gsd = float(np.mean([view.gsd_m for view in seen]))
    resolution = options.resolution_m or _one_digit(gsd)
    recipe = Recipe(
        left=SensorFile(sources[0]),
        right=SensorFile(sources[1]),
        resolution_m=resolution,
        epsg=options.epsg or _utm(views[0], height),
        geoid=options.vertical_datum == "egm96",
        color=options.color,
        quality=options.quality,
        max_ram_mb=options.max_ram_per_run_mb,
    )
    return Pair(
        items=(left, right),
        recipe=recipe,
        views=(views[0], views[1]),
        height_ellipsoid_m=height,
        base_to_height=base_to_height(*seen),
        gsd_m=gsd,
        digest=_digest((left, right), assets, options, recipe),
    )


def engine_versions() -> dict[str, str]:
    """Versions of the software that makes the product."""
    return {name: version(name) for name in ("boresight", *ENGINE_PACKAGES)}


def _image_asset(item: pystac.Item) -> pystac.Asset:
    if "image" in item.assets:
        return item.assets["image"]
    for asset in item.assets.values():
        if "data" in (asset.roles or []):
            return asset
    raise InputError(
        f"The item {item.id} has the assets {', '.join(item.assets) or 'none'}; the rule is one "
        "called image, or of role data.",
        remedy="Ingest the image with boresight.workflows.ingest.",
    )


def _source(href: str, *, local_files: bool) -> str:
    if local_files and href.startswith("/"):
        return href
    return access.to_vsis3(href)


def _one_digit(value_m: float) -> float:
    """Round to one digit, as CARS does by default: 0.47 becomes 0.5, 12.9 becomes 10."""
    return round(value_m, -math.floor(math.log10(value_m)))


def _utm(view: View, height_m: float) -> int:
    lon, lat = view.rpc.localize(view.shape[0] / 2, view.shape[1] / 2, height_m)
    zone = int((float(lon) + 180.0) % 360.0 // 6.0) + 1
    epsg = (32600 if float(lat) >= 0 else 32700) + zone
    # fails here, not on a worker, should the registry of this machine lack it
    Transformer.from_crs(4326, epsg, always_xy=True)
    return epsg


def _digest(
    items: tuple[pystac.Item, pystac.Item],
    assets: tuple[pystac.Asset, pystac.Asset],
    options: StereoOptions,
    recipe: Recipe,
) -> str:
    told = {
        "items": [f"{item.collection_id}/{item.id}" for item in items],
        "images": [asset.extra_fields.get("file:checksum", asset.href) for asset in assets],
        "options": options.product_digest(),
        "grid": [recipe.resolution_m, recipe.epsg],
        "engine": {name: version(name) for name in ENGINE_PACKAGES},
        "recipe": RECIPE_VERSION,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
