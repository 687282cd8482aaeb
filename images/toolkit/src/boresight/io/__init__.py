"""Files in and out: images, RPC, surface models, checksums.

The only place where pixel conventions of files meet the internal one
(:mod:`boresight.conventions`).
"""

from __future__ import annotations

from boresight.io.checksums import bytes_checksum, file_checksum, file_size
from boresight.io.cog import Dsm, image_to_cog, is_cog, read_dsm, whole_or_nothing, write_cog
from boresight.io.images import ImageCheck, ImageInfo, check_image, image_info, read_image
from boresight.io.overlap import Overlap, check_overlap, footprint, geojson, overlap_fraction
from boresight.io.rpc_files import read_rpc, sidecars, to_rasterio, write_rpc_text
from boresight.io.rpc_formats import from_tiff_tags, to_tiff_tags
from boresight.io.viewing import View, base_to_height, view_at_centre
from boresight.rpc import RpcModel

__all__ = [
    "Dsm",
    "ImageCheck",
    "ImageInfo",
    "Overlap",
    "RpcModel",
    "View",
    "base_to_height",
    "bytes_checksum",
    "check_image",
    "check_overlap",
    "file_checksum",
    "file_size",
    "footprint",
    "from_tiff_tags",
    "geojson",
    "image_info",
    "image_to_cog",
    "is_cog",
    "overlap_fraction",
    "read_dsm",
    "read_image",
    "read_rpc",
    "sidecars",
    "to_rasterio",
    "to_tiff_tags",
    "view_at_centre",
    "whole_or_nothing",
    "write_cog",
    "write_rpc_text",
]
