"""CE90 and LE90: closed forms, coverage, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from boresight.errors import PointsError
from boresight.geometry import ce90, le90


def test_closed_forms() -> None:
    # exact quantiles: sqrt(-2 ln 0.1) = 2.1460, and 1.6449 of the normal distribution
    errors = np.random.default_rng(0).normal(size=(3, 200_000)) * 2.0
    assert ce90(errors[0], errors[1]).value_m == pytest.approx(2 * 2.1460, rel=0.01)
    assert ce90(errors[0], errors[1], estimator="normal").value_m == pytest.approx(4.292, rel=0.005)
    assert le90(errors[2]).value_m == pytest.approx(2 * 1.6449, rel=0.01)
    assert le90(errors[2], estimator="normal").value_m == pytest.approx(3.29, rel=0.005)


@pytest.mark.parametrize(("estimator", "n"), [("normal", 12), ("empirical", 100)])
def test_interval_covers_the_truth(estimator: str, n: int) -> None:
    covered, pulls = [], []
    for seed in range(200):
        errors = np.random.default_rng(seed).normal(size=(2, n))
        found = ce90(*errors, estimator=estimator)
        covered.append(found.low_m <= 2.146 <= found.high_m)
        pulls.append((found.value_m - 2.146) / found.u_value_m)
    assert 0.90 <= np.mean(covered) <= 0.995
    assert 0.6 < np.std(pulls) < 1.35


def test_bias_counts() -> None:
    errors = np.random.default_rng(1).normal(size=(2, 500))
    plain, shifted = ce90(*errors), ce90(errors[0] + 5, errors[1])
    assert shifted.value_m > plain.value_m + 4
    assert shifted.bias_m[0] == pytest.approx(5, abs=4 * shifted.u_bias_m[0])
    assert "bias included" in shifted.estimator
    assert shifted.n == 500


def test_the_estimator_follows_the_number() -> None:
    errors = np.random.default_rng(1).normal(size=(2, 100))
    assert ce90(*errors).estimator.startswith("empirical")
    assert ce90(*errors[:, :10]).estimator.startswith("2.146")
    with pytest.raises(PointsError, match="2 errors"):
        ce90(*errors[:, :2])
    errors[0, 0] = np.nan
    with pytest.raises(PointsError, match="99 of them"):
        ce90(*errors)
