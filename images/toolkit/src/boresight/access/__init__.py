"""Catalogue and credentials: what lies on our private buckets, with no key in anybody's code.

boto3, s3fs, obstore and GDAL renew their credentials by themselves from the token file that the
standard variables name. This package adds the catalogue, the way from an item's href to an object
or an array, and, for a laptop outside, the sign-in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boresight.access.addresses import sign
from boresight.access.catalogue import get_item, open_catalog, publish_item
from boresight.access.environment import Environment
from boresight.access.hrefs import to_href, to_s3_uri, to_vsis3
from boresight.access.objects import (
    delete,
    delete_prefix,
    download,
    exists,
    list_keys,
    object_info,
    read_bytes,
    storage_options,
    upload,
    write_bytes,
)
from boresight.access.signin import sign_in, sign_out, token
from boresight.access.signouts import sign_out_everywhere

if TYPE_CHECKING:
    from boresight.access.rasters import open_raster, to_xarray

__all__ = [
    "Environment",
    "delete",
    "delete_prefix",
    "download",
    "exists",
    "get_item",
    "list_keys",
    "object_info",
    "open_catalog",
    "open_raster",
    "publish_item",
    "read_bytes",
    "sign",
    "sign_in",
    "sign_out",
    "sign_out_everywhere",
    "storage_options",
    "to_href",
    "to_s3_uri",
    "to_vsis3",
    "to_xarray",
    "token",
    "upload",
    "write_bytes",
]


def __getattr__(name: str) -> Any:
    # they bring odc-stac and rioxarray, which a stereo worker has no use for
    if name in ("open_raster", "to_xarray"):
        from boresight.access import rasters

        return getattr(rasters, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
