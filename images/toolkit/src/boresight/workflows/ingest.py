"""Bring a stereo pair into the catalogue: checked, cloud-optimised, described, published.

Assets go up before items, so that the catalogue never names what is not there; what fails leaves
nothing behind. Names and keys follow from the content: a second run changes nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import pystac
from affine import Affine
from pyproj import Transformer
from shapely.geometry import Polygon

from boresight.errors import ImageError, InputError, RpcError
from boresight.io import (
    base_to_height,
    check_image,
    check_overlap,
    file_checksum,
    geojson,
    image_to_cog,
    read_rpc,
    view_at_centre,
    write_cog,
)
from boresight.simulate import PairConfig, SimulatedPair, simulate_pair
from boresight.workflows.imagery import (
    EXTENSIONS,
    Acquisition,
    bbox_of,
    data_asset,
    file_fields,
    image_item,
    read_acquisition,
    write_grey_png,
    write_thumbnail,
)
from boresight.workflows.targets import CatalogueTarget, Draft, Progress, Target, publish

_SUFFIXES = {".tif", ".tiff", ".jp2", ".ntf"}

#: names that say which image is which, most telling first
_SIDES = (("left", "right"), ("img1", "img2"), ("image1", "image2"), ("_1", "_2"), ("01", "02"))

#: simulated images carry this time: they depend on nothing but their numbers
_SIMULATED_AT = dt.datetime(2025, 1, 1, 10, 30, tzinfo=dt.UTC)


@dataclass(frozen=True)
class SimulatedItems:
    """What :func:`ingest_simulated` has published.

    Parameters
    ----------
    left, right : pystac.Item
        The images.
    reference : pystac.Item
        The true surface, asset ``dsm`` of role ``reference``.
    """

    left: pystac.Item
    right: pystac.Item
    reference: pystac.Item


def find_pair(directory: str | Path) -> tuple[Path, Path]:
    """Find the two images with RPC in a directory, or below it.

    Parameters
    ----------
    directory : str or Path
        Images as GeoTIFF or JPEG 2000, with RPC as TIFF tag or in a file beside
        (see :func:`boresight.io.sidecars`).

    Returns
    -------
    left, right : Path
        By their names (left/right, img1/img2, …), else in alphabetical order.

    Raises
    ------
    InputError
        Not a directory, or not exactly two images with RPC.
    """
    folder = Path(directory)
    if not folder.is_dir():
        raise InputError(f"{folder}: not a directory.", remedy="Give the folder of the pair.")
    images = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in _SUFFIXES and p.is_file()]
    if not images:
        images = [
            p
            for p in sorted(folder.rglob("*"))
            if p.suffix.lower() in _SUFFIXES and p.is_file() and not p.name.startswith(".")
        ]
    usable, refused = [], []
    for path in images:
        try:
            read_rpc(path)
            usable.append(path)
        except (RpcError, ImageError) as exc:
            refused.append(exc.message)
    if len(usable) > 2:
        usable = list(_by_names(usable) or usable)
    if len(usable) != 2:
        why = "".join(f"\n  {line}" for line in refused)
        names = ", ".join(path.name for path in usable) or "none"
        raise InputError(
            f"{folder}: {len(usable)} images with RPC ({names}) of {len(images)} images; the rule "
            f"is exactly two.{why}",
            remedy="Leave two images with their RPC in the folder, or name them left and right.",
        )
    return _by_names(usable) or (usable[0], usable[1])


def ingest_pair(
    left: str | Path,
    right: str | Path,
    *,
    collection: str,
    pair_id: str | None = None,
    datetime: dt.datetime | None = None,
    properties: Mapping[str, Any] | None = None,
    target: Target | None = None,
    progress: Progress | None = None,
) -> tuple[pystac.Item, pystac.Item]:
    """Check two images and bring them into a collection.

    Parameters
    ----------
    left, right : str or Path
        Images with RPC.
    collection : str
        Collection of source imagery.
    pair_id : str, optional
        Start of the items' names; default: the folder's name and a hash of the content.
    datetime : datetime, optional
        Time of acquisition where the metadata has none.
    properties : mapping, optional
        STAC properties to add to both items.
    target : Target, optional
        Where to; default: the environment's catalogue.
    progress : callable, optional
        Called with the share done (0 to 1) and what is being done.

    Returns
    -------
    left, right : pystac.Item
        As published.

    Raises
    ------
    ImageError, RpcError, OverlapError
        The images cannot be used; nothing is published.
    AccessError
        Catalogue or buckets refuse; nothing is left behind.
    """
    target = target or CatalogueTarget()
    report = progress or (lambda _share, _what: None)
    paths = (Path(left), Path(right))
    target.check_collection(collection)
    with tempfile.TemporaryDirectory(prefix="boresight-ingest-") as name:
        drafts = _pair_drafts(
            paths,
            collection,
            pair_id,
            datetime,
            properties or {},
            target,
            Path(name),
            lambda s, what: report(s / 2, what),
        )
        items = publish(drafts, target, lambda s, what: report(0.5 + s / 2, what))
    return items[0], items[1]


def ingest_simulated(
    config: PairConfig | None = None,
    collection: str = "co3d-l1",
    *,
    target: Target | None = None,
    progress: Progress | None = None,
    pair: SimulatedPair | None = None,
) -> SimulatedItems:
    """Simulate a pair and bring it, with its truth, into a collection.

    Parameters
    ----------
    config : PairConfig, optional
        What to simulate; default: the demo pair.
    collection : str
        Collection of source imagery; the truth goes there too.
    target, progress
        As in :func:`ingest_pair`.
    pair : SimulatedPair, optional
        One simulated before, in place of ``config``.
    """
    target = target or CatalogueTarget()
    report = progress or (lambda _share, _what: None)
    target.check_collection(collection)
    if pair is None:
        config = config or PairConfig()
        if (there := _simulated_before(_simulated_id(config), collection, target)) is not None:
            report(1.0, "simulated before")
            return there
        pair = simulate_pair(config, lambda s, what: report(0.6 * s, f"simulating: {what}"))
    pair_id = _simulated_id(pair.config)
    reference_id = f"{pair_id}-truth"
    properties = {
        "platform": "simulated",
        "boresight:simulation": pair.meta,
        "boresight:reference": reference_id,
    }
    with tempfile.TemporaryDirectory(prefix="boresight-simulated-") as name:
        work = Path(name)
        paths = (work / "left.tif", work / "right.tif")
        images = ((pair.left, pair.rpc_left), (pair.right, pair.rpc_right))
        for path, (image, rpc) in zip(paths, images, strict=True):
            write_cog(path, image, rpc=rpc, names=["pan"], units=["1"])
        drafts = _pair_drafts(
            paths,
            collection,
            pair_id,
            _SIMULATED_AT,
            properties,
            target,
            work,
            lambda s, what: report(0.6 + 0.2 * s, what),
        )
        outline = drafts[0].item
        truth = _truth_draft(pair, reference_id, collection, outline, work)
        for draft in drafts:
            draft.item.add_link(_link("related", target, collection, reference_id, "true surface"))
        items = publish([*drafts, truth], target, lambda s, what: report(0.8 + 0.2 * s, what))
    return SimulatedItems(*items)


def _simulated_id(config: PairConfig) -> str:
    """Name of the pair that these numbers and this version of the simulation make."""
    numbers = json.dumps({**config.as_dict(), "boresight": version("boresight")}, sort_keys=True)
    digest = hashlib.sha256(numbers.encode()).hexdigest()[:8]
    return f"sim-{config.size_px}-{config.seed}-{digest}"


def _simulated_before(pair_id: str, collection: str, target: Target) -> SimulatedItems | None:
    """Items of an earlier run, if all of them and all of their objects are still there."""
    items = []
    for part in ("left", "right", "truth"):
        item = target.find_item(collection, f"{pair_id}-{part}")
        if item is None or not item.assets:
            return None
        for asset in item.assets.values():
            key = f"{collection}/{item.id}/{PurePosixPath(asset.href).name}"
            if target.href(key) != asset.href or not target.exists(key):
                return None
        items.append(item)
    return SimulatedItems(*items)


def _pair_drafts(
    paths: tuple[Path, Path],
    collection: str,
    pair_id: str | None,
    given: dt.datetime | None,
    properties: Mapping[str, Any],
    target: Target,
    work: Path,
    report: Progress,
) -> list[Draft]:
    checks = []
    for index, path in enumerate(paths):
        report(0.1 * index, f"checking {path.name}")
        checks.append(check_image(path))
    overlap = check_overlap(*paths)
    height = overlap.height_ellipsoid_m
    rpcs = [read_rpc(path) for path in paths]
    views = [
        view_at_centre(rpc, check.info.shape, height)
        for rpc, check in zip(rpcs, checks, strict=True)
    ]
    pair_id = _slug(pair_id) if pair_id else _default_pair_id(paths)
    shared = {
        "boresight:pair": pair_id,
        "boresight:base_to_height": round(base_to_height(*views), 5),
        "boresight:overlap": round(overlap.fraction, 4),
        **properties,
    }
    drafts = []
    for index, (side, path) in enumerate(zip(("left", "right"), paths, strict=True)):
        report(0.3 + 0.3 * index, f"converting {path.name}")
        item_id = f"{pair_id}-{side}"
        folder = work / item_id
        folder.mkdir(exist_ok=True)
        cog = image_to_cog(path, folder / "image.tif", rpc=rpcs[index])
        thumbnail = write_thumbnail(cog, folder / "thumbnail.png")
        item = image_item(
            item_id,
            collection,
            cog,
            thumbnail,
            rpc=rpcs[index],
            view=views[index],
            height_ellipsoid_m=height,
            acquisition=read_acquisition(path, given),
            properties={
                **shared,
                "boresight:side": side,
                "boresight:source": path.name,
                "boresight:source_checksum": file_checksum(path),
            },
        )
        partner = f"{pair_id}-{'right' if side == 'left' else 'left'}"
        item.add_link(_link("related", target, collection, partner, "other image of the pair"))
        drafts.append(Draft(item, {"image": cog, "thumbnail": thumbnail}))
    report(1.0, "converted")
    return drafts


def _truth_draft(
    pair: SimulatedPair, item_id: str, collection: str, image: pystac.Item, work: Path
) -> Draft:
    folder = work / item_id
    folder.mkdir()
    path = write_cog(
        folder / "dsm.tif",
        pair.truth,
        transform=Affine(*pair.transform),
        crs=pair.epsg,
        nodata=float("nan"),
        names=["height"],
        units=["m"],
        tags={"VERTICAL_DATUM": "ellipsoid"},
    )
    thumbnail = folder / "thumbnail.png"
    write_grey_png(
        thumbnail,
        pair.truth[:: max(pair.truth.shape[0] // 512, 1)][:, :: max(pair.truth.shape[1] // 512, 1)],
    )
    acquisition = Acquisition(_SIMULATED_AT, "simulated")
    geometry, bbox = _map_outline(pair)
    item = pystac.Item(
        id=item_id,
        geometry=geometry,
        bbox=bbox,
        datetime=acquisition.acquired_at,
        collection=collection,
        stac_extensions=list(EXTENSIONS),
        properties={
            "platform": "simulated",
            "gsd": pair.config.gsd_m,
            "proj:code": f"EPSG:{pair.epsg}",
            "proj:shape": list(pair.truth.shape),
            "proj:transform": list(pair.transform),
            "boresight:pair": image.properties["boresight:pair"],
            "boresight:vertical_datum": "ellipsoid",
            "boresight:level": "L3",
        },
    )
    bands = [{"name": "height", "unit": "m"}]
    item.add_asset(
        "dsm", data_asset(path, item_id, collection, ["data", "reference"], "float32", bands)
    )
    item.assets["dsm"].title = "True surface, height above the WGS 84 ellipsoid"
    item.add_asset(
        "thumbnail",
        pystac.Asset(
            href=f"{collection}/{item_id}/{thumbnail.name}",
            media_type=pystac.MediaType.PNG,
            roles=["thumbnail"],
            extra_fields=file_fields(thumbnail),
        ),
    )
    return Draft(item, {"dsm": path, "thumbnail": thumbnail})


def _map_outline(pair: SimulatedPair) -> tuple[dict[str, Any], list[float]]:
    rows, cols = pair.truth.shape
    pixel, _, west, _, _, north = pair.transform
    x = [west, west + cols * pixel, west + cols * pixel, west]
    y = [north - rows * pixel, north - rows * pixel, north, north]
    lon, lat = Transformer.from_crs(pair.epsg, 4326, always_xy=True).transform(x, y)
    # corners on the turn of the first, for outlines across the antimeridian
    lon = [lon[0] + (value - lon[0] + 180.0) % 360.0 - 180.0 for value in lon]
    geometry = geojson(Polygon(list(zip(lon, lat, strict=True))))
    return geometry, bbox_of(geometry)


def _link(rel: str, target: Target, collection: str, item_id: str, title: str) -> pystac.Link:
    return pystac.Link(
        rel=rel,
        target=target.item_href(collection, item_id),
        media_type=pystac.MediaType.GEOJSON,
        title=title,
    )


def _by_names(paths: Sequence[Path]) -> tuple[Path, Path] | None:
    """The one left and the one right image, by their names; None when names do not say."""
    for first, second in _SIDES:
        lefts = [path for path in paths if first in path.stem.lower()]
        rights = [path for path in paths if second in path.stem.lower() and path not in lefts]
        if len(lefts) == 1 and len(rights) == 1:
            return lefts[0], rights[0]
    return None


def _default_pair_id(paths: tuple[Path, Path]) -> str:
    content = "".join(file_checksum(path) for path in paths)
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    return f"{_slug(paths[0].absolute().parent.name) or 'pair'}-{digest}"


def _slug(text: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if text and not slug:
        raise InputError(
            f"name {text!r} has no letter or digit; the rule is at least one.",
            remedy="Give a pair_id of letters, digits and dashes.",
        )
    return slug[:80]
