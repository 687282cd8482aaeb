"""Read images, and refuse those that no stereo can use, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.errors import RasterioError
from rasterio.windows import Window

from boresight.errors import ImageError
from boresight.io.gdal import quiet
from boresight.io.rpc_files import read_rpc

#: images below this side cannot hold one correlation window with its search range [px]
MIN_SIZE_PX = 64

#: side of the tiles in which contrast is judged [px]
_TEXTURE_TILE_PX = 32

#: standard deviation over mean below which a tile shows nothing; sensor noise alone is above
_MIN_RELATIVE_CONTRAST = 1e-4

#: least share of tiles that must show something
_MIN_TEXTURED_SHARE = 0.02

#: rows read at once while checking: bounds the memory, not the result
_STRIP_ROWS = 1024


@dataclass(frozen=True)
class ImageInfo:
    """What the header of an image says.

    Parameters
    ----------
    path : str
        As given.
    shape : tuple of int
        Rows, columns.
    bands : int
        Number of bands.
    dtype : str
        Type of the samples.
    nodata : float or None
        Value that means "nothing".
    transform : Affine
        Columns and rows to map, or to the full image for a crop.
    epsg : int or None
        Code of the (horizontal part of the) coordinate reference system.
    descriptions, units : tuple of (str or None)
        Per band.
    tags : dict of str
        Metadata of the default domain.
    """

    path: str
    shape: tuple[int, int]
    bands: int
    dtype: str
    nodata: float | None
    transform: Affine
    epsg: int | None
    descriptions: tuple[str | None, ...]
    units: tuple[str | None, ...]
    tags: dict[str, str]


@dataclass(frozen=True)
class ImageCheck:
    """What reading an image whole has shown.

    Parameters
    ----------
    info : ImageInfo
        Header.
    valid_share : float
        Share of samples of the first band that are finite and not nodata [1].
    minimum, maximum, mean : float
        Of these.
    textured_share : float
        Share of 32 px tiles in which values vary [1].
    """

    info: ImageInfo
    valid_share: float
    minimum: float
    maximum: float
    mean: float
    textured_share: float


def image_info(path: str | Path) -> ImageInfo:
    """Read the header of an image (a file or ``/vsi…``)."""
    try:
        with quiet(), rasterio.open(path) as dataset:
            return ImageInfo(
                path=str(path),
                shape=(dataset.height, dataset.width),
                bands=dataset.count,
                dtype=str(dataset.dtypes[0]),
                nodata=None if dataset.nodata is None else float(dataset.nodata),
                transform=dataset.transform,
                epsg=_horizontal_epsg(dataset.crs.to_wkt()) if dataset.crs else None,
                descriptions=tuple(dataset.descriptions),
                units=tuple(dataset.units),
                tags=dict(dataset.tags()),
            )
    except RasterioError as exc:
        raise _unreadable(path, exc) from exc


def read_image(
    path: str | Path,
    *,
    window: tuple[slice, slice] | None = None,
    chunks: int | tuple[int, int] | None = None,
    masked: bool = True,
) -> xr.DataArray:
    """Read an image, or a part of it.

    Parameters
    ----------
    path : str or Path
        A file or ``/vsi…``.
    window : tuple of slice, optional
        Rows and columns; negative or missing bounds as in numpy. Cannot go with ``chunks``.
    chunks : int or tuple of int, optional
        Read lazily, in Dask chunks of so many rows and columns [px].
    masked : bool
        Where a nodata value is declared, give floats with NaN in its place.

    Returns
    -------
    DataArray, dims (band, row, col)
        Coordinates ``row`` and ``col`` are centres of pixels, internal pixel convention [px].
    """
    info = image_info(path)
    if chunks is not None:
        if window is not None:
            raise ValueError(
                "window and chunks: give one of them; take a part of the lazy array by isel"
            )
        array = _read_lazily(path, chunks, masked=masked)
        first_row, first_col = 0, 0
    else:
        rows, cols = window or (slice(None), slice(None))
        first_row, last_row, _ = rows.indices(info.shape[0])
        first_col, last_col, _ = cols.indices(info.shape[1])
        part = Window(first_col, first_row, last_col - first_col, last_row - first_row)
        try:
            with quiet(), rasterio.open(path) as dataset:
                array = dataset.read(window=part)
        except RasterioError as exc:
            raise _unreadable(path, exc) from exc
        if masked and info.nodata is not None:
            array = _without_nodata(array, info.nodata)
    return xr.DataArray(
        array,
        dims=("band", "row", "col"),
        coords={
            "band": [name or f"band_{i}" for i, name in enumerate(info.descriptions, start=1)],
            "row": first_row + 0.5 + np.arange(array.shape[1]),
            "col": first_col + 0.5 + np.arange(array.shape[2]),
        },
        attrs={"units": info.units[0] or "1", "source": str(path)},
    )


def check_image(path: str | Path, *, need_rpc: bool = True) -> ImageCheck:
    """Read every block of an image and say whether stereo can use it.

    Raises
    ------
    ImageError
        It does not open, is cut short or corrupt, smaller than 64 px, without a valid sample, or
        shows nothing (zero texture).
    RpcError
        It has no RPC, or one that cannot be used.
    """
    info = image_info(path)
    if min(info.shape) < MIN_SIZE_PX:
        raise ImageError(
            f"{path}: image of {info.shape[0]} by {info.shape[1]} px; the rule is at least "
            f"{MIN_SIZE_PX} px a side.",
            remedy="Cut a larger part out of the product.",
        )
    if need_rpc:
        read_rpc(path)
    tally = _Tally()
    try:
        with quiet(), rasterio.open(path) as dataset:
            for first in range(0, info.shape[0], _STRIP_ROWS):
                rows = min(_STRIP_ROWS, info.shape[0] - first)
                strip = dataset.read(1, window=Window(0, first, info.shape[1], rows))
                tally.add(_without_nodata(strip, info.nodata))
                for band in range(2, info.bands + 1):
                    # every band is decoded: a file may be cut anywhere
                    dataset.read(band, window=Window(0, first, info.shape[1], rows))
    except RasterioError as exc:
        raise _unreadable(path, exc) from exc
    if tally.valid == 0:
        raise ImageError(
            f"{path}: none of {tally.total} samples is valid (NaN or nodata {info.nodata}); "
            "the rule is at least one.",
            remedy="Check the nodata value of the file, or take a part with image content.",
        )
    check = tally.result(info)
    if check.textured_share < _MIN_TEXTURED_SHARE:
        raise ImageError(
            f"{path}: values vary in {100 * check.textured_share:.1f} % of {_TEXTURE_TILE_PX} px "
            f"tiles (range {check.minimum:g} to {check.maximum:g}); the rule is at least "
            f"{100 * _MIN_TEXTURED_SHARE:.0f} %: without texture nothing can be matched.",
            remedy="Take an image with content: no fill, cloud or saturation all over.",
        )
    return check


class _Tally:
    """Sums over strips."""

    def __init__(self) -> None:
        self.total = self.valid = self.tiles = self.textured = 0
        self.sum = 0.0
        self.minimum, self.maximum = np.inf, -np.inf

    def add(self, strip: NDArray[np.floating[Any]]) -> None:
        values = strip[np.isfinite(strip)]
        self.total += strip.size
        self.valid += values.size
        if values.size:
            self.sum += float(values.sum(dtype=np.float64))
            self.minimum = min(self.minimum, float(values.min()))
            self.maximum = max(self.maximum, float(values.max()))
        side = _TEXTURE_TILE_PX
        rows, cols = strip.shape[0] // side * side, strip.shape[1] // side * side
        if rows == 0:
            return
        blocks = strip[:rows, :cols].reshape(rows // side, side, cols // side, side)
        tiles = blocks.swapaxes(1, 2).reshape(-1, side * side).astype(np.float64)
        filled = np.isfinite(tiles).all(axis=1)
        self.tiles += tiles.shape[0]
        level = np.abs(tiles[filled].mean(axis=1))
        spread = tiles[filled].std(axis=1)
        self.textured += int((spread > _MIN_RELATIVE_CONTRAST * np.maximum(level, 1e-12)).sum())

    def result(self, info: ImageInfo) -> ImageCheck:
        return ImageCheck(
            info=info,
            valid_share=self.valid / self.total,
            minimum=self.minimum,
            maximum=self.maximum,
            mean=self.sum / self.valid,
            textured_share=self.textured / max(self.tiles, 1),
        )


def _without_nodata(array: NDArray[Any], nodata: float | None) -> NDArray[np.floating[Any]]:
    floats: NDArray[np.floating[Any]] = array.astype(
        np.float64 if array.dtype.itemsize > 4 else np.float32, copy=False
    )
    if nodata is None or np.isnan(nodata):
        return floats
    return np.where(array == nodata, np.float32(np.nan), floats)


def _read_lazily(path: str | Path, chunks: int | tuple[int, int], *, masked: bool) -> Any:
    import rioxarray

    rows, cols = (chunks, chunks) if isinstance(chunks, int) else chunks
    with quiet():
        lazy = rioxarray.open_rasterio(
            path, chunks={"band": -1, "y": rows, "x": cols}, masked=masked
        )
    if not isinstance(lazy, xr.DataArray):
        raise ImageError(
            f"{path}: holds several images; the rule is one.",
            remedy="Name one of its subdatasets.",
        )
    return lazy.data


def _horizontal_epsg(wkt: str) -> int | None:
    crs = CRS.from_wkt(wkt)
    if crs.is_compound:
        crs = crs.sub_crs_list[0]
    code = crs.to_epsg()
    return None if code is None else int(code)


def _unreadable(path: str | Path, exc: Exception) -> ImageError:
    local = not str(path).startswith("/vsi")
    if local and not Path(path).exists():
        return ImageError(f"{path}: no such file.", remedy="Check the path.")
    size = f", {Path(path).stat().st_size} bytes" if local else ""
    return ImageError(
        f"{path}{size}: cannot be read ({exc}); the rule is that every block decodes. "
        "The file is not an image, is cut short or corrupt.",
        remedy="Fetch it again and compare its checksum.",
    )
