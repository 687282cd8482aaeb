"""What differs between two parameter sets, and whether it is more than their uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from boresight.errors import ForeignInstrumentError
from boresight.instrument.parameter_set import ParameterSet
from boresight.instrument.quantities import Model, Quantity

#: more than this is a difference worth looking at: 95 % coverage, as E_n numbers have it
SIGNIFICANT_EN = 1.0


@dataclass(frozen=True)
class Difference:
    """How one parameter moved.

    Parameters
    ----------
    path : str
        ``bands.red.detector.dark``
    kind : {"changed", "added", "removed", "reshaped"}
        What happened; unchanged parameters are not listed.
    mean, rms, largest : float
        Of new less old, in the parameter's unit; NaN unless ``changed``.
    unit : str
        Unit of these.
    en : float
        Root mean square of the difference over its expanded uncertainty (k = 2), the two sets
        taken as independent (E_n of ISO/IEC 17043); NaN without uncertainty.
    """

    path: str
    kind: str
    mean: float = float("nan")
    rms: float = float("nan")
    largest: float = float("nan")
    unit: str = ""
    en: float = float("nan")

    @property
    def significant(self) -> bool:
        """Whether it is beyond its uncertainty, or cannot be told."""
        return not self.en <= SIGNIFICANT_EN

    def __str__(self) -> str:
        if self.kind != "changed":
            return f"{self.path}: {self.kind}"
        return (
            f"{self.path}: mean {self.mean:+.4g}, rms {self.rms:.4g}, largest {self.largest:.4g} "
            f"{self.unit}, E_n {self.en:.2f}"
        )


def compare(old: ParameterSet, new: ParameterSet) -> tuple[Difference, ...]:
    """List what differs, in the order of the model.

    Raises
    ------
    ForeignInstrumentError
        The sets are of different instruments.
    """
    if (old.platform, old.instrument) != (new.platform, new.instrument):
        raise ForeignInstrumentError(
            f"{old.id} is of {old.platform}/{old.instrument}, {new.id} of "
            f"{new.platform}/{new.instrument}; only sets of one instrument are compared."
        )
    before, after = leaves(old), leaves(new)
    found: list[Difference] = []
    for path in dict.fromkeys([*before, *after]):
        if path not in after:
            found.append(Difference(path, "removed"))
        elif path not in before:
            found.append(Difference(path, "added"))
        else:
            difference = _difference(path, before[path], after[path])
            if difference is not None:
                found.append(difference)
    return tuple(found)


def leaves(parameters: ParameterSet) -> dict[str, Quantity]:
    """All numbers of a set by their path; those without a unit of their own have unit 1."""
    found: dict[str, Quantity] = {}

    def visit(value: object, path: str) -> None:
        if isinstance(value, Quantity):
            found[path] = value
        elif isinstance(value, Model):
            for name in type(value).model_fields:
                visit(getattr(value, name), f"{path}.{name}".lstrip("."))
        elif isinstance(value, np.ndarray) or (
            isinstance(value, float) and not isinstance(value, bool)
        ):
            found[path] = Quantity(value=value, unit="1")
        elif isinstance(value, tuple):
            if value and all(isinstance(entry, float) for entry in value):
                found[path] = Quantity(value=np.array(value), unit="1")
                return
            for index, entry in enumerate(value):
                label = getattr(entry, "name", None) or getattr(entry, "direction", index)
                visit(entry, f"{path}.{label}")

    visit(parameters.bands, "bands")
    visit(parameters.boresight, "boresight")
    return found


def _difference(path: str, old: Quantity, new: Quantity) -> Difference | None:
    if np.shape(old.value) != np.shape(new.value) or old.unit != new.unit:
        return Difference(path, "reshaped", unit=new.unit)
    delta: Any = np.asarray(new.value, np.float64) - np.asarray(old.value, np.float64)
    if not delta.any():
        return None
    u = np.broadcast_to(np.hypot(old.u, new.u), delta.shape)
    known = u > 0
    en = float(np.sqrt(np.mean((delta[known] / (2 * u[known])) ** 2))) if known.any() else np.nan
    return Difference(
        path,
        "changed",
        mean=float(delta.mean()),
        rms=float(np.sqrt(np.mean(delta**2))),
        largest=float(np.abs(delta).max()),
        unit=new.unit,
        en=float(en),
    )
