"""Languages of pages: every text has its translation, and no other text has one."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import boresight_hub.config
from boresight_hub.config.language import language_of, translate, translations

FOLDER = Path(boresight_hub.config.__file__).parent
_SAID = re.compile(
    r"""\bt(?:ranslate)?\((?:self, |context, |language, )*(["'])(.+?)\1""", re.DOTALL
)


def said() -> set[str]:
    """Texts of the templates, and of the code that are plain literals."""
    files = [*(FOLDER / "templates").glob("*.html"), *FOLDER.rglob("*.py")]
    return {text for file in files for _, text in _SAID.findall(file.read_text("utf-8"))}


def test_every_text_of_a_template_has_its_french() -> None:
    found = {
        t for f in (FOLDER / "templates").glob("*.html") for _, t in _SAID.findall(f.read_text())
    }
    assert len(found) > 50
    assert found - set(translations("fr")) == set()


def test_nothing_is_translated_that_nobody_says() -> None:
    code = "".join(
        f.read_text("utf-8")
        for f in (*FOLDER.rglob("*.py"), *(FOLDER / "templates").glob("*.html"))
    )
    # reasons of HTTP come from Python's own table, some words from f-strings
    from http import HTTPStatus

    known = said() | {status.phrase for status in HTTPStatus}
    for text in translations("fr"):
        pieces = re.split(r"\{\w+\}|core |cores |its leader|a leader of theirs", text)
        joined = re.sub(r'"\s*\n\s*"', "", code)
        assert text in known or text in joined or all(p.strip() in joined for p in pieces), text


@pytest.mark.parametrize("text", sorted(translations("fr")))
def test_a_translation_has_the_same_places_for_values(text: str) -> None:
    def places(of: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(of) if name}

    assert places(text) == places(translations("fr")[text])


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        (None, "", "en"),
        (None, "fr", "fr"),
        (None, "fr-CA", "fr"),
        (None, "de, fr;q=0.4, en;q=0.6", "en"),
        (None, "de", "en"),
        (None, "fr;q=x", "en"),
        ("fr", "en", "fr"),
        ("en", "fr", "en"),
        ("../../x", "fr", "fr"),
    ],
)
def test_language(chosen: str | None, accepted: str, language: str) -> None:
    assert language_of(chosen, accepted) == language


def test_unknown_text_stays_as_it_is() -> None:
    assert translate("fr", "Nobody has written this.") == "Nobody has written this."
    assert translate("fr", "{n} hours", n=4) == "4 heures"
