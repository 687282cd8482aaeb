"""Write what follows from ``values.schema.yaml``: defaults, JSON schema, removed keys, reference.

``python helm/schema.py`` writes, ``--check`` says what is out of date and fails. Every key needs a
description, every leaf a default.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "helm" / "charts" / "boresight"
SOURCE = CHART / "values.schema.yaml"
REALM = ROOT / "hub" / "src" / "boresight_hub" / "embedded" / "idp" / "boresight-realm.json"
REFERENCE = ROOT / "hub" / "docs" / "reference" / "chart.md"
_REMOVED = "x-removed"

Node = dict[str, Any]


class SchemaError(Exception):
    """The source lacks something."""


def load() -> Node:
    """Read the source and complete it: defaults reach the leaves, unknown keys are refused."""
    raw: Node = copy.deepcopy(yaml.safe_load(SOURCE.read_text()))
    raw.pop("$defs")
    _complete(raw, "values", {})
    return raw


def _complete(node: Node, path: str, defaults: Node) -> None:
    for name, child in node.get("properties", {}).items():
        # anchors share objects, and each key has a default of its own
        child = node["properties"][name] = copy.deepcopy(child)
        where = f"{path}.{name}"
        if not child.get("description"):
            raise SchemaError(f"{where} has no description.")
        if name in defaults:
            child["default"] = defaults[name]
        if "properties" in child and not _is_whole(child):
            given = child.pop("default", {})
            child["additionalProperties"] = False
            _complete(child, where, given)
        elif "default" not in child:
            raise SchemaError(f"{where} has no default.")
    if "properties" in node:
        node["additionalProperties"] = False


def _is_whole(node: Node) -> bool:
    """Whether a default counts as a whole: the parts of resources have none of their own."""
    return not any(
        "default" in child or "properties" in child for child in node["properties"].values()
    )


def json_schema(node: Node) -> Node:
    """JSON schema as Helm reads it; removed keys are let through, for a template tells of them."""
    result: Node = {}
    for key, value in node.items():
        if key in (_REMOVED, "default"):
            continue
        result[key] = value
    if "properties" in node:
        properties = {name: json_schema(child) for name, child in node["properties"].items()}
        for name, remedy in node.get(_REMOVED, {}).items():
            properties[name] = {"description": f"Removed. {remedy}"}
        result["properties"] = properties
    return result


def defaults(node: Node) -> Any:
    """Value of ``node`` when nobody gives one."""
    if "default" in node:
        return node["default"]
    return {name: defaults(child) for name, child in node["properties"].items()}


def removed(node: Node, path: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Every removed key: the keys on the way to it, and what to write in its place."""
    found = [
        {"path": list(path), "key": key, "remedy": remedy}
        for key, remedy in node.get(_REMOVED, {}).items()
    ]
    for name, child in node.get("properties", {}).items():
        found += removed(child, (*path, name))
    return found


def values_text(node: Node) -> str:
    """Text of ``values.yaml``: every key with its description."""
    lines = [
        "# Defaults. Written from values.schema.yaml by `poe schema`: change it there.",
    ]
    _write_values(node, lines, 0)
    return "\n".join(lines) + "\n"


def _write_values(node: Node, lines: list[str], depth: int) -> None:
    indent = "  " * depth
    for name, child in node["properties"].items():
        if depth == 0:
            lines.append("")
        lines.append(f"{indent}# {child['description']}")
        if "properties" in child and "default" not in child:
            lines.append(f"{indent}{name}:")
            _write_values(child, lines, depth + 1)
            continue
        text = yaml.safe_dump({name: child["default"]}, sort_keys=False, width=120)
        lines += [f"{indent}{line}" for line in text.rstrip().splitlines()]


def reference_text(node: Node) -> str:
    """Reference page."""
    lines = [
        "# Values of the chart",
        "",
        "Written from `helm/charts/boresight/values.schema.yaml`. What is not here is refused.",
        "",
        "| key | default | meaning |",
        "|---|---|---|",
    ]
    _write_rows(node, lines, "")
    lines += [
        "",
        "## Keys that are not there (any more)",
        "",
        "Whoever writes one is told this.",
        "",
        "| key | in its place |",
        "|---|---|",
    ]
    for entry in removed(node):
        lines.append(f"| `{'.'.join([*entry['path'], entry['key']])}` | {entry['remedy']} |")
    return "\n".join(lines) + "\n"


def _write_rows(node: Node, lines: list[str], prefix: str) -> None:
    for name, child in node.get("properties", {}).items():
        key = f"{prefix}{name}"
        if "properties" in child and "default" not in child:
            lines.append(f"| **`{key}`** | | {child['description']} |")
            _write_rows(child, lines, f"{key}.")
            continue
        default = json.dumps(child.get("default"), ensure_ascii=False)
        shown = f"`{default}`" if len(default) < 60 else "see `values.yaml`"
        choice = f" (one of {', '.join(map(str, child['enum']))})" if "enum" in child else ""
        lines.append(
            f"| `{key}` | {shown.replace('|', chr(92) + '|')} | {child['description']}{choice} |"
        )
        items = child.get("items", {})
        for part, entry in items.get("properties", {}).items():
            needed = ", needed" if part in items.get("required", []) else ""
            lines.append(f"| `{key}[].{part}` | | {entry['description']}{needed} |")


def outputs() -> dict[Path, str]:
    """Every file that is written, with its text."""
    node = load()
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", **json_schema(node)}
    # Helm itself adds this one
    schema["properties"]["global"] = {"type": "object", "description": "Helm's own"}
    return {
        CHART / "values.schema.json": json.dumps(schema, indent=1, ensure_ascii=False) + "\n",
        CHART / "values.yaml": values_text(node),
        CHART / "files" / "removed.json": json.dumps(removed(node), indent=1) + "\n",
        CHART / "files" / "boresight-realm.json": REALM.read_text(),
        REFERENCE: reference_text(node),
    }


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    try:
        wanted = outputs()
    except SchemaError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    stale = [p for p, text in wanted.items() if not p.exists() or p.read_text() != text]
    for path in stale:
        if arguments.check:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: run `poe schema`.\n")
        else:
            path.write_text(wanted[path])
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    return 1 if arguments.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
