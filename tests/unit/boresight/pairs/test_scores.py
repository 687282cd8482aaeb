"""Each criterion by itself, and the whole."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boresight.errors import InputError
from boresight.pairs import CRITERIA, Score, Verdict
from boresight.pairs.scores import (
    angle_between,
    base_to_height_score,
    incidence_score,
    overlap_score,
    sun_score,
    time_score,
    total,
)


@pytest.mark.parametrize(
    ("score", "expected", "verdict"),
    [
        (overlap_score(0.9), 1.0, Verdict.GOOD),
        (overlap_score(0.05), 0.0, Verdict.POOR),
        (base_to_height_score(0.3), 1.0, Verdict.GOOD),
        (base_to_height_score(0.01), 0.0, Verdict.POOR),
        (base_to_height_score(0.85), 0.5, Verdict.FAIR),
        (base_to_height_score(3.0), 0.0, Verdict.POOR),
        (base_to_height_score(None), 0.5, Verdict.UNKNOWN),
        (time_score(0.0), 1.0, Verdict.GOOD),
        (time_score(-30.0), 0.5, Verdict.FAIR),
        (time_score(365.0), 30 / 395, Verdict.POOR),
        (time_score(None), 0.5, Verdict.UNKNOWN),
        (sun_score(4.9), 1.0, Verdict.GOOD),
        (sun_score(25.0), 0.5, Verdict.FAIR),
        (sun_score(90.0), 0.0, Verdict.POOR),
        (incidence_score(20.0), 0.5, Verdict.FAIR),
        (incidence_score(None), 0.5, Verdict.UNKNOWN),
    ],
)
def test_scores(score: Score, expected: float, verdict: Verdict) -> None:
    assert score.score == pytest.approx(expected, abs=1e-9)
    assert score.verdict is verdict


def _pair(overlap: float, ratio: float, days: float, sun: float, incidence: float) -> float:
    return total(
        (
            overlap_score(overlap),
            base_to_height_score(ratio),
            time_score(days),
            sun_score(sun),
            incidence_score(incidence),
        )
    )


def test_the_ideal_pair_has_one_and_the_weak_side_decides() -> None:
    assert _pair(1.0, 0.3, 0.0, 0.0, 0.0) == pytest.approx(1.0)
    assert _pair(1.0, 0.0, 0.0, 0.0, 0.0) == pytest.approx(math.exp(0.3 * math.log(0.01)))
    assert _pair(1.0, 0.3, 300, 0, 0) > _pair(1.0, 0.02, 0, 0, 0)
    assert sum(CRITERIA.values()) == 10


@given(
    st.floats(0, 1),
    st.floats(0, 5),
    st.floats(0, 1e4),
    st.floats(0, 180),
    st.floats(0, 80),
)
def test_the_whole_is_a_share_and_worsens_with_each(
    overlap: float, ratio: float, days: float, sun: float, incidence: float
) -> None:
    whole = _pair(overlap, ratio, days, sun, incidence)
    assert 0 < whole <= 1 + 1e-12
    assert _pair(overlap, ratio, days + 10, sun, incidence) <= whole
    assert _pair(overlap, ratio, days, sun + 10, incidence) <= whole + 1e-12
    assert _pair(overlap, ratio, days, sun, incidence + 10) <= whole + 1e-12
    assert _pair(min(1.0, overlap + 0.1), ratio, days, sun, incidence) >= whole - 1e-12


@pytest.mark.parametrize(
    ("first", "second", "angle_deg"),
    [
        ((45.0, 10.0), (45.0, 10.0), 0.0),
        ((30.0, 0.0), (50.0, 0.0), 20.0),
        ((0.0, 350.0), (0.0, 10.0), 20.0),
        ((90.0, 0.0), (90.0, 123.0), 0.0),
        ((60.0, 0.0), (60.0, 180.0), 60.0),
    ],
)
def test_angle_between_directions(
    first: tuple[float, float], second: tuple[float, float], angle_deg: float
) -> None:
    assert angle_between(first, second) == pytest.approx(angle_deg, abs=1e-9)


def test_a_value_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="finite"):
        overlap_score(math.nan)


@pytest.mark.parametrize(
    ("score", "language", "words"),
    [
        (overlap_score(0.97), "en", "They share 97 %"),
        (overlap_score(0.3), "en", "only 30 % of the smaller image; good is ≥ 80 %"),
        (base_to_height_score(0.06), "en", "0.06 is small: heights are noisy. Good is 0.15 to 0.5"),
        (base_to_height_score(0.9), "en", "0.90 is large"),
        (base_to_height_score(0.9), "fr", "0,90 est fort"),
        (base_to_height_score(0.3), "de", "matching is safe"),
        (time_score(30 / 86400), "en", "30 s apart, in one pass"),
        (time_score(45 / 1440), "en", "45 min apart: little"),
        (time_score(1.5), "en", "36 h apart"),
        (time_score(120.0), "en", "120 days apart"),
        (time_score(120.0), "fr", "120 jours d'écart"),
        (sun_score(0.0), "en", "within 0.1°"),
        (sun_score(12.34), "fr-FR", "12,4°"),
        (incidence_score(12.0), "en", "differs by 12.0°"),
    ],
)
def test_sentences(score: Score, language: str, words: str) -> None:
    assert words in score.sentence(language)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_score_has_a_sentence(language: str) -> None:
    makers = (overlap_score, base_to_height_score, time_score, sun_score, incidence_score)
    said = {
        make(value).sentence(language)
        for make in makers
        for value in (0.0, 0.05, 0.3, 0.7, 2.0, 20.0, 100.0)
    }
    said |= {make(None).sentence(language) for make in makers[1:]}
    assert all(text.endswith(".") and "{" not in text for text in said)
    assert len(said) > 25
