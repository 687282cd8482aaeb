"""A dossier made again from its own record."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Client

from boresight.compute import Cluster
from boresight.errors import InputError
from boresight.simulate import CampaignConfig
from boresight.workflows.calibrate.campaign import Campaign
from boresight.workflows.calibrate.dossier import SCHEMA
from boresight.workflows.calibrate.job import CalibrateOptions
from boresight.workflows.calibrate.simulated import simulate_campaign
from boresight.workflows.calibrate.verdict import Requirement
from boresight.workflows.calibrate.workflow import CalibrateResult, calibrate
from boresight.workflows.stereo.progress import Progress
from boresight.workflows.targets import Target

#: of the share of the work, where acquisitions are simulated anew
_SIMULATING = 0.2


@dataclass(frozen=True)
class Redone:
    """A dossier and its record's numbers.

    Attributes
    ----------
    result : CalibrateResult
        Of now.
    differences : dict of str to tuple
        Names of numbers that are not equal, with the record's value and that of now.
    n : int
        Numbers compared.
    """

    result: CalibrateResult
    differences: dict[str, tuple[object, object]]
    n: int


def redo(
    record: str | Path | Mapping[str, Any],
    *,
    compute: Cluster | Client,
    target: Target,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Redone:
    """Make a dossier again, and compare every number with its record.

    A simulated campaign is simulated anew; files of any other have to lie in ``target`` under
    their keys. Their checksums are compared before anything is computed.

    Parameters
    ----------
    record : path or mapping
        ``dossier.json``.
    compute : Cluster or Client
    target : Target
        Where to; an empty one, or everything is found made.
    progress : callable, optional
    stop : threading.Event, optional

    Raises
    ------
    InputError
        No record of a dossier, or a simulation that gives other files than it did.
    """
    told = (
        record
        if isinstance(record, Mapping)
        else json.loads(Path(record).read_text(encoding="utf-8"))
    )
    if told.get("schema") != SCHEMA:
        raise InputError(
            f"The record's schema is {told.get('schema')!r}; the rule is {SCHEMA!r}.",
            remedy="Give the dossier.json of a calibration.",
        )
    campaign = Campaign.model_validate(told["campaign"])
    collection = str(told["collection"])
    begin = 0.0
    if campaign.simulation is not None:
        begin = _SIMULATING
        made = simulate_campaign(
            CampaignConfig.from_dict(campaign.simulation),
            target=target,
            compute=compute,
            collection=collection,
            progress=_part(progress, 0.0, begin),
            stop=stop,
        )
        wrong = [
            old.key
            for old, new in zip(campaign.files(), made.files(), strict=True)
            if old.checksum != new.checksum
        ]
        if wrong:
            raise InputError(
                f"{len(wrong)} simulated files differ from those of the record, "
                f"{wrong[0]} first; the rule is equal checksums.",
                remedy="Use the software the record names.",
            )
    result = calibrate(
        campaign,
        CalibrateOptions.model_validate(told["options"]),
        compute=compute,
        target=target,
        collection=collection,
        specification=tuple(
            Requirement.model_validate(one["requirement"]) for one in told["findings"]
        ),
        progress=_part(progress, begin, 1.0),
        stop=stop,
    )
    before, now = _flat(told["numbers"]), _flat(json.loads(json.dumps(result.record["numbers"])))
    names = sorted(before.keys() | now.keys())
    differences = {
        name: (before.get(name), now.get(name))
        for name in names
        if not _equal(before.get(name), now.get(name))
    }
    return Redone(result, differences, len(names))


def _part(progress: Progress | None, begin: float, end: float) -> Progress | None:
    if progress is None:
        return None
    return lambda share, what: progress(begin + share * (end - begin), what)


def _flat(values: object, prefix: str = "") -> dict[str, object]:
    if isinstance(values, Mapping):
        parts = [(str(k), v) for k, v in values.items()]
    elif isinstance(values, (list, tuple)):
        parts = [(str(k), v) for k, v in enumerate(values)]
    else:
        return {prefix.rstrip("."): values}
    found: dict[str, object] = {}
    for name, part in parts:
        found |= _flat(part, f"{prefix}{name}.")
    return found


def _equal(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return a == b
