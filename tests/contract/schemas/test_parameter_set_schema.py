"""The committed schema is the one the code writes: `poe schemas` renews it."""

from __future__ import annotations

import json
from pathlib import Path

from boresight.instrument import json_schema

SCHEMA = Path(__file__).with_name("parameter-set.schema.json")


def text() -> str:
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def test_schema_is_current() -> None:
    assert SCHEMA.read_text("utf-8") == text()


if __name__ == "__main__":
    SCHEMA.write_text(text(), "utf-8")
