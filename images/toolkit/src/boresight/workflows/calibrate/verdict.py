"""A specification given as a file, and whether what was found meets it."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from boresight.errors import InputError

#: what a calibration has to meet unless another file is given
DEFAULT = Path(__file__).with_name("specification.toml")


class Requirement(BaseModel):
    """One line of a specification.

    Attributes
    ----------
    id, what : str
        Short name, and a sentence.
    value : str
        Which of the numbers: names joined by dots; ``*`` stands for each satellite, of which the
        worst counts.
    unit : str
    maximum, minimum : float, optional
        Bounds of the absolute value.
    source : str
        Who asks for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    what: str
    value: str
    unit: str
    maximum: float | None = None
    minimum: float | None = None
    source: str = ""


class Finding(BaseModel):
    """A requirement and what was found.

    Attributes
    ----------
    requirement : Requirement
    seen : float, optional
        None where the numbers lack it.
    met : bool
    """

    model_config = ConfigDict(frozen=True)

    requirement: Requirement
    seen: float | None
    met: bool


def read_specification(path: str | Path | None = None) -> tuple[Requirement, ...]:
    """Read a specification (TOML, tables ``[[requirement]]``).

    Raises
    ------
    InputError
        No such file, or a line that breaks a rule.
    """
    path = Path(path) if path is not None else DEFAULT
    try:
        told = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise InputError(
            f"{path.name}: cannot be read ({exc}).", remedy="Give a TOML file."
        ) from exc
    try:
        found = tuple(Requirement.model_validate(one) for one in told.get("requirement", []))
    except ValidationError as exc:
        raise InputError(f"{path.name}: {exc}", remedy="Correct that requirement.") from exc
    if not found:
        raise InputError(
            f"{path.name} has no requirement; the rule is at least one table [[requirement]]."
        )
    for one in found:
        if (one.maximum is None) == (one.minimum is None):
            raise InputError(
                f"{path.name}, {one.id}: has {'both' if one.maximum is not None else 'neither'} of "
                "maximum and minimum; the rule is one of them."
            )
    return found


def judge(requirements: tuple[Requirement, ...], numbers: Mapping[str, Any]) -> list[Finding]:
    """Hold numbers against requirements; a number that is missing or NaN is not met."""
    findings = []
    for one in requirements:
        values = _values(numbers, one.value.split("."))
        known = [abs(v) for v in values if v is not None and math.isfinite(v)]
        if not known or len(known) < len(values):
            findings.append(Finding(requirement=one, seen=None, met=False))
            continue
        seen = max(known) if one.maximum is not None else min(known)
        met = seen <= one.maximum if one.maximum is not None else seen >= (one.minimum or 0.0)
        findings.append(Finding(requirement=one, seen=seen, met=met))
    return findings


def _values(numbers: Any, path: list[str]) -> list[float | None]:
    if not path:
        return [float(numbers)] if isinstance(numbers, int | float) else [None]
    if path[0] == "*":
        if not isinstance(numbers, Mapping) or not numbers:
            return [None]
        return [value for part in numbers.values() for value in _values(part, path[1:])]
    if not isinstance(numbers, Mapping) or path[0] not in numbers:
        return [None]
    return _values(numbers[path[0]], path[1:])
