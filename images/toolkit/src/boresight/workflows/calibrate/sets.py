"""Parameter sets of a run: the factory's, and the calibrated one made from it."""

from __future__ import annotations

import datetime as dt
import hashlib
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Final

from boresight.instrument import (
    Band,
    Boresight,
    ParameterSet,
    Provenance,
    Source,
    Validity,
)
from boresight.io.parameter_sets import ARRAYS, DOCUMENT, ITEM, write_parameter_set
from boresight.workflows.calibrate.job import Job

#: the two states that are compared
BEFORE: Final = "before"
AFTER: Final = "after"

_MEDIA_TYPES = {
    DOCUMENT: "application/json",
    ARRAYS: "application/netcdf",
    ITEM: "application/geo+json",
}


def environment_digest() -> str:
    """SHA-256 of the names and versions of all that is installed here, in hexadecimal."""
    installed = sorted(
        {f"{one.metadata['Name']}=={one.version}".lower() for one in distributions()}
    )
    return hashlib.sha256("\n".join(installed).encode()).hexdigest()


def parameter_set(
    job: Job, index: int, which: str, band: Band, boresight: Boresight
) -> ParameterSet:
    """A satellite's set, with where it comes from."""
    satellite = job.campaign.satellites[index]
    at = dt.datetime.fromisoformat(job.campaign.acquired_at)
    digest = job.run_id.rsplit("-", 1)[-1]
    files = [satellite.dark, satellite.flat, *(image.file for image in satellite.images[:-1])]
    files += [job.campaign.ortho, job.campaign.heights]
    name = {BEFORE: "factory", AFTER: "calibrated"}
    return ParameterSet(
        id=f"{satellite.platform}-{name[which]}-{digest}",
        platform=satellite.platform,
        instrument=satellite.instrument,
        bands=(band,),
        validity=Validity(start=at),
        created_at=dt.datetime.now(dt.UTC),
        provenance=Provenance(
            method="boresight.workflows.calibrate" if which == AFTER else "design",
            inputs=tuple(Source(href=file.key, checksum=file.checksum) for file in files)
            if which == AFTER
            else (),
            parameters=job.options.model_dump(mode="json") if which == AFTER else {},
            code_version=version("boresight"),
            environment_digest=environment_digest(),
        ),
        parent=f"{satellite.platform}-{name[BEFORE]}-{digest}" if which == AFTER else None,
        boresight=boresight,
    )


def store_parameter_set(job: Job, parameters: ParameterSet, folder: Path) -> str:
    """Put a set into the storage; gives the key of its folder."""
    written = write_parameter_set(parameters, folder / parameters.id)
    key = job.key(f"parameter-sets/{parameters.id}")
    for name, media_type in _MEDIA_TYPES.items():
        job.storage.put(written / name, f"{key}/{name}", media_type)
    return key
