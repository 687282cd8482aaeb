"""Words of this server's own page, in English and French."""

from __future__ import annotations

import json
from pathlib import Path

LANGUAGES = ("en", "fr")

_WORDS = json.loads((Path(__file__).with_name("templates") / "words.json").read_text("utf-8"))


def words_of(language: str) -> dict[str, object]:
    """Words of the page in ``language``."""
    return {"w": _WORDS[language]}


def language_of(chosen: str | None, accepted: str) -> str:
    """Language of a page.

    Parameters
    ----------
    chosen : str or None
        From the cookie that the hub's pages set.
    accepted : str
        The header ``Accept-Language``.

    Examples
    --------
    >>> language_of(None, "fr-FR,fr;q=0.9,en;q=0.8"), language_of("en", "fr"), language_of("x", "")
    ('fr', 'en', 'en')
    """
    if chosen in LANGUAGES:
        return str(chosen)
    best, best_q = "en", 0.0
    for part in accepted.lower().split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            q = float(quality or 1)
        except ValueError:
            continue
        if tag[:2] in LANGUAGES and q > best_q:
            best, best_q = tag[:2], q
    return best
