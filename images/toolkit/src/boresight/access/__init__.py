"""Catalogue and credentials: what lies on our private buckets, with no key in anybody's code.

boto3, s3fs, obstore and GDAL renew their credentials by themselves from the token file that the
standard variables name. This package adds the catalogue, and the way from an item's href to an
object.
"""

from __future__ import annotations

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
    "publish_item",
    "read_bytes",
    "storage_options",
    "to_href",
    "to_s3_uri",
    "to_vsis3",
    "upload",
    "write_bytes",
]
