"""Non-linearity of the response from a ladder of known light levels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from boresight.conventions import NMAD_SCALE
from boresight.errors import (
    EmptyFrameError,
    FramesError,
    InputError,
    NonConvergenceError,
    SingularError,
    TooFewFramesError,
)
from boresight.figures import new_figure
from boresight.instrument import Nonlinearity, Quantity, Uncertainty
from boresight.radiometry.frames import check_lit, check_shape, moments
from boresight.units import radiances

FloatArray = NDArray[np.float64]

_MAX_ITERATIONS = 30


@dataclass(frozen=True)
class LinearityResult:
    """Non-linearity of a band.

    Parameters
    ----------
    nonlinearity : Nonlinearity
        From signal to linear signal.
    gain_dn_per_radiance : Quantity
        Of the linear signal, as the ladder states radiance [DN/(W m-2 sr-1 um-1)].
    signal_dn, residual, u_residual : ndarray, shape (levels,)
        Signal [DN], relative residual of the fit and its standard uncertainty [1].
    chi2_reduced, p_value : float
        Of the fit: far above 1, or near 0, when no polynomial of this degree holds [1].
    """

    nonlinearity: Nonlinearity
    gain_dn_per_radiance: Quantity
    signal_dn: FloatArray
    residual: FloatArray
    u_residual: FloatArray
    chi2_reduced: float
    p_value: float

    def correction(self, signal_dn: float) -> Quantity:
        """Linear signal over signal, less 1, at a signal above dark [1]."""
        return correction(self.nonlinearity, signal_dn)


def estimate_linearity(
    levels: Sequence[Iterable[object]],
    radiance: object,
    dark: Quantity,
    *,
    saturation_dn: float,
    u_radiance_relative: float,
    degree: int = 2,
    good: NDArray[np.bool_] | None = None,
) -> LinearityResult:
    """Fit the inverse of the non-linearity to a ladder of light levels.

    Parameters
    ----------
    levels : sequence of iterables of ndarray, each shape (rows, cols), whole numbers
        Frames of even light, one or more a level; no darkness among them [DN].
    radiance : ndarray, shape (levels,), float
        Of each level; a common factor is of no matter [W m-2 sr-1 um-1].
    dark : Quantity, shape (rows, cols)
        Dark signal [DN].
    saturation_dn : float
        Numbers from here on are saturated; the polynomial is scaled by it [DN].
    u_radiance_relative : float
        Standard uncertainty of each level by itself, what is common left out [1].
    degree : int
        Coefficients of the correction, 1 to 5.
    good : ndarray of bool, shape (rows, cols), optional
        Pixels to use.

    Raises
    ------
    TooFewFramesError, SaturatedError, EmptyFrameError, FramesError, UnitsError, NotFiniteError
        Frames or radiances that tell nothing.
    InputError
        Radiances that do not differ.
    SingularError
        The levels leave the curve undetermined.
    NonConvergenceError
        The weights did not settle.

    Notes
    -----
    ``s L = x (1 + c1 (x/F) + c2 (x/F)^2 + …)`` is linear in s and c; divided by x it has the
    relative error of L alone, as x is a mean over many pixels. The error of s L follows s, so the
    weights are iterated, at most 30 times.
    """
    light = radiances(radiance, "radiance", ndim=1)
    if light.size != len(levels):
        raise FramesError(
            f"there are {len(levels)} levels and {light.size} radiances; the rule is one each."
        )
    if not 1 <= degree <= 5:
        raise InputError(f"degree is {degree}; the rule is 1 to 5.")
    if light.size < degree + 2:
        raise TooFewFramesError(
            f"there are {light.size} levels for {degree + 1} unknowns; the rule is at least "
            f"{degree + 2}.",
            remedy="Measure more levels, or lower the degree.",
        )
    if not u_radiance_relative > 0:
        raise InputError(f"u_radiance_relative is {u_radiance_relative}; the rule is above 0.")
    if float(light.min()) <= 0 or float(np.ptp(light)) < 0.2 * float(light.max()):
        raise InputError(
            f"radiances are {light.min():.4g} to {light.max():.4g}; the rule is above 0, the "
            "lowest at most 0.8 of the highest.",
            remedy="Spread the levels over the range of the detector.",
        )
    signal, u_signal = _signals(levels, dark, saturation_dn, good)
    powers = (signal / saturation_dn)[:, None] ** np.arange(1, degree + 1)
    # unknowns s, c: s L/x - sum c p = 1
    design = np.concatenate([(light / signal)[:, None], -powers], axis=1)
    ones = np.ones(signal.size)
    scale = 1.0
    solution = np.linalg.lstsq(design, ones, rcond=None)[0]
    for _ in range(_MAX_ITERATIONS):
        modelled = solution[0] * light / signal
        u = np.abs(modelled) * np.hypot(u_radiance_relative, u_signal / signal)
        weighted = design / u[:, None]
        normal = weighted.T @ weighted
        if np.linalg.cond(normal / np.sqrt(np.outer(np.diag(normal), np.diag(normal)))) > 1e12:
            raise SingularError(
                f"the normal matrix of {degree + 1} unknowns is singular; the rule is a condition "
                "below 1e12.",
                remedy="Lower the degree, or spread the levels.",
            )
        covariance = np.linalg.inv(normal)
        new = covariance @ weighted.T @ (ones / u)
        scale = float((np.abs(new - solution) / np.sqrt(np.diag(covariance))).max())
        solution = new
        if scale < 1e-6:
            break
    else:
        raise NonConvergenceError(
            f"the fit still moves by {scale:.3g} of its uncertainty after {_MAX_ITERATIONS} "
            "iterations; the rule is 1e-6.",
            remedy="Lower the degree.",
        )
    residual = design @ solution - 1.0
    chi2 = float(((residual / u) ** 2).sum())
    free = signal.size - degree - 1
    return LinearityResult(
        nonlinearity=Nonlinearity(
            coefficients=tuple(solution[1:].tolist()),
            covariance=covariance[1:, 1:],
            reference_dn=float(saturation_dn),
            domain_dn=(float(signal.min()), float(signal.max())),
        ),
        gain_dn_per_radiance=Quantity(
            value=float(solution[0]),
            unit="DN W-1 m2 sr um",
            uncertainties=(
                Uncertainty(
                    effect="ladder", correlation="systematic", u=float(np.sqrt(covariance[0, 0]))
                ),
            ),
        ),
        signal_dn=signal,
        residual=residual,
        u_residual=u,
        chi2_reduced=chi2 / free,
        p_value=float(stats.chi2.sf(chi2, free)),
    )


def correction(nonlinearity: Nonlinearity, signal_dn: float) -> Quantity:
    """Linear signal over signal, less 1 [1].

    Raises
    ------
    InputError
        The signal lies outside what was measured.
    """
    low, high = nonlinearity.domain_dn
    if not low <= signal_dn <= high:
        raise InputError(
            f"signal is {signal_dn:.5g} DN; the rule is {low:.5g} to {high:.5g} DN, which was "
            "measured.",
            remedy="Measure the ladder up to there.",
        )
    count = len(nonlinearity.coefficients)
    powers = (signal_dn / nonlinearity.reference_dn) ** np.arange(1, count + 1)
    return Quantity(
        value=float(powers @ np.array(nonlinearity.coefficients)),
        unit="1",
        uncertainties=(
            Uncertainty(
                effect="ladder",
                correlation="systematic",
                u=float(np.sqrt(powers @ nonlinearity.covariance @ powers)),
            ),
        ),
    )


def plot_linearity(result: LinearityResult) -> Figure:
    """Correction over signal with its uncertainty, and the residuals of the levels."""
    figure = new_figure(10, 3.6)
    left, right = figure.subplots(1, 2)
    x = np.linspace(*result.nonlinearity.domain_dn, 100)
    points = [result.correction(float(value)) for value in x]
    value = 100 * np.array([point.number for point in points])
    u = 100 * np.array([point.u for point in points])
    left.plot(x, value)
    left.fill_between(x, value - 2 * u, value + 2 * u, alpha=0.3)
    left.set_title("Linearity correction (band: k = 2)")
    left.set_xlabel("signal [DN]")
    left.set_ylabel("linear signal over signal, less 1 [%]")
    right.errorbar(result.signal_dn, 100 * result.residual, 200 * result.u_residual, fmt="o")
    right.axhline(0.0, color="black", linewidth=0.6)
    right.set_title(f"Residuals, reduced chi² {result.chi2_reduced:.2f}")
    right.set_xlabel("signal [DN]")
    right.set_ylabel("residual [%], bars: ±2 u")
    return figure


def _signals(
    levels: Sequence[Iterable[object]],
    dark: Quantity,
    saturation_dn: float,
    good: NDArray[np.bool_] | None,
) -> tuple[FloatArray, FloatArray]:
    signals, errors = [], []
    for k, frames in enumerate(levels):
        found = moments(frames, saturation_dn=saturation_dn, min_frames=1, name=f"levels[{k}]")
        check_shape(dark.grid, found.mean.shape, "dark")
        used = found.saturated == 0
        if good is not None:
            check_shape(good, used.shape, "good")
            used = used & good
        if not used.any():
            raise EmptyFrameError(f"levels[{k}] has no good pixel below saturation.")
        values = (found.mean - dark.grid)[used]
        # PRNU included, which is the same at all levels: a bound
        scatter = NMAD_SCALE * float(np.median(np.abs(values - np.median(values))))
        check_lit(float(values.mean()), scatter, f"levels[{k}]")
        signals.append(float(values.mean()))
        u_level = float(values.std()) / np.sqrt(values.size)
        errors.append(float(np.hypot(u_level, np.max(dark.u_of("systematic")))))
    return np.array(signals), np.array(errors)
