"""The built panels that are committed are of these sources, and call nothing outside."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "jupyterlab_boresight" / "labextension"


def sources_hash() -> str:
    """As scripts/sources.mjs makes it."""
    paths = [
        path.relative_to(ROOT).as_posix()
        for folder in ("src", "style")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    ]
    told = [path for path in paths if not re.search(r"\.spec\.tsx?$|^src/testing/", path)]
    digest = hashlib.sha256()
    for path in sorted([*told, "package.json", "package-lock.json", "tsconfig.json"]):
        digest.update(f"{path}\n".encode() + (ROOT / path).read_bytes() + b"\n")
    return digest.hexdigest()


def test_the_build_is_of_these_sources() -> None:
    stamped = (BUILD / "sources.sha256").read_text().strip()
    assert stamped == sources_hash(), "npm run build, and commit the result"


def test_the_build_is_whole() -> None:
    package = json.loads((BUILD / "package.json").read_text())
    load = package["jupyterlab"]["_build"]["load"]
    assert (BUILD / load).is_file()
    source = json.loads((ROOT / "package.json").read_text())
    assert (package["name"], package["version"]) == (source["name"], source["version"])
    assert f'version = "{source["version"]}"' in (ROOT / "pyproject.toml").read_text()


def test_nothing_outside_is_named() -> None:
    for path in (BUILD / "static").glob("*.js"):
        hosts = set(re.findall(r"https?://([^/\"'`\s)]+)", path.read_text()))
        assert hosts <= {"www.w3.org"}, (path.name, hosts)
    lock = (ROOT / "package-lock.json").read_text()
    assert '"resolved": "http' not in lock
