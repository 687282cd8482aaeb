"""Find and read the RPC of an image, and write one.

A model is looked for in this order: what GDAL finds by itself (TIFF tag, ``_RPC.TXT``, ``.RPB``,
Pléiades products), then files beside the image (see :func:`sidecars`).

A crop whose transform holds its place in the full image (no coordinate reference system) gets the
model of the crop: pixels of the file, not of the full image.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import rasterio
from affine import Affine
from rasterio.errors import RasterioError
from rasterio.rpc import RPC

from boresight.conventions import RPC_PIXEL_SHIFT
from boresight.errors import ImageError, RpcError
from boresight.io.gdal import quiet
from boresight.io.rpc_formats import (
    from_dimap,
    from_geom,
    from_rpb,
    from_text,
    from_tiff_tags,
    to_tiff_tags,
)
from boresight.rpc import RpcModel

_PARSERS: dict[str, Callable[..., RpcModel]] = {
    ".txt": from_text,
    ".rpb": from_rpb,
    ".xml": from_dimap,
    ".geom": from_geom,
}


def read_rpc(path: str | Path) -> RpcModel:
    """Read the RPC of an image, or of an RPC file.

    Parameters
    ----------
    path : str or Path
        Image (a file or ``/vsi…``), or a ``_RPC.TXT``, ``.RPB``, DIMAP ``.XML`` or ``.geom``.

    Returns
    -------
    RpcModel
        In pixels of the image; of the full image when ``path`` is an RPC file.

    Raises
    ------
    RpcError
        No RPC (says what was looked for), or one that cannot be understood.
    ImageError
        ``path`` does not open.
    """
    suffix = Path(str(path)).suffix.lower()
    if suffix in _PARSERS:
        return _parse(Path(path))
    return _read_image_rpc(str(path))


def sidecars(image: str | Path) -> list[Path]:
    """Names under which an RPC of ``image`` may lie beside it, whether they exist or not."""
    image = Path(image)
    stem, folder = image.stem, image.parent
    names = [f"{stem}_RPC.TXT", f"{stem}_RPC.txt", f"{stem}_rpc.txt", f"{stem}.RPB", f"{stem}.rpb"]
    names += [f"{stem}.geom", f"RPC_{stem}.XML", f"{stem}_RPC.XML", f"{stem}.XML", f"{stem}.xml"]
    # Pléiades: IMG_<product>_R1C1.TIF belongs to RPC_<product>.XML
    product = re.fullmatch(r"IMG_(.+?)(?:_R\d+C\d+)?", stem)
    if product:
        names.insert(0, f"RPC_{product[1]}.XML")
    return [folder / name for name in names]


def to_rasterio(rpc: RpcModel) -> RPC:
    """Model as rasterio takes it (centre of the first pixel: 0, 0)."""
    return RPC(
        height_off=rpc.height_off,
        height_scale=rpc.height_scale,
        lat_off=rpc.lat_off,
        lat_scale=rpc.lat_scale,
        line_den_coeff=list(rpc.row_den),
        line_num_coeff=list(rpc.row_num),
        line_off=rpc.row_off - RPC_PIXEL_SHIFT,
        line_scale=rpc.row_scale,
        long_off=rpc.lon_off,
        long_scale=rpc.lon_scale,
        samp_den_coeff=list(rpc.col_den),
        samp_num_coeff=list(rpc.col_num),
        samp_off=rpc.col_off - RPC_PIXEL_SHIFT,
        samp_scale=rpc.col_scale,
        err_bias=rpc.err_bias_m,
        err_rand=rpc.err_rand_m,
    )


def write_rpc_text(path: str | Path, rpc: RpcModel) -> None:
    """Write an ``_RPC.TXT``, one coefficient per line as GDAL and others read it."""
    lines = []
    for name, value in to_tiff_tags(rpc).items():
        parts = value.split()
        if len(parts) == 1:
            lines.append(f"{name}: {value}")
        else:
            lines += [f"{name}_{i}: {part}" for i, part in enumerate(parts, start=1)]
    Path(path).write_text("\n".join(lines) + "\n", encoding="ascii")


def _parse(path: Path) -> RpcModel:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as exc:
        raise RpcError(
            f"{path}: cannot be read ({exc.strerror}).", remedy="Check the path."
        ) from exc
    return _PARSERS[path.suffix.lower()](text, source=path.name)


def _read_image_rpc(path: str) -> RpcModel:
    try:
        with quiet(), rasterio.open(path) as dataset:
            tags = dataset.tags(ns="RPC")
            transform, georeferenced = dataset.transform, dataset.crs is not None
    except RasterioError as exc:
        raise ImageError(
            f"{path}: does not open as an image ({exc}).",
            remedy="Check the path and fetch the file again.",
        ) from exc
    if tags:
        rpc = from_tiff_tags(tags, source=path)
        if georeferenced or not _counts_in_full_image(rpc, transform):
            return rpc
        return _crop(rpc, transform, path)
    if not path.startswith("/vsi"):
        for candidate in sidecars(path):
            if candidate.is_file() and _may_hold_rpc(candidate):
                rpc = _parse(candidate)
                return rpc if georeferenced else _crop(rpc, transform, path)
    looked = ", ".join(candidate.name for candidate in sidecars(path))
    raise RpcError(
        f"{path}: image without RPC. Looked for: TIFF tag, {looked}.",
        remedy="Put the RPC file beside the image under one of these names.",
    )


def _may_hold_rpc(path: Path) -> bool:
    """A file such as ``image.xml`` may be anything: only one with a rational model counts."""
    if path.suffix.lower() != ".xml":
        return True
    return "Global_RFM" in path.read_text(encoding="utf-8", errors="replace")


def _counts_in_full_image(rpc: RpcModel, transform: Affine) -> bool:
    """Whether an image's own RPC counts pixels of the full image the transform places it in.

    Tools disagree: GDAL moves the RPC of a crop and leaves no transform, or a transform of its own;
    CARS' ``cars-extractroi`` keeps the RPC and writes the crop's place as transform. The domain of
    an RPC that was not moved starts near the full image's first pixel; of one that was moved, near
    minus the crop's place.
    """
    if transform.is_identity or transform.a <= 0 or transform.e <= 0:
        return False
    first_row, first_col = rpc.row_off - rpc.row_scale, rpc.col_off - rpc.col_scale
    kept = abs(first_row) + abs(first_col)
    moved = abs(first_row + transform.f / transform.e) + abs(first_col + transform.c / transform.a)
    return kept <= moved


def _crop(rpc: RpcModel, transform: Affine, path: str) -> RpcModel:
    if transform.is_identity:
        return rpc
    if transform.b or transform.d or transform.a <= 0 or transform.e <= 0:
        raise RpcError(
            f"{path}: transform {tuple(transform)[:6]} does not say where the crop lies in the full"
            " image; the rule is positive steps without rotation.",
            remedy="Write the image with the crop's first column and row as origin.",
        )
    return rpc.cropped(transform.f, transform.c, row_step=transform.e, col_step=transform.a)
