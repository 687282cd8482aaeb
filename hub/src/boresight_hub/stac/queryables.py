"""Queryables: what a filter can name, learned from the items and summaries there are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from boresight_hub.stac.links import Links
from boresight_hub.stac.storage import StoredCollection

SAMPLE = 200
"""Items of a collection that are looked at, the newest."""

_CORE: dict[str, dict[str, Any]] = {
    "id": {"title": "Item id", "type": "string"},
    "collection": {"title": "Collection id", "type": "string"},
    "geometry": {"title": "Footprint", "format": "geometry-any"},
    "datetime": {"title": "Acquisition", "type": "string", "format": "date-time"},
}
_INSTANTS = frozenset({"created", "updated", "start_datetime", "end_datetime"})


def schema(
    homes: Sequence[tuple[StoredCollection, dict[str, set[str]]]], links: Links, home: str | None
) -> dict[str, Any]:
    """JSON Schema of the queryables of ``homes``.

    Parameters
    ----------
    homes : sequence
        Collections whose items the reader may see, with the JSON types of their properties.
    links : Links
    home : str or None
        Name of the one collection asked about; None for the whole catalogue.
    """
    found: dict[str, set[str]] = {}
    summaries: dict[str, Any] = {}
    for collection, properties_of in homes:
        for name, kinds_of in properties_of.items():
            found.setdefault(name, set()).update(kinds_of)
        for name, summary in _summaries(collection).items():
            found.setdefault(name, set())
            summaries.setdefault(name, summary)
    properties = {**_CORE}
    for name in sorted(found):
        if name in _CORE:
            continue
        described: dict[str, Any] = {"title": name}
        kinds = sorted(found[name])
        if kinds:
            described["type"] = kinds[0] if len(kinds) == 1 else kinds
        if name in _INSTANTS:
            described["format"] = "date-time"
        if home is not None:
            described |= _from_summary(summaries.get(name))
        properties[name] = described
    address = (
        links.url("queryables") if home is None else links.url("collections", home, "queryables")
    )
    return {
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "$id": address,
        "type": "object",
        "title": "Queryables" if home is None else f"Queryables of {home}",
        "properties": properties,
        "additionalProperties": True,
    }


def _summaries(collection: StoredCollection) -> dict[str, Any]:
    found = json.loads(collection.body).get("summaries")
    return found if isinstance(found, dict) else {}


def _from_summary(summary: object) -> dict[str, Any]:
    """Examples rather than an enum: a summary tells what there was, not what there may be."""
    if isinstance(summary, list):
        values = [v for v in summary if isinstance(v, str | int | float)]
        return {"examples": values[:50]} if values else {}
    if isinstance(summary, dict):
        return {key: summary[key] for key in ("minimum", "maximum") if key in summary}
    return {}
