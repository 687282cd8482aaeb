"""Collections of the demo, put into an empty catalogue."""

from __future__ import annotations

import json
from importlib import resources

from boresight_hub.stac.validation import CollectionRow, Rules


def rows(rules: Rules) -> list[CollectionRow]:
    """The demo collections, checked."""
    files = sorted(resources.files(__name__).iterdir(), key=lambda path: path.name)
    return [
        rules.collection(json.loads(file.read_text(encoding="utf-8")))
        for file in files
        if file.name.endswith(".json")
    ]
