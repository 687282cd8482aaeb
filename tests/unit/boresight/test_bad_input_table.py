"""The table of bad input names errors that there are, and tests that expect them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from boresight import errors

HERE = Path(__file__).parent
TABLE = Path(__file__).parents[3] / "hub" / "docs" / "reference" / "bad-input.md"
ROWS = re.findall(
    r"^\| (.+) \| .+ \| `(\w+)` \| `([\w/]+\.py)::(\w+)` \|$", TABLE.read_text(), re.M
)


def test_every_row_is_read() -> None:
    assert len(ROWS) == sum(line.startswith("| ") for line in TABLE.read_text().splitlines()) - 1
    assert len(ROWS) > 30


@pytest.mark.parametrize(("what", "error", "file", "test"), ROWS)
def test_rows_are_true(what: str, error: str, file: str, test: str) -> None:
    assert issubclass(getattr(errors, error), errors.BoresightError), what
    text = (HERE / file).read_text("utf-8")
    functions = {
        node.name: ast.get_source_segment(text, node) or ""
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef)
    }
    assert test in functions, f"{file} has no {test}"
    # of a table of cases, the error stands in the table
    assert error in functions[test] or re.search(rf"^    .*\b{error}\b", text, re.M), what
