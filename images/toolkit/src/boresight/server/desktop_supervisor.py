"""The process below which a desktop runs: X server, session, and what is opened in it.

Its standard input is the user server's end of a pipe. A line is a command to start in the desktop
(JSON, a list of words). The end of the pipe is the end of the user server, however that came
about, and with it everything here ends (:mod:`boresight.server.leash`): nothing of a desktop
outlives its server.

Run as ``python -m boresight.server.desktop_supervisor FOLDER WIDTHxHEIGHT``; it prints the
display, as ``:20``, when its socket is there.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import secrets
import select
import shutil
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

from boresight.server import leash

_FIRST_DISPLAY = 20
_DISPLAYS = 400
_X_START_S = 30.0
_LOOK_EVERY_S = 0.5
_LONGEST_LINE = 65_536
_LARGEST_CUT_BYTES = 4 * 2**20
_FAMILY_WILD = 65535


def socket_path(folder: Path) -> Path:
    """Where the desktop's pictures, keys and movements go through (RFB)."""
    return folder / "rfb.sock"


def authority_path(folder: Path) -> Path:
    """File with the cookie without which nothing connects to the X server."""
    return folder / "xauthority"


def main(arguments: list[str]) -> int:
    """Run a desktop until its pipe, its session or its X server ends."""
    folder, geometry = Path(arguments[0]), arguments[1]
    os.umask(0o077)
    leash.hold()
    try:
        x_server, display = _start_x_server(folder, geometry)
        environment = _session_environment(folder, display)
        session = subprocess.Popen(
            ["dbus-run-session", "--", "xfce4-session"],  # noqa: S607 - where the system has them
            env=environment,
            cwd=Path.home(),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
        )
        print(display, flush=True)  # noqa: T201 - the server reads it
        _serve(x_server, session, environment)
    finally:
        leash.end_everything()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _start_x_server(folder: Path, geometry: str) -> tuple[subprocess.Popen[bytes], str]:
    program = shutil.which("Xtigervnc") or shutil.which("Xvnc") or "Xtigervnc"
    for number in range(_FIRST_DISPLAY, _FIRST_DISPLAY + _DISPLAYS):
        if Path(f"/tmp/.X{number}-lock").exists():  # noqa: S108 - where X servers have it
            continue
        authority_path(folder).write_bytes(_authority(number, _cookie()))
        server = subprocess.Popen(
            _x_command(program, number, folder, geometry),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
        )
        if _listens(server, socket_path(folder)):
            return server, f":{number}"
        # somebody else took this number just now
        server.kill()
        server.wait()
    raise RuntimeError("no X server started: see the log above")


def _x_command(program: str, number: int, folder: Path, geometry: str) -> list[str]:
    return [
        *(program, f":{number}", "-auth", str(authority_path(folder)), "-nolisten", "tcp"),
        # the only way in is a socket that its owner alone may open; there is no port
        *("-rfbport", "-1", "-rfbunixpath", str(socket_path(folder)), "-rfbunixmode", "0600"),
        *("-SecurityTypes", "None", "-AlwaysShared", "-AcceptSetDesktopSize"),
        # who comes through the socket is always the same one: a lost connection bars nobody
        *("-BlacklistThreshold", "1000000"),
        *("-geometry", geometry, "-depth", "24", "-desktop", "Boresight"),
        # what is merely marked is nobody's clipboard
        *("-SendPrimary=0", "-SetPrimary=0", "-MaxCutText", str(_LARGEST_CUT_BYTES)),
        # somebody who thinks for a while is not thrown out; the hub's idle policy judges
        *("-IdleTimeout", "0", "-MaxIdleTime", "0", "-MaxDisconnectionTime", "0", "-s", "0"),
    ]


def _cookie() -> bytes:
    """128 random bits without a colon, which readers of cookies in text take for an end."""
    while b":" in (cookie := secrets.token_bytes(16)):
        pass
    return cookie


def _authority(number: int, cookie: bytes) -> bytes:
    """One entry of an Xauthority file, good from any address (Xau(3))."""
    fields = (b"", str(number).encode(), b"MIT-MAGIC-COOKIE-1", cookie)
    return struct.pack(">H", _FAMILY_WILD) + b"".join(
        struct.pack(">H", len(field)) + field for field in fields
    )


def _listens(server: subprocess.Popen[bytes], path: Path) -> bool:
    until = time.monotonic() + _X_START_S
    while time.monotonic() < until and server.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(str(path))
            return True
        time.sleep(0.05)
    return False


def _session_environment(folder: Path, display: str) -> dict[str, str]:
    runtime = folder / "xdg"
    runtime.mkdir(mode=0o700, exist_ok=True)
    return (
        os.environ
        | _account(folder)
        | {
            "DISPLAY": display,
            "XAUTHORITY": str(authority_path(folder)),
            "XDG_RUNTIME_DIR": str(runtime),
            "XDG_SESSION_TYPE": "x11",
            "XDG_CURRENT_DESKTOP": "XFCE",
            "DESKTOP_SESSION": "xfce",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "NO_AT_BRIDGE": "1",
        }
    )


def _account(folder: Path) -> dict[str, str]:
    """Variables by which this account has a name: D-Bus asks for it, a pod's uid may have none."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        uid, gid = os.geteuid(), os.getegid()
        (folder / "passwd").write_text(f"jovyan:x:{uid}:{gid}::{Path.home()}:/bin/bash\n")
        (folder / "group").write_text(f"jovyan:x:{gid}:\n")
        return {
            "LD_PRELOAD": "libnss_wrapper.so",
            "NSS_WRAPPER_PASSWD": str(folder / "passwd"),
            "NSS_WRAPPER_GROUP": str(folder / "group"),
        }
    return {}


def _serve(
    x_server: subprocess.Popen[bytes],
    session: subprocess.Popen[bytes],
    environment: dict[str, str],
) -> None:
    """Start what is asked for, until one of the three ends."""
    commands = sys.stdin.fileno()
    waiting = b""
    while x_server.poll() is None and session.poll() is None:
        leash.bury()
        if not select.select([commands], [], [], _LOOK_EVERY_S)[0]:
            continue
        received = os.read(commands, _LONGEST_LINE)
        if not received:
            return
        *lines, waiting = (waiting + received).split(b"\n")
        for line in lines:
            with contextlib.suppress(OSError):
                subprocess.Popen(
                    json.loads(line),
                    env=environment,
                    cwd=Path.home(),
                    stdin=subprocess.DEVNULL,
                    stdout=sys.stderr,
                )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
