"""What tests find against others' programs and published values: printed, and kept for the docs.

A test takes the fixture ``compared``. `poe others` writes the table of the documentation; every run
that has such tests prints it at its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

PROPERTY = "compared"


@dataclass(frozen=True)
class Comparison:
    """The largest difference of one test from what somebody else says."""

    what: str
    against: str
    difference: float
    rule: float
    unit: str
    test: str
    before: float | None = None


class Recorder:
    """Fixture ``compared``: keeps a difference, and fails where it breaks its rule."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._node = request.node

    def __call__(
        self,
        what: str,
        against: str,
        difference: float,
        rule: float,
        unit: str,
        *,
        before: float | None = None,
    ) -> None:
        """``before`` is what the difference was before a correction, where that is the point."""
        test = self._node.nodeid.partition("[")[0]
        told = None if before is None else float(before)
        found = Comparison(what, against, float(difference), float(rule), unit, test, told)
        self._node.user_properties.append((PROPERTY, asdict(found)))
        assert found.difference <= found.rule, f"{what} against {against}: {found}"


def of_reports(reports: Iterable[Any]) -> list[Comparison]:
    """One line for what was compared with the same: its largest difference."""
    worst: dict[tuple[str, str, str], Comparison] = {}
    for report in reports:
        for name, value in report.user_properties:
            if name != PROPERTY:
                continue
            one = Comparison(**value)
            key = one.what, one.against, one.test
            if key not in worst or one.difference > worst[key].difference:
                worst[key] = one
    return sorted(worst.values(), key=lambda one: (one.what.lower(), one.against, one.test))


def markdown(found: Iterable[Comparison]) -> str:
    """Table of the docs."""
    lines = [
        "| what | against | largest difference | rule | unit | test |",
        "|---|---|---:|---:|---|---|",
    ]
    for one in found:
        before = "" if one.before is None else f"{one.before:.2g} before, "
        file, _, name = one.test.rpartition("::")
        lines.append(
            f"| {one.what} | {one.against} | {before}{one.difference:.2g} | {one.rule:g} | "
            f"{one.unit} | `{Path(file).name}::{name}` |"
        )
    return "\n".join(lines) + "\n"
