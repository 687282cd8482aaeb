"""RPC of items' images, where they lie on our buckets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boresight import access
from boresight.errors import RpcError
from boresight.io import RpcModel, image_info, read_rpc


def read_item_rpc(item: Mapping[str, Any]) -> tuple[RpcModel, tuple[int, int]]:
    """Read the RPC of an item's image from its bucket: the head of the file, no pixels.

    Parameters
    ----------
    item : mapping
        With an asset ``image``, or one of role ``data``.

    Returns
    -------
    rpc : RpcModel
    shape : tuple of int
        Rows, columns.

    Raises
    ------
    RpcError
        It has no such asset, or the image has no RPC.
    ForeignHrefError
        The image lies outside our buckets.
    ImageError
        It cannot be read.
    """
    source = access.to_vsis3(_image_href(item))
    return read_rpc(source), image_info(source).shape


def _image_href(item: Mapping[str, Any]) -> str:
    assets = item.get("assets")
    assets = assets if isinstance(assets, Mapping) else {}
    named = assets.get("image")
    by_role = (a for a in assets.values() if isinstance(a, Mapping) and "data" in _roles(a))
    asset = named if isinstance(named, Mapping) else next(by_role, None)
    href = asset.get("href") if asset is not None else None
    if not isinstance(href, str):
        raise RpcError(
            f"The item {item.get('id')!r} has no asset called image, or of role data.",
            remedy="Ingest the image with boresight.workflows.ingest.",
        )
    return href


def _roles(asset: Mapping[str, Any]) -> list[str]:
    roles = asset.get("roles")
    return [str(role) for role in roles] if isinstance(roles, list) else []
