"""Two items in, the item of a surface model out."""

from __future__ import annotations

import datetime as dt
import json
import logging
import math
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pystac
from distributed import Client

from boresight import access
from boresight.compute import Cluster
from boresight.errors import BoresightError, ComputeError
from boresight.io import file_checksum
from boresight.workflows.stereo import worker
from boresight.workflows.stereo.driver import Driver
from boresight.workflows.stereo.engine.process import RunCancelledError
from boresight.workflows.stereo.item import product_item
from boresight.workflows.stereo.job import Job, OnceRecord, ProductRecord, TileRecord
from boresight.workflows.stereo.memory import MemoryForecast, compared, forecast
from boresight.workflows.stereo.options import StereoOptions
from boresight.workflows.stereo.pair import Pair, check_pair
from boresight.workflows.stereo.progress import Progress, Teller
from boresight.workflows.stereo.scratch import memory_for_run
from boresight.workflows.stereo.shared_volume.run import make_product
from boresight.workflows.stereo.storage import Storage, storage_of
from boresight.workflows.stereo.tiles import Layout, common_ground, largest_tile_m2, plan
from boresight.workflows.targets import CatalogueTarget, FolderTarget, Target

log = logging.getLogger(__name__)

#: relief around the height of most overlap, for the first look at a pair's size [m]
_RELIEF_M = 50.0
#: room around the common ground [DSM px]: heights of DEMs are of reduced images
_GROUND_MARGIN_PX = 40
_WORKER_WAIT_S = 300


@dataclass(frozen=True)
class StereoResult:
    """What a stereo job has made, or found made.

    Attributes
    ----------
    item : pystac.Item
        As published.
    statistics : dict
        Of the DSM; of the seams of its tiles where there are several; of a job that computed, its
        memory beside what was foretold.
    was_there : bool
        Whether the product was complete before, and nothing was computed.
    elapsed_s : float
        [s]
    """

    item: pystac.Item
    statistics: dict[str, Any]
    was_there: bool
    elapsed_s: float


def stereo(
    left_item: pystac.Item,
    right_item: pystac.Item,
    options: StereoOptions | None = None,
    *,
    compute: Cluster | Client,
    collection: str = "co3d-dsm",
    target: Target | None = None,
    progress: Progress | None = None,
    force: bool = False,
    stop: threading.Event | None = None,
) -> StereoResult:
    """Make the surface model of a pair on a cluster, and publish it.

    Equal items, options and engine give an item of equal id: where it is there and whole, it is
    returned at once. A job that broke off goes on with the tiles it has. One that is cancelled
    (Ctrl-C, or ``stop``) leaves nothing behind.

    Parameters
    ----------
    left_item, right_item : pystac.Item
        Images with RPC, on our buckets.
    options : StereoOptions, optional
    compute : Cluster or Client
        Where to compute.
    collection : str
        Of the product.
    target : Target, optional
        Where the product goes; default: bucket ``products`` and the environment's catalogue.
    progress : callable, optional
        Told the share done (0 to 1) and what is being done.
    force : bool
        Compute even if the product is there.
    stop : threading.Event, optional
        Set it from another thread to cancel the job.

    Raises
    ------
    ForeignHrefError, ImageError, RpcError, OverlapError, CatalogueError
        Before anything is computed.
    StereoError
        CARS refused; the log of the run is kept in the bucket.
    ComputeError
        The cluster failed, or the job was cancelled.
    AccessError
        The storage did not answer; run the job again when it does.
    """
    options = options or StereoOptions()
    target = target or CatalogueTarget("products")
    teller = Teller(progress)
    began_at = dt.datetime.now(dt.UTC)
    teller.tell("checking the pair")
    target.check_collection(collection)
    local_files = isinstance(target, FolderTarget)
    pair = check_pair(left_item, right_item, options, local_files=local_files)
    storage = storage_of(target)
    if not force and (found := _complete(pair, collection, target, storage)) is not None:
        return StereoResult(found, _statistics(found, storage), True, teller.elapsed_s)
    job = Job(
        item_id=pair.item_id,
        collection=collection,
        recipe=pair.recipe,
        options=options,
        storage=storage,
        initial_elevation=_elevation_source(options, local_files=local_files),
    )
    if force:
        storage.delete_below(job.scratch)
    client = compute if isinstance(compute, Client) else compute.client
    try:
        with Driver(
            client, worker.topic_of(job), teller, retries=options.retries, stop=stop
        ) as driver:
            if options.distribution == "shared-volume":
                teller.begin("shared-volume")
                product = make_product(job, client, teller, stop)
            else:
                product = _compute(job, pair, driver, teller, _slots(client))
        teller.begin("publish")
        item = product_item(pair, options, collection, product, target, began_at=began_at)
        target.publish_item(item)
    except (KeyboardInterrupt, RunCancelledError):
        _remove(job, target, everything=True)
        raise
    except BaseException:
        # tiles stay, so that the next attempt goes on; a product without item does not
        _remove(job, target, everything=False)
        raise
    if not options.keep_intermediate:
        with suppress(BoresightError, OSError):
            storage.delete_below(job.scratch)
    teller.begin("publish", done=1)
    return StereoResult(item, product.statistics, False, teller.elapsed_s)


def _compute(job: Job, pair: Pair, driver: Driver, teller: Teller, slots: _Slots) -> ProductRecord:
    heights_m = _heights_guess(pair)
    layout = _layout(job, pair, slots, heights_m)
    foretold = _foretold(job, pair, slots, layout, heights_m)
    if layout.rows * layout.cols == 1:
        teller.begin("whole")
        teller.tell(foretold.words)
        product: ProductRecord = driver.run(worker.whole, [(job,)], "stereo-whole")[0]
        return _with_memory(product, foretold)
    teller.begin("once")
    once: OnceRecord = driver.run(worker.once, [(job,)], "stereo-once")[0]
    layout = _layout(job, pair, slots, once.heights_m)
    foretold = _foretold(job, pair, slots, layout, once.heights_m)
    margin_m = job.options.margin_for(job.recipe.resolution_m)
    teller.begin("tiles", len(layout.tiles))
    teller.tell(foretold.words)
    calls = [(job, tile, margin_m, once.reach_m) for tile in layout.tiles]
    tiles: list[TileRecord] = driver.run(worker.tile, calls, "stereo-tile")
    teller.begin("finish")
    finish: ProductRecord = driver.run(worker.finish, [(job, layout)], "stereo-finish")[0]
    runs = [run for run in (once.run, *(tile.run for tile in tiles)) if run is not None]
    return _with_memory(replace(finish, runs=tuple(runs)), foretold)


def _foretold(
    job: Job, pair: Pair, slots: _Slots, layout: Layout, heights_m: tuple[float, float]
) -> MemoryForecast:
    foretold = forecast(
        layout,
        ground_m2=common_ground(*pair.views, job.recipe.epsg, heights_m).area,
        gsd_m=pair.gsd_m,
        margin_m=job.options.margin_for(job.recipe.resolution_m),
        heights_m=heights_m,
        base_to_height=pair.base_to_height,
        available_bytes=slots.memory_bytes,
    )
    log.log(logging.WARNING if foretold.is_short else logging.INFO, "%s", foretold.words)
    return foretold


def _with_memory(product: ProductRecord, foretold: MemoryForecast) -> ProductRecord:
    """Product whose report says what the runs took, beside what was foretold."""
    memory = compared(foretold, product.runs)
    log.info("the largest run took %s MB of %s MB", memory["peak_mb"], memory["predicted_mb"])
    return replace(product, statistics={**product.statistics, "memory": memory})


def _layout(job: Job, pair: Pair, slots: _Slots, heights_m: tuple[float, float]) -> Layout:
    ground = common_ground(*pair.views, job.recipe.epsg, heights_m)
    return plan(
        ground,
        job.recipe.resolution_m,
        job.options.tile_size_px,
        margin_m=_GROUND_MARGIN_PX * job.recipe.resolution_m,
        n_workers=slots.count,
        tile_margin_m=job.options.margin_for(job.recipe.resolution_m),
        max_tile_m2=largest_tile_m2(slots.memory_bytes, pair.gsd_m)
        if slots.memory_bytes
        else math.inf,
    )


def _heights_guess(pair: Pair) -> tuple[float, float]:
    return pair.height_ellipsoid_m - _RELIEF_M, pair.height_ellipsoid_m + _RELIEF_M


@dataclass(frozen=True)
class _Slots:
    """How many tasks the cluster runs at a time, and the least memory of one [byte]."""

    count: int
    memory_bytes: int | None


def _slots(client: Client) -> _Slots:
    try:
        client.wait_for_workers(1, timeout=_WORKER_WAIT_S)
    except TimeoutError as exc:
        raise ComputeError(
            f"The cluster has no worker after {_WORKER_WAIT_S} s.", remedy="Scale it up."
        ) from exc
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    memory = [memory_for_run(one["memory_limit"], one["nthreads"]) for one in workers]
    return _Slots(
        max(1, sum(int(one["nthreads"]) for one in workers)),
        min((one for one in memory if one), default=None),
    )


def _elevation_source(options: StereoOptions, *, local_files: bool) -> str | None:
    source = options.initial_elevation
    if source is None or source.startswith("/vsi") or (local_files and source.startswith("/")):
        return source
    return access.to_vsis3(source)


def _complete(pair: Pair, collection: str, target: Target, storage: Storage) -> pystac.Item | None:
    """Item of this very product, if all of its objects are what it says."""
    item = target.find_item(collection, pair.item_id)
    if item is None or item.properties.get("boresight:digest") != pair.digest:
        return None
    for asset in item.assets.values():
        key = f"{collection}/{item.id}/{Path(asset.href).name}"
        if storage.size(key) != asset.extra_fields.get("file:size"):
            log.info("%s is not as its item says: computing anew", key)
            return None
    with tempfile.TemporaryDirectory(prefix="boresight-stereo-") as name:
        for asset in item.assets.values():
            key = f"{collection}/{item.id}/{Path(asset.href).name}"
            copy = Path(name) / "object"
            storage.get(key, copy)
            if file_checksum(copy) != asset.extra_fields.get("file:checksum"):
                log.info("%s is not as its item says: computing anew", key)
                return None
    return item


def _statistics(item: pystac.Item, storage: Storage) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="boresight-stereo-") as name:
        copy = Path(name) / "statistics.json"
        storage.get(f"{item.collection_id}/{item.id}/statistics.json", copy)
        numbers: dict[str, Any] = json.loads(copy.read_text(encoding="utf-8"))
    return numbers


def _remove(job: Job, target: Target, *, everything: bool) -> None:
    """Clean up; the error on its way is the one to tell."""
    with suppress(BoresightError, OSError):
        if target.find_item(job.collection, job.item_id) is None:
            for name in worker.PRODUCT_NAMES:
                job.storage.delete(f"{job.prefix}/{name}")
    if everything:
        with suppress(BoresightError, OSError):
            job.storage.delete_below(job.scratch)
