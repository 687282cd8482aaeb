"""Scores in words, in the languages of the panels."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boresight.pairs.scores import Score

_EN = {
    "overlap": {
        "good": "They share {value} of the smaller image, and all of that can be measured.",
        "fair": "They share {value} of the smaller image: the rest stays without heights.",
        "poor": "They share only {value} of the smaller image; good is {good}.",
        "unknown": "Their overlap is not known.",
    },
    "base_to_height": {
        "good": "A base-to-height ratio of {value}: heights are precise, and matching is safe.",
        "low": "A base-to-height ratio of {value} is small: heights are noisy. Good is {good}.",
        "high": "A base-to-height ratio of {value} is large: steep ground and towns look too "
        "different to be matched. Good is {good}.",
        "unknown": "The base-to-height ratio is not known: angles are missing.",
    },
    "time_apart": {
        "pass": "Taken {value} apart, in one pass: nothing has changed.",
        "good": "Taken {value} apart: little has changed.",
        "fair": "Taken {value} apart: plants and water may differ. Good is {good}.",
        "poor": "Taken {value} apart: seasons and buildings may differ. Good is {good}.",
        "unknown": "The time between them is not known.",
    },
    "sun_difference": {
        "good": "The sun stood within {value} of the same place: shadows agree.",
        "fair": "The sun stood {value} apart: shadows have moved. Good is {good}.",
        "poor": "The sun stood {value} apart: shadows differ much. Good is {good}.",
        "unknown": "The sun's direction is not known for both.",
    },
    "incidence_difference": {
        "good": "Incidence differs by {value}: both show the ground alike.",
        "fair": "Incidence differs by {value}: one shows slopes shorter. Good is {good}.",
        "poor": "Incidence differs by {value}: scales differ much. Good is {good}.",
        "unknown": "The incidence is not known for both.",
    },
}

_FR = {
    "overlap": {
        "good": "Elles partagent {value} de la plus petite, et tout cela est mesurable.",
        "fair": "Elles partagent {value} de la plus petite : sans altitude ailleurs.",
        "poor": "Elles ne partagent que {value} de la plus petite ; l'idéal est {good}.",
        "unknown": "Leur recouvrement est inconnu.",
    },
    "base_to_height": {
        "good": "Un B/H de {value} : altitudes précises, appariement sûr.",
        "low": "Un B/H de {value} est faible : altitudes bruitées. L'idéal est {good}.",
        "high": "Un B/H de {value} est fort : pentes et villes se ressemblent trop peu pour être "
        "appariées. L'idéal est {good}.",
        "unknown": "Le B/H est inconnu : il manque des angles.",
    },
    "time_apart": {
        "pass": "À {value} d'écart, en un seul passage : rien n'a changé.",
        "good": "À {value} d'écart : peu de changements.",
        "fair": "À {value} d'écart : plantes et eau peuvent différer. L'idéal est {good}.",
        "poor": "À {value} d'écart : saisons et bâtiments peuvent différer. L'idéal est {good}.",
        "unknown": "L'écart de temps est inconnu.",
    },
    "sun_difference": {
        "good": "Le soleil est à moins de {value} de la même place : mêmes ombres.",
        "fair": "Le soleil a tourné de {value} : les ombres ont bougé. L'idéal est {good}.",
        "poor": "Le soleil a tourné de {value} : ombres très différentes. L'idéal est {good}.",
        "unknown": "La direction du soleil n'est pas connue pour les deux.",
    },
    "incidence_difference": {
        "good": "L'incidence diffère de {value} : le sol est vu de la même façon.",
        "fair": "L'incidence diffère de {value} : les pentes se voient plus courtes sur l'une. "
        "L'idéal est {good}.",
        "poor": "L'incidence diffère de {value} : échelles très différentes. L'idéal est {good}.",
        "unknown": "L'incidence n'est pas connue pour les deux.",
    },
}

_LANGUAGES = {"en": _EN, "fr": _FR}
_UNITS = {
    "en": {"s": "s", "min": "min", "h": "h", "d": "days"},
    "fr": {"s": "s", "min": "min", "h": "h", "d": "jours"},
}


def sentence(score: Score, language: str) -> str:
    """Explain ``score``; an unknown language is taken as English."""
    short = language.lower()[:2]
    short = short if short in _LANGUAGES else "en"
    texts = _LANGUAGES[short][score.criterion]
    words = texts[_form(score)].format(value=_value(score, short), good=_good(score, short))
    return words


def _form(score: Score) -> str:
    from boresight.pairs.scores import BASE_TO_HEIGHT, ONE_PASS_DAYS

    verdict = score.verdict.value
    if score.value is None or verdict == "good":
        is_one_pass = score.criterion == "time_apart" and score.value is not None
        return "pass" if is_one_pass and (score.value or 0.0) < ONE_PASS_DAYS else verdict
    if score.criterion == "base_to_height":
        return "low" if score.value < BASE_TO_HEIGHT[1] else "high"
    return verdict


def _value(score: Score, language: str) -> str:
    if score.value is None:
        return ""
    if score.criterion == "overlap":
        text = f"{100 * score.value:.0f} %"
    elif score.criterion == "base_to_height":
        text = f"{score.value:.2f}"
    elif score.unit == "deg":
        # "within 0°" would promise too much
        text = f"{max(_next_tenth(score.value), 0.1):.1f}°"
    else:
        text = _duration(score.value, _UNITS[language])
    return text.replace(".", ",") if language == "fr" else text


def _good(score: Score, language: str) -> str:
    good = score.good
    if language == "fr":
        return good.replace(".", ",").replace(" d", " jours").replace(" to ", " à ")
    return good.replace(" d", " days")


def _duration(days: float, units: dict[str, str]) -> str:
    seconds = days * 86400.0
    if seconds < 100:
        return f"{seconds:.0f} {units['s']}"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} {units['min']}"
    if days < 2:
        return f"{seconds / 3600:.0f} {units['h']}"
    return f"{days:.0f} {units['d']}"


def _next_tenth(value: float) -> float:
    """Next tenth above ``value``."""
    return -(-value * 10 // 1) / 10
