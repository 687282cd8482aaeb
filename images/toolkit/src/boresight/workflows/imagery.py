"""What is known of an image beside its pixels: time, sensor, sun; and its STAC item."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import rasterio
from matplotlib import image as mpl_image
from numpy.typing import NDArray
from rasterio.enums import Resampling

from boresight.io import (
    View,
    file_checksum,
    file_size,
    footprint,
    geojson,
    image_info,
    sidecars,
)
from boresight.rpc import RpcModel

#: STAC extensions whose fields are written
EXTENSIONS = (
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/view/v1.0.0/schema.json",
)

COG_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"

#: longer side of a thumbnail [px]
_THUMBNAIL_PX = 512


@dataclass(frozen=True)
class Acquisition:
    """Time, sensor and light of an image, as far as known.

    Parameters
    ----------
    acquired_at : datetime
        Aware, UTC.
    time_source : str
        Where the time is from.
    properties : dict
        STAC properties: platform, instruments, sun.
    """

    acquired_at: dt.datetime
    time_source: str
    properties: dict[str, Any] = field(default_factory=dict)


def read_acquisition(path: Path, given: dt.datetime | None = None) -> Acquisition:
    """Find out when and by what an image was taken.

    Parameters
    ----------
    path : Path
        The image; its tags and the files beside it are read.
    given : datetime, optional
        Time to use when there is none in the metadata. Without it, the file's own time is taken,
        and ``time_source`` says so.
    """
    tags = image_info(path).tags
    keywords: dict[str, str] = {}
    for candidate in sidecars(path):
        if candidate.suffix == ".geom" and candidate.is_file():
            for line in candidate.read_text(encoding="utf-8", errors="replace").splitlines():
                key, colon, value = line.partition(":")
                if colon:
                    keywords[key.strip()] = value.strip().strip('"').strip()
    properties: dict[str, Any] = {}
    platform = f"{tags.get('MISSION', '')}{tags.get('MISSION_INDEX', '')}"
    platform = platform or keywords.get("support_data.sensorID", "").replace(" ", "")
    if platform:
        properties["platform"] = platform.lower()
    instrument = tags.get("INSTRUMENT") or keywords.get("support_data.instrument")
    if instrument:
        properties["instruments"] = [instrument.lower()]
    for name, key in (
        ("view:sun_elevation", "support_data.elevation_angle"),
        ("view:sun_azimuth", "support_data.azimuth_angle"),
    ):
        # three values: first line, middle, last
        values = keywords.get(key, "").strip('" ').split()
        if values:
            properties[name] = round(float(values[len(values) // 2]), 6)
    for source, text in (
        ("image metadata", f"{tags.get('IMAGING_DATE', '')}T{tags.get('IMAGING_TIME', '')}"),
        ("image metadata", tags.get("ACQUISITION_DATETIME", "")),
        (".geom file", keywords.get("support_data.image_date", "")),
        (
            "image metadata",
            re.sub(r"^(\d{4}):(\d\d):", r"\1-\2-", tags.get("TIFFTAG_DATETIME", "")),
        ),
    ):
        found = _time(text)
        if found is not None:
            return Acquisition(found, source, properties)
    if given is not None:
        return Acquisition(_utc(given), "given at ingest", properties)
    written = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC).replace(microsecond=0)
    return Acquisition(written, "time of the file: no time in its metadata", properties)


def image_item(
    item_id: str,
    collection: str,
    cog: Path,
    thumbnail: Path,
    *,
    rpc: RpcModel,
    view: View,
    height_ellipsoid_m: float,
    acquisition: Acquisition,
    properties: Mapping[str, Any],
) -> pystac.Item:
    """STAC item of an image in sensor geometry; hrefs are keys until it is published."""
    info = image_info(cog)
    outline = footprint(rpc, info.shape, height_ellipsoid_m)
    geometry = geojson(outline)
    item = pystac.Item(
        id=item_id,
        geometry=geometry,
        bbox=bbox_of(geometry),
        datetime=acquisition.acquired_at,
        collection=collection,
        stac_extensions=list(EXTENSIONS),
        properties={
            **acquisition.properties,
            "gsd": round(view.gsd_m, 4),
            "view:incidence_angle": round(view.incidence_deg, 4),
            "view:azimuth": round(view.azimuth_deg, 4),
            # sensor geometry: no reference system, the RPC is in the file
            "proj:code": None,
            "proj:shape": list(info.shape),
            "boresight:time_source": acquisition.time_source,
            "boresight:footprint_height_m": round(height_ellipsoid_m, 2),
            "boresight:level": "L1",
            **properties,
        },
    )
    bands = [{"name": name or f"b{i}"} for i, name in enumerate(info.descriptions, start=1)]
    item.add_asset("image", data_asset(cog, item_id, collection, ["data"], info.dtype, bands))
    item.assets["image"].title = "Image in sensor geometry, RPC in the TIFF tag"
    item.add_asset(
        "thumbnail",
        pystac.Asset(
            href=f"{collection}/{item_id}/{thumbnail.name}",
            media_type=pystac.MediaType.PNG,
            roles=["thumbnail"],
            extra_fields=file_fields(thumbnail),
        ),
    )
    return item


def data_asset(
    path: Path,
    item_id: str,
    collection: str,
    roles: list[str],
    data_type: str,
    bands: list[dict[str, Any]],
) -> pystac.Asset:
    """Asset of a cloud-optimised GeoTIFF, with checksum and size."""
    info = image_info(path)
    extra: dict[str, Any] = {**file_fields(path), "data_type": data_type, "bands": bands}
    if info.nodata is not None:
        extra["nodata"] = "nan" if np.isnan(info.nodata) else info.nodata
    return pystac.Asset(
        href=f"{collection}/{item_id}/{path.name}",
        media_type=COG_TYPE,
        roles=roles,
        extra_fields=extra,
    )


def file_fields(path: Path) -> dict[str, Any]:
    """Checksum and size of a file, as the ``file`` extension names them."""
    return {"file:checksum": file_checksum(path), "file:size": file_size(path)}


def write_thumbnail(source: str | Path, target: Path) -> Path:
    """Write a small grey PNG of the first band, stretched between its 1st and 99th percentile."""
    shape = image_info(source).shape
    factor = max(shape) / _THUMBNAIL_PX
    small = tuple(max(int(n / factor), 1) for n in shape) if factor > 1 else shape
    with rasterio.open(source) as dataset:
        values = dataset.read(
            1, out_shape=small, resampling=Resampling.average, masked=True
        ).astype(np.float32)
    write_grey_png(target, values.filled(np.nan))
    return target


def write_grey_png(path: Path, values: NDArray[np.float32]) -> None:
    """Write values between their 1st and 99th percentile as grey; NaN is transparent."""
    known = np.isfinite(values)
    low, high = np.percentile(values[known], [1, 99]) if known.any() else (0.0, 1.0)
    grey = np.clip((np.nan_to_num(values) - low) / max(high - low, 1e-9), 0, 1)
    rgba = np.empty((*values.shape, 4), np.uint8)
    rgba[..., :3] = np.rint(255 * grey)[..., None]
    rgba[..., 3] = np.where(known, 255, 0)
    unsigned: dict[str, Any] = {"Software": None}  # same bytes whatever the library's version
    mpl_image.imsave(path, rgba, format="png", metadata=unsigned)


def bbox_of(geometry: Mapping[str, Any]) -> list[float]:
    """West, south, east, north; west above east across the antimeridian (RFC 7946, 5.2)."""
    polygons = geometry["coordinates"]
    parts = [polygons] if geometry["type"] == "Polygon" else list(polygons)
    rings = [np.array(part[0]) for part in parts]
    south = min(float(ring[:, 1].min()) for ring in rings)
    north = max(float(ring[:, 1].max()) for ring in rings)
    wests = [float(ring[:, 0].min()) for ring in rings]
    easts = [float(ring[:, 0].max()) for ring in rings]
    west = max(wests) if len(rings) > 1 else wests[0]
    east = min(easts) if len(rings) > 1 else easts[0]
    return [west, south, east, north]


def _time(text: str) -> dt.datetime | None:
    match = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?", text.strip())
    if not match:
        return None
    fraction = (match[3] or "")[:7]
    try:
        return _utc(dt.datetime.fromisoformat(f"{match[1]}T{match[2]}{fraction}"))
    except ValueError:
        return None


def _utc(moment: dt.datetime) -> dt.datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=dt.UTC)
    return moment.astimezone(dt.UTC)
