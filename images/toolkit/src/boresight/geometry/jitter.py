"""Jitter of the line of sight, seen by a rolling shutter.

Rows are exposed one after another: a vibration moves each row by its own amount, and shows as waves
of the displacement along rows against a still reference. Displacements of dense correlation are
averaged over a window's rows; the amplitude is corrected for that. Frequency, amplitude and phase
are those of least squares, after a smooth (quadratic) part along rows has been let go.

References
----------
Rolling-shutter jitter of a CMOS camera: Remote Sensing 14:342 (2022). Least-squares spectrum:
Scargle 1982, ApJ 263:835, doi:10.1086/160554. False alarm: Baluev 2008,
doi:10.1111/j.1365-2966.2008.12689.x (here by the number of independent frequencies).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from boresight.conventions import NMAD_SCALE
from boresight.errors import InputError, NonConvergenceError, PointsError

FloatArray = NDArray[np.float64]

MIN_ROWS = 24

#: probability that noise alone makes a peak as high, below which a wave is believed
FALSE_ALARM = 1e-3

_SLOW_TERMS = 3
_MAX_EVALUATIONS = 200

#: frequencies tried to an independent one
_OVERSAMPLING = 8


@dataclass(frozen=True)
class Jitter:
    """A wave of the line of sight.

    Angles are amplitudes of ``a sin(2π f t + phase)`` with t = row · line time, in radians of the
    line of sight (displacement over focal length); axes are columns and rows.

    Parameters
    ----------
    frequency_hz, u_frequency_hz : float
        [Hz].
    amplitude_col_rad, u_amplitude_col_rad, amplitude_row_rad, u_amplitude_row_rad : float
        [rad].
    phase_col_rad, u_phase_col_rad, phase_row_rad, u_phase_row_rad : float
        -π to π [rad].
    false_alarm : float
        Probability that noise alone makes as strong a wave [1].
    detected : bool
        Whether that is below 0.001.
    frequencies_hz, power : ndarray
        Least-squares spectrum: share of the weighted sum of squares that a wave explains [1].
    row, d_row_px, d_col_px : ndarray, shape (n,)
        Weighted means over each row of windows, slow part taken out [px].
    chi2_reduced : float
        Misfit over stated uncertainty with the wave taken out [1].
    n : int
        Rows of windows.
    """

    frequency_hz: float
    u_frequency_hz: float
    amplitude_col_rad: float
    u_amplitude_col_rad: float
    amplitude_row_rad: float
    u_amplitude_row_rad: float
    phase_col_rad: float
    u_phase_col_rad: float
    phase_row_rad: float
    u_phase_row_rad: float
    false_alarm: float
    detected: bool
    frequencies_hz: FloatArray
    power: FloatArray
    row: FloatArray
    d_row_px: FloatArray
    d_col_px: FloatArray
    chi2_reduced: float
    n: int

    def shake_px(self, row: ArrayLike, line_time_s: float, focal_px: float) -> FloatArray:
        """Displacement of rows and columns at rows, shape (..., 2) [px]."""
        angle = 2.0 * np.pi * self.frequency_hz * np.asarray(row, np.float64) * line_time_s
        return focal_px * np.stack(
            [
                self.amplitude_row_rad * np.sin(angle + self.phase_row_rad),
                self.amplitude_col_rad * np.sin(angle + self.phase_col_rad),
            ],
            axis=-1,
        )


def rolling_shutter_jitter(
    row: ArrayLike,
    d_row_px: ArrayLike,
    d_col_px: ArrayLike,
    u_px: ArrayLike,
    *,
    line_time_s: float,
    focal_px: float,
    window_px: int,
    frequencies_hz: tuple[float, float] | None = None,
) -> Jitter:
    """Find the strongest wave in displacements against a still reference.

    Parameters
    ----------
    row : array_like, shape (n,)
        Rows of the windows' centres in the jittered image [px].
    d_row_px, d_col_px : array_like, shape (n,)
        Where the line of sight is, less where it should be; sign as of the viewing direction [px].
    u_px : array_like, shape (n,)
        Standard uncertainty of either [px].
    line_time_s : float
        Time from a row to the next, above 0 [s].
    focal_px : float
        Focal length [px].
    window_px : int
        Rows over which a displacement is an average.
    frequencies_hz : tuple of float, optional
        Range that is searched; default: from one and a half periods over the frame to where the
        windows' average, or their distance, hides a wave.

    Raises
    ------
    InputError
        Arrays of different sizes, numbers not above 0.
    PointsError
        Fewer than 24 different rows.
    NonConvergenceError
        The bounded fit did not end.
    """
    places, values, u = _row_means(row, d_row_px, d_col_px, u_px)
    if not (line_time_s > 0 and focal_px > 0 and window_px >= 1):
        raise InputError(
            f"line_time_s {line_time_s}, focal_px {focal_px}, window_px {window_px}; the rule is "
            "above 0."
        )
    time = places * line_time_s
    span = float(np.ptp(time))
    step = float(np.median(np.diff(places))) * line_time_s
    highest = min(0.5 / step, 0.8 / (window_px * line_time_s))
    low, high = frequencies_hz or (1.5 / span, highest)
    if not 0 < low < high:
        raise InputError(f"frequencies {low:.3g} to {high:.3g} Hz; the rule is 0 < low < high.")
    independent = max(int((high - low) * span), 1)
    grid = np.linspace(low, high, _OVERSAMPLING * independent + 1)
    x = 2.0 * (places - places.min()) / np.ptp(places) - 1.0
    slow = np.stack([x**k for k in range(_SLOW_TERMS)], axis=1)
    left = values - np.stack([_fitted(slow, values[:, i], u[:, i]) for i in (0, 1)], axis=1)
    power = np.array([_explained(slow, time, values, u, f) for f in grid])
    total = float(((left / u) ** 2).sum())
    power = power / total
    peak = int(power.argmax())
    freedom = 2 * (len(places) - _SLOW_TERMS)
    # four numbers more explain this share by chance with the beta distribution of (2, m): tail
    m = (freedom - 4) / 2.0
    single = (1.0 - power[peak]) ** m * (1.0 + m * power[peak])
    false_alarm = float(-math.expm1(independent * math.log1p(-min(single, 1.0 - 1e-16))))

    start = np.concatenate([[grid[peak]], _amplitudes(slow, time, values, u, grid[peak])])

    def misfit(p: FloatArray) -> FloatArray:
        wave = 2.0 * np.pi * p[0] * time
        out = []
        for i in (0, 1):
            own = p[1 + i * (2 + _SLOW_TERMS) : 1 + (i + 1) * (2 + _SLOW_TERMS)]
            model = own[0] * np.sin(wave) + own[1] * np.cos(wave) + slow @ own[2:]
            out.append((values[:, i] - model) / u[:, i])
        return np.concatenate(out)

    fit = least_squares(misfit, start, x_scale="jac", max_nfev=_MAX_EVALUATIONS)
    if not fit.success:
        raise NonConvergenceError(
            f"jitter: no minimum near {grid[peak]:.4g} Hz after {_MAX_EVALUATIONS} evaluations.",
            remedy="Give a narrower range of frequencies_hz.",
        )
    chi2 = 2.0 * float(fit.cost) / max(fit.fun.size - start.size, 1)
    covariance = np.linalg.inv(fit.jac.T @ fit.jac) * max(chi2, 1.0)
    frequency = float(fit.x[0])
    # a mean over window_px rows lowers a wave by its sinc
    seen = float(np.sinc(frequency * window_px * line_time_s)) * focal_px
    amplitudes = [_polar(fit.x, covariance, 1 + i * (2 + _SLOW_TERMS), seen) for i in (0, 1)]
    (a_row, ua_row, p_row, up_row), (a_col, ua_col, p_col, up_col) = amplitudes
    return Jitter(
        frequency_hz=frequency,
        u_frequency_hz=math.sqrt(covariance[0, 0]),
        amplitude_col_rad=a_col,
        u_amplitude_col_rad=ua_col,
        amplitude_row_rad=a_row,
        u_amplitude_row_rad=ua_row,
        phase_col_rad=p_col,
        u_phase_col_rad=up_col,
        phase_row_rad=p_row,
        u_phase_row_rad=up_row,
        false_alarm=false_alarm,
        detected=false_alarm < FALSE_ALARM,
        frequencies_hz=grid,
        power=power,
        row=places,
        d_row_px=left[:, 0],
        d_col_px=left[:, 1],
        chi2_reduced=chi2,
        n=len(places),
    )


def _row_means(
    row: ArrayLike, d_row: ArrayLike, d_col: ArrayLike, u: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted means over windows of the same row: places, values (n, 2), uncertainties (n, 2)."""
    r, a, b = (np.asarray(v, np.float64).ravel() for v in (row, d_row, d_col))
    s = np.broadcast_to(np.asarray(u, np.float64).ravel(), r.shape) if r.size else r
    if not r.size == a.size == b.size:
        raise InputError(
            f"{r.size} rows, {a.size} and {b.size} displacements; the rule is as many."
        )
    good = np.isfinite(r) & np.isfinite(a) & np.isfinite(b) & np.isfinite(s) & (s > 0)
    places, index = np.unique(r[good], return_inverse=True)
    if places.size < MIN_ROWS:
        raise PointsError(
            f"displacements at {places.size} different rows; the rule is at least {MIN_ROWS}.",
            remedy="Use a smaller step_px of windows.",
        )
    values = np.stack([a[good], b[good]], axis=1)
    weight = s[good] ** -2
    # a median of each row tells gross errors, which a mean would take in
    keep = np.ones(index.size, dtype=bool)
    for k in range(places.size):
        own = index == k
        off = np.abs(values[own] - np.median(values[own], axis=0))
        keep[own] = (
            off <= 6.0 * np.maximum(np.median(off, axis=0) * NMAD_SCALE, s[good][own, None])
        ).all(axis=1)
    w = np.bincount(index, weight * keep, places.size)
    sums = np.stack(
        [np.bincount(index, weight * keep * values[:, i], places.size) for i in (0, 1)], 1
    )
    ok = w > 0
    mean = sums[ok] / w[ok, None]
    return places[ok], mean, np.repeat(w[ok, None] ** -0.5, 2, axis=1)


def _design(slow: FloatArray, time: FloatArray, frequency: float) -> FloatArray:
    wave = 2.0 * np.pi * frequency * time
    return np.column_stack([np.sin(wave), np.cos(wave), slow])


def _fitted(design: FloatArray, values: FloatArray, u: FloatArray) -> FloatArray:
    solution = np.linalg.lstsq(design / u[:, None], values / u, rcond=None)[0]
    result: FloatArray = design @ solution
    return result


def _explained(
    slow: FloatArray, time: FloatArray, values: FloatArray, u: FloatArray, frequency: float
) -> float:
    design = _design(slow, time, frequency)
    gain = 0.0
    for i in (0, 1):
        with_wave = values[:, i] - _fitted(design, values[:, i], u[:, i])
        without = values[:, i] - _fitted(slow, values[:, i], u[:, i])
        gain += float(((without / u[:, i]) ** 2).sum() - ((with_wave / u[:, i]) ** 2).sum())
    return gain


def _amplitudes(
    slow: FloatArray, time: FloatArray, values: FloatArray, u: FloatArray, frequency: float
) -> FloatArray:
    design = _design(slow, time, frequency)
    parts = [
        np.linalg.lstsq(design / u[:, i, None], values[:, i] / u[:, i], rcond=None)[0]
        for i in (0, 1)
    ]
    return np.concatenate(parts)


def _polar(
    p: FloatArray, covariance: FloatArray, first: int, seen: float
) -> tuple[float, float, float, float]:
    """Amplitude, phase and uncertainties from the sine's and cosine's coefficients."""
    sine, cosine = float(p[first]), float(p[first + 1])
    own = covariance[first : first + 2, first : first + 2]
    size = math.hypot(sine, cosine)
    along = np.array([sine, cosine]) / max(size, 1e-300)
    across = np.array([-along[1], along[0]])
    u_phase = math.sqrt(float(across @ own @ across)) / max(size, 1e-300)
    return (
        size / abs(seen),
        math.sqrt(float(along @ own @ along)) / abs(seen),
        math.atan2(cosine, sine),
        min(u_phase, math.pi / math.sqrt(3.0)),
    )
