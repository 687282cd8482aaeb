"""Pulls over seeded trials: whether stated uncertainty is true, and whether there is a bias."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from boresight.errors import BoresightError, InputError

#: probability that a sound method passes the test of its variance
COVERAGE = 0.999

#: mean error in standard errors that a method without bias exceeds once in a thousand
MAX_BIAS_SE = 3.3

MIN_TRIALS = 5
#: from here on a mean's own standard error is known well enough
ENOUGH_TRIALS = 50


@dataclass(frozen=True)
class Estimate:
    """One quantity in one trial.

    Parameters
    ----------
    name, unit : str
        What.
    truth, estimate, u : float
        Injected, found, and the stated standard uncertainty.
    limit : float, optional
        Largest error allowed at 90 % of the trials.
    """

    name: str
    unit: str
    truth: float
    estimate: float
    u: float
    limit: float | None = None


Trial = Callable[[int], Iterable[Estimate]]


@dataclass(frozen=True)
class Proof:
    """One quantity over all trials.

    Parameters
    ----------
    method, name, unit : str
        What.
    truth, estimate, u : ndarray, shape (N,)
        By seed, 0 to N - 1.
    limit : float, optional
        Largest error allowed at 90 % of the trials.
    """

    method: str
    name: str
    unit: str
    truth: NDArray[np.float64]
    estimate: NDArray[np.float64]
    u: NDArray[np.float64]
    limit: float | None

    @property
    def n(self) -> int:
        """Trials."""
        return self.truth.size

    @property
    def errors(self) -> NDArray[np.float64]:
        """Estimate less truth."""
        return self.estimate - self.truth

    @property
    def pulls(self) -> NDArray[np.float64]:
        """Error over stated uncertainty."""
        return self.errors / self.u

    @property
    def pull_variance(self) -> float:
        """About the mean, divisor N - 1; 1 for an honest uncertainty."""
        return float(self.pulls.var(ddof=1))

    @property
    def variance_interval(self) -> tuple[float, float]:
        """Where the variance of N normal pulls lies with probability :data:`COVERAGE`."""
        tail = (1 - COVERAGE) / 2
        free = self.n - 1
        return (
            float(stats.chi2.ppf(tail, free)) / free,
            float(stats.chi2.isf(tail, free)) / free,
        )

    @property
    def bias_se(self) -> float:
        """Mean error in standard errors, from how the errors scatter."""
        error = self.errors
        return float(error.mean() / (error.std(ddof=1) / np.sqrt(self.n)))

    @property
    def max_bias_se(self) -> float:
        """:data:`MAX_BIAS_SE`; for fewer than 50 trials Student's value of the same probability."""
        if self.n >= ENOUGH_TRIALS:
            return MAX_BIAS_SE
        return float(stats.t.isf(stats.norm.sf(MAX_BIAS_SE), self.n - 1))

    @property
    def error_90(self) -> float:
        """90th percentile of the absolute error."""
        return float(np.percentile(np.abs(self.errors), 90))

    @property
    def failures(self) -> tuple[str, ...]:
        """What does not hold, in words; empty for a proof."""
        found = []
        low, high = self.variance_interval
        if not low <= self.pull_variance <= high:
            found.append(f"variance of pulls {self.pull_variance:.3f} not in {low:.3f}…{high:.3f}")
        if not abs(self.bias_se) <= self.max_bias_se:
            found.append(f"bias {self.bias_se:+.2f} standard errors, rule {self.max_bias_se:.2f}")
        if self.limit is not None and not self.error_90 <= self.limit:
            found.append(f"90 % of errors within {self.error_90:.4g}, rule {self.limit:g}")
        return tuple(found)


class ProofError(BoresightError):
    """A method's stated uncertainty, bias or accuracy does not hold."""


def prove(method: str, trial: Trial, n: int) -> tuple[Proof, ...]:
    """Run a trial for the seeds 0 to ``n - 1``.

    Parameters
    ----------
    method : str
        Its name in the table.
    trial : callable
        Takes a seed, gives one estimate for each quantity, the same ones every time.
    n : int
        Trials, at least :data:`MIN_TRIALS`.

    Raises
    ------
    InputError
        Too few trials, an uncertainty that is not above 0, or quantities that come and go.
    """
    if n < MIN_TRIALS:
        raise InputError(f"n is {n}; the rule is at least {MIN_TRIALS}.")
    rows: dict[str, list[Estimate]] = {}
    for seed in range(n):
        for entry in trial(seed):
            if not (np.isfinite(entry.estimate) and np.isfinite(entry.truth) and entry.u > 0):
                raise InputError(f"{method}, seed {seed}: {entry} is not finite with u above 0.")
            rows.setdefault(entry.name, []).append(entry)
    incomplete = {name: len(found) for name, found in rows.items() if len(found) != n}
    if incomplete:
        raise InputError(f"{method}: {incomplete} estimates in {n} trials; the rule is one each.")
    return tuple(
        Proof(
            method=method,
            name=name,
            unit=found[0].unit,
            truth=np.array([entry.truth for entry in found]),
            estimate=np.array([entry.estimate for entry in found]),
            u=np.array([entry.u for entry in found]),
            limit=found[0].limit,
        )
        for name, found in rows.items()
    )


def require(proofs: Sequence[Proof]) -> None:
    """Fail unless all proofs hold.

    Raises
    ------
    ProofError
        With everything that does not hold.
    """
    bad = [
        f"{proof.method}, {proof.name}: {'; '.join(proof.failures)}"
        for proof in proofs
        if proof.failures
    ]
    if bad:
        raise ProofError("\n".join(bad), remedy="The method or its uncertainty is wrong.")


def markdown_table(proofs: Sequence[Proof]) -> str:
    """Table for the docs: truth, estimate and uncertainty of seed 0, pulls of all seeds."""
    lines = [
        "| method | quantity | truth | estimate | u | N | variance of pulls (99.9 %) | bias "
        "(standard errors) | error at 90 % | rule | holds |",
        "|---|---|---:|---:|---:|---:|---|---:|---:|---:|---|",
    ]
    for proof in proofs:
        low, high = proof.variance_interval
        limit = "" if proof.limit is None else f"{proof.limit:g}"
        lines.append(
            f"| {proof.method} | {proof.name} [{proof.unit}] | {proof.truth[0]:.6g} | "
            f"{proof.estimate[0]:.6g} | {proof.u[0]:.2g} | {proof.n} | "
            f"{proof.pull_variance:.2f} ({low:.2f} to {high:.2f}) | {proof.bias_se:+.2f} | "
            f"{proof.error_90:.2g} | {limit} | {'no' if proof.failures else 'yes'} |"
        )
    return "\n".join(lines)
