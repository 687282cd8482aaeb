"""Tables of what was injected and found."""

from __future__ import annotations

import math

import pytest

from boresight.errors import InputError
from boresight.truth import Check, TruthTable


def test_what_holds() -> None:
    table = TruthTable()
    table.add("dark", "DN", injected=64.0, found=64.1, u=0.05, limit=0.2)
    assert table.holds
    assert table.checks[0].pull == pytest.approx(2.0)
    table.add("gain", "1", injected=1.0, found=1.2, limit=0.1)
    assert not table.holds
    assert [check.name for check in table.failures] == ["gain"]


@pytest.mark.parametrize(
    "bad",
    [
        Check("a", "1", 0.0, 0.5, u=0.1),
        Check("a", "1", 0.0, 0.5, limit=0.4),
        Check("a", "1", 0.0, math.nan, u=0.1, limit=1.0),
        Check("a", "1", 0.0, 0.5, u=0.1, limit=1.0),
    ],
    ids=["beyond four u", "beyond the limit", "nan", "small, but beyond four u"],
)
def test_what_does_not(bad: Check) -> None:
    assert Check("a", "1", 0.0, 0.3, u=0.1, limit=0.4).holds
    assert not bad.holds


def test_nothing_and_what_cannot_fail_do_not_hold() -> None:
    assert not TruthTable().holds
    with pytest.raises(InputError, match="no limit"):
        TruthTable().add("a", "1", injected=0.0, found=0.0)


def test_as_text_and_as_a_table() -> None:
    table = TruthTable()
    table.add("a < b", "DN", injected=64.04, found=64.123456, u=0.05)
    assert "64.12" in str(table)
    assert "64.123456" not in str(table)  # no more digits than the uncertainty has a use for
    page = table._repr_html_()
    assert "a &lt; b" in page
    assert page.count("<tr>") == 2
