"""What runs on workers: tasks, each on its own scratch, meeting in the storage."""

from __future__ import annotations

import json
import logging
import tarfile
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import rasterio
from rasterio.warp import transform_bounds

from boresight.errors import AccessError, BoresightError, ComputeError, InputError, StereoError
from boresight.io import file_checksum, file_size, image_info, read_rpc
from boresight.workflows.stereo.elevation import (
    GroundGuess,
    View,
    find_ground,
    write_given_elevation,
    write_initial_elevation,
)
from boresight.workflows.stereo.engine.process import RunRecord, log_tail
from boresight.workflows.stereo.engine.recipe import Recipe, SensorFile, SharedFiles
from boresight.workflows.stereo.engine.runs import (
    Surroundings,
    run_ground_tile,
    run_once_per_pair,
    run_whole_pair,
)
from boresight.workflows.stereo.geoid import undulation
from boresight.workflows.stereo.job import (
    FileRecord,
    Job,
    OnceRecord,
    ProductRecord,
    Refusal,
    TileRecord,
)
from boresight.workflows.stereo.matching import other_workers
from boresight.workflows.stereo.products import Layers, join, read_layers, trim, write_product
from boresight.workflows.stereo.scratch import Place, task_place
from boresight.workflows.stereo.tiles import Layout, Tile

log = logging.getLogger(__name__)

T = TypeVar("T")

#: as :func:`~boresight.workflows.stereo.engine.runs.run_whole_pair`
WholePairRun = Callable[[Recipe, Path, Surroundings], tuple[dict[str, Path], RunRecord]]

#: objects of a product
PRODUCT_NAMES = (
    *(f"{name}.tif" for name in ("dsm", "color", "ambiguity", "invalidity")),
    "hillshade.png",
    "thumbnail.png",
    "statistics.json",
)

_ONCE = "once.json"
_TILE = "tile.json"


def topic_of(job: Job) -> str:
    """Dask topic on which tasks of ``job`` tell their news."""
    return f"boresight-stereo-{job.item_id}"


def whole(
    job: Job, run_pair: WholePairRun = run_whole_pair, place: Place | None = None
) -> ProductRecord | Refusal:
    """Make the product of a small pair in one task; of any pair by another ``run_pair``."""

    def work(place: Place) -> ProductRecord:
        initial, guess = _initial_elevation(job, place)
        recipe = replace(job.recipe, reach_m=guess.reach_m if guess else None)
        files, run = run_pair(
            recipe, initial, place.surroundings("whole", job.options.run_timeout_s)
        )
        return _product(job, recipe, trim(read_layers(files)), None, place, (run,))

    return _guarded(job, "whole", work, place)


def once(job: Job) -> OnceRecord | Refusal:
    """Compute what all tiles share, unless an earlier attempt has left it."""

    def work(place: Place) -> OnceRecord:
        shared = place.folder / "shared"
        if job.storage.exists(job.shared_key):
            _fetch(job, job.shared_key, shared)
            facts = json.loads((shared / _ONCE).read_text())
            return OnceRecord(tuple(facts["heights_m"]), facts["reach_m"], True, None)
        initial, guess = _initial_elevation(job, place)
        recipe = replace(job.recipe, reach_m=guess.reach_m if guess else None)
        surroundings = place.surroundings("once", job.options.run_timeout_s)
        with other_workers(job, place.folder / "matching") as helpers:
            run = run_once_per_pair(recipe, initial, shared, surroundings, helpers=helpers)
        heights = _height_range(SharedFiles(shared))
        facts = {"heights_m": heights, "reach_m": recipe.reach_m}
        (shared / _ONCE).write_text(json.dumps(facts))
        _store(job, job.shared_key, shared, place)
        return OnceRecord(heights, recipe.reach_m, False, run)

    return _guarded(job, "once", work)


def tile(job: Job, part: Tile, margin_m: float, reach_m: float | None) -> TileRecord | Refusal:
    """Make one ground tile, unless an earlier attempt has left it."""

    def work(place: Place) -> TileRecord:
        key = job.tile_key(part.name)
        if job.storage.exists(key):
            return TileRecord(part.name, False, True, None)
        shared = place.folder / "shared"
        _fetch(job, job.shared_key, shared)
        files, run = run_ground_tile(
            replace(job.recipe, reach_m=reach_m),
            SharedFiles(shared),
            part.with_margin(margin_m),
            place.surroundings("tile", job.options.run_timeout_s),
        )
        result = place.folder / "result"
        result.mkdir()
        for name, path in files.items():
            path.rename(result / f"{name}.tif")
        (result / _TILE).write_text(json.dumps({"layers": sorted(files)}))
        _store(job, key, result, place)
        return TileRecord(part.name, not files, False, run)

    return _guarded(job, f"tile-{part.row}-{part.col}", work)


def finish(job: Job, layout: Layout) -> ProductRecord | Refusal:
    """Put the tiles together and write the product."""

    def work(place: Place) -> ProductRecord:
        parts: list[Layers] = []
        for part in layout.tiles:
            folder = place.folder / part.name
            _fetch(job, job.tile_key(part.name), folder)
            names = json.loads((folder / _TILE).read_text())["layers"]
            if names:
                layers = read_layers({name: folder / f"{name}.tif" for name in names}, part.box)
                if 0 not in layers.arrays["dsm"].shape:
                    parts.append(layers)
        if not parts:
            raise StereoError(
                f"All {len(layout.tiles)} tiles are empty; the rule is that one holds ground.",
                remedy="Look at the pair: cloud, sea, or a wrong RPC.",
            )
        return _product(job, job.recipe, trim(join(parts, layout)), layout, place, ())

    return _guarded(job, "finish", work)


def view_of(sensor: SensorFile) -> View:
    """View of an image by its own RPC, or by the one beside it."""
    rpc = read_rpc(sensor.geomodel or sensor.image)
    return View(sensor.image, rpc, image_info(sensor.image).shape)


def _guarded(
    job: Job, task: str, work: Callable[[Place], T], given: Place | None = None
) -> T | Refusal:
    """Run ``work`` on scratch; errors that repetition does not mend are returned."""
    with nullcontext(given) if given else task_place(topic_of(job)) as place:
        place.folder.mkdir(parents=True, exist_ok=True)
        place.tell({"share": 0.0, "what": "starting"})
        try:
            return work(place)
        except (AccessError, ComputeError):
            raise
        except BoresightError as exc:
            _keep_log(job, task, place)
            return Refusal(_with_log(exc, job, task, place))


def _initial_elevation(job: Job, place: Place) -> tuple[Path, GroundGuess | None]:
    left, right = view_of(job.recipe.left), view_of(job.recipe.right)
    path = place.folder / "initial_elevation.tif"
    if job.initial_elevation is not None:
        write_given_elevation(
            path, job.initial_elevation, job.options.initial_elevation_datum, left, right
        )
        return path, None
    guess = find_ground(left, right, job.options.height_range_m)
    write_initial_elevation(path, guess, left, right)
    return path, guess


def _height_range(shared: SharedFiles) -> tuple[float, float]:
    """Lowest and highest ground above the ellipsoid; the DEMs are above EGM96."""
    found = []
    for name, pick in (("dem_min.tif", np.nanmin), ("dem_max.tif", np.nanmax)):
        with rasterio.open(shared[name]) as dem:
            heights = dem.read(1, masked=True).astype(np.float64).filled(np.nan)
            west, south, east, north = transform_bounds(dem.crs, "EPSG:4326", *dem.bounds)
        offset = float(
            undulation(np.array([(west + east) / 2]), np.array([(south + north) / 2]))[0]
        )
        found.append(float(pick(heights)) + offset)
    return found[0], found[1]


def _product(
    job: Job,
    recipe: Recipe,
    layers: Layers,
    layout: Layout | None,
    place: Place,
    runs: tuple[RunRecord, ...],
) -> ProductRecord:
    place.tell({"share": 1.0, "what": "writing the product"})
    files, numbers = write_product(layers, place.folder / "product", recipe, layout)
    records = []
    for name, (path, media_type) in files.items():
        key = f"{job.prefix}/{path.name}"
        job.storage.put(path, key, media_type)
        records.append(FileRecord(name, key, media_type, file_checksum(path), file_size(path)))
    t = layers.transform
    return ProductRecord(
        files=tuple(records),
        shape=layers.arrays["dsm"].shape,
        transform=(t.a, t.b, t.c, t.d, t.e, t.f),
        statistics=numbers,
        layout=layout,
        runs=runs,
    )


def _store(job: Job, key: str, folder: Path, place: Place) -> None:
    """One object per task: it is there whole, or not at all."""
    archive = place.folder / "archive.tar"
    with tarfile.open(archive, "w") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, arcname=path.name)
    job.storage.put(archive, key, "application/x-tar")
    archive.unlink()


def _fetch(job: Job, key: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder.with_suffix(".tar")
    job.storage.get(key, archive)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    archive.unlink()


def _keep_log(job: Job, task: str, place: Place) -> None:
    for path in place.folder.glob("*/run.log"):
        with suppress(BoresightError, OSError):
            job.storage.put(path, job.log_key(task), "text/plain")


def _with_log(exc: BoresightError, job: Job, task: str, place: Place) -> BoresightError:
    if isinstance(exc, InputError):
        return exc
    for path in place.folder.glob("*/run.log"):
        lines = log_tail(path, 12)
        exc.remedy = f"{exc.remedy} Its log is {job.log_key(task)}; the last lines:\n{lines}"
        exc.args = (f"{exc.message} {exc.remedy}",)
    return exc
