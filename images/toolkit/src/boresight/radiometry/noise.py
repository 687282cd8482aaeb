"""Noise over signal, ``variance = a + b * signal``, by the photon-transfer method.

Pairs of frames of one even scene are subtracted, which takes out whatever pixels do not have in
common (Janesick 2007, Photon Transfer, SPIE Press, doi:10.1117/3.725073, chapter 5): half the
variance of the difference is the noise, whatever PRNU there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from boresight.errors import InputError, NonConvergenceError, TooFewFramesError
from boresight.figures import new_figure, stated
from boresight.instrument import Noise, Quantity, Uncertainty
from boresight.radiometry.frames import MAX_SATURATED_SHARE, Moments, check_shape, moments

#: a line has two parameters; the third level tells whether it is one
MIN_LEVELS = 3

_MAX_ITERATIONS = 50


@dataclass(frozen=True)
class NoiseResult:
    """Noise model of a band.

    Parameters
    ----------
    noise : Noise
        ``a`` [DN2] and ``b`` [DN] with their covariance.
    signal_dn, variance_dn2, u_variance_dn2 : ndarray, shape (levels,)
        What the line was fitted to.
    chi2_reduced : float
        Of the fit, 1 when the line holds [1].
    p_value : float
        Probability of so large a chi-square or a larger one, if the line holds [1].
    """

    noise: Noise
    signal_dn: NDArray[np.float64]
    variance_dn2: NDArray[np.float64]
    u_variance_dn2: NDArray[np.float64]
    chi2_reduced: float
    p_value: float

    def snr(self, signal_dn: float) -> Quantity:
        """Signal to noise at a signal [1]."""
        return snr(self.noise, signal_dn)


def estimate_noise(
    levels: Sequence[Iterable[object]],
    dark: NDArray[np.floating],
    *,
    saturation_dn: float,
    good: NDArray[np.bool_] | None = None,
) -> NoiseResult:
    """Fit the noise model to even scenes of several levels.

    Parameters
    ----------
    levels : sequence of iterables of ndarray, each shape (rows, cols), whole numbers
        At least :data:`MIN_LEVELS` scenes of two frames or more each; one may be dark [DN].
    dark : ndarray, shape (rows, cols)
        Dark signal [DN].
    saturation_dn : float
        Numbers from here on are saturated [DN].
    good : ndarray of bool, shape (rows, cols), optional
        Pixels to use.

    Raises
    ------
    TooFewFramesError, SaturatedError, EmptyFrameError, FramesError, UnitsError
        Frames that tell nothing.
    InputError
        All levels have the same signal.
    NonConvergenceError
        The weights did not settle.

    Notes
    -----
    The variance of n frames' differences over P pixels has relative uncertainty
    sqrt(2 / (P (n - 1))). Weights follow from the model, not from the measured variances, whose
    chance deviations would pull the fit down; they are iterated, at most 50 times.
    """
    if len(levels) < MIN_LEVELS:
        raise TooFewFramesError(
            f"there are {len(levels)} levels; the rule is at least {MIN_LEVELS}.",
            remedy="Take scenes of more brightnesses.",
        )
    signal, variance, dof = [], [], []
    for k, frames in enumerate(levels):
        found = moments(frames, saturation_dn=saturation_dn, min_frames=2, name=f"levels[{k}]")
        check_shape(np.asarray(dark), found.mean.shape, "dark")
        level, spread, count = _level(found, np.asarray(dark), good)
        signal.append(level)
        variance.append(spread)
        dof.append(count)
    x, y, n = np.array(signal), np.array(variance), np.array(dof)
    # beyond rounding noise of the means, else the slope is made of it
    if np.ptp(x) <= 5 * np.sqrt(y.max()):
        raise InputError(
            f"signals are {x.min():.4g} to {x.max():.4g} DN, no further apart than the noise; the "
            "rule is levels that differ.",
            remedy="Take scenes of different brightness.",
        )
    parameters = np.array([max(y.min(), 1e-6), 0.0])
    design = np.stack([np.ones_like(x), x], axis=1)
    for _ in range(_MAX_ITERATIONS):
        model = np.maximum(design @ parameters, 1e-3 * y)
        u = model * np.sqrt(2.0 / n)
        weighted = design / u[:, None]
        covariance = np.linalg.inv(weighted.T @ weighted)
        new = covariance @ weighted.T @ (y / u)
        moved = np.abs(new - parameters) / np.sqrt(np.diag(covariance))
        parameters = new
        if moved.max() < 1e-6:
            break
    else:
        raise NonConvergenceError(
            f"the noise fit still moves by {moved.max():.3g} of its uncertainty after "
            f"{_MAX_ITERATIONS} iterations; the rule is 1e-6.",
            remedy="Check the levels: their noise may not grow with their signal.",
        )
    chi2 = float((((y - design @ parameters) / u) ** 2).sum())
    free = x.size - 2
    u_a, u_b = np.sqrt(np.diag(covariance))
    return NoiseResult(
        noise=Noise(
            a=_quantity(parameters[0], u_a, "DN2"),
            b=_quantity(parameters[1], u_b, "DN"),
            covariance_ab=float(covariance[0, 1]),
        ),
        signal_dn=x,
        variance_dn2=y,
        u_variance_dn2=u,
        chi2_reduced=chi2 / free,
        p_value=float(stats.chi2.sf(chi2, free)),
    )


def snr(noise: Noise, signal_dn: float) -> Quantity:
    """Signal to noise ratio at a signal above dark [1].

    Raises
    ------
    InputError
        Signal or variance are not positive.
    """
    variance = noise.a.number + noise.b.number * signal_dn
    if not (signal_dn > 0 and variance > 0):
        raise InputError(
            f"signal {signal_dn:.4g} DN has variance {variance:.4g} DN2; the rule is both above 0."
        )
    u_variance2 = (
        float(noise.a.u) ** 2
        + 2 * signal_dn * noise.covariance_ab
        + (signal_dn * float(noise.b.u)) ** 2
    )
    value = signal_dn / np.sqrt(variance)
    u = value * np.sqrt(max(u_variance2, 0.0)) / (2 * variance)
    return _quantity(value, u, "1")


def plot_noise(result: NoiseResult) -> Figure:
    """Variance over signal with the line, residuals, and SNR."""
    figure = new_figure(12, 3.6)
    left, middle, right = figure.subplots(1, 3)
    a, b = result.noise.a.number, result.noise.b.number
    x = np.linspace(0, result.signal_dn.max(), 200)
    left.errorbar(result.signal_dn, result.variance_dn2, 2 * result.u_variance_dn2, fmt=".")
    left.plot(x, a + b * x, linewidth=0.8)
    u_a, u_b = float(result.noise.a.u), float(result.noise.b.u)
    left.set_title(f"a {stated(a, u_a)} DN²,\nb {stated(b, u_b)} DN")
    left.set_xlabel("signal [DN]")
    left.set_ylabel("variance [DN²]")
    residual = (result.variance_dn2 - a - b * result.signal_dn) / result.u_variance_dn2
    middle.plot(result.signal_dn, residual, "o")
    middle.axhline(0.0, color="black", linewidth=0.6)
    middle.set_title(f"Residuals over u, reduced chi² {result.chi2_reduced:.2f}")
    middle.set_xlabel("signal [DN]")
    middle.set_ylabel("residual over u [1]")
    positive = x[x > 0]
    right.plot(positive, positive / np.sqrt(np.maximum(a + b * positive, 1e-12)))
    right.set_title("SNR")
    right.set_ylabel("signal to noise [1]")
    right.set_xlabel("signal [DN]")
    return figure


def _level(
    found: Moments, dark: NDArray[np.floating], good: NDArray[np.bool_] | None
) -> tuple[float, float, float]:
    """Signal, variance and degrees of freedom of one level."""
    used = found.saturated == 0
    if good is not None:
        check_shape(good, found.mean.shape, "good")
        used &= good
    if used.mean() < 0.5 - MAX_SATURATED_SHARE:
        raise InputError(
            f"{100 * used.mean():.1f} % of the pixels can be used; the rule is at least half.",
            remedy="Look at the map of bad pixels.",
        )
    count = int(used.sum())
    signal = float((found.mean - dark)[used].mean())
    # moments() took one common level a frame out: of the pixels' n - 1 degrees each, n - 1 in all
    dof = (found.n - 1) * (count - 1)
    variance = float(found.variance[used].mean()) * count / (count - 1)
    return signal, variance, float(dof)


def _quantity(value: float, u: float, unit: str) -> Quantity:
    return Quantity(
        value=float(value),
        unit=unit,
        uncertainties=(Uncertainty(effect="sampling", correlation="random", u=float(u)),),
    )
