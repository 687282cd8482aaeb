"""The proofs of all methods: seeds 0 to N - 1, none left out; prints the table of the docs.

uv run --group dev python tests/bench/proofs.py [--trials 60] [--method NAME] [--record DIR]
       [--degradations]

A method's rows are kept in the record's folder as soon as they are there: a run that broke off is
taken up with --method, and the table is made of the rows of all.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

# before NumPy is loaded: of small matrices, threads make long waits
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

from geometry_degradations import geometry_degradations
from geometry_trials import METHODS as GEOMETRY

from boresight.validation import METHODS as RADIOMETRY
from boresight.validation import markdown_table, prove
from boresight.validation.degradation import degradations, markdown_degradations

METHODS = RADIOMETRY | GEOMETRY
TABLE, DEGRADATIONS = "proofs-table.md", "degradations-table.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=60, help="trials of each method, 50 or more")
    parser.add_argument("--method", choices=sorted(METHODS), action="append")
    parser.add_argument("--degradations", action="store_true", help="shapes methods do not know")
    parser.add_argument("--record", type=Path, help=f"folder for {TABLE} or {DEGRADATIONS}")
    options = parser.parse_args()
    if options.trials < 50:
        parser.error(f"--trials is {options.trials}; the rule is 50 or more")
    if options.degradations:
        text = markdown_degradations([*degradations(), *geometry_degradations()]) + "\n"
        sys.stdout.write(text)
        if options.record:
            (options.record / DEGRADATIONS).write_text(text, "utf-8")
        return 0
    proofs = []
    for name in options.method or METHODS:
        began = time.perf_counter()
        found = prove(name, METHODS[name], options.trials)
        proofs += found
        sys.stderr.write(f"{name}: {time.perf_counter() - began:.0f} s\n")
        if options.record:
            _keep(options.record / TABLE, markdown_table(found))
    sys.stdout.write(markdown_table(proofs) + "\n")
    failed = [f"{p.method}, {p.name}: {'; '.join(p.failures)}" for p in proofs if p.failures]
    sys.stderr.write("".join(f"{line}\n" for line in failed))
    return bool(failed)


def _keep(path: Path, table: str) -> None:
    """Put a method's rows into a table that is there, in the order of the methods."""
    head, rows = _split(table)
    kept = _split(path.read_text("utf-8"))[1] if path.exists() else {}
    rows = kept | rows
    lines = [line for name in METHODS for line in rows.get(name, [])]
    path.write_text("\n".join([*head, *lines]) + "\n", "utf-8")


def _split(table: str) -> tuple[list[str], dict[str, list[str]]]:
    """The two lines of the head, and the rows by method."""
    head, rows = table.splitlines()[:2], table.splitlines()[2:]
    by_method: dict[str, list[str]] = {}
    for row in rows:
        by_method.setdefault(row.split("|")[1].strip(), []).append(row)
    return head, by_method


if __name__ == "__main__":
    sys.exit(main())
