"""What the quickstart notebook tells, in calls short enough for a notebook.

Needs the extra ``lab`` for its pictures. The work is done by the modules named in each function.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pystac
import rioxarray
import xarray as xr
from rasterio.enums import Resampling

from boresight import access
from boresight.compute import Cluster
from boresight.simulate import PairConfig
from boresight.workflows.ingest import find_pair, ingest_pair, ingest_simulated
from boresight.workflows.maps import pair_map
from boresight.workflows.report import Verification, dsm_report, verify_item
from boresight.workflows.stereo import StereoOptions, StereoResult, stereo

__all__ = ["Pair", "ProgressLine", "bring_pair", "make_dsm", "open_dsm", "pair_map", "report"]

#: side of what is drawn; a notebook holds its pictures [px]
_PLOT_PX = 700


@dataclass(frozen=True)
class Pair:
    """Two images in the catalogue, and their truth where it is known.

    Parameters
    ----------
    left, right : pystac.Item
    reference : pystac.Item or None
    """

    left: pystac.Item
    right: pystac.Item
    reference: pystac.Item | None = None


@dataclass(frozen=True)
class Report:
    """What is known of a DSM.

    Parameters
    ----------
    verification : Verification
        Figures computed from the object in S3.
    difference : xarray.DataArray or None
        Model less reference [m] on a grid small enough to draw; None without a reference.
    """

    verification: Verification
    difference: xr.DataArray | None

    def figures(self) -> dict[str, Any]:
        """The numbers, as JSON takes them."""
        return self.verification.figures()


class ProgressLine:
    """Prints how a long job goes: share, what is done, time left.

    A new line is printed when the words change, and at every twentieth of the way.
    """

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._shown = ("", -1)

    def __call__(self, share: float, what: str) -> None:
        """Take the news.

        Parameters
        ----------
        share : float
            Done, 0 to 1.
        what : str
            Being done.
        """
        step = (what, int(share * 20))
        if step == self._shown:
            return
        self._shown = step
        elapsed_s = time.monotonic() - self._started
        left = f", about {elapsed_s * (1 - share) / share:.0f} s left" if 0.05 < share < 1 else ""
        sys.stdout.write(f"{100 * share:3.0f} %  {what}{left}\n")
        sys.stdout.flush()


def bring_pair(
    pair_dir: str | None, *, size_px: int = 1000, seed: int = 7, collection: str = "co3d-l1"
) -> Pair:
    """Bring a pair into the catalogue: a real one from a folder, or a simulated one.

    Parameters
    ----------
    pair_dir : str or None
        Folder of two images with RPC (:func:`boresight.workflows.ingest.find_pair`); None
        simulates.
    size_px, seed : int
        Of the simulation.
    collection : str
        Where the images go.
    """
    if pair_dir is None:
        config = PairConfig(size_px=size_px, seed=seed)
        made = ingest_simulated(config, collection, progress=ProgressLine())
        return Pair(made.left, made.right, made.reference)
    left, right = find_pair(pair_dir)
    return Pair(*ingest_pair(left, right, collection=collection, progress=ProgressLine()))


def make_dsm(
    pair: Pair,
    cluster: Cluster,
    *,
    collection: str = "co3d-dsm",
    options: StereoOptions | None = None,
) -> StereoResult:
    """Make the surface model of ``pair`` on ``cluster``, telling how it goes."""
    return stereo(
        pair.left,
        pair.right,
        options or StereoOptions(),
        compute=cluster,
        collection=collection,
        progress=ProgressLine(),
    )


def open_dsm(item: pystac.Item) -> xr.DataArray:
    """Open the DSM of ``item`` from its bucket, on a grid small enough to draw.

    Returns
    -------
    xarray.DataArray, dims (y, x)
        Heights [m]; NaN where there is none.
    """
    return _thin(_open(item))


def report(item: pystac.Item, reference: pystac.Item | None, *, picture: str | Path) -> Report:
    """Compute what is known of a DSM, and draw it to ``picture``.

    Parameters
    ----------
    item, reference : pystac.Item
        DSM, and truth where it is known.
    picture : str or Path
        PNG: against the reference the map of differences and their histogram; without one, the
        item's shaded relief.
    """
    verification = verify_item(str(item.collection_id), item.id)
    target = Path(picture)
    if reference is None:
        access.download(item.assets["hillshade"].href, target)
        return Report(verification, None)
    made = dsm_report(
        item.assets["dsm"].href,
        reference.assets["dsm"].href,
        outline=verification.outline,
        output_dir=target.parent / f".{target.stem}",
        title=item.id,
    )
    if made.figure is not None:
        made.figure.replace(target)
    model, truth = _open(item), _open(reference)
    difference = model - truth.rio.reproject_match(model, resampling=Resampling.bilinear)
    return Report(verification, _thin(difference.rename("difference")))


def _open(item: pystac.Item) -> xr.DataArray:
    opened = rioxarray.open_rasterio(access.to_vsis3(item.assets["dsm"].href), masked=True)
    if not isinstance(opened, xr.DataArray):
        raise TypeError(f"{item.id}: its DSM has several variables")
    return opened.isel(band=0, drop=True).astype("float32").rename("height").load()


def _thin(grid: xr.DataArray) -> xr.DataArray:
    step = max(1, -(-max(grid.shape) // _PLOT_PX))
    return grid.isel(x=slice(None, None, step), y=slice(None, None, step))
