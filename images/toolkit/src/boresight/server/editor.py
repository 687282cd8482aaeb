"""The editor (VS Code in the browser, by code-server): where it is, and how it is offered.

jupyter-server-proxy starts it at the first request and hands it the requests of those who are
signed in, over a unix socket; the editor itself asks for no password and listens on no port. It
runs in the server's own environment: same home, same packages, same credentials.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

#: Folder of the editor when it is not where ``images/desktop/install_editor.py`` puts it.
EDITOR_VARIABLE = "BORESIGHT_EDITOR"

_HERE = Path(sys.prefix) / "share" / "boresight" / "editor"
_SCRIPT = Path("node_modules") / "code-server" / "out" / "node" / "entry.js"
_START_S = 60
_FIRST_SETTINGS: dict[str, object] = {
    "chat.disableAIFeatures": True,  # there is no account for it
    "files.exclude": {"**/.*": True},
    "python.defaultInterpreterPath": sys.executable,
    "remote.autoForwardPorts": False,  # ports are other services', and nobody's to show
    "telemetry.telemetryLevel": "off",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.startupEditor": "none",
}


def editor_folder() -> Path | None:
    """Folder with code-server in it; None where it is not installed."""
    named = os.environ.get(EDITOR_VARIABLE)
    for folder in (Path(named) if named else None, _HERE):
        if folder is not None and (folder / _SCRIPT).is_file():
            return folder
    return None


def _node(folder: Path) -> str | None:
    beside = folder / "bin" / "node"
    return str(beside) if beside.is_file() else shutil.which("node")


def why_not() -> str:
    """Why there is no editor here, in words for people; empty when there is one."""
    folder = editor_folder()
    if folder is None:
        return (
            "The editor is not installed where this server runs. On one machine: poe editor. "
            "On Kubernetes: choose the desktop profile."
        )
    return "" if _node(folder) else "The editor needs Node 24, which is not on the path."


def command() -> list[str]:
    """Command that runs the editor; jupyter-server-proxy fills in the socket.

    Returns
    -------
    list of str
        Without an editor a command that fails, and says why.
    """
    folder = editor_folder()
    node = _node(folder) if folder is not None else None
    if folder is None or node is None:
        return ["sh", "-c", 'echo "$0" >&2; exit 69', why_not().replace("{", "").replace("}", "")]
    data = Path.home() / ".local" / "share" / "boresight" / "editor-data"
    _write_first_settings(data / "User" / "settings.json")
    return [
        *(sys.executable, "-m", "boresight.server.leash"),
        *(node, str(folder / _SCRIPT), "--auth", "none"),
        *("--socket", "{unix_socket}", "--socket-mode", "600"),
        *("--user-data-dir", str(data), "--extensions-dir", str(data / "extensions")),
        # it reports to nobody, and looks for nothing outside
        *("--disable-telemetry", "--disable-update-check", "--disable-workspace-trust"),
        *("--disable-getting-started-override", "--disable-proxy", "--app-name", "Boresight"),
        str(Path.home()),
    ]


def _write_first_settings(path: Path) -> None:
    """Give somebody who has none their first settings; from then on they are theirs."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x") as file:
            json.dump(_FIRST_SETTINGS, file, indent=1)
    except OSError:  # there are some, or the home is full
        return


def environment() -> dict[str, str]:
    """Variables of the editor beside the server's own."""
    # no gallery of extensions, unless the environment names one that can be reached from here
    gallery = os.environ.get("EXTENSIONS_GALLERY") or "{}"
    # what comes from the terminal of another VS Code, or from a platform, is not for this one
    return {
        "VSCODE_IPC_HOOK_CLI": "",
        # the environment is as it has to be: a login shell's would lack the packages
        "VSCODE_CLI": "1",
        "PORT": "",
        "EXTENSIONS_GALLERY": gallery.replace("{", "{{").replace("}", "}}"),
    }


def proxy_entry() -> dict[str, Any]:
    """How jupyter-server-proxy offers the editor."""
    return {
        "command": command,
        "environment": environment,
        "unix_socket": True,
        "timeout": _START_S,
        "absolute_url": False,
        # an open page writes all the while; boresight.server.activity looks at its terminals
        "update_last_activity": False,
        "launcher_entry": {
            "enabled": not why_not(),
            "title": "Editor",
            "icon_path": str(Path(__file__).with_name("static") / "editor.svg"),
        },
    }
