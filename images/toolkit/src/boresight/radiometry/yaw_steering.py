"""Relative gain of a line's detectors from yaw steering, and from what they see in the long run.

A satellite turned by 90 degrees drags its push-broom line along itself: every detector passes over
the same ground, one after the other ("side slither"; AMETHIST on Pléiades: Kubik & Pascal 2004,
Proc. SPIE 5570, doi:10.1117/12.565457; Blanchet et al. 2012, ISPRS XXXIX-B1). After the lines are
shifted by one for each detector, each line of the scene is one piece of ground seen by all.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from boresight.errors import (
    EmptyFrameError,
    InputError,
    SaturatedError,
    TooFewFramesError,
)
from boresight.instrument import Quantity, Uncertainty
from boresight.radiometry.equalisation import EqualisationResult, spread_of
from boresight.radiometry.frames import MAX_SATURATED_SHARE, check_lit, check_shape
from boresight.units import counts, finite

FloatArray = NDArray[np.float64]

#: Pieces into which an acquisition is cut to see how its answers scatter; errors within a piece
#: may be alike, which is why the scatter of single lines would promise too much.
BLOCKS = 32
_LINES_PER_BLOCK = 8
#: draws of a bootstrap: its uncertainty is then known to 11 %
DRAWS = 40


def estimate_gain_yaw_steered(
    dn: object,
    dark: Quantity,
    *,
    saturation_dn: float,
    lines_per_detector: float = 1.0,
    good: NDArray[np.bool_] | None = None,
) -> EqualisationResult:
    """Relative gain of a line's detectors from one yaw-steered (AMETHIST) acquisition.

    Parameters
    ----------
    dn : ndarray, shape (lines, cols), whole numbers
        [DN]
    dark : Quantity, shape (1, cols)
        Dark signal [DN].
    saturation_dn : float
        Numbers from here on are saturated [DN].
    lines_per_detector : float
        Lines from one detector to the next over the same ground: 1 when the line rate fits the
        ground speed; negative when it moves the other way.
    good : ndarray of bool, shape (1, cols), optional
        Detectors that make the reference.

    Raises
    ------
    TooFewFramesError, SaturatedError, EmptyFrameError, FramesError, UnitsError, NotFiniteError
        Lines that tell nothing.

    Notes
    -----
    The ratio of sums, which is the likeliest answer for light that comes in quanta. A regression
    on the mean of all detectors would favour those in the middle of the line when a residual yaw
    makes the ends see slightly other ground: 2e-4 of gain at half a pixel of drift.

    The acquisition is cut into :data:`BLOCKS` pieces of ground; how their gains scatter gives the
    uncertainty, which thus holds noise as well as ground that detectors saw differently.
    """
    signal = _aligned(dn, dark, saturation_dn, lines_per_detector)
    used = _usable(signal, good)
    sums = np.stack([signal[low:high].sum(axis=0) for low, high in _blocks(signal.shape[0])])
    weight = sums[:, used].mean(axis=1)
    pieces = sums / weight[:, None]
    gain = sums.sum(axis=0) / weight.sum()
    return _line_result(gain, _scatter(pieces, gain, weight), used, signal, dark)


def match_histograms(
    dn: object,
    dark: Quantity,
    *,
    saturation_dn: float,
    lines_per_detector: float = 0.0,
    good: NDArray[np.bool_] | None = None,
    fit_offset: bool = False,
) -> EqualisationResult:
    """Gain, and offset if asked for, of a line's detectors that make their histograms alike.

    Parameters
    ----------
    dn : ndarray, shape (lines, cols), whole numbers
        Either a yaw-steered acquisition, or so many lines that each detector has seen the same
        mixture of ground [DN].
    dark : Quantity, shape (1, cols)
        Dark signal [DN].
    saturation_dn : float
        Numbers from here on are saturated [DN].
    lines_per_detector : float
        As for :func:`estimate_gain_yaw_steered`; 0 takes lines as they come.
    good : ndarray of bool, shape (1, cols), optional
        Detectors that make the reference.
    fit_offset : bool
        Whether the dark signal is to be mended too. The gain is then told by the scene's contrast
        alone, and several times less certain.

    Raises
    ------
    TooFewFramesError, SaturatedError, EmptyFrameError, FramesError, UnitsError, NotFiniteError
        Lines that tell nothing.
    InputError
        The scene has too little contrast to tell gain from offset.

    Notes
    -----
    A straight line through each detector's quantiles (2 to 98 %) over the mean detector's. The
    uncertainty is a bootstrap's, of :data:`BLOCKS` pieces of ground drawn :data:`DRAWS` times; a
    jackknife is not consistent for quantiles (Efron 1979, Ann. Statist. 7:1,
    doi:10.1214/aos/1176344552).
    """
    signal = _aligned(dn, dark, saturation_dn, lines_per_detector)
    used = _usable(signal, good)
    # along memory and in single precision, which a sort takes several times faster
    columns = np.ascontiguousarray(signal.T, np.float32)
    gain, offset = _quantile_lines(columns, used, fit_offset=fit_offset)
    blocks = np.array(_blocks(signal.shape[0]))
    # the draws are part of the method: the same data give the same answer
    rng = np.random.default_rng(0)
    gains, offsets = [], []
    for _ in range(DRAWS):
        chosen = blocks[rng.integers(0, BLOCKS, BLOCKS)]
        index = np.concatenate([np.arange(low, high) for low, high in chosen])
        answer = _quantile_lines(columns[:, index], used, fit_offset=fit_offset)
        gains.append(answer[0])
        offsets.append(answer[1])
    u_gain = np.std(gains, axis=0, ddof=1)
    u_offset = np.std(offsets, axis=0, ddof=1)
    result = _line_result(gain, u_gain, used, signal, dark)
    if not fit_offset:
        return result
    scatter = Uncertainty(effect="scatter", correlation="random", u=u_offset[None])
    return replace(result, offset=Quantity(value=offset[None], unit="DN", uncertainties=(scatter,)))


def _aligned(
    dn: object, dark: Quantity, saturation_dn: float, lines_per_detector: float
) -> FloatArray:
    """Signal above dark, shifted so that a row is one piece of ground."""
    lines = counts(dn, "dn", ndim=2)
    count, cols = lines.shape
    check_shape(dark.grid, (1, cols), "dark")
    if not np.isfinite(lines_per_detector) or abs(lines_per_detector) > 100:
        raise InputError(f"lines_per_detector is {lines_per_detector}; the rule is -100 to 100.")
    share = float((lines >= saturation_dn).mean())
    if share > MAX_SATURATED_SHARE / 10:
        raise SaturatedError(
            f"{100 * share:.2f} % of the numbers are at {saturation_dn:g} DN or more; the rule is "
            f"at most {10 * MAX_SATURATED_SHARE:g} %.",
            remedy="Take darker ground.",
        )
    if lines.min() == lines.max():
        raise EmptyFrameError(f"all numbers are {lines.flat[0]} DN; the rule is a scene.")
    shifts = lines_per_detector * np.arange(cols)
    shifts -= shifts.min()
    common = int(count - np.ceil(shifts.max()))
    if common < BLOCKS * _LINES_PER_BLOCK:
        raise TooFewFramesError(
            f"{max(common, 0)} of {count} lines are seen by all {cols} detectors; the rule is at "
            f"least {BLOCKS * _LINES_PER_BLOCK}.",
            remedy="Take a longer acquisition.",
        )
    whole = np.floor(shifts).astype(int)
    part = shifts - whole
    index = np.arange(common)[:, None] + whole[None]
    column = np.arange(cols)[None]
    signal: FloatArray = lines[index, column].astype(np.float64)
    if part.any():
        after = lines[np.minimum(index + 1, count - 1), column]
        signal += part[None] * (after - signal)
    signal -= dark.grid
    finite(signal, "signal")
    return signal


def _usable(signal: FloatArray, good: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    means = signal.mean(axis=0)
    if good is not None:
        check_shape(good, (1, means.size), "good")
    used = (means > 0) if good is None else (means > 0) & good[0]
    if not used.any():
        raise EmptyFrameError("no detector is good and lit; the rule is at least one.")
    # 1.4826 / sqrt(2) of the median difference of neighbours is the noise, and some scene with it
    noise = 1.0483 * float(np.median(np.abs(np.diff(signal[:, used], axis=0))))
    check_lit(float(means[used].mean()), noise, "dn")
    return np.asarray(used)


def _blocks(lines: int) -> list[tuple[int, int]]:
    edges = np.linspace(0, lines, BLOCKS + 1).astype(int).tolist()
    return list(itertools.pairwise(edges))


def _quantile_lines(
    columns: NDArray[np.float32], used: NDArray[np.bool_], *, fit_offset: bool
) -> tuple[FloatArray, FloatArray]:
    ordered = np.sort(columns, axis=1)
    place = np.linspace(0.02, 0.98, 49) * (ordered.shape[1] - 1)
    low = place.astype(int)
    part = place - low
    quantiles = ((1 - part) * ordered[:, low] + part * ordered[:, low + 1]).T
    reference = quantiles[:, used].mean(axis=1)
    if not fit_offset:
        slope = reference @ quantiles / (reference @ reference)
        return slope / slope[used].mean(), np.zeros_like(slope)
    centred = reference - reference.mean()
    contrast = float(np.sqrt((centred**2).mean()) / reference.mean())
    if contrast < 0.02:
        raise InputError(
            f"the scene's contrast is {contrast:.4f} of its mean; the rule is at least 0.02, to "
            "tell gain from offset.",
            remedy="Take ground with more contrast, or estimate gains alone.",
        )
    slope = centred @ quantiles / (centred @ centred)
    offset = quantiles.mean(axis=0) - slope * reference.mean()
    scale = slope[used].mean()
    level = offset[used].mean()
    return slope / scale, offset - slope / scale * level


def _scatter(pieces: FloatArray, whole: FloatArray, weight: FloatArray) -> FloatArray:
    """Standard uncertainty of a weighted mean of pieces, from how they lie about it."""
    share = weight / weight.sum()
    square = (share[:, None] ** 2 * (pieces - whole) ** 2).sum(axis=0)
    return np.asarray(np.sqrt(square * len(pieces) / (len(pieces) - 1)))


def _line_result(
    gain: FloatArray,
    u: FloatArray,
    used: NDArray[np.bool_],
    signal: FloatArray,
    dark: Quantity,
) -> EqualisationResult:
    mean = float(signal[:, used].mean())
    u_dark = np.broadcast_to(np.asarray(dark.u_of("random")), dark.grid.shape) / mean
    gain = np.where(gain > 0, gain, 1.0)
    return EqualisationResult(
        gain=Quantity(
            value=gain[None],
            unit="1",
            uncertainties=(
                Uncertainty(effect="scatter", correlation="random", u=u[None]),
                Uncertainty(effect="dark", correlation="random", u=np.array(u_dark)),
            ),
        ),
        good=used[None],
        prnu_rms=spread_of(gain[used], np.hypot(u, u_dark[0])[used]),
        signal_dn=mean,
        n=signal.shape[0],
    )
