"""Bounds of the numbers a simulation is asked for."""

from __future__ import annotations

from boresight.errors import InputError

#: lowest and highest value of each bounded number, and its unit
Bounds = dict[str, tuple[float, float, str]]


def check_bounds(config: object, bounds: Bounds) -> None:
    """Refuse numbers out of bounds.

    Raises
    ------
    InputError
        With name, value and bounds.
    """
    for name, (low, high, unit) in bounds.items():
        value = getattr(config, name)
        if not low <= value <= high:  # NaN fails too
            raise InputError(
                f"{name} is {value}; the rule is {low:g} to {high:g} {unit}".rstrip() + ".",
                remedy=f"Choose {name} within.",
            )
