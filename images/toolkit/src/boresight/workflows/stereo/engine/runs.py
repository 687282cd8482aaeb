"""The three runs of CARS that a pair can need, from files to files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from boresight.errors import StereoError
from boresight.workflows.stereo.engine.failures import EmptyTileError
from boresight.workflows.stereo.engine.milestones import DENSE
from boresight.workflows.stereo.engine.process import Helpers, RunLimits, RunRecord, run_cars
from boresight.workflows.stereo.engine.recipe import (
    PAIR,
    Box,
    Recipe,
    SharedFiles,
    ground_tile,
    once_per_pair,
    whole_pair,
)

#: layers a run may leave beside the DSM, by their names in the product
LAYERS = {
    "dsm": "dsm.tif",
    "color": "image.tif",
    "ambiguity": "ambiguity.tif",
    "invalidity": "invalidity_mask.tif",
}


@dataclass(frozen=True)
class Surroundings:
    """What a run needs of the place it runs in.

    Attributes
    ----------
    folder : Path
        Scratch of this run alone.
    limits : RunLimits
    cache : Path, optional
        Where compiled code is kept from run to run.
    is_cancelled : callable
    progress : callable
        Told the share done and what is being done.
    """

    folder: Path
    limits: RunLimits
    cache: Path | None = None
    is_cancelled: Callable[[], bool] = field(default=lambda: False)
    progress: Callable[[float, str], None] = field(default=lambda _share, _what: None)


def run_whole_pair(
    recipe: Recipe,
    initial_elevation: Path,
    place: Surroundings,
    *,
    orchestrator: dict[str, object] | None = None,
) -> tuple[dict[str, Path], RunRecord]:
    """Make the DSM of all the common ground in one run; returns its layers.

    ``orchestrator`` is CARS' section of that name; default: one thread of one process.
    """
    out = place.folder / "out"
    record = _run(whole_pair(recipe, out, initial_elevation, orchestrator=orchestrator), place)
    return _layers(out, recipe), record


def run_once_per_pair(
    recipe: Recipe,
    initial_elevation: Path,
    shared: Path,
    place: Surroundings,
    *,
    helpers: Helpers | None = None,
) -> RunRecord:
    """Compute what all tiles share, into the folder ``shared``; ``helpers`` match with it."""
    out = place.folder / "out"
    configuration = once_per_pair(recipe, out, initial_elevation)
    record = _run(configuration, place, part=(0.0, DENSE), helpers=helpers)
    surface = out / "intermediate_data" / "surface_modeling"
    coarse = sorted(
        (int(path.name[3:]), path) for path in surface.glob("res*") if path.name != "res1"
    )
    if not coarse:
        raise StereoError(
            "The images are too small for a coarse surface; the rule for tiles is 320 px a side.",
            remedy="Take larger tiles: a small pair is one task.",
        )
    dems = surface / "res1" / "dump_dir" / "dem_generation"
    files = {
        "initial_elevation.tif": initial_elevation,
        "coarse_dsm.tif": coarse[0][1] / "dsm" / "dsm.tif",
        "dem_median.tif": dems / "dem_median.tif",
        "dem_min.tif": dems / "dem_min.tif",
        "dem_max.tif": dems / "dem_max.tif",
        "matches.npy": surface / "res1" / "tie_points" / PAIR / PAIR / "filtered_matches.npy",
    }
    shared.mkdir(parents=True, exist_ok=True)
    for name in SharedFiles.NAMES:
        shutil.copyfile(files[name], shared / name)
    return record


def run_ground_tile(
    recipe: Recipe, shared: SharedFiles, box: Box, place: Surroundings
) -> tuple[dict[str, Path], RunRecord | None]:
    """Make the DSM of one region; no layers where nothing of the pair lies in it."""
    out = place.folder / "out"
    try:
        record = _run(
            ground_tile(recipe, out, shared, box), place, shared=shared.folder, part=(DENSE, 1.0)
        )
    except EmptyTileError:
        return {}, None
    return _layers(out, recipe), record


def _run(
    configuration: dict[str, object],
    place: Surroundings,
    *,
    shared: Path | None = None,
    part: tuple[float, float] = (0.0, 1.0),
    helpers: Helpers | None = None,
) -> RunRecord:
    return run_cars(
        configuration,
        place.folder,
        shared=shared,
        limits=place.limits,
        cache=place.cache,
        is_cancelled=place.is_cancelled,
        progress=place.progress,
        part=part,
        helpers=helpers,
    )


def _layers(out: Path, recipe: Recipe) -> dict[str, Path]:
    found = {layer: out / "dsm" / name for layer, name in LAYERS.items()}
    found = {layer: path for layer, path in found.items() if path.exists()}
    if not recipe.color:
        found.pop("color", None)
    if "dsm" not in found:
        raise StereoError(
            "CARS has ended without a DSM.", remedy="See the log of the run for its warnings."
        )
    return found
