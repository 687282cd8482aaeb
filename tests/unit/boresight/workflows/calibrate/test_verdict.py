"""Specifications: read from a file, held against numbers, refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from boresight.errors import InputError
from boresight.workflows.calibrate.verdict import judge, read_specification

GOOD = """
[[requirement]]
id = "bias"
what = "median"
value = "surface.after.median_m"
unit = "m"
maximum = 0.1

[[requirement]]
id = "field"
what = "worst satellite"
value = "satellites.*.error_px"
unit = "px"
maximum = 0.05

[[requirement]]
id = "ratio"
what = "before over after"
value = "surface.ratio"
unit = "1"
minimum = 10
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "specification.toml"
    path.write_text(text, "utf-8")
    return path


def test_absolute_values_and_the_worst_count(tmp_path: Path) -> None:
    rules = read_specification(written(tmp_path, GOOD))
    numbers = {
        "surface": {"after": {"median_m": -0.09}, "ratio": 11.0},
        "satellites": {"a": {"error_px": 0.01}, "b": {"error_px": 0.04}},
    }
    found = judge(rules, numbers)
    assert [one.met for one in found] == [True, True, True]
    assert [one.seen for one in found] == [0.09, 0.04, 11.0]
    numbers["satellites"]["b"]["error_px"] = 0.06
    numbers["surface"]["ratio"] = 9.9
    assert [one.met for one in judge(rules, numbers)] == [True, False, False]


@pytest.mark.parametrize(
    "numbers",
    [
        {},
        {"surface": {"after": {"median_m": None}}},
        {"surface": {"after": {"median_m": float("nan")}}},
        {"surface": {"after": 3.0}},
    ],
)
def test_what_is_not_known_is_not_met(tmp_path: Path, numbers: dict) -> None:
    rules = read_specification(written(tmp_path, GOOD))[:1]
    (finding,) = judge(rules, numbers)
    assert finding.seen is None
    assert not finding.met


def test_one_satellite_without_a_number_spoils_the_requirement(tmp_path: Path) -> None:
    rule = read_specification(written(tmp_path, GOOD))[1:2]
    assert judge(rule, {"satellites": {"a": {"error_px": 0.01}}})[0].met
    assert not judge(rule, {"satellites": {"a": {"error_px": 0.01}, "b": {}}})[0].met


def test_the_specification_of_the_toolkit_can_be_read() -> None:
    rules = {rule.id: rule for rule in read_specification()}
    # the numbers
    assert rules["height-bias"].maximum == 0.1
    assert rules["banding"].minimum == 10.0
    assert rules["viewing-directions"].maximum == 0.1


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace("maximum = 0.1", ""), "neither of"),
        (lambda text: text.replace("maximum = 0.1", "maximum = 1\nminimum = 0"), "both of"),
        (lambda text: text.replace('unit = "m"', 'units = "m"'), "units"),
        (lambda _text: "", "no requirement"),
        (lambda _text: "[[", "cannot be read"),
    ],
)
def test_broken_files(tmp_path: Path, edit, message: str) -> None:  # type: ignore[no-untyped-def]
    assert len(read_specification(written(tmp_path, GOOD))) == 3
    with pytest.raises(InputError, match=message):
        read_specification(written(tmp_path, edit(GOOD)))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_specification(tmp_path / "none.toml")
