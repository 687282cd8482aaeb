"""Calibration of an instrument, from acquisitions to a surface model that is better for it.

::

    from boresight.compute import cluster
    from boresight.simulate import CampaignConfig
    from boresight.workflows.calibrate import calibrate, simulate_campaign
    from boresight.workflows.targets import FolderTarget

    target = FolderTarget(Path("work"))
    with cluster(n_workers=2) as c:
        campaign = simulate_campaign(CampaignConfig(), target=target, compute=c)
        result = calibrate(campaign, compute=c, target=target)
    result.is_met, result.folder_key

:func:`redo` makes a dossier again from its own record, and compares every number.
"""

from __future__ import annotations

from boresight.workflows.calibrate.campaign import Campaign
from boresight.workflows.calibrate.job import CalibrateOptions
from boresight.workflows.calibrate.redo import Redone, redo
from boresight.workflows.calibrate.simulated import simulate_campaign
from boresight.workflows.calibrate.verdict import Finding, Requirement, read_specification
from boresight.workflows.calibrate.workflow import CalibrateResult, calibrate

__all__ = [
    "CalibrateOptions",
    "CalibrateResult",
    "Campaign",
    "Finding",
    "Redone",
    "Requirement",
    "calibrate",
    "read_specification",
    "redo",
    "simulate_campaign",
]
