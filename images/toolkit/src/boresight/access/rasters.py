"""Images from the catalogue as xarray, read to the end however long that takes.

What is kept in a lazy array is the canonical href. A part is read by opening the image anew: inside
a server or a worker as ``/vsis3/…``, for which GDAL has credentials that it renews; outside by a
signed address that is good at that moment. A read that fails since the one or the other ended is
repeated with a fresh one, so no life is too short and no job too long.
"""

from __future__ import annotations

import dataclasses
import logging
import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import numpy as np
import odc.stac
import pystac
import rasterio
import rioxarray
import xarray as xr
from dask import array as da
from odc.loader import reader_driver
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from boresight.access.addresses import addresses_of, check_ours
from boresight.access.assets import SignedAsset, canonical_href
from boresight.access.hrefs import is_ours, to_vsis3
from boresight.access.signin import connect
from boresight.errors import AccessError

# a store that restarts is back within seconds; a file that is absent is soon told
_PAUSES_S = (0.0, 0.5, 2.0)
_CHUNK_PX = 2048
_SIGNATURE = re.compile(r"\?X-Amz-[^\s'\"]*")
_GDAL = {
    # one image, one file: no look at what else lies there
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_CONNECTTIMEOUT": "5",
    # a slow line may take its time, one that stands still may not
    "GDAL_HTTP_LOW_SPEED_LIMIT": "1",
    "GDAL_HTTP_LOW_SPEED_TIME": "60",
}

_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True)
class Place:
    """Where an image lies, for as long as it lies there.

    Parameters
    ----------
    href : str
        Canonical.
    url : str
        Environment, as in :func:`~boresight.access.open_catalog`.
    """

    href: str
    url: str = ""

    def path(self) -> str:
        """Path by which GDAL opens it now."""
        identity = connect(self.url)
        if not is_ours(self.href, identity.environment):
            return self.href
        if identity.is_inside:
            return to_vsis3(self.href)
        return f"/vsicurl/{addresses_of(identity).address(self.href)}"

    def read(self, read: Callable[[str], _T]) -> _T:
        """Call ``read`` with a path; again with a fresh one when credentials ended meanwhile.

        Raises
        ------
        AccessError
            When it fails again and again. What it says shows no signature.
        """
        path, failure = "", ""
        for pause_s in (*_PAUSES_S, None):
            path = self.path()
            try:
                with _gdal(path, again=bool(failure)):
                    return read(path)
            except RasterioError as exc:
                failure = without_signature(f"{type(exc).__name__}: {exc}")
            self._forget(path)
            if pause_s is not None:
                time.sleep(pause_s)
        raise AccessError(
            f"{self.href.partition('?')[0]} cannot be read. {failure}",
            remedy="See whether it exists and your groups may read it.",
        )

    def _forget(self, path: str) -> None:
        identity = connect(self.url)
        if not identity.is_inside:
            addresses_of(identity).forget(self.href, path.removeprefix("/vsicurl/"))


def open_raster(
    source: pystac.Asset | str, *, chunks: Any = "auto", url: str = "", **options: Any
) -> xr.DataArray:
    """Open one image as rioxarray does, to be read however late.

    Parameters
    ----------
    source : pystac.Asset or str
        Asset of an item, or its canonical href.
    chunks : int, tuple, dict, "auto" or None
        Parts in which dask reads it, over ``band, y, x``; None reads it all now.
    url : str
        As in :func:`~boresight.access.open_catalog`.
    **options
        Of ``rioxarray.open_rasterio``: ``masked``, ``mask_and_scale``, ``overview_level``.

    Returns
    -------
    xarray.DataArray
        Dimensions ``band, y, x``.

    Raises
    ------
    ForeignHrefError
        When the href is not ours.
    AccessError
        When it cannot be read.
    """
    href = source if isinstance(source, str) else canonical_href(source)
    url = url or ("" if isinstance(source, str) else _url_of([source]))
    check_ours(href, connect(url))
    raster = _Raster(Place(href, url), options)
    if chunks is None:
        return raster.place.read(lambda path: _scrubbed(_opened(path, options).load(), href))
    lazy = raster.describe()
    if isinstance(chunks, dict):
        chunks = tuple(chunks.get(dim, -1) for dim in lazy.dims)
    data = da.from_array(  # type: ignore[no-untyped-call]
        raster,
        chunks=chunks,
        asarray=False,
        inline_array=True,
        meta=np.empty((0, 0, 0), raster.dtype),
    )
    return lazy.copy(data=data)


def to_xarray(
    items: Iterable[pystac.Item],
    bands: str | list[str] | None = None,
    *,
    chunks: dict[str, Any] | int | None = _CHUNK_PX,
    url: str = "",
    **options: Any,
) -> xr.Dataset:
    """Put items on one grid, as odc-stac does, to be read however late.

    Parameters
    ----------
    items : iterable of pystac.Item
        On a map: with a projection, not in sensor geometry.
    bands : str or list of str, optional
        Names of assets; default: all that hold data.
    chunks : dict, int or None
        Parts in which dask reads, as ``{"x": 2048, "y": 2048}``, or the side of a square [px].
        None reads everything now.
    url : str
        As in :func:`~boresight.access.open_catalog`.
    **options
        Of ``odc.stac.load``: ``crs``, ``resolution``, ``bbox``, ``groupby``, ``like``, ``dtype``, …

    Returns
    -------
    xarray.Dataset
        A variable for each band, over ``time, y, x``.

    Raises
    ------
    AccessError
        When something cannot be read; of a lazy array, when it is computed.
    """
    if isinstance(chunks, int):
        chunks = {"x": chunks, "y": chunks}
    found = list(items)
    url = url or _url_of(asset for item in found for asset in item.assets.values())
    identity = connect(url)
    plain = [_as_held(item) for item in found]
    if chunks is None and not identity.is_inside:
        # all of it is read now, so all of it is signed now, 64 hrefs a request
        wanted = [bands] if isinstance(bands, str) else bands
        hrefs = [
            asset.href
            for item in plain
            for name, asset in item.assets.items()
            if wanted is not None and name in wanted
        ]
        addresses_of(identity).all(h for h in hrefs if is_ours(h, identity.environment))
    with warnings.catch_warnings():
        # of libraries below, about each other
        warnings.simplefilter("ignore", DeprecationWarning)
        # its protocol wants the library's own classes in every signature
        driver: Any = _Driver(url)
        loaded: xr.Dataset = odc.stac.load(plain, bands, chunks=chunks, driver=driver, **options)
    return loaded


class _Raster:
    """What ``dask.array.from_array`` needs of an array."""

    def __init__(self, place: Place, options: dict[str, Any]) -> None:
        self.place = place
        self._options = options
        self.shape, self.dtype, self.chunks = place.read(self._form)
        self.ndim = 3

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return ("boresight-raster", self.place, tuple(sorted(self._options.items())))

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        return self.place.read(lambda path: np.asarray(_opened(path, self._options)[key]))

    def describe(self) -> xr.DataArray:
        """Coordinates and attributes; its data is not to be read."""
        return self.place.read(
            lambda path: _scrubbed(_opened(path, self._options), self.place.href)
        )

    def _form(self, path: str) -> tuple[tuple[int, ...], np.dtype[Any], tuple[int, ...]]:
        opened = _opened(path, self._options)
        with rasterio.open(path) as image:
            rows, cols = image.block_shapes[0]
        return opened.shape, opened.dtype, (1, rows, cols)


def _opened(path: str, options: dict[str, Any]) -> xr.DataArray:
    with warnings.catch_warnings():
        # sensor images have no map, which is no news
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        # a file handle of its own for each use: none outlives its credentials
        opened = rioxarray.open_rasterio(path, chunks=None, cache=False, lock=False, **options)
    if not isinstance(opened, xr.DataArray):
        raise AccessError(
            "The image holds several datasets, or was asked for band by band.",
            remedy="Open it with rioxarray, by to_vsis3(href) or sign([href]).",
        )
    return opened


def _scrubbed(opened: xr.DataArray, href: str) -> xr.DataArray:
    """Without the address, which is nobody else's and soon nobody's."""
    if "source" in opened.encoding:
        opened.encoding["source"] = href
    return opened


def _url_of(assets: Iterable[pystac.Asset]) -> str:
    """Environment the assets were found in."""
    return next((asset.url for asset in assets if isinstance(asset, SignedAsset)), "")


def _as_held(item: pystac.Item) -> pystac.Item:
    """Copy with canonical hrefs: odc-stac asks for each, and asking would sign it."""
    content = item.to_dict(include_self_link=False, transform_hrefs=False)
    content["links"] = []
    return pystac.Item.from_dict(content)


class _Driver:
    """odc-loader's reader for rasterio, with paths that are made when they are opened."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._rio: Any = reader_driver("rio")

    def new_load(self, *args: Any, **options: Any) -> Any:
        return self._rio.new_load(*args, **options)

    def finalise_load(self, load_state: Any) -> Any:
        return self._rio.finalise_load(load_state)

    def capture_env(self) -> dict[str, Any]:
        env: dict[str, Any] = self._rio.capture_env()
        return env

    @contextmanager
    def restore_env(self, env: dict[str, Any], load_state: Any) -> Iterator[Any]:
        with self._rio.restore_env(env, load_state) as state:
            yield state

    def open(self, src: Any, ctx: Any) -> _Reader:
        return _Reader(self._rio, src, ctx, Place(src.uri, self._url))

    @property
    def md_parser(self) -> None:
        return None

    @property
    def dask_reader(self) -> None:
        return None


class _Reader:
    def __init__(self, rio: Any, src: Any, ctx: Any, place: Place) -> None:
        self._rio = rio
        self._src = src
        self._ctx = ctx
        self._place = place

    def read(self, cfg: Any, dst_geobox: Any, **more: Any) -> Any:
        # a failure that is passed over would leave a hole, so here it is always told
        careful = dataclasses.replace(cfg, fail_on_error=True)
        try:
            return self._place.read(lambda path: self._read(path, careful, dst_geobox, more))
        except AccessError:
            if cfg.fail_on_error:
                raise
        return self._read(self._place.path(), cfg, dst_geobox, more)

    def _read(self, path: str, cfg: Any, dst_geobox: Any, more: dict[str, Any]) -> Any:
        src = dataclasses.replace(self._src, uri=path)
        return self._rio.open(src, self._ctx).read(cfg, dst_geobox, **more)


@contextmanager
def _gdal(path: str, *, again: bool) -> Iterator[None]:
    _hide_signatures()
    # GDAL remembers that a file could not be opened
    forget = {"CPL_VSIL_CURL_NON_CACHED": path} if again and path.startswith("/vsis3/") else {}
    with rasterio.Env(**_GDAL, **forget):
        yield


def without_signature(text: str) -> str:
    """Return ``text`` without what would open an object."""
    return _SIGNATURE.sub("", text)


class _Hidden(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = without_signature(record.getMessage()), ()
        return True


@cache
def _hide_signatures() -> None:
    """Keep signatures out of what these libraries log of the paths they open."""
    hidden = _Hidden()
    # a filter of a logger does not hold for those below it
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("odc", "rasterio", "rioxarray"):
            logging.getLogger(name).addFilter(hidden)
