"""The loop closed: acquisitions, parameter sets, products, surface models, and a dossier."""

from __future__ import annotations

import datetime as dt
import json
import math
import tempfile
import threading
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pystac
from distributed import Client

from boresight.compute import Cluster
from boresight.io import file_checksum, image_info
from boresight.workflows.calibrate import tasks
from boresight.workflows.calibrate.campaign import PAIR, Campaign, source_of
from boresight.workflows.calibrate.dossier import EVIDENCE, HTML, RECORD, SCHEMA, render
from boresight.workflows.calibrate.evaluation import gdal_path, rows_azimuth_deg, seen_by_both
from boresight.workflows.calibrate.job import Arrays, CalibrateOptions, Job, Step, arrays_of
from boresight.workflows.calibrate.matching import blocks
from boresight.workflows.calibrate.sets import AFTER, BEFORE, environment_digest
from boresight.workflows.calibrate.verdict import Finding, Requirement, judge, read_specification
from boresight.workflows.ingest import ingest_pair
from boresight.workflows.stereo import stereo
from boresight.workflows.stereo.driver import Driver
from boresight.workflows.stereo.pair import engine_versions
from boresight.workflows.stereo.progress import Progress, Teller
from boresight.workflows.stereo.storage import storage_of
from boresight.workflows.targets import Target

_PHASES = {
    "checksums": (0.0, 0.02),
    "factory's sets": (0.02, 0.03),
    "detectors": (0.03, 0.08),
    "matching": (0.08, 0.22),
    "geometry": (0.22, 0.25),
    "errors": (0.25, 0.26),
    "products": (0.26, 0.32),
    "surface before": (0.32, 0.63),
    "surface after": (0.63, 0.94),
    "comparison": (0.94, 0.98),
    "dossier": (0.98, 1.0),
}

#: side of maps kept for the dossier; more is not seen
_MAP_PX = 256

_SIDES = ("left", "right")


@dataclass(frozen=True)
class CalibrateResult:
    """What a calibration has made.

    Attributes
    ----------
    record : dict
        Everything, as the dossier's JSON twin has it.
    findings : tuple of Finding
        Verdict, requirement by requirement.
    folder_key : str
        Where the dossier lies: ``dossier.html``, ``dossier.json``, ``evidence.npz``.
    parameter_sets : dict of str to str
        Key of each satellite's calibrated set.
    surfaces : dict of str to pystac.Item
        ``before`` and ``after``.
    elapsed_s : float
        [s]
    """

    record: dict[str, Any]
    findings: tuple[Finding, ...]
    folder_key: str
    parameter_sets: dict[str, str]
    surfaces: dict[str, pystac.Item]
    elapsed_s: float

    @property
    def is_met(self) -> bool:
        """Whether every requirement is met."""
        return all(finding.met for finding in self.findings)


def calibrate(
    campaign: Campaign,
    options: CalibrateOptions | None = None,
    *,
    compute: Cluster | Client,
    target: Target,
    collection: str = "calibration",
    specification: str | Path | tuple[Requirement, ...] | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> CalibrateResult:
    """Calibrate both satellites of a campaign, and show on a stereo pair what it is worth.

    Detectors, viewing directions, boresight and vibration are estimated from the campaign; the
    pair's images are made by the factory's and by the calibrated parameter sets; surface models of
    both are compared with the true surface. Every step is kept: a run that broke off goes on with
    the steps it has.

    Parameters
    ----------
    campaign : Campaign
        Of the storage of ``target``.
    options : CalibrateOptions, optional
    compute : Cluster or Client
    target : Target
        Where results go.
    collection : str
        Under which results are kept.
    specification : path or tuple of Requirement, optional
        What the result is held against; default: the one that comes with the toolkit.
    progress : callable, optional
        Told the share done (0 to 1) and what is being done.
    stop : threading.Event, optional
        Set it from another thread to cancel; steps that are done stay.

    Raises
    ------
    ImageError
        A file is not what the campaign says.
    PointsError, SingularError, NonConvergenceError, FramesError
        Acquisitions that do not determine a parameter.
    StereoError, ComputeError, AccessError
        As of the stereo workflow.
    """
    began_s = time.monotonic()
    options = options or CalibrateOptions()
    requirements = (
        specification if isinstance(specification, tuple) else read_specification(specification)
    )
    for name in (options.l1_collection, options.dsm_collection):
        target.check_collection(name)
    job = Job(campaign, options, storage_of(target), collection)
    client = compute if isinstance(compute, Client) else compute.client
    teller = Teller(progress, _PHASES)
    with Driver(client, job.topic, teller, retries=options.retries, stop=stop) as driver:
        run = _Run(job, driver, teller)
        detectors, geometries, truths, keys = run.parameters()
        products = run.products(keys)
    items: dict[str, tuple[pystac.Item, pystac.Item]] = {}
    surfaces: dict[str, pystac.Item] = {}
    truth_info = image_info(source_of(job.storage, campaign.surface.key))
    epsg, resolution_m = truth_info.epsg or 0, float(truth_info.transform.a)
    for which in (BEFORE, AFTER):
        begin, end = _PHASES[f"surface {which}"]

        def told(share: float, what: str, begin: float = begin, end: float = end) -> None:
            if progress is not None:
                progress(begin + share * (end - begin), what)

        items[which] = _publish(job, target, which)
        made = stereo(
            *items[which],
            job.stereo_options(epsg, resolution_m),
            compute=client,
            collection=options.dsm_collection,
            target=target,
            progress=told,
            stop=stop,
        )
        surfaces[which] = made.item
    with Driver(client, job.topic, teller, retries=options.retries, stop=stop) as driver:
        compared = _Run(job, driver, teller).compare(items, surfaces, epsg)
    teller.begin("dossier")
    numbers = _numbers(job, detectors, geometries, truths, compared, products)
    findings = tuple(judge(requirements, numbers))
    record = _record(job, numbers, findings, keys)
    evidence = _evidence(job, detectors, geometries, truths, compared)
    folder_key = _store(job, record, evidence)
    teller.begin("dossier", done=1)
    return CalibrateResult(
        record=record,
        findings=findings,
        folder_key=folder_key,
        parameter_sets={
            satellite.platform: keys[AFTER][k] for k, satellite in enumerate(campaign.satellites)
        },
        surfaces=surfaces,
        elapsed_s=time.monotonic() - began_s,
    )


@dataclass(frozen=True)
class _Run:
    """Steps of a job on a cluster."""

    job: Job
    driver: Driver
    teller: Teller

    def _all(self, function: Any, calls: list[tuple[Any, ...]], phase: str) -> list[Step]:
        self.teller.begin(phase, len(calls))
        name = f"calibrate-{function.__name__.strip('_')}"
        steps: list[Step] = self.driver.run(function, [(self.job, *c) for c in calls], name)
        return steps

    def parameters(self) -> tuple[list[Step], list[Step], list[Step], dict[str, list[str]]]:
        """Estimate everything; gives the steps and the keys of the parameter sets."""
        self._all(tasks.verify_files, [()], "checksums")
        both = [(0,), (1,)]
        factory = self._all(tasks.factory, [*both], "factory's sets")
        detectors = self._all(tasks.detector, [*both], "detectors")
        calls = [
            (k, detectors[k], *view)
            for k, satellite in enumerate(self.job.campaign.satellites)
            for view in blocks(self.job, satellite)
        ]
        matches = self._all(tasks.match, calls, "matching")
        own = [[step for step, call in zip(matches, calls, strict=True) if call[0] == k]
               for k in (0, 1)]  # fmt: skip
        geometries = self._all(
            tasks.geometry, [(k, detectors[k], own[k]) for k in (0, 1)], "geometry"
        )
        truths: list[Step] = []
        if self.job.campaign.simulation is not None:
            truths = self._all(
                tasks.truth, [(k, detectors[k], geometries[k]) for k in (0, 1)], "errors"
            )
        keys = {
            BEFORE: [str(step.numbers["parameters"]) for step in factory],
            AFTER: [str(step.numbers["parameters"]) for step in geometries],
        }
        return detectors, geometries, truths, keys

    def products(self, keys: dict[str, list[str]]) -> list[Step]:
        """Make the pair's images by both kinds of parameter sets."""
        calls = [(k, keys[which][k], which) for which in (BEFORE, AFTER) for k in (0, 1)]
        return self._all(tasks.product, calls, "products")

    def compare(
        self,
        items: dict[str, tuple[pystac.Item, pystac.Item]],
        surfaces: dict[str, pystac.Item],
        epsg: int,
    ) -> dict[str, Step]:
        """Compare both surface models with the true one, on the ground that all images see."""
        campaign = self.job.campaign
        left = campaign.left
        camera = left.image(PAIR).camera(left.focal_px, left.ideal, (0.0, 0.0, 0.0))
        height = float(np.mean(campaign.pair_heights_m))
        first = items[AFTER][0].properties
        values: dict[str, float | None] = {
            "azimuth_deg": rows_azimuth_deg(camera, height, epsg),
            "gsd_m": float(first["gsd"]),
            "line_time_s": left.line_time_s,
            "base_to_height": float(first["boresight:base_to_height"]),
            "waves_per_m": self._waves_per_m(float(first["gsd"])),
        }
        outline = seen_by_both(items[AFTER])
        calls = [
            (which, gdal_path(surfaces[which].assets["dsm"].href), outline, values)
            for which in (BEFORE, AFTER)
        ]
        steps = self._all(tasks.surface, calls, "comparison")
        return dict(zip((BEFORE, AFTER), steps, strict=True))

    def _waves_per_m(self, gsd_m: float) -> float | None:
        """Waves on the ground that the vibration's frequency makes."""
        steps = [self.job.key(f"steps/geometry-{k}.json") for k in (0, 1)]
        found = []
        with tempfile.TemporaryDirectory(prefix="boresight-calibrate-") as name:
            for key in steps:
                path = Path(name) / "numbers.json"
                self.job.storage.get(key, path)
                jitter = json.loads(path.read_text("utf-8"))["jitter"]
                if jitter["detected"]:
                    found.append(float(jitter["frequency_hz"]))
        if not found:
            return None
        return float(np.mean(found)) * self.job.campaign.left.line_time_s / gsd_m


def _publish(job: Job, target: Target, which: str) -> tuple[pystac.Item, pystac.Item]:
    """Bring the pair's images into the catalogue."""
    at = dt.datetime.fromisoformat(job.campaign.acquired_at)
    with tempfile.TemporaryDirectory(prefix="boresight-calibrate-") as name:
        paths = []
        for index, side in enumerate(_SIDES):
            path = Path(name) / f"{side}.tif"
            job.storage.get(tasks.product_key(job, index, which), path)
            paths.append(path)
        return ingest_pair(
            *paths,
            collection=job.options.l1_collection,
            pair_id=f"{job.run_id}-{which}",
            datetime=at,
            properties={"boresight:calibration": job.run_id, "boresight:state": which},
            target=target,
        )


def _numbers(
    job: Job,
    detectors: list[Step],
    geometries: list[Step],
    truths: list[Step],
    compared: dict[str, Step],
    products: list[Step],
) -> dict[str, Any]:
    satellites: dict[str, Any] = {}
    for k, satellite in enumerate(job.campaign.satellites):
        geometry = {n: v for n, v in geometries[k].numbers.items() if n != "parameters"}
        satellites[satellite.platform] = {
            "detector": detectors[k].numbers,
            "geometry": geometry,
            **({"truth": truths[k].numbers} if truths else {}),
        }
    surface: dict[str, Any] = {which: step.numbers for which, step in compared.items()}
    before, after = (surface[which]["banding"]["amplitude_there_m"] for which in (BEFORE, AFTER))
    surface["banding_ratio"] = before / after if after else float("inf")
    images = {
        step.name: {name: value for name, value in step.numbers.items() if name != "checksum"}
        for step in products
    }
    told: dict[str, Any] = _strict(
        {"satellites": satellites, "surface": surface, "products": images}
    )
    return told


def _strict(values: Any) -> Any:
    """Without NaN and infinity, which JSON does not have."""
    if isinstance(values, dict):
        return {name: _strict(value) for name, value in values.items()}
    if isinstance(values, list):
        return [_strict(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def _record(
    job: Job,
    numbers: dict[str, Any],
    findings: tuple[Finding, ...],
    keys: dict[str, list[str]],
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "run": job.run_id,
        "made_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "software": engine_versions() | {"numpy": version("numpy"), "scipy": version("scipy")},
        "environment_digest": environment_digest(),
        "collection": job.collection,
        "campaign": job.campaign.model_dump(mode="json"),
        "options": job.options.model_dump(mode="json"),
        "parameter_sets": keys,
        "numbers": numbers,
        "findings": [finding.model_dump(mode="json") for finding in findings],
    }


def _evidence(
    job: Job,
    detectors: list[Step],
    geometries: list[Step],
    truths: list[Step],
    compared: dict[str, Step],
) -> Arrays:
    """Arrays behind the dossier's pictures."""
    evidence: Arrays = {}
    with tempfile.TemporaryDirectory(prefix="boresight-calibrate-") as name:
        folder = Path(name)
        for k, satellite in enumerate(job.campaign.satellites):
            steps = [geometries[k], *truths[k : k + 1]]
            for step in steps:
                for label, array in arrays_of(job, step, folder).items():
                    evidence[f"{satellite.platform}/{label}"] = array
            own = arrays_of(job, detectors[k], folder)
            step_px = max(min(satellite.shape) // _MAP_PX, 1)
            for label in ("gain", "dark"):
                thin = own[label][::step_px, ::step_px].astype(np.float32)
                evidence[f"{satellite.platform}/{label}"] = thin
        for which, step in compared.items():
            for label, array in arrays_of(job, step, folder).items():
                evidence[f"{which}/{label}"] = array
    return evidence


def _store(job: Job, record: dict[str, Any], evidence: Arrays) -> str:
    folder_key = job.key("dossier")
    with tempfile.TemporaryDirectory(prefix="boresight-calibrate-") as name:
        folder = Path(name)
        np.savez_compressed(folder / EVIDENCE, allow_pickle=False, **evidence)
        record["evidence"] = {
            "file": EVIDENCE, "checksum": file_checksum(folder / EVIDENCE)
        }  # fmt: skip
        (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        (folder / HTML).write_text(render(record, evidence), "utf-8")
        kinds = {
            EVIDENCE: "application/octet-stream",
            RECORD: "application/json",
            HTML: "text/html",
        }
        for file, kind in kinds.items():
            job.storage.put(folder / file, f"{folder_key}/{file}", kind)
    return folder_key
