"""Cloud-optimised GeoTIFF: write whole or not at all; read a DSM back."""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.windows import Window

from boresight.errors import ImageError
from boresight.io.gdal import quiet
from boresight.io.images import image_info, read_image
from boresight.io.rpc_files import to_rasterio
from boresight.rpc import RpcModel

#: side of the internal tiles [px]
BLOCK_PX = 512

_STRIP_ROWS = 1024


@dataclass(frozen=True)
class Dsm:
    """A surface model on a map grid.

    Parameters
    ----------
    heights : ndarray, shape (rows, cols), float32
        [m]; NaN where unknown.
    transform : Affine
        Columns and rows (corner of the first pixel: 0, 0) to map coordinates.
    epsg : int
        Code of the horizontal reference system.
    tags : dict of str
        Metadata of the file, such as its vertical datum.
    """

    heights: NDArray[np.float32]
    transform: Affine
    epsg: int
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def resolution_m(self) -> float:
        """Side of a pixel [m]."""
        return float(self.transform.a)


def write_cog(
    path: str | Path,
    array: NDArray[Any],
    *,
    transform: Affine | None = None,
    crs: str | int | None = None,
    nodata: float | None = None,
    overviews: str = "average",
    names: Sequence[str] = (),
    units: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
    rpc: RpcModel | None = None,
) -> Path:
    """Write an array as cloud-optimised GeoTIFF: the file is there whole, or not at all.

    Parameters
    ----------
    path : str or Path
        Target on a POSIX file system.
    array : ndarray, shape (rows, cols) or (bands, rows, cols)
        Any type GDAL has; bool is written as 0 and 1.
    transform : Affine, optional
        Columns and rows to map; none for an image in sensor geometry.
    crs : str or int, optional
        EPSG code or anything that GDAL reads (WKT).
    nodata : float, optional
        Value (or NaN) that means "nothing".
    overviews : str
        How reduced levels are made: ``average``, ``nearest`` (for classes), …, or ``none``.
    names, units : sequence of str
        Per band.
    tags : mapping of str
        Metadata of the default domain.
    rpc : RpcModel, optional
        Geometry of a sensor image.

    Returns
    -------
    Path
        ``path``.
    """
    stack = np.asarray(array)
    stack = stack[None] if stack.ndim == 2 else stack
    if stack.ndim != 3 or 0 in stack.shape:
        raise ImageError(
            f"{path}: array of shape {np.shape(array)}; the rule is (rows, cols) or "
            "(bands, rows, cols), none of them 0."
        )
    if stack.dtype == np.bool_:
        stack = stack.astype(np.uint8)
    for what, given in (("names", names), ("units", units)):
        if given and len(given) != stack.shape[0]:
            raise ValueError(f"{what}: {len(given)} given for {stack.shape[0]} bands; one each")
    profile = {
        "height": stack.shape[1],
        "width": stack.shape[2],
        "count": stack.shape[0],
        "dtype": stack.dtype.name,
        "nodata": nodata,
    }
    if transform is not None:
        profile["transform"] = transform
    if crs is not None:
        profile["crs"] = CRS.from_user_input(crs)
    with quiet(sidecars=False), MemoryFile() as memory:
        with memory.open(driver="GTiff", tiled=True, bigtiff="IF_SAFER", **profile) as draft:
            draft.write(stack)
            _describe(draft, names, units, tags, rpc)
        with memory.open() as draft:
            _copy(draft, Path(path), overviews)
    return Path(path)


def image_to_cog(
    source: str | Path, target: str | Path, *, rpc: RpcModel, tags: Mapping[str, str] | None = None
) -> Path:
    """Rewrite a sensor image as cloud-optimised GeoTIFF with its RPC as TIFF tag, without loss.

    A crop's transform is dropped: ``rpc`` counts pixels of the file, which every reader takes
    alike.

    Parameters
    ----------
    source, target : str or Path
        Image in (a file or ``/vsi…``), image out.
    rpc : RpcModel
        Model in pixels of ``source``.
    tags : mapping of str
        Metadata to add to the image's own.
    """
    target = Path(target)
    with (
        tempfile.TemporaryDirectory(dir=target.parent, prefix=".cog-") as folder,
        quiet(sidecars=False),
    ):
        draft_path = Path(folder) / "draft.tif"
        try:
            with rasterio.open(source) as image:
                profile = {
                    "driver": "GTiff",
                    "height": image.height,
                    "width": image.width,
                    "count": image.count,
                    "dtype": image.dtypes[0],
                    "nodata": image.nodata,
                    "bigtiff": "IF_SAFER",
                }
                with rasterio.open(draft_path, "w", **profile) as draft:
                    for first in range(0, image.height, _STRIP_ROWS):
                        rows = min(_STRIP_ROWS, image.height - first)
                        window = Window(0, first, image.width, rows)
                        draft.write(image.read(window=window), window=window)
                    names = [name or "" for name in image.descriptions]
                    units = [unit or "" for unit in image.units]
                    _describe(draft, names, units, {**image.tags(), **(tags or {})}, rpc)
        except RasterioError as exc:
            raise ImageError(
                f"{source}: cannot be copied ({exc}).", remedy="Fetch the file again."
            ) from exc
        with rasterio.open(draft_path) as draft:
            _copy(draft, target, "average")
    return target


def is_cog(path: str | Path) -> bool:
    """Whether a TIFF is laid out for reading through the network (GDAL's own mark, and tiles)."""
    with quiet(), rasterio.open(path) as dataset:
        layout = dataset.tags(ns="IMAGE_STRUCTURE").get("LAYOUT")
        tall = max(dataset.shape) > BLOCK_PX
        return layout == "COG" and (not tall or bool(dataset.overviews(1)))


def read_dsm(path: str | Path) -> Dsm:
    """Read the first band of a surface model (a file or ``/vsi…``).

    Raises
    ------
    ImageError
        It does not open, or has no map grid with square, north-up pixels and an EPSG code.
    """
    info = image_info(path)
    t = info.transform
    if info.epsg is None or t.b or t.d or t.a <= 0 or not math.isclose(t.a, -t.e, rel_tol=1e-6):
        raise ImageError(
            f"{path}: reference system {info.epsg}, transform {tuple(t)[:6]}; a surface model has "
            "an EPSG code and square pixels, north up.",
            remedy="Warp it to a projected grid first.",
        )
    heights = read_image(path).isel(band=0).values.astype(np.float32)
    heights[~np.isfinite(heights)] = np.nan
    return Dsm(heights=heights, transform=t, epsg=info.epsg, tags=info.tags)


@contextlib.contextmanager
def whole_or_nothing(path: Path) -> Iterator[Path]:
    """Give a name beside ``path`` to write to; rename at the end, remove after an error."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        # mkstemp gives 0600; a product has the mode any new file would have
        mask = os.umask(0)
        os.umask(mask)
        draft.chmod(0o666 & ~mask)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _describe(
    dataset: Any,
    names: Sequence[str],
    units: Sequence[str],
    tags: Mapping[str, str] | None,
    rpc: RpcModel | None,
) -> None:
    if any(names):
        dataset.descriptions = tuple(names)
    if any(units):
        dataset.units = tuple(units)
    own = {key: str(value) for key, value in (tags or {}).items() if key != "AREA_OR_POINT"}
    if own:
        dataset.update_tags(**own)
    if rpc is not None:
        dataset.rpcs = to_rasterio(rpc)


def _copy(draft: Any, target: Path, overviews: str) -> None:
    lossless = np.dtype(draft.dtypes[0]).kind in "uif"
    with whole_or_nothing(target) as temporary:
        rasterio.shutil.copy(
            draft,
            str(temporary),
            driver="COG",
            blocksize=BLOCK_PX,
            compress="DEFLATE",
            predictor="YES" if lossless else "NO",
            bigtiff="IF_SAFER",
            overviews="NONE" if overviews == "none" else "AUTO",
            **({} if overviews == "none" else {"overview_resampling": overviews.upper()}),
        )
