"""Whether this machine has what an environment needs, and how to get what is missing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from boresight_hub.embedded import ports, provision, state, versitygw
from boresight_hub.errors import BoresightError
from boresight_hub.settings import PORT_OFFSETS, HubSettings

Verdict = Literal["ok", "missing", "optional"]

#: Memory below which the services and one user server do not fit together [byte].
_MEMORY_BYTES = 3 * 1024**3
_TOOL_TIMEOUT_S = 20.0
_JAVA_MIN = 17


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    name : str
    verdict : str
        ``ok``; ``missing``: nothing works without; ``optional``: something extra does not.
    seen : str
        What was found.
    remedy : str
        What to do, empty when it is ok.
    """

    name: str
    verdict: Verdict
    seen: str
    remedy: str = ""


def examine(settings: HubSettings) -> list[Finding]:
    """Look at the machine as the account that calls."""
    return [
        _python(),
        _uv(),
        _place(settings),
        _disk(settings),
        _ports(settings),
        _memory(),
        _xattrs(settings),
        _first_start(settings),
        *_extras(),
    ]


def _python() -> Finding:
    seen = f"{platform.python_version()} on {sys.platform}"
    if sys.platform != "linux":
        return Finding("Python", "missing", seen, "Use Linux: the supervisor needs its /proc.")
    return Finding("Python", "ok", seen)


def _uv() -> Finding:
    path = shutil.which("uv")
    if path is None:
        return Finding("uv", "missing", "not on the PATH", "Install it: pip install uv")
    return Finding("uv", "ok", _first_line([path, "--version"]))


def _place(settings: HubSettings) -> Finding:
    try:
        place = state.look(settings.state_dir)
    except BoresightError as exc:
        return Finding("state directory", "missing", exc.message, exc.remedy)
    what = "none yet" if place.is_new else "an environment"
    return Finding("state directory", "ok", f"{settings.state_dir}: {what}")


def _disk(settings: HubSettings) -> Finding:
    try:
        state.check_disk(state.look(settings.state_dir))
    except BoresightError as exc:
        return Finding("disk", "missing", exc.message, exc.remedy)
    folder = settings.state_dir
    while not folder.exists():
        folder = folder.parent
    return Finding("disk", "ok", f"{shutil.disk_usage(folder).free / 1024**3:.0f} GiB free")


def _ports(settings: HubSettings) -> Finding:
    wanted = f"{settings.port} to {settings.port + max(PORT_OFFSETS.values())}"
    if state.is_held(settings.state_dir):
        return Finding("ports", "ok", f"{wanted}, used by the environment itself")
    try:
        ports.check_ports(settings)
    except BoresightError as exc:
        return Finding("ports", "missing", exc.message, exc.remedy)
    return Finding("ports", "ok", f"{wanted} are free")


def _memory() -> Finding:
    available = psutil.virtual_memory().available
    seen = f"{available / 1024**3:.1f} GiB available"
    if available < _MEMORY_BYTES:
        return Finding(
            "memory",
            "missing",
            seen,
            f"The services, a user server and a job need {_MEMORY_BYTES / 1024**3:.0f} GiB: "
            "end other programs.",
        )
    return Finding("memory", "ok", seen)


def _xattrs(settings: HubSettings) -> Finding:
    folder = settings.state_dir
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        return Finding("file attributes", "missing", f"{folder} is not writable", "See --state.")
    if versitygw.supports_xattrs(folder):
        return Finding("file attributes", "ok", "user attributes: S3 metadata stays with its files")
    return Finding("file attributes", "ok", "none: S3 metadata goes into files beside the data")


def _first_start(settings: HubSettings) -> Finding:
    if provision.is_provisioned(settings):
        return Finding("first start", "ok", "done: starts need no network")
    return Finding(
        "first start", "ok", "to come: it fetches Node packages and Go modules (network needed)"
    )


def _extras() -> list[Finding]:
    findings = [_java(), _program("mvn", "Maven", "fetches Keycloak", "apt install maven")]
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    findings.append(
        Finding("Chromium", "ok", chromium)
        if chromium
        else Finding("Chromium", "optional", "absent: no browser tests", "apt install chromium")
    )
    findings.append(
        _program("Xtigervnc", "TigerVNC", "desktop", "apt install tigervnc-standalone-server")
    )
    findings.append(
        _program("xfce4-session", "XFCE", "desktop", "apt install xfce4 dbus-x11 x11-xkb-utils")
    )
    findings.append(_program("qgis", "QGIS", "images on the desktop", "apt install qgis"))
    return findings


def _program(program: str, name: str, use: str, remedy: str) -> Finding:
    path = shutil.which(program)
    if path:
        return Finding(name, "ok", path)
    return Finding(name, "optional", f"absent: {use}", remedy)


def _java() -> Finding:
    remedy = "apt install openjdk-17-jre-headless"
    home = os.environ.get("JAVA_HOME")
    path = shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
    if path is None:
        return Finding("Java", "optional", "absent: no --idp keycloak", remedy)
    line = _first_line([path, "-version"])
    digits = "".join(c if c.isdigit() else " " for c in line.partition('"')[2]).split()
    if digits and int(digits[0]) < _JAVA_MIN:
        return Finding("Java", "optional", f"{line}: Keycloak needs {_JAVA_MIN}", remedy)
    return Finding("Java", "ok", line)


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TOOL_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return f"{command[0]}: {exc}"
    lines = (done.stdout or done.stderr).splitlines()
    return lines[0] if lines else command[0]
