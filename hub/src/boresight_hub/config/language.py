"""Languages of the hub's pages: English is in the templates, others are in ``locale/``.

A page is in the language of the cookie that its own links set; without one in that of the header
``Accept-Language``; without either in English.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from jinja2 import pass_context

COOKIE = "boresight-language"
LANGUAGES = {"en": "English", "fr": "Français"}
_FOLDER = Path(__file__).with_name("locale")


def language_of(chosen: str | None, accepted: str) -> str:
    """Language of a page.

    Parameters
    ----------
    chosen : str or None
        Value of the cookie.
    accepted : str
        The header ``Accept-Language``.

    Examples
    --------
    >>> language_of(None, "de, fr-FR;q=0.8, en;q=0.5"), language_of("en", "fr")
    ('fr', 'en')
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


def language_of_request(handler: Any) -> str:
    """Language of the page that a tornado handler answers with."""
    accepted = handler.request.headers.get("Accept-Language", "")
    return language_of(handler.get_cookie(COOKIE), accepted)


@functools.cache
def translations(language: str) -> dict[str, str]:
    """Texts of a language by their English ones."""
    path = _FOLDER / f"{language}.json"
    found: dict[str, str] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found


def translate(language: str, text: str, **values: object) -> str:
    """Translate ``text``, then put values in the place of ``{name}``."""
    found = translations(language).get(text, text)
    return found.format(**values) if values else found


def handler_of(context: Any) -> Any:
    """Handler that renders a template: JupyterHub hands its methods to every page."""
    return context["static_url"].__self__


class Words:
    """What templates say: ``{{ hub.t("Home") }}``."""

    languages = LANGUAGES

    @pass_context
    def t(self, context: Any, text: str, **values: object) -> str:
        """Translate for whoever sees the page."""
        return translate(self.language(context), text, **values)

    @pass_context
    def language(self, context: Any) -> str:
        """Language of the page."""
        return language_of_request(handler_of(context))
