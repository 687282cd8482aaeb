"""Two acquisitions as a pair, and pairs in their order."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from shapely.geometry.base import BaseGeometry

from boresight.io import base_to_height
from boresight.pairs.acquisitions import Acquisition
from boresight.pairs.scores import (
    Score,
    angle_between,
    base_to_height_score,
    incidence_score,
    overlap_score,
    sun_score,
    time_score,
    total,
)

_DAY_S = 86400.0


@dataclass(frozen=True)
class CandidatePair:
    """Two acquisitions that see common ground.

    Attributes
    ----------
    left, right : Acquisition
        The earlier one first; at equal times by name.
    overlap : float
        Common share of the smaller footprint [1].
    common_km2 : float
        Common ground [km²].
    base_to_height : float or None
        [1]; None where angles are missing.
    scores : tuple of Score
        One for each criterion.
    score : float
        From 0 to 1.
    """

    left: Acquisition
    right: Acquisition
    overlap: float
    common_km2: float
    base_to_height: float | None
    scores: tuple[Score, ...]
    score: float

    @property
    def id(self) -> str:
        """Name within a search."""
        return "|".join("/".join(one.key) for one in (self.left, self.right))

    def as_dict(self, language: str = "en") -> dict[str, Any]:
        """All of it, with sentences, as JSON takes it."""
        return {
            "id": self.id,
            "left": dict(self.left.item),
            "right": dict(self.right.item),
            "overlap": self.overlap,
            "common_km2": self.common_km2,
            "base_to_height": self.base_to_height,
            "view_source": self.left.view_source,
            "score": self.score,
            "scores": [
                {
                    "criterion": score.criterion,
                    "value": score.value,
                    "unit": score.unit,
                    "score": score.score,
                    "good": score.good,
                    "verdict": score.verdict.value,
                    "sentence": score.sentence(language),
                }
                for score in self.scores
            ],
        }


def pair_of(
    first: Acquisition, second: Acquisition, areas: tuple[BaseGeometry, BaseGeometry]
) -> CandidatePair | None:
    """Judge two acquisitions.

    Parameters
    ----------
    first, second : Acquisition
    areas : tuple of shapely geometry
        Their footprints on one equal-area map [m].

    Returns
    -------
    CandidatePair or None
        None where they have no ground in common.
    """
    if areas[0].disjoint(areas[1]):
        return None
    common_m2 = float(areas[0].intersection(areas[1]).area)
    overlap = common_m2 / min(areas[0].area, areas[1].area)
    if not overlap > 0:
        return None
    left, right = sorted((first, second), key=_order)
    # azimuths of items are not counted alike everywhere, so both are from the same source
    comparable = left.view_source == right.view_source
    ratio = incidence = None
    if left.view is not None and right.view is not None and comparable:
        ratio = base_to_height(left.view, right.view)
        incidence = abs(left.view.incidence_deg - right.view.incidence_deg)
    sun = angle_between(left.sun, right.sun) if left.sun and right.sun else None
    scores = (
        overlap_score(min(overlap, 1.0)),
        base_to_height_score(ratio),
        time_score(_days(left, right)),
        sun_score(sun),
        incidence_score(incidence),
    )
    return CandidatePair(
        left=left,
        right=right,
        overlap=min(overlap, 1.0),
        common_km2=common_m2 / 1e6,
        base_to_height=ratio,
        scores=scores,
        score=total(scores),
    )


def rank(pairs: Iterable[CandidatePair]) -> list[CandidatePair]:
    """Best first; equal scores by name, so that the order is the same each time."""
    return sorted(pairs, key=lambda pair: (-round(pair.score, 6), pair.id))


def _days(left: Acquisition, right: Acquisition) -> float | None:
    if left.acquired_at is None or right.acquired_at is None:
        return None
    return (right.acquired_at - left.acquired_at).total_seconds() / _DAY_S


def _order(acquisition: Acquisition) -> tuple[float, str, str]:
    moment = acquisition.acquired_at
    return (math.inf if moment is None else moment.timestamp(), *acquisition.key)
