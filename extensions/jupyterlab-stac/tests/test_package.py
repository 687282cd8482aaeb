"""The package as it is published."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILT = ROOT / "jupyterlab_stac" / "labextension"
FOLDERS = ("src", "style", "schema")
FILES = ("package.json", "package-lock.json", "tsconfig.json")


def sources_hash() -> str:
    """Hash as scripts/sources.mjs takes it."""
    paths = [
        str(path.relative_to(ROOT))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and not path.name.endswith(".spec.ts")
    ]
    digest = hashlib.sha256()
    for path in sorted([*paths, *FILES]):
        digest.update(f"{path}\n".encode() + (ROOT / path).read_bytes() + b"\n")
    return digest.hexdigest()


def test_the_built_panel_is_of_these_sources():
    held = (BUILT / "sources.sha256").read_text().strip()
    assert held == sources_hash(), "npm run build, and commit what it makes"


def test_lab_loads_the_built_panel():
    installed = Path(sys.prefix) / "share" / "jupyter" / "labextensions" / "jupyterlab-stac"
    held = (installed / "sources.sha256").read_text()
    assert held == (BUILT / "sources.sha256").read_text(), "install it anew: uv sync"


def test_the_built_panel_names_nobody_s_machine():
    for path in BUILT.rglob("*"):
        if path.is_file():
            text = path.read_text(errors="replace")
            assert str(ROOT.parent) not in text, path
            assert "/node_modules/" not in text or "sourceMappingURL" not in text, path


def test_versions_agree():
    package = json.loads((ROOT / "package.json").read_text())
    scope: dict[str, str] = {}
    source = (ROOT / "jupyterlab_stac" / "__init__.py").read_text()
    exec(source.partition("def ")[0].replace("from typing import Any", ""), scope)  # noqa: S102
    assert package["version"] == scope["__version__"]
    assert f'version = "{package["version"]}"' in (ROOT / "pyproject.toml").read_text()
    assert json.loads((BUILT / "package.json").read_text())["version"] == package["version"]


def test_nothing_of_boresight_is_in_the_panel():
    for folder in ("src", "jupyterlab_stac"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".ts", ".tsx"):
                text = path.read_text().lower()
                assert "import boresight" not in text, path
                assert "from boresight" not in text, path


@pytest.mark.slow
@pytest.mark.enable_socket
@pytest.mark.timeout(1200)
def test_the_wheel_works_in_a_bare_jupyterlab(tmp_path):
    uv = [sys.executable, "-m", "uv"] if _has_uv_module() else ["uv"]
    run = {"check": True, "capture_output": True, "text": True}
    subprocess.run([*uv, "build", "--wheel", "-o", tmp_path, ROOT], **run)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith("labextensions/jupyterlab-stac/package.json") for name in names)
    assert any(name.endswith("LICENSE") for name in names)
    subprocess.run([*uv, "venv", "-q", tmp_path / "venv"], **run)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run(
        [*uv, "pip", "install", "-q", "--python", python, wheel, "jupyterlab>=4.6,<4.7"], **run
    )
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path)}
    listed = subprocess.run([python, "-m", "jupyter", "labextension", "list"], **run | {"env": env})
    text = listed.stdout + listed.stderr
    assert "jupyterlab-stac v" in text
    line = next(line for line in text.splitlines() if "jupyterlab-stac v" in line)
    assert "enabled" in line
    assert "OK" in line
    told = subprocess.run(
        [python, "-m", "jupyter", "server", "extension", "list"], **run | {"env": env}
    )
    assert "jupyterlab_stac" in told.stdout + told.stderr
    no_raster = subprocess.run(
        [python, "-c", "import jupyterlab_stac.app, sys; assert 'numpy' not in sys.modules"],
        **run | {"env": env},
    )
    assert no_raster.returncode == 0


def _has_uv_module() -> bool:
    from importlib.util import find_spec

    return find_spec("uv") is not None
