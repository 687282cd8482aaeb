"""One desktop of one user server: whether there can be one, its start, what is opened in it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from boresight.errors import ProgramError
from boresight.server.desktop_supervisor import socket_path

#: Where the desktop's own files are when they are not where an image or the sources have them.
FILES_VARIABLE = "BORESIGHT_DESKTOP_FILES"
#: Where noVNC is when it is not where an image has it.
VIEWER_VARIABLE = "BORESIGHT_NOVNC"
#: Tells programs of the desktop where they find what they are asked to open.
REQUESTS_VARIABLE = "BORESIGHT_DESKTOP_REQUESTS"
#: Name below which jupyter-server-proxy offers the desktop's socket.
PROXY_NAME = "boresight-desktop"

_IMAGE_FILES = Path(sys.prefix) / "share" / "boresight" / "desktop"
_SOURCE_FILES = Path(__file__).resolve().parents[4] / "desktop"
_START_S = 60.0
_FIRST_SIZE = "1280x800"
_LONGEST_PATH = 100  # of a unix socket: 107 bytes

# what is wanted, what it is called, and the Debian package that has it
_PROGRAMS = (
    ("Xtigervnc", "TigerVNC", "tigervnc-standalone-server"),
    ("xfce4-session", "XFCE", "xfce4"),
    ("dbus-run-session", "D-Bus", "dbus-x11"),
    ("xkbcomp", "X's keyboard maps", "x11-xkb-utils"),
)


@dataclass(frozen=True)
class Request:
    """Something to open in QGIS.

    Attributes
    ----------
    path : str
        As GDAL reads it.
    name : str
        Of the layer.
    collection, item, asset : str
        What it is of, in the catalogue.
    """

    path: str
    name: str
    collection: str
    item: str
    asset: str


def desktop_files() -> Path | None:
    """Folder with the desktop's own files: settings of XFCE, QGIS's plugin, kinds of files."""
    named = os.environ.get(FILES_VARIABLE)
    for folder in (Path(named) if named else None, _IMAGE_FILES, _SOURCE_FILES):
        if folder is not None and (folder / "qgis").is_dir():
            return folder
    return None


def viewer_files() -> Path | None:
    """Folder of noVNC, which shows the desktop in a browser."""
    named = os.environ.get(VIEWER_VARIABLE)
    for folder in (Path(named) if named else None, _IMAGE_FILES / "novnc"):
        if folder is not None and (folder / "core" / "rfb.js").is_file():
            return folder
    return None


def missing_programs() -> str:
    """Which programs of a desktop are not installed, in words for people; empty when all are."""
    missing = [(name, package) for program, name, package in _PROGRAMS if not _has(program)]
    if missing:
        names = ", ".join(name for name, _ in missing)
        packages = " ".join(package for _, package in missing)
        return (
            f"Not installed where this server runs: {names}. On one machine: apt install "
            f"{packages}. On Kubernetes: choose the desktop profile."
        )
    return ""


def why_not() -> str:
    """Why there can be no desktop here, in words for people; empty when there can be one."""
    if why := missing_programs():
        return why
    if desktop_files() is None:
        return f"The desktop's own files are not there; {FILES_VARIABLE} says where they are."
    if viewer_files() is None:
        return f"noVNC, which shows the desktop, is not there; {VIEWER_VARIABLE} says where it is."
    return ""


def has_qgis() -> bool:
    """Whether QGIS is installed."""
    return _has("qgis")


@cache
def runtime_folder() -> Path:
    """Folder of this server's desktop; it is made with the desktop, and goes with it."""
    name = f"boresight-desktop-{secrets.token_hex(8)}"
    folder = Path(tempfile.gettempdir()) / name
    if len(str(socket_path(folder))) > _LONGEST_PATH:
        folder = Path("/tmp") / name  # noqa: S108 - made for this account alone, or not at all
    return folder


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if not is_ours or stat.S_IMODE(found.st_mode) != 0o700:
            raise ProgramError(
                f"{folder} is somebody else's, or open to others.", remedy="Restart your server."
            ) from None


def proxy_entry() -> dict[str, Any]:
    """How jupyter-server-proxy offers the desktop: a socket that is ours to start."""
    return {
        "unix_socket": str(socket_path(runtime_folder())),
        "raw_socket_proxy": True,
        # the X server tells whether somebody uses it: boresight.server.desktop
        "update_last_activity": False,
        "launcher_entry": {
            "enabled": not why_not(),
            "title": "Desktop",
            "path_info": "boresight/desktop/view",
            "icon_path": str(Path(__file__).with_name("static") / "desktop.svg"),
        },
    }


class DesktopSession:
    """The desktop of this server; it goes on while nobody looks at it, and ends with the server."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        #: Display of the running desktop, as ``:20``.
        self.display = ""
        #: How long the latest start took, until somebody could connect [s].
        self.start_s = 0.0

    @property
    def is_running(self) -> bool:
        """Whether a desktop runs."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the desktop unless it runs.

        Raises
        ------
        ProgramError
            When it cannot be started.
        """
        async with self._starting:
            if self.is_running:
                return
            if why := why_not():
                raise ProgramError("There is no desktop here.", remedy=why)
            await self._launch()

    async def open_in_qgis(self, request: Request) -> str:
        """Have QGIS open something; returns the name under which :meth:`outcome` knows it.

        Raises
        ------
        ProgramError
            When there is no QGIS, or no desktop can be started.
        """
        if not has_qgis():
            raise ProgramError(
                "QGIS is not installed where this server runs.",
                remedy="On one machine: apt install qgis. On Kubernetes: the desktop profile.",
            )
        await self.start()
        name = uuid.uuid4().hex
        folder = _requests()
        hidden = folder / f".{name}"
        hidden.write_text(json.dumps(vars(request)))
        hidden.rename(folder / f"{name}.json")  # whole, or not there
        if not await asyncio.to_thread(self._runs, "qgis", "qgis.bin"):
            await self.run(["qgis", "--nologo", "--noversioncheck"])
        return name

    def outcome(self, name: str) -> dict[str, str] | None:
        """What became of a request: ``{"state": "waiting" | "opened" | "failed", "why": …}``.

        None: there is no such request.
        """
        folder = _requests()
        with contextlib.suppress(OSError, ValueError):
            answer: dict[str, str] = json.loads((folder / f"{name}.answer").read_text())
            return answer
        waiting = any((folder / f"{name}{kind}").exists() for kind in (".json", ".taken"))
        return {"state": "waiting", "why": ""} if waiting else None

    async def run(self, command: list[str]) -> None:
        """Start a program in the desktop."""
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.write(json.dumps(command).encode() + b"\n")
        await process.stdin.drain()

    async def stop(self) -> None:
        """End the desktop with everything in it."""
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        await process.wait()

    async def _launch(self) -> None:
        begun = time.monotonic()
        folder = runtime_folder()
        await asyncio.to_thread(_make_private, folder)
        _requests().mkdir(mode=0o700, exist_ok=True)
        share = await asyncio.to_thread(_register_kinds_of_files)
        descriptor = os.open(_log_file(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "boresight.server.desktop_supervisor"),
                *(str(folder), _FIRST_SIZE),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=_environment(share),
                start_new_session=True,
            )
        self._process = process
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            line = await asyncio.wait_for(process.stdout.readline(), _START_S)
        except TimeoutError:
            line = b""
        self.display = line.decode().strip()
        if not self.display:
            process.kill()
            raise ProgramError(
                "The desktop ended while it started.", remedy=f"Its last words are in {_log_file()}"
            )
        self.start_s = time.monotonic() - begun

    def _runs(self, *names: str) -> bool:
        """Whether a program of one of these names runs in this desktop."""
        if self._process is None:
            return False
        try:
            below = psutil.Process(self._process.pid).children(recursive=True)
        except psutil.Error:
            return False
        for process in below:
            with contextlib.suppress(psutil.Error):
                if process.name() in names:
                    return True
        return False


def _requests() -> Path:
    return runtime_folder() / "requests"


def _log_file() -> Path:
    folder = Path.home() / ".local" / "state" / "boresight"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # a home that is full
        folder = runtime_folder()
    return folder / "desktop.log"


def _register_kinds_of_files() -> Path:
    """Let programs of the desktop know our kinds of files; returns a folder of XDG_DATA_DIRS.

    What XDG calls a database is made of the description, which an image or the sources hold.
    """
    share = runtime_folder() / "share"
    source, program = desktop_files(), shutil.which("update-mime-database")
    if source is not None and program is not None:
        packages = share / "mime" / "packages"
        packages.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / "share" / "mime" / "packages" / "boresight.xml", packages)
        subprocess.run([program, str(share / "mime")], check=False, stdin=subprocess.DEVNULL)
    return share


def _environment(share: Path) -> dict[str, str]:
    files = desktop_files()
    config = os.environ.get("XDG_CONFIG_DIRS", "/etc/xdg")
    data = os.environ.get("XDG_DATA_DIRS", "/usr/local/share:/usr/share")
    return os.environ | {
        REQUESTS_VARIABLE: str(_requests()),
        "XDG_CONFIG_DIRS": f"{files}/xdg:{config}",
        "XDG_DATA_DIRS": f"{share}:{files}/share:{data}",
        "PATH": f"{files}/bin:{os.environ.get('PATH', os.defpath)}",
        "QGIS_PLUGINPATH": f"{files}/qgis",
        "QGIS_GLOBAL_SETTINGS_FILE": f"{files}/qgis/global_settings.ini",
    }


def _has(program: str) -> bool:
    return shutil.which(program) is not None
