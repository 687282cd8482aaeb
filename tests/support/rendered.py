"""Rendered environments, as kept in `helm/rendered`: in one order, nothing made by chance."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.helm import ROOT, environment

FOLDER = ROOT / "helm" / "rendered"
ENVIRONMENTS = ("local", "staging", "production")


def canonical(objects: Iterable[dict[str, Any]]) -> str:
    """YAML of ``objects``, sorted; what is made anew at each rendering has no value."""
    ordered = sorted(
        objects,
        key=lambda o: (o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"]),
    )
    return yaml.dump_all([_without_chance(one) for one in ordered], Dumper=_Readable, width=120)


class _Readable(yaml.SafeDumper):
    """Writes texts of several lines as such, as the configuration files in ConfigMaps are."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    )


_Readable.add_representer(str, _text)


def _without_chance(found: dict[str, Any]) -> dict[str, Any]:
    made = found["kind"] == "Secret" or found["metadata"]["name"] == "boresight-ca"
    if not made:
        return found
    return {
        key: dict.fromkeys(value, "made at the first install")
        if key in ("data", "stringData") and value
        else value
        for key, value in found.items()
    }


def main() -> None:
    """Keep what Helm renders now; tests/verify/helmfile.py looks whether helmfile does the same."""
    FOLDER.mkdir(exist_ok=True)
    for name in ENVIRONMENTS:
        flags = yaml.safe_load((ROOT / "helm" / "environments" / name / "flags.yaml").read_text())
        objects = environment(name, namespace=flags["namespace"])
        (FOLDER / f"{name}.yaml").write_text(canonical(objects))


if __name__ == "__main__":
    main()
