"""Stereo on the gateway against CARS' own multiprocessing, and two workers against one.

One simulated pair; all runs one after the other on this machine. Workers are warm: each has run a
small pair before, and the time to start the cluster is told apart. Prints one JSON record.

uv run --group dev python tests/bench/stereo_scaling.py [--size-px 4000] [--workers 2]
    [--backend gateway|local] [--record DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import psutil
import rasterio

from boresight.simulate import PairConfig, simulate_pair

#: bounds of the record
MAX_RATIO_TO_CARS = 1.15
MIN_SPEED_UP = 1.6

_SEED = 11
#: tiles are made as large as fits into it
_WORKER_MEMORY_GIB = 8
_WARM_UP_PX = 400
_WARM_UP_TILE_PX = 300
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def ours(size_px: int, workers: int, folder: str | None = None) -> dict[str, Any]:
    """Make the DSM of the pair on warm workers; runs where a cluster can be had.

    Parameters
    ----------
    size_px, workers : int
    folder : str, optional
        Take a folder and processes of this machine in place of buckets and gateway.
    """
    from boresight import access
    from boresight.compute import cluster
    from boresight.compute.local import LocalBackend
    from boresight.workflows.ingest import ingest_simulated
    from boresight.workflows.stereo import StereoOptions, stereo
    from boresight.workflows.targets import CatalogueTarget, FolderTarget

    source = FolderTarget(Path(folder)) if folder else CatalogueTarget()
    goal = FolderTarget(Path(folder)) if folder else CatalogueTarget("products")
    backend = {"backend": LocalBackend()} if folder else {}
    options = StereoOptions(quality=True)
    small = ingest_simulated(PairConfig(size_px=_WARM_UP_PX, seed=_SEED), target=source)
    pair = ingest_simulated(PairConfig(size_px=size_px, seed=_SEED), target=source)
    began_s = time.monotonic()
    with cluster(workers, worker_memory_gib=_WORKER_MEMORY_GIB, **backend) as made:
        made.wait_for_workers(workers, timeout_s=300)
        start_s = time.monotonic() - began_s
        # small tiles give every worker one, and with it everything compiled
        warm = replace_options(options, tile_size_px=_WARM_UP_TILE_PX)
        stereo(small.left, small.right, warm, compute=made, target=goal, force=True)
        phases: list[tuple[float, str]] = []
        began_s = time.monotonic()
        result = stereo(
            pair.left, pair.right, options, compute=made, target=goal, force=True,
            progress=lambda _share, what: phases.append((time.monotonic() - began_s, what)),
        )  # fmt: skip
        wall_s = time.monotonic() - began_s
    href = result.item.assets["dsm"].href
    return {
        "workers": workers,
        "cluster_start_s": round(start_s, 1),
        "wall_s": round(wall_s, 1),
        "phases_s": {
            name: round(max(at for at, what in phases if what.startswith(name)), 1)
            for name in ("what is global", "tiles", "mosaic")
            if any(what.startswith(name) for _, what in phases)
        },
        "tiles": result.statistics["tiles"],
        "seams": result.statistics.get("seams"),
        "dsm": href if folder else access.to_vsis3(href),
    }


def replace_options(options: Any, **changes: Any) -> Any:
    """Options with other values, checked again."""
    return type(options)(**{**options.model_dump(), **changes})


def cars_itself(size_px: int, workers: int, folder: Path) -> dict[str, Any]:
    """Run the unchanged command of CARS on the same images, grid and initial elevation."""
    import yaml

    from boresight.io import write_cog
    from boresight.workflows.stereo.elevation import View, find_ground, write_initial_elevation
    from boresight.workflows.stereo.engine.recipe import Recipe, SensorFile, whole_pair

    pair = simulate_pair(PairConfig(size_px=size_px, seed=_SEED))
    views = []
    for name, image, rpc in (
        ("left", pair.left, pair.rpc_left),
        ("right", pair.right, pair.rpc_right),
    ):
        path = write_cog(folder / f"{name}.tif", image, rpc=rpc, names=["pan"], units=["1"])
        views.append(View(str(path), rpc, image.shape))
    guess = find_ground(*views)
    elevation = folder / "elevation.tif"
    write_initial_elevation(elevation, guess, *views)
    recipe = Recipe(
        SensorFile(views[0].image), SensorFile(views[1].image), resolution_m=0.5, epsg=pair.epsg,
        geoid=False, color=True, quality=True, max_ram_mb=2000, reach_m=guess.reach_m,
    )  # fmt: skip
    orchestrator = {"mode": "multiprocessing", "nb_workers": workers, "max_ram_per_worker": 2000}
    configuration = whole_pair(recipe, folder / "out", elevation, orchestrator=orchestrator)
    path = folder / "pair.yaml"
    path.write_text(yaml.safe_dump(configuration))
    began_s = time.monotonic()
    with (folder / "cars.log").open("wb") as log:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("cars")), str(path)],
            env={**os.environ, **_ONE_THREAD},
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    wall_s = time.monotonic() - began_s
    if done.returncode != 0:
        tail = (folder / "cars.log").read_text(errors="replace")[-3000:]
        raise RuntimeError(f"cars ended with code {done.returncode}\n{tail}")
    return {"workers": workers, "wall_s": round(wall_s, 1), "dsm": str(folder / "out/dsm/dsm.tif")}


def compare(ours_path: str, theirs_path: str) -> dict[str, float]:
    """Differences on common pixels: CARS runs unmended, so equality is not expected to the bit."""
    heights = []
    bounds = []
    for path in (ours_path, theirs_path):
        with rasterio.open(path) as dsm:
            heights.append(dsm.read(1, masked=True).astype(np.float64).filled(np.nan))
            bounds.append(dsm.transform)
    row = round((bounds[1].f - bounds[0].f) / bounds[0].a)
    col = round((bounds[0].c - bounds[1].c) / bounds[0].a)
    rows, cols = heights[0].shape
    padded = np.pad(heights[1], ((rows, rows), (cols, cols)), constant_values=np.nan)
    other = padded[rows + row : 2 * rows + row, cols + col : 2 * cols + col]
    difference = heights[0] - other
    both = np.isfinite(difference)
    return {
        "n": int(both.sum()),
        "identical_share": float((difference[both] == 0).mean()),
        "median_m": float(np.median(difference[both])),
        "p99_abs_m": float(np.percentile(np.abs(difference[both]), 99)),
    }


def measure(size_px: int, workers: int, backend: str) -> dict[str, Any]:
    """Run all three, and judge."""
    record: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "size_px": size_px,
        "megapixels": size_px**2 / 1e6,
        "backend": backend,
        "cores": len(os.sched_getaffinity(0)),
        "load_at_start": psutil.getloadavg()[0],
        "versions": {name: version(name) for name in ("cars", "pandora", "distributed")},
    }
    with tempfile.TemporaryDirectory(prefix="boresight-bench-") as name:
        folder = Path(name)
        with _place(backend, folder) as run_ours:
            record["ours"] = run_ours(size_px, workers)
            record["ours_one_worker"] = run_ours(size_px, 1)
            dsm = record["ours"].pop("dsm")
            record["ours_one_worker"].pop("dsm")
            if backend == "gateway":
                dsm = _copy_of(dsm, folder)
            record["cars"] = cars_itself(size_px, workers, folder)
        record["against_cars"] = compare(dsm, record["cars"].pop("dsm"))
    record["ratio_to_cars"] = round(record["ours"]["wall_s"] / record["cars"]["wall_s"], 3)
    record["speed_up"] = round(record["ours_one_worker"]["wall_s"] / record["ours"]["wall_s"], 3)
    record["bounds"] = {"ratio_to_cars": MAX_RATIO_TO_CARS, "speed_up": MIN_SPEED_UP}
    record["within_bounds"] = (
        record["ratio_to_cars"] <= MAX_RATIO_TO_CARS and record["speed_up"] >= MIN_SPEED_UP
    )
    return record


def _place(backend: str, folder: Path) -> Any:
    """Context that gives a function (size, workers) to the record of our run."""
    if backend == "local":
        return nullcontext(lambda size, workers: ours(size, workers, str(folder / "catalogue")))
    return _gateway(folder)


class _gateway:  # noqa: N801 - a context manager, used as one
    """The whole environment; the runs are cells of the engineer's kernel."""

    def __init__(self, folder: Path) -> None:
        from support.environment import Environment

        self._environment = Environment(folder / "state")

    def __enter__(self) -> Any:
        self._environment.up()
        self._held = self._environment.session("marie")
        self._session = self._held.__enter__()
        return self._run

    def __exit__(self, *exc: Any) -> None:
        try:
            self._session.stop_server()
            self._held.__exit__(*exc)
        finally:
            self._environment.down()

    def _run(self, size_px: int, workers: int) -> dict[str, Any]:
        from support.environment import printed

        code = (
            "import json, sys\n"
            f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
            "import stereo_scaling\n"
            f"print('RECORD', json.dumps(stereo_scaling.ours({size_px}, {workers})))\n"
        )
        with self._session.kernel() as kernel:
            text = printed(kernel.execute(code, timeout_s=4 * 3600))
        lines = [line for line in text.splitlines() if line.startswith("RECORD ")]
        return dict(json.loads(lines[-1].removeprefix("RECORD ")))


def _copy_of(vsi: str, folder: Path) -> str:
    """The DSM from the store's own files: versitygw keeps objects as such."""
    source = folder / "state" / "s3" / "data" / vsi.removeprefix("/vsis3/")
    target = folder / "ours.tif"
    target.write_bytes(source.read_bytes())
    return str(target)


def main() -> int:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size-px", type=int, default=4000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--backend", choices=("gateway", "local"), default="gateway")
    parser.add_argument("--record", type=Path, help="folder to keep the dated record in")
    arguments = parser.parse_args()
    record = measure(arguments.size_px, arguments.workers, arguments.backend)
    text = json.dumps(record, indent=1)
    sys.stdout.write(text + "\n")
    if arguments.record:
        day = record["date"][:10]
        (arguments.record / f"stereo_scaling-{day}.json").write_text(text + "\n")
    return 0 if record["within_bounds"] else 1


if __name__ == "__main__":
    sys.exit(main())
