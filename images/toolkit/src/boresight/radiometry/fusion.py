"""Gain over time from all methods together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from boresight.errors import InputError, SingularError, TooFewFramesError, UnitsError
from boresight.figures import COLOURS, new_figure, stated
from boresight.instrument import Quantity, Uncertainty
from boresight.radiometry.absolute import GAIN_UNIT

FloatArray = NDArray[np.float64]

#: normal matrices with a worse condition than this are taken as singular
_MAX_CONDITION = 1e12

#: effects whose error is one and the same in whatever method uses them
SHARED_EFFECTS = frozenset({"solar spectrum"})


@dataclass(frozen=True)
class GainEstimate:
    """One answer of one method.

    Parameters
    ----------
    method : str
        ``radcalnet``, ``moon``, ``rayleigh``…: what shares its systematic error.
    day : float
        When, in days from a date of the caller's choice [d].
    gain : Quantity
        [DN/(W m-2 sr-1 um-1)]
    """

    method: str
    day: float
    gain: Quantity


@dataclass(frozen=True)
class FusedGain:
    """Gain over time from all methods together.

    Parameters
    ----------
    gain : Quantity
        At ``reference_day`` [DN/(W m-2 sr-1 um-1)].
    trend_per_day : Quantity
        Relative change of the gain a day; 0 with no uncertainty if none was asked for [1/d].
    reference_day : float
        [d]
    chi2_reduced, p_value : float
        Whether the methods agree within their uncertainty.
    estimates : tuple of GainEstimate
        What was fused.
    covariance : ndarray, shape (2, 2)
        Of gain and absolute change a day.
    """

    gain: Quantity
    trend_per_day: Quantity
    reference_day: float
    chi2_reduced: float
    p_value: float
    estimates: tuple[GainEstimate, ...]
    covariance: FloatArray

    def at(self, day: float) -> float:
        """Gain at a day [DN/(W m-2 sr-1 um-1)]."""
        return self.gain.number * (1 + self.trend_per_day.number * (day - self.reference_day))

    def u_at(self, day: float) -> float:
        """Standard uncertainty of the gain at a day; it grows away from the answers."""
        row = np.array([1.0, day - self.reference_day])
        return float(np.sqrt(row @ self.covariance @ row))

    def trend_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Interval that holds the trend with probability ``level`` [1/d].

        Raises
        ------
        InputError
            A level outside 0.5 to 0.9999, or no trend was asked for.
        """
        if not 0.5 <= level <= 0.9999:
            raise InputError(f"level is {level}; the rule is 0.5 to 0.9999.")
        if self.trend_p_value is None:
            raise InputError(
                "the gain was taken as constant; the rule is a fit with trend.",
                remedy="Give trend=True to fuse_gains.",
            )
        reach = float(stats.norm.isf((1 - level) / 2)) * float(self.trend_per_day.u)
        return self.trend_per_day.number - reach, self.trend_per_day.number + reach

    @property
    def trend_p_value(self) -> float | None:
        """Probability of so large a trend by chance alone; None without a trend."""
        u = float(self.trend_per_day.u)
        if u == 0:
            return None
        return float(2 * stats.norm.sf(abs(self.trend_per_day.number) / u))


def fuse_gains(
    estimates: Sequence[GainEstimate], *, reference_day: float = 0.0, trend: bool = True
) -> FusedGain:
    """Generalised least squares of all answers, with what they have in common.

    Parameters
    ----------
    estimates : sequence of GainEstimate
        Two or more, three with a trend. By the form of their uncertainty, errors are: ``random``,
        independent; ``systematic``, the same in all answers of one method and one effect, and for
        :data:`SHARED_EFFECTS` in all answers; ``structured``, alike within one method and effect
        over ``length`` days (exponentially).
    reference_day : float
        Where the gain is wanted [d].
    trend : bool
        Whether the gain may change linearly in time.

    Raises
    ------
    TooFewFramesError
        Too few answers.
    UnitsError
        An answer that is no gain.
    InputError
        No uncertainty, or NaN.
    SingularError
        All answers of one day and a trend.

    Notes
    -----
    ``x = (A' V^-1 A)^-1 A' V^-1 y`` (Aitken 1936, Proc. R. Soc. Edinb. 55:42,
    doi:10.1017/S0370164600014346). The weights are of relative uncertainties about the median, not
    about each answer: a low answer would otherwise seem the surer one and pull the mean down
    (Peelle's puzzle).
    """
    least = 3 if trend else 2
    if len(estimates) < least:
        raise TooFewFramesError(
            f"there are {len(estimates)} answers; the rule is at least {least}.",
            remedy="Take more acquisitions, or no trend.",
        )
    for k, entry in enumerate(estimates):
        if entry.gain.unit != GAIN_UNIT:
            raise UnitsError(
                f"answer {k} ({entry.method}) is in {entry.gain.unit!r}; the rule is {GAIN_UNIT!r}."
            )
    value = np.array([entry.gain.number for entry in estimates])
    day = np.array([entry.day for entry in estimates]) - reference_day
    if not np.isfinite(day).all():
        raise InputError("a day is NaN or infinite; the rule is a number of days.")
    centre = float(np.median(value))
    covariance = _covariance(estimates) * centre**2
    design = np.stack([np.ones_like(day), day], axis=1) if trend else np.ones((day.size, 1))
    inverse = np.linalg.inv(covariance)
    normal = design.T @ inverse @ design
    scale = np.sqrt(np.diag(normal))
    if not (scale > 0).all() or np.linalg.cond(normal / np.outer(scale, scale)) > _MAX_CONDITION:
        raise SingularError(
            f"the normal matrix of {design.shape[1]} unknowns is singular: days are "
            f"{day.min() + reference_day:g} to {day.max() + reference_day:g}; the rule is a "
            "condition below 1e12.",
            remedy="Take acquisitions of other days, or no trend.",
        )
    found = np.linalg.inv(normal)
    solution = found @ design.T @ inverse @ value
    residual = value - design @ solution
    chi2 = float(residual @ inverse @ residual)
    free = value.size - design.shape[1]
    gain = float(solution[0])
    slope = float(solution[1]) / gain if trend else 0.0
    u_slope = float(np.sqrt(found[1, 1])) / gain if trend else 0.0
    full = np.zeros((2, 2))
    full[: found.shape[0], : found.shape[0]] = found
    return FusedGain(
        gain=_fused(gain, float(np.sqrt(found[0, 0])), GAIN_UNIT),
        trend_per_day=_fused(slope, u_slope, "d-1"),
        reference_day=reference_day,
        chi2_reduced=chi2 / free,
        p_value=float(stats.chi2.sf(chi2, free)),
        estimates=tuple(estimates),
        covariance=full,
    )


def plot_gains(fused: FusedGain) -> Figure:
    """Answers by method over time with the fused line, and each method's mean with its scale.

    Bars of single answers are their random parts; those of the means hold what a method's answers
    have in common too (all k = 2).
    """
    figure = new_figure(11, 4)
    axis, means = figure.subplots(1, 2, width_ratios=(4.0, 1.2), sharey=True)
    methods = list(dict.fromkeys(entry.method for entry in fused.estimates))
    for k, method in enumerate(methods):
        own = [entry for entry in fused.estimates if entry.method == method]
        value = np.array([entry.gain.number for entry in own])
        random = np.array([float(entry.gain.u_of("random")) for entry in own])
        common = np.array([float(entry.gain.u_of("systematic")) for entry in own])
        colour, marker = COLOURS[k % 6], "os^Dv"[k % 5]
        axis.errorbar(
            [entry.day for entry in own], value, 2 * random, label=method, markersize=4,
            elinewidth=0.8, color=colour, marker=marker, linestyle="none",
        )  # fmt: skip
        weight = 1.0 / np.maximum(random, 1e-6 * value) ** 2
        mean = float((weight * value).sum() / weight.sum())
        u = float(np.hypot(1.0 / np.sqrt(weight.sum()), common.mean()))
        means.errorbar(
            [k], [mean], [2 * u], capsize=4, color=colour, marker=marker, linestyle="none"
        )
    all_days = [entry.day for entry in fused.estimates]
    days = np.linspace(min(all_days), max(all_days), 50)
    line = np.array([fused.at(float(day)) for day in days])
    reach = 2 * np.array([fused.u_at(float(day)) for day in days])
    axis.fill_between(days, line - reach, line + reach, color="black", alpha=0.15)
    axis.plot(days, line, color="black", label="fused")
    means.errorbar(
        [len(methods)], [fused.gain.number], [2 * float(fused.gain.u)], color="black", marker="D",
        capsize=4,
    )  # fmt: skip
    means.set_xticks(range(len(methods) + 1), [*methods, "fused"], rotation=30, ha="right")
    means.set_xlim(-0.6, len(methods) + 0.6)
    means.set_xlabel("mean, bars with the scale")
    axis.set_title(
        f"{stated(fused.gain.number, float(fused.gain.u))} DN/(W m⁻² sr⁻¹ µm⁻¹) on day "
        f"{fused.reference_day:g}, reduced chi² {fused.chi2_reduced:.2f}"
    )
    axis.set_xlabel("time [d]")
    axis.set_ylabel("gain [DN/(W m⁻² sr⁻¹ µm⁻¹)]")
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + 0.16 * (high - low))
    axis.legend(loc="upper center", ncols=len(methods) + 1, frameon=False)
    return figure


def _covariance(estimates: Sequence[GainEstimate]) -> FloatArray:
    """Of relative errors."""
    count = len(estimates)
    covariance = np.zeros((count, count))
    common: dict[tuple[str, str], FloatArray] = {}
    alike: dict[tuple[str, str, float], FloatArray] = {}
    for k, entry in enumerate(estimates):
        if not entry.gain.number > 0 or not float(entry.gain.u) > 0:
            raise InputError(
                f"answer {k} ({entry.method}) is {entry.gain.number:.5g} ± {entry.gain.u}; the "
                "rule is a gain and an uncertainty above 0."
            )
        for part in entry.gain.uncertainties:
            relative = float(np.max(part.u)) / entry.gain.number
            if part.correlation == "systematic":
                owner = "" if part.effect in SHARED_EFFECTS else entry.method
                row = common.setdefault((owner, part.effect), np.zeros(count))
                row[k] = np.hypot(row[k], relative)
            elif part.correlation == "structured" and part.length is not None:
                row = alike.setdefault((entry.method, part.effect, part.length), np.zeros(count))
                row[k] = np.hypot(row[k], relative)
            else:
                covariance[k, k] += relative**2
    for row in common.values():
        covariance += np.outer(row, row)
    day = np.array([entry.day for entry in estimates])
    for (_, _, length), row in alike.items():
        covariance += np.outer(row, row) * np.exp(-np.abs(day[:, None] - day[None]) / length)
    # answers with systematic parts alone would make the matrix singular
    covariance[np.diag_indices(count)] += (1e-9) ** 2
    return covariance


def _fused(value: float, u: float, unit: str) -> Quantity:
    return Quantity(
        value=value,
        unit=unit,
        uncertainties=(Uncertainty(effect="fusion", correlation="systematic", u=u),),
    )
