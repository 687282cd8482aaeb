"""How good a pair is by one criterion: a value, what is good, a score, and a sentence.

What is good is for matching by correlation (CARS), for relief and towns alike: the two images have
to show the same things from directions that differ enough.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from boresight.errors import InputError

FloatArray = NDArray[np.float64]

#: what is scored, most important first, and its weight in the whole
CRITERIA: dict[str, float] = {
    "overlap": 3.0,
    "base_to_height": 3.0,
    "time_apart": 2.0,
    "sun_difference": 1.0,
    "incidence_difference": 1.0,
}

#: share of the smaller footprint [1]: score 0 and 1
OVERLAP = (0.05, 0.8)
#: B/H [1]: score 0, 1 from, 1 to, 0. Heights get an error of pixel × matching error / (B/H); beyond
#: 0.5 the images differ too much in relief and towns for correlation. CO3D flies with about 0.3.
BASE_TO_HEIGHT = (0.02, 0.15, 0.5, 1.2)
#: time after which half of the score is left [day]; crops grow, snow melts, shadows turn
HALF_TIME_DAYS = 30.0
#: one pass: nothing on the ground has changed but what drives [day]
ONE_PASS_DAYS = 0.01
#: angle between the directions of the sun: score 1 to, 0 from [deg]; shadows move with it
SUN_DEG = (5.0, 45.0)
#: difference of incidence: score 1 to, 0 from [deg]; scales and slopes differ with it
INCIDENCE_DEG = (5.0, 35.0)
#: score of what is not known
UNKNOWN = 0.5
#: below, a verdict is poor; from the second on, good
_VERDICTS = (0.4, 0.75)
#: a criterion that fails altogether leaves so much: ranks among failures are still of use
_LEAST = 0.01


class Verdict(StrEnum):
    """A score in a word."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Score:
    """One criterion of one pair.

    Attributes
    ----------
    criterion : str
        Of :data:`CRITERIA`.
    value : float or None
        In ``unit``; None when it is not known.
    unit : str
        ``1``, ``d`` or ``deg``.
    score : float
        From 0 to 1.
    good : str
        What is good, in the criterion's unit, such as ``≥ 80 %``.
    """

    criterion: str
    value: float | None
    unit: str
    score: float
    good: str

    @property
    def verdict(self) -> Verdict:
        """The score in a word."""
        if self.value is None:
            return Verdict.UNKNOWN
        if self.score >= _VERDICTS[1]:
            return Verdict.GOOD
        return Verdict.FAIR if self.score >= _VERDICTS[0] else Verdict.POOR

    def sentence(self, language: str = "en") -> str:
        """Explain the score.

        Parameters
        ----------
        language : {"en", "fr"}
            Any other is taken as English.
        """
        from boresight.pairs.sentences import sentence

        return sentence(self, language)


def overlap_score(share: float) -> Score:
    """Score of the common share of the smaller footprint [1]."""
    return Score("overlap", share, "1", _rising(share, *OVERLAP), f"≥ {100 * OVERLAP[1]:.0f} %")


def base_to_height_score(ratio: float | None) -> Score:
    """Score of the base-to-height ratio [1]."""
    low, good_from, good_to, high = BASE_TO_HEIGHT
    score = UNKNOWN
    if ratio is not None:
        score = min(_rising(ratio, low, good_from), 1.0 - _rising(ratio, good_to, high))
    return Score("base_to_height", ratio, "1", score, f"{good_from:g} to {good_to:g}")


def time_score(days: float | None) -> Score:
    """Score of the time between the images [day]."""
    score = UNKNOWN if days is None else 1.0 / (1.0 + abs(days) / HALF_TIME_DAYS)
    return Score("time_apart", None if days is None else abs(days), "d", score, "≤ 10 d")


def sun_score(angle_deg: float | None) -> Score:
    """Score of the angle between the two directions of the sun [deg]."""
    score = UNKNOWN if angle_deg is None else 1.0 - _rising(angle_deg, *SUN_DEG)
    return Score("sun_difference", angle_deg, "deg", score, f"≤ {SUN_DEG[0]:g}°")


def incidence_score(difference_deg: float | None) -> Score:
    """Score of the difference of the incidence angles [deg]."""
    score = UNKNOWN if difference_deg is None else 1.0 - _rising(difference_deg, *INCIDENCE_DEG)
    return Score("incidence_difference", difference_deg, "deg", score, f"≤ {INCIDENCE_DEG[0]:g}°")


def total(scores: tuple[Score, ...]) -> float:
    """Score of a pair from 0 to 1: the weighted geometric mean.

    A pair is as good as its weak sides allow: no light is good enough for images without overlap.
    """
    weights = [CRITERIA[score.criterion] for score in scores]
    logs = [math.log(max(score.score, _LEAST)) for score in scores]
    weighted = sum(weight * log for weight, log in zip(weights, logs, strict=True))
    return math.exp(weighted / sum(weights))


def angle_between(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Angle between two directions given as elevation and azimuth [deg]."""
    directions: list[FloatArray] = []
    for elevation_deg, azimuth_deg in (first, second):
        elevation, azimuth = math.radians(elevation_deg), math.radians(azimuth_deg)
        flat = math.cos(elevation)
        towards = (flat * math.sin(azimuth), flat * math.cos(azimuth), math.sin(elevation))
        directions.append(np.array(towards))
    cross = np.cross(directions[0], directions[1])
    dot = np.dot(directions[0], directions[1])
    return math.degrees(math.atan2(float(np.linalg.norm(cross)), float(dot)))


def _rising(value: float, low: float, high: float) -> float:
    if not math.isfinite(value):
        raise InputError(f"A value of a pair is {value}; the rule is a finite one.")
    return min(1.0, max(0.0, (value - low) / (high - low)))
