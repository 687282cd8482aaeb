"""What the tasks of one calibration are told, and how they leave their answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from boresight.errors import AccessError, BoresightError, ComputeError
from boresight.workflows.calibrate.campaign import Campaign
from boresight.workflows.stereo.engine.process import RunCancelledError
from boresight.workflows.stereo.job import Refusal
from boresight.workflows.stereo.options import StereoOptions
from boresight.workflows.stereo.pair import ENGINE_PACKAGES
from boresight.workflows.stereo.scratch import Place, task_place
from boresight.workflows.stereo.storage import Storage

#: moves when equal inputs give other numbers
RECIPE_VERSION = "1"

Arrays = dict[str, NDArray[Any]]


class CalibrateOptions(BaseModel):
    """How a calibration is made. Frozen; unknown names are refused.

    Attributes
    ----------
    degree : int
        Of the focal plane's polynomials.
    window_px, step_px : int
        Windows of the dense correlation, and their distance [px].
    block_rows : int
        Rows that a task holds in memory [px].
    resolution_m : float, optional
        Side of a pixel of the surface models [m]; default: that of the reference surface.
    l1_collection, dsm_collection : str
        Where images and surface models are published.
    retries : int
        How often a failed task is tried anew.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    degree: int = Field(default=3, ge=1, le=9)
    window_px: int = Field(default=20, ge=8, le=128)
    step_px: int = Field(default=10, ge=2, le=256)
    block_rows: int = Field(default=256, ge=64)
    resolution_m: float | None = Field(default=None, gt=0)
    l1_collection: str = "co3d-l1"
    dsm_collection: str = "co3d-dsm"
    retries: int = Field(default=2, ge=0, le=10)


@dataclass(frozen=True)
class Job:
    """One campaign, one set of options, one place for results.

    Attributes
    ----------
    campaign : Campaign
    options : CalibrateOptions
    storage : Storage
    collection : str
        Under which results are kept.
    """

    campaign: Campaign
    options: CalibrateOptions
    storage: Storage
    collection: str

    @property
    def run_id(self) -> str:
        """Name of the run: equal campaign, options and engine give an equal one."""
        told = {
            "campaign": self.campaign.digest(),
            "options": self.options.model_dump(mode="json", exclude={"retries"}),
            "recipe": RECIPE_VERSION,
            "engine": {name: version(name) for name in ENGINE_PACKAGES},
        }
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        return f"{self.campaign.id}-cal-{digest[:12]}"

    @property
    def prefix(self) -> str:
        """Where the run's objects lie."""
        return f"{self.collection}/{self.run_id}"

    @property
    def topic(self) -> str:
        """Dask topic on which the tasks tell their news."""
        return f"boresight-calibrate-{self.run_id}"

    def key(self, name: str) -> str:
        """Key of an object of the run."""
        return f"{self.prefix}/{name}"

    def stereo_options(self, epsg: int, resolution_m: float) -> StereoOptions:
        """How both surface models are made."""
        return StereoOptions(
            resolution_m=self.options.resolution_m or resolution_m,
            epsg=epsg,
            vertical_datum="ellipsoid",
            height_range_m=self.campaign.pair_heights_m,
            color=False,
            quality=False,
            retries=self.options.retries,
        )


@dataclass(frozen=True)
class Step:
    """Answer of a task.

    Attributes
    ----------
    name : str
    numbers : dict
        As JSON takes them.
    arrays_key : str
        Archive of its arrays.
    reused : bool
        Whether an earlier attempt had left it.
    """

    name: str
    numbers: dict[str, Any]
    arrays_key: str
    reused: bool


#: does the work of a step in a folder: numbers, and arrays
Work = Callable[[Place], tuple[dict[str, Any], Arrays]]


def run_step(job: Job, name: str, work: Work) -> Step | Refusal:
    """Do a step, unless an earlier attempt has left it: arrays go up first, numbers last."""
    numbers_key, arrays_key = job.key(f"steps/{name}.json"), job.key(f"steps/{name}.npz")
    with task_place(job.topic) as place:
        place.folder.mkdir(parents=True, exist_ok=True)
        place.tell({"share": 0.0, "what": name})
        try:
            if job.storage.exists(numbers_key):
                path = place.folder / "numbers.json"
                job.storage.get(numbers_key, path)
                return Step(name, json.loads(path.read_text("utf-8")), arrays_key, True)
            if place.is_cancelled():
                raise RunCancelledError("The calibration was cancelled.")
            numbers, arrays = work(place)
            archive = place.folder / "arrays.npz"
            np.savez_compressed(archive, allow_pickle=False, **arrays)
            job.storage.put(archive, arrays_key, "application/octet-stream")
            path = place.folder / "numbers.json"
            path.write_text(json.dumps(numbers), "utf-8")
            job.storage.put(path, numbers_key, "application/json")
        except (AccessError, ComputeError):
            raise
        except BoresightError as exc:
            # repetition does not mend it
            return Refusal(exc)
        return Step(name, json.loads(json.dumps(numbers)), arrays_key, False)


def arrays_of(job: Job, step: Step, folder: Path) -> Arrays:
    """Arrays that a step has left."""
    path = folder / f"{step.name}.npz"
    job.storage.get(step.arrays_key, path)
    with np.load(path) as archive:
        found = {name: archive[name] for name in archive.files}
    path.unlink()
    return found
