"""Write what an image is made of, as CycloneDX 1.6, to standard output.

Run in the image while it is built, with the interpreter whose packages are meant. Needs nothing but
the standard library, since the images have nothing else at that moment.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from urllib.parse import quote


def main() -> None:
    """Write the list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="name of the image")
    parser.add_argument("--dpkg", action="store_true", help="Debian packages, not Python's")
    parser.add_argument("--node", type=Path, help="folder with Node packages and their lock")
    parser.add_argument("--merge", type=Path, help="a list that was written before")
    arguments = parser.parse_args()
    parts = debian_packages() if arguments.dpkg else python_packages()
    if arguments.node:
        parts += node_packages(arguments.node)
    if arguments.merge:
        parts += json.loads(arguments.merge.read_text())["components"]
    found = {part["purl"]: part for part in parts}
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": arguments.name}},
        "components": [found[purl] for purl in sorted(found)],
    }
    json.dump(bill, sys.stdout, indent=1)


def python_packages() -> list[dict[str, object]]:
    """Packages of this interpreter."""
    return [
        _part(
            "pypi",
            dist.name.lower().replace("_", "-"),
            dist.version,
            dist.metadata.get("License-Expression"),
        )
        for dist in metadata.distributions()
        if dist.name
    ]


def debian_packages() -> list[dict[str, object]]:
    """Packages of Debian."""
    shown = subprocess.run(
        [
            "/usr/bin/dpkg-query",
            "--show",
            "--showformat=${Package} ${Version} ${db:Status-Abbrev}\n",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = (line.split() for line in shown.splitlines())
    return [_part("deb", f"debian/{row[0]}", row[1]) for row in rows if row[-1] == "ii"]


def node_packages(folder: Path) -> list[dict[str, object]]:
    """Packages below ``folder`` that its lock names and that are there."""
    lock = json.loads((folder / "package-lock.json").read_text())
    return [
        _part("npm", path.rpartition("node_modules/")[2], entry["version"], entry.get("license"))
        for path, entry in lock["packages"].items()
        if path and (folder / path / "package.json").is_file()
    ]


def _part(kind: str, name: str, version: str, licence: object = None) -> dict[str, object]:
    part: dict[str, object] = {
        "type": "library",
        "name": name.rpartition("/")[2] if kind == "deb" else name,
        "version": version,
        "purl": f"pkg:{kind}/{quote(name, safe='/')}@{quote(version, safe='')}",
    }
    if isinstance(licence, str) and licence:
        part["licenses"] = [{"expression": licence}]
    return part


if __name__ == "__main__":
    main()
