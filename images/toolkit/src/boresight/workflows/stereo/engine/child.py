"""One run of CARS in a process of its own: ``python -m …engine.child SPEC.json``.

A process of its own because CARS keeps state in modules and environment, is mended here by
replacing functions, may use more memory than planned, and has to be ended at any moment.

``SPEC.json`` holds ``configuration`` (of CARS), ``shared`` (folder of files made once per pair, or
null), ``sharing`` (values of ``matching.Sharing``, or null), ``parent`` (process id). On
failure ``failure.json`` beside it holds type, message and where.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import shutil
import signal
import sys
import traceback
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from boresight.workflows.stereo.engine.matching import Sharing

_PR_SET_PDEATHSIG = 1

FAILURE = "failure.json"


def main(spec_path: Path) -> int:
    """Run CARS as ``spec_path`` says; 0 when it has ended well."""
    spec = json.loads(spec_path.read_text())
    die_with(spec["parent"])
    failure = spec_path.with_name(FAILURE)
    try:
        shared, sharing = spec["shared"], spec["sharing"]
        _run(
            spec["configuration"],
            Path(shared) if shared else None,
            Sharing(Path(sharing[0]), *sharing[1:]) if sharing else None,
        )
    except BaseException as exc:  # noqa: BLE001 - CARS raises SystemExit too; the parent is told all
        report = {
            "type": type(exc).__name__,
            "message": str(exc),
            "traceback": traceback.format_exc()[-8000:],
        }
        failure.write_text(json.dumps(report))
        traceback.print_exc()
        return 1
    return 0


def die_with(parent: int) -> None:
    """Have the kernel end this process when its parent ends, however that happens."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _run(configuration: dict[str, Any], shared: Path | None, sharing: Sharing | None) -> None:
    import_module("cars")  # sets its environment; what follows comes after
    # compiled once per worker instead of once per run; the folder is NUMBA_CACHE_DIR
    os.environ["PANDORA_NUMBA_CACHE"] = "True"
    from boresight.workflows.stereo.engine import confidence, matching, windows

    confidence.install()
    windows.install()
    _mend_resolution_with_roi()
    _leave_out_profiling()
    if shared is not None:
        _take_shared(shared)
    if sharing is not None:
        matching.install(sharing)
    _tell_steps()
    from cars.core import cars_logging
    from cars.core.progress.progress import ProgressTree
    from cars.pipelines.pipeline import Pipeline

    ProgressTree().set_ui_enabled(False)
    out = Path(configuration["output"]["directory"])
    out.mkdir(parents=True, exist_ok=True)
    cars_logging.setup_logging_global("INFO", use_stdout=True)
    logging.captureWarnings(True)
    pipeline = Pipeline("default", configuration, str(out))
    pipeline.run(SimpleNamespace(loglevel="INFO", log_dir=str(out / "logs")))


def _mend_resolution_with_roi() -> None:
    """CARS 1.3.0 divides a list of resolutions by this factor when a ROI is given."""
    from cars.core import preprocessing

    original = preprocessing.get_conversion_factor

    class Factor(float):
        def __rtruediv__(self, other: Any) -> float:
            return float(other[0] if isinstance(other, list) else other) / float(self)

    def get_conversion_factor(*args: Any) -> Factor:
        return Factor(original(*args))

    preprocessing.get_conversion_factor = get_conversion_factor


def _leave_out_profiling() -> None:
    """Leave out what watches CARS from inside: the parent watches it.

    Each step starts a thread that samples memory and is then waited for, which in a small run adds
    up; at the end charts are drawn that nobody sees on a worker's scratch.
    """
    from cars.orchestrator.cluster import log_wrapper

    def nothing(*args: Any, **kwargs: Any) -> None:
        del args, kwargs

    class Unwatched:
        """Answers at once in the place of ``CarsMemProf``: begun, memory [MB], processor [%]."""

        daemon = True

        def __init__(self, pid: int, pipe: Any, interval: float = 0.1) -> None:
            del pid, interval
            self._pipe = pipe

        def start(self) -> None:
            for answer in (0, 0.0, 0.0):
                self._pipe.send(answer)

    log_wrapper.CarsMemProf = Unwatched
    log_wrapper.generate_summary = nothing
    log_wrapper.generate_pdf_profiling = nothing


def _tell_steps() -> None:
    """Write each step to the log as it begins; in one process CARS tells of tasks at their end."""
    from cars.orchestrator.cluster.sequential_cluster import SequentialCluster

    original = SequentialCluster.create_task_wrapped

    def create_task_wrapped(self: Any, func: Any, nout: int = 2) -> Any:
        task = original(self, func, nout=nout)

        def told(*args: Any, **kwargs: Any) -> Any:
            # to the log itself: CARS sets up loggers of its own, and this one is not among them
            sys.stdout.write(f"step {kwargs.get('func_name', '')}\n")
            sys.stdout.flush()
            return task(*args, **kwargs)

        return told

    SequentialCluster.create_task_wrapped = create_task_wrapped


def _take_shared(shared: Path) -> None:
    """Let the run take matches and DEMs from ``shared`` instead of computing its own."""
    from cars.applications.dem_generation.bulldozer_dem_app import BulldozerDem
    from cars.pipelines.tie_points.tie_points import TiePointsPipeline

    def tie_points(self: Any, *args: Any, **kwargs: Any) -> None:
        del args, kwargs
        out = Path(self.out_dir)
        (out / out.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(shared / "matches.npy", out / out.name / "filtered_matches.npy")

    def dem(self: Any, *args: Any, **kwargs: Any) -> tuple[None, dict[str, str], None]:
        del self, args, kwargs
        names = ("dem_median", "dem_min", "dem_max")
        return None, {name: str(shared / f"{name}.tif") for name in names}, None

    TiePointsPipeline.run = tie_points
    BulldozerDem.run = dem


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
