"""Collections of the demo, put into an empty catalogue."""

from __future__ import annotations

import json
import sqlite3
from importlib import resources

from boresight_hub.stac.database import Database
from boresight_hub.stac.store import insert_collection
from boresight_hub.stac.validation import Rules


def plant(database: Database, rules: Rules) -> list[str]:
    """Put the demo collections into ``database`` if it never held one; returns their names."""
    with database.writing() as connection:
        if not _pristine(connection):
            return []
        names = []
        for file in sorted(resources.files(__name__).iterdir(), key=lambda path: path.name):
            if file.name.endswith(".json"):
                row = rules.collection(json.loads(file.read_text(encoding="utf-8")))
                insert_collection(connection, row)
                names.append(row.id)
    return names


def _pristine(connection: sqlite3.Connection) -> bool:
    """Whether no collection was ever made: one that was deleted must not come back."""
    used = connection.execute("select 1 from sqlite_sequence where name = 'collection'")
    return used.fetchone() is None
