"""The proofs themselves: they hold for the methods, and fail where they have to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from boresight.errors import InputError
from boresight.validation import METHODS, Estimate, markdown_table, prove, require
from boresight.validation.degradation import degradations, markdown_degradations
from boresight.validation.proof import ProofError

#: those that take a tenth of a second a trial; the others are run by `poe test-slow`
QUICK = {
    "absolute gain, site",
    "absolute gain, another instrument",
    "absolute gain, Moon",
    "striping",
    "surface model, accuracy",
    "surface model, bands",
    "surface model, error over slope",
}


@pytest.mark.parametrize(
    "method",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in METHODS],
)
def test_methods_hold_over_a_few_trials(method: str) -> None:
    """Sixty trials are `poe proofs`; accuracy at 90 % needs more than these few."""
    for proof in prove(method, METHODS[method], 5):
        assert [line for line in proof.failures if "90 %" not in line] == []


@pytest.mark.slow
def test_a_wrong_model_shows_where_it_can() -> None:
    rows = {(row.method, row.amount): row for row in degradations(1)}
    assert rows["noise model", "5 %"].error > 5 * rows["noise model", "5 %"].u
    assert rows["PRNU, yaw-steered", "4 px"].u > 3 * rows["PRNU, yaw-steered", "0 px"].u
    assert markdown_degradations(list(rows.values())).count("\n") == len(rows) + 1


def fair(seed: int, *, u: float = 1.0, bias: float = 0.0) -> Iterator[Estimate]:
    rng = np.random.default_rng([seed, 77])
    yield Estimate("x", "m", 5.0, 5.0 + bias + rng.standard_normal(), u, limit=3.0)


def test_an_honest_method_passes_and_others_do_not() -> None:
    require(prove("fair", fair, 60))
    with pytest.raises(ProofError, match="variance of pulls"):
        require(prove("too sure", lambda seed: fair(seed, u=0.5), 60))
    with pytest.raises(ProofError, match="variance of pulls"):
        require(prove("too shy", lambda seed: fair(seed, u=2.0), 60))
    with pytest.raises(ProofError, match="bias"):
        require(prove("biased", lambda seed: fair(seed, bias=0.7), 60))
    with pytest.raises(ProofError, match="90 %"):
        require(prove("coarse", lambda seed: fair(seed, bias=3.0), 60))


def test_interval_holds_what_it_promises() -> None:
    """The share of chance variances inside is the promised one."""
    (proof,) = prove("fair", fair, 50)
    low, high = proof.variance_interval
    rng = np.random.default_rng(0)
    chance = rng.standard_normal((40_000, 50)).var(axis=1, ddof=1)
    assert ((chance >= low) & (chance <= high)).mean() == pytest.approx(0.999, abs=5e-4)


def test_a_proof_leaves_nothing_out() -> None:
    def sometimes(seed: int) -> Iterator[Estimate]:
        if seed != 3:
            yield from fair(seed)

    with pytest.raises(InputError, match="one each"):
        prove("sometimes", sometimes, 10)
    with pytest.raises(InputError, match="at least 5"):
        prove("fair", fair, 4)
    with pytest.raises(InputError, match="u above 0"):
        prove("certain", lambda seed: fair(seed, u=0.0), 10)


def test_table_shows_all_that_is_asked() -> None:
    table = markdown_table(prove("fair", fair, 50))
    assert len(table.splitlines()) == 3
    assert "| fair | x [m] | 5 |" in table
    assert table.endswith("| 3 | yes |")
