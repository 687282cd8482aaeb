"""What runs on workers: plain functions, each of which keeps its answer in the storage."""

from __future__ import annotations

from typing import Any

import numpy as np

from boresight.errors import ImageError
from boresight.geometry import CrossedView, FocalPlane, ReferenceView, viewing_directions
from boresight.instrument import Band, Boresight, Detector, Quantity
from boresight.io import file_checksum
from boresight.io.parameter_sets import read_parameter_set
from boresight.radiometry import estimate_dark, estimate_gain_uniform
from boresight.workflows.calibrate.campaign import (
    PAIR,
    SITE_IMAGES,
    STRAIGHT,
    File,
    Satellite,
    source_of,
)
from boresight.workflows.calibrate.estimate import (
    calibrated_band,
    estimate_geometry,
    geometry_arrays,
    geometry_numbers,
)
from boresight.workflows.calibrate.evaluation import evaluate
from boresight.workflows.calibrate.imagery import frames
from boresight.workflows.calibrate.job import Arrays, Job, Step, arrays_of, run_step
from boresight.workflows.calibrate.level1 import reprocess
from boresight.workflows.calibrate.matching import match_block
from boresight.workflows.calibrate.sets import (
    AFTER,
    BEFORE,
    parameter_set,
    store_parameter_set,
)
from boresight.workflows.calibrate.truth import against_truth
from boresight.workflows.stereo.job import Refusal
from boresight.workflows.stereo.scratch import Place


def verify_files(job: Job) -> Step | Refusal:
    """Read every file of the campaign and compare its checksum."""

    def work(place: Place) -> tuple[dict[str, Any], Arrays]:
        files = job.campaign.files()
        for number, file in enumerate(files):
            place.tell({"share": number / len(files), "what": f"checksum of {file.key}"})
            _verify(job, file, place)
        return {"files": len(files)}, {}

    return run_step(job, "verify", work)


def detector(job: Job, index: int) -> Step | Refusal:
    """Dark signal and relative gain of a satellite's detector."""
    satellite = job.campaign.satellites[index]

    def work(place: Place) -> tuple[dict[str, Any], Arrays]:
        saturation = satellite.saturation_dn
        dark_source = source_of(job.storage, satellite.dark.key)
        dark = estimate_dark(frames(dark_source), saturation_dn=saturation)
        place.tell({"share": 0.4, "what": "even scenes"})
        flat_source = source_of(job.storage, satellite.flat.key)
        gain = estimate_gain_uniform(frames(flat_source), dark.dark, saturation_dn=saturation)
        if dark.dark.grid.shape != satellite.shape:
            raise ImageError(
                f"The dark frames have shape {dark.dark.grid.shape}, the frame "
                f"{satellite.shape}; they have to agree.",
                remedy="Correct the campaign's description.",
            )
        numbers = {
            "dark_level_dn": _told(dark.level),
            "dsnu_rms_dn": _told(dark.dsnu_rms),
            "prnu_rms": _told(gain.prnu_rms),
            "u_gain_pixel": float(np.median(np.asarray(gain.gain.u))),
            "u_dark_pixel_dn": float(np.median(np.asarray(dark.dark.u))),
            "n_dark": dark.n_frames,
            "n_flat": gain.n,
            "signal_dn": gain.signal_dn,
        }
        arrays: Arrays = {
            "dark": dark.dark.grid,
            "u_dark": np.asarray(dark.dark.u_of("random")),
            "gain": gain.gain.grid,
            "u_gain": np.asarray(gain.gain.u_of("random")),
        }
        return numbers, arrays

    return run_step(job, f"detector-{index}", work)


def match(
    job: Job, index: int, of: Step, name: str, other: str | None, block: int
) -> Step | Refusal:
    """Displacements of a block of an image of the site."""
    satellite = job.campaign.satellites[index]

    def work(place: Place) -> tuple[dict[str, Any], Arrays]:
        band = _band(satellite, arrays_of(job, of, place.folder))
        found = match_block(job, satellite, band, name, other, block)
        return {"n": int(found["row"].size)}, found

    return run_step(job, f"match-{index}-{name}-{other or 'reference'}-{block}", work)


def factory(job: Job, index: int) -> Step | Refusal:
    """Parameter set of a satellite as its maker describes it: even, straight and still."""
    satellite = job.campaign.satellites[index]

    def work(place: Place) -> tuple[dict[str, Any], Arrays]:
        level = np.full(satellite.shape, satellite.factory_dark_dn)
        band = _band(satellite, {"dark": level, "gain": np.ones(satellite.shape)})
        ideal = viewing_directions(FocalPlane.ideal(satellite.shape), satellite.focal_px)
        boresight = Boresight(angles_rad=(0.0, 0.0, 0.0), covariance_rad2=np.zeros((3, 3)))
        made = parameter_set(
            job, index, BEFORE, band.model_copy(update={"viewing_directions": ideal}), boresight
        )
        return {"parameters": store_parameter_set(job, made, place.folder)}, {}

    return run_step(job, f"factory-{index}", work)


def geometry(job: Job, index: int, of: Step, matches: list[Step]) -> Step | Refusal:
    """Focal plane, boresight and vibration of a satellite, and its calibrated parameter set."""
    satellite = job.campaign.satellites[index]

    def work(place: Place) -> tuple[dict[str, Any], Arrays]:
        references, crossed = _views(job, matches, place)
        place.tell({"share": 0.3, "what": "focal plane, boresight and vibration"})
        found = estimate_geometry(
            references,
            crossed,
            shape=satellite.shape,
            degree=job.options.degree,
            focal_px=satellite.focal_px,
            line_time_s=satellite.line_time_s,
            window_px=job.options.window_px,
        )
        band = calibrated_band(
            _band(satellite, arrays_of(job, of, place.folder)),
            found,
            focal_px=satellite.focal_px,
            line_time_s=satellite.line_time_s,
        )
        made = parameter_set(job, index, AFTER, band, found.boresight)
        numbers = geometry_numbers(found)
        numbers["parameters"] = store_parameter_set(job, made, place.folder)
        return numbers, geometry_arrays(found)

    return run_step(job, f"geometry-{index}", work)


def truth(job: Job, index: int, of: Step, found: Step) -> Step | Refusal:
    """Errors of a satellite's calibration, where the campaign is a simulated one."""

    def work(place: Place) -> tuple[dict[str, Any], Arrays]:
        return against_truth(
            job.campaign.simulation or {},
            index,
            job.campaign.satellites[index],
            found.numbers,
            arrays_of(job, found, place.folder),
            arrays_of(job, of, place.folder),
        )

    return run_step(job, f"truth-{index}", work)


def product(job: Job, index: int, parameters_key: str, which: str) -> Step | Refusal:
    """The pair's image of a satellite, by one of its parameter sets."""
    satellite = job.campaign.satellites[index]

    def work(place: Place) -> tuple[dict[str, Any], Arrays]:
        folder = place.folder / "parameters"
        folder.mkdir()
        for name in ("parameter-set.json", "arrays.nc"):
            job.storage.get(f"{parameters_key}/{name}", folder / name)
        parameters = read_parameter_set(folder)
        image = satellite.image(PAIR)
        path = place.folder / "image.tif"
        numbers = reprocess(
            source_of(job.storage, image.file.key),
            path,
            satellite,
            image,
            parameters,
            job.campaign.pair_heights_m,
            block_rows=job.options.block_rows,
        )
        key = product_key(job, index, which)
        job.storage.put(path, key, "image/tiff")
        return {**numbers, "checksum": file_checksum(path)}, {}

    return run_step(job, f"product-{index}-{which}", work)


def product_key(job: Job, index: int, which: str) -> str:
    """Where the image of a satellite made by one of its sets lies."""
    return job.key(f"products/{which}-{('left', 'right')[index]}.tif")


def surface(
    job: Job, which: str, dsm: str, outline: dict[str, Any], values: dict[str, Any]
) -> Step | Refusal:
    """A surface model against the true one."""

    def work(place: Place) -> tuple[dict[str, Any], Arrays]:
        del place
        source = source_of(job.storage, job.campaign.surface.key)
        return evaluate(dsm, source, outline, **values)

    return run_step(job, f"surface-{which}", work)


def _band(satellite: Satellite, arrays: Arrays) -> Band:
    def quantity(name: str, unit: str) -> Quantity:
        u = arrays.get(f"u_{name}")
        effects = () if u is None else ({"effect": "noise", "correlation": "random", "u": u},)
        return Quantity(value=arrays[name], unit=unit, uncertainties=effects)

    return Band(
        name=satellite.band,
        detector=Detector(
            dark=quantity("dark", "DN"),
            relative_gain=quantity("gain", "1"),
            saturation_dn=satellite.saturation_dn,
        ),
    )


def _views(
    job: Job, matches: list[Step], place: Place
) -> tuple[dict[int, ReferenceView], list[CrossedView]]:
    joined: dict[tuple[str, str], list[Arrays]] = {}
    for step in matches:
        _, _, name, other, _ = step.name.split("-")
        joined.setdefault((name, other), []).append(arrays_of(job, step, place.folder))
    numbers = {name: k for k, name in enumerate(SITE_IMAGES)}
    references: dict[int, ReferenceView] = {}
    crossed: list[CrossedView] = []
    for (name, other), parts in joined.items():
        whole = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        if other == "reference":
            references[numbers[name]] = ReferenceView(**whole)
        else:
            crossed.append(CrossedView(numbers[STRAIGHT], numbers[other], **whole))
    return references, crossed


def _told(quantity: Quantity) -> dict[str, float]:
    return {"value": quantity.number, "u": float(quantity.u)}


def _verify(job: Job, file: File, place: Place) -> None:
    path = place.folder / "file"
    job.storage.get(file.key, path)
    seen = file_checksum(path)
    path.unlink()
    if seen != file.checksum:
        raise ImageError(
            f"{file.key}: checksum {seen}, the campaign says {file.checksum}.",
            remedy="Fetch the campaign again; the object was changed.",
        )
