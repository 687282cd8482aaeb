"""Which pixels are not to be trusted, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from boresight.conventions import NMAD_SCALE
from boresight.errors import InputError
from boresight.figures import COLOURS, new_figure
from boresight.instrument import BadPixel
from boresight.radiometry.dark import DarkResult
from boresight.radiometry.equalisation import EqualisationResult
from boresight.radiometry.frames import check_shape

FloatArray = NDArray[np.float64]

#: good pixels flagged by chance on a detector, by which the thresholds are set
FALSE_ALARMS = 0.1


@dataclass(frozen=True)
class BadPixelResult:
    """Map of bad pixels.

    Parameters
    ----------
    flags : ndarray of uint8, shape (rows, cols)
        Bits of :class:`boresight.instrument.BadPixel`; 0 is good.
    counts : dict of str to int
        Pixels with each flag.
    false_alarms_expected : float
        Good pixels flagged by chance, if their values are normally distributed.
    thresholds : dict of str to float
        By flag, in the unit of what was tested: DN, DN2, 1.
    """

    flags: NDArray[np.uint8]
    counts: dict[str, int]
    false_alarms_expected: float
    thresholds: dict[str, float]


def find_bad_pixels(
    dark: DarkResult,
    gain: EqualisationResult | None = None,
    *,
    false_alarms: float = FALSE_ALARMS,
    low_gain: float = 0.5,
) -> BadPixelResult:
    """Flag hot, noisy, dead and outlying pixels.

    Parameters
    ----------
    dark : DarkResult
        Of frames without light.
    gain : EqualisationResult, optional
        Of even scenes, of all pixels: without it dead ones are not found.
    false_alarms : float
        Good pixels to be flagged by chance in each test, 1e-6 to 100.
    low_gain : float
        Pixels below this relative gain are dead, others that stand out have an outlying gain [1].

    Raises
    ------
    InputError
        A rule on numbers is broken.
    FramesError
        Shapes differ.

    Notes
    -----
    Dark signal and gain are tested against their robust spread (median absolute deviation), which
    bad pixels do not blow up. A variance is tested against chi-square with n - 1 degrees of
    freedom: an unstable pixel jumps between two levels and shows as a noisy one, unless it did
    not jump while it was watched.
    """
    if not 1e-6 <= false_alarms <= 100:
        raise InputError(f"false_alarms is {false_alarms}; the rule is 1e-6 to 100.")
    if not 0 < low_gain < 1:
        raise InputError(f"low_gain is {low_gain}; the rule is between 0 and 1.")
    values = dark.dark.grid
    probability = min(false_alarms / values.size, 0.01)
    flags = np.zeros(values.shape, np.uint8)
    thresholds: dict[str, float] = {}
    z = float(stats.norm.isf(probability))
    centre, spread = _robust(values)
    thresholds["HOT"] = centre + z * spread
    flags[values > thresholds["HOT"]] |= np.uint8(BadPixel.HOT)
    dof = dark.n_frames - 1
    limit = dark.noise_variance.number * float(stats.chi2.isf(probability, dof)) / dof
    thresholds["NOISY"] = limit
    flags[dark.variance > limit] |= np.uint8(BadPixel.NOISY)
    tests = 2
    if gain is not None:
        check_shape(gain.gain.grid, values.shape, "gain")
        ratio = gain.gain.grid
        centre, spread = _robust(ratio[gain.good])
        z = float(stats.norm.isf(probability / 2))
        thresholds["DEAD"] = low_gain
        thresholds["OUTLYING_GAIN"] = z * spread
        dead = (ratio < low_gain) | ~gain.good
        flags[dead] |= np.uint8(BadPixel.DEAD)
        flags[~dead & (np.abs(ratio - centre) > z * spread)] |= np.uint8(BadPixel.OUTLYING_GAIN)
        tests = 3
    return BadPixelResult(
        flags=flags,
        counts={
            str(flag.name): int(((flags & np.uint8(flag)) != 0).sum())
            for flag in BadPixel
            if str(flag.name) in thresholds
        },
        false_alarms_expected=tests * false_alarms,
        thresholds=thresholds,
    )


def plot_bad_pixels(result: BadPixelResult) -> Figure:
    """Where bad pixels are, and how many of each kind."""
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    for flag, colour, marker in zip(BadPixel, COLOURS, "o^sDvP", strict=False):
        rows, cols = np.nonzero(result.flags & np.uint8(flag))
        if rows.size:
            name = str(flag.name).lower()
            left.plot(cols, rows, marker, color=colour, markersize=3, label=name)
    left.set_xlim(-0.5, result.flags.shape[1] - 0.5)
    left.set_ylim(result.flags.shape[0] - 0.5, -0.5)
    left.set_aspect("equal")
    left.set_xlabel("column [px]")
    left.set_ylabel("row [px]")
    left.set_title(f"{int((result.flags != 0).sum())} of {result.flags.size} pixels")
    if (result.flags != 0).any():
        left.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    names = [name.lower().replace("_", "\n") for name in result.counts]
    bars = right.bar(names, list(result.counts.values()), color=COLOURS[0])
    right.bar_label(bars)
    right.set_ylim(0, 1.15 * max(1, *result.counts.values()))
    right.set_ylabel("pixels")
    return figure


def _robust(values: FloatArray) -> tuple[float, float]:
    median = float(np.median(values))
    return median, max(NMAD_SCALE * float(np.median(np.abs(values - median))), 1e-12)
