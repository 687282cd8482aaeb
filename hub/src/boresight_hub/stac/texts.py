"""Text as the catalogue compares and keeps it."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any


def to_json(value: object) -> str:
    """JSON as it is stored: compact, and with letters as they are, so that SQLite finds keys."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def assemble(body: str, properties: str) -> dict[str, Any]:
    """Item from the two parts that :class:`~boresight_hub.stac.validation.ItemRow` has."""
    document: dict[str, Any] = json.loads(body)
    document["properties"] = json.loads(properties)
    return document


def fold_case(text: str) -> str:
    """Text without difference between capital and small letters (CQL2 ``casei``)."""
    return text.casefold()


def fold_accents(text: str) -> str:
    """Text without accents (CQL2 ``accenti``)."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


FOLDS: Mapping[str, Callable[[str], str]] = {"casei": fold_case, "accenti": fold_accents}
"""CQL2 functions of texts by their name."""
