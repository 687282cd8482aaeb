"""What is written from values.schema.yaml is up to date, and the rules about the source hold."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def schema() -> ModuleType:
    spec = importlib.util.spec_from_file_location("chart_schema", ROOT / "helm" / "schema.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_written_files_are_up_to_date(schema: ModuleType) -> None:
    for path, text in schema.outputs().items():
        assert path.read_text() == text, f"{path} is out of date: run `poe schema`"


@pytest.mark.parametrize(
    "environment", sorted((ROOT / "helm" / "environments").glob("*/values.yaml"))
)
def test_environments_meet_the_schema(schema: ModuleType, environment: Path) -> None:
    wanted = json.loads(schema.outputs()[schema.CHART / "values.schema.json"])
    jsonschema.validate(yaml.safe_load(environment.read_text()), wanted)


def test_defaults_meet_the_schema(schema: ModuleType) -> None:
    wanted = json.loads(schema.outputs()[schema.CHART / "values.schema.json"])
    jsonschema.validate(schema.defaults(schema.load()), wanted)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"properties": {"a": {"type": "string", "default": ""}}}, "a has no description"),
        ({"properties": {"a": {"type": "string", "description": "x"}}}, "a has no default"),
    ],
    ids=["description", "default"],
)
def test_key_without_description_or_default_is_refused(
    schema: ModuleType, source: dict[str, object], words: str
) -> None:
    whole = {"properties": {"a": {"type": "string", "description": "x", "default": ""}}}
    schema._complete(whole, "values", {})
    with pytest.raises(schema.SchemaError, match=words):
        schema._complete(source, "values", {})
