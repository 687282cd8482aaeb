"""Renders every environment by helmfile itself, and compares with `helm/rendered`.

Building helmfile takes a quarter of an hour, so the gate renders with Helm alone, as helmfile does,
and this is run by hand: after a change of the helmfile, or of what it is told to do. It prints what
differs; with `--write` it keeps what helmfile rendered.

uv run --no-sync python tests/verify/helmfile.py [--write]
"""

from __future__ import annotations

import argparse
import difflib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.helm import ROOT, helm_command
from support.rendered import ENVIRONMENTS, FOLDER, canonical

_MODULE = Path(__file__).with_name("helmfile")
_BUILD_TIMEOUT_S = 3600.0
_RENDER_TIMEOUT_S = 300.0


def program() -> Path:
    """helmfile: of the PATH, or built from the module beside, once."""
    found = shutil.which("helmfile")
    if found:
        return Path(found)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "boresight"
    built = cache / "helmfile-1.8.0"
    if not built.is_file():
        sys.stderr.write("helmfile is built: a quarter of an hour on two cores\n")
        cache.mkdir(parents=True, exist_ok=True)
        draft = built.with_suffix(".draft")
        subprocess.run(
            [shutil.which("go") or "go", "build", "-o", str(draft), "github.com/helmfile/helmfile"],
            cwd=_MODULE,
            check=True,
            timeout=_BUILD_TIMEOUT_S,
        )
        draft.rename(built)
    return built


def render(helmfile: Path, environment: str, helm: Path) -> str:
    """What helmfile would install."""
    done = subprocess.run(
        [
            *(str(helmfile), "--file", str(ROOT / "helm" / "helmfile.yaml.gotmpl")),
            *("--environment", environment, "--helm-binary", str(helm), "--quiet"),
            *("template", "--args", "--kube-version=1.34.4"),
        ],
        capture_output=True,
        text=True,
        timeout=_RENDER_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"helmfile, {environment}: {done.stderr[-3000:]}")
    return canonical(one for one in yaml.safe_load_all(done.stdout) if one)


def main() -> int:
    """Compare, or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep what helmfile rendered")
    arguments = parser.parse_args()
    helmfile = program()
    differing = 0
    with tempfile.TemporaryDirectory() as folder:
        helm = Path(folder) / "helm"
        helm.write_text(f'#!/bin/sh\nexec {shlex.join(helm_command())} "$@"\n')
        helm.chmod(0o700)
        for environment in ENVIRONMENTS:
            path = FOLDER / f"{environment}.yaml"
            text = render(helmfile, environment, helm)
            kept = path.read_text() if path.is_file() else ""
            if arguments.write:
                FOLDER.mkdir(exist_ok=True)
                path.write_text(text)
            elif text != kept:
                differing += 1
                lines = (kept.splitlines(), text.splitlines())
                sys.stdout.writelines(
                    f"{line}\n"
                    for line in difflib.unified_diff(*lines, str(path), "helmfile", lineterm="")
                )
            sys.stdout.write(f"{environment}: {text.count(chr(10))} lines\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
