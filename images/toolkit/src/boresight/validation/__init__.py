"""Proofs of methods: many simulated trials, their truth, and what the method said.

:func:`prove` runs a trial for the seeds 0 to N - 1, none left out; :data:`METHODS` are the trials.
"""

from __future__ import annotations

from boresight.validation.dsm import METHODS as DSM
from boresight.validation.image_quality import METHODS as IMAGE_QUALITY
from boresight.validation.proof import Estimate, Proof, Trial, markdown_table, prove, require
from boresight.validation.radiometry import METHODS as RADIOMETRY

METHODS: dict[str, Trial] = RADIOMETRY | IMAGE_QUALITY | DSM

__all__ = ["METHODS", "Estimate", "Proof", "Trial", "markdown_table", "prove", "require"]
