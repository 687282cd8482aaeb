"""How long ago somebody used a desktop: the X server counts it, whatever shows its screen.

Asked is MIT-SCREEN-SAVER's QueryInfo, whose ``ms_since_user_input`` counts keys and movements, not
pictures that were drawn: a clock on a screen that nobody looks at is no use of it.
"""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

_X_SERVERS = frozenset({"Xvnc", "Xtigervnc", "Xvfb", "Xorg"})
_DISPLAY = re.compile(r":\d+")
_COOKIE = b"MIT-MAGIC-COOKIE-1"


def is_x_server(process: psutil.Process) -> bool:
    """Whether ``process`` shows a desktop."""
    try:
        return process.name() in _X_SERVERS
    except psutil.Error:
        return False


def idle_times_s(servers: Iterable[psutil.Process]) -> list[tuple[str, float]]:
    """Display and time since its last key or movement [s] of each X server that answers."""
    found = []
    for server in servers:
        try:
            arguments = server.cmdline()
        except psutil.Error:
            continue
        display = next((a for a in arguments if _DISPLAY.fullmatch(a)), "")
        if display and (idle_s := _idle_s(display, _auth_file(arguments))) is not None:
            found.append((display, idle_s))
    return found


def _idle_s(display: str, auth_file: Path | None) -> float | None:
    try:
        import xcffib
        from xcffib import screensaver
    except (ImportError, OSError):  # no X libraries: what runs here is no desktop of ours
        return None
    try:
        connection = _connect(display, _auth_of(auth_file, display))
    except (xcffib.ConnectionException, OSError):
        return None
    try:
        root = connection.get_setup().roots[0].root
        answer = connection(screensaver.key).QueryInfo(root).reply()
        return float(answer.ms_since_user_input) / 1000
    except (xcffib.ConnectionException, xcffib.ProtocolException):
        return None
    finally:
        with contextlib.suppress(xcffib.ConnectionException):
            connection.disconnect()


def _connect(display: str, auth: bytes | None) -> Any:
    """Connection to an X server.

    xcffib takes a cookie as well, but frees it before libxcb reads it (1.12), so that one in two
    connections is refused; and it takes no colon in one.
    """
    import xcffib

    if auth is None:
        return xcffib.connect(display)
    name, _, data = auth.partition(b":")
    api: Any = xcffib
    new = api.ffi.new
    kept = new("char[]", name), new("char[]", data)
    info = new("xcb_auth_info_t *")
    info.name, info.namelen, info.data, info.datalen = kept[0], len(name), kept[1], len(data)
    screen = new("int *")
    found = api.Connection.__new__(api.Connection)
    found._conn = api.lib.xcb_connect_to_display_with_auth_info(display.encode(), info, screen)
    found.pref_screen = screen[0]
    found.invalid()  # raises where there is no connection
    found._init_x()
    return found


def _auth_file(arguments: list[str]) -> Path | None:
    for name, value in pairwise(arguments):
        if name == "-auth":
            return Path(value)
    return None


def _auth_of(path: Path | None, display: str) -> bytes | None:
    """Cookie for ``display`` from an Xauthority file, as libxcb takes it; None: it has none."""
    if path is None:
        return None
    try:
        rest = path.read_bytes()
    except OSError:
        return None
    cookie = None
    # Xau(3): a family, then address, number, name and data, each after its length
    while len(rest) > 2:
        rest, fields = rest[2:], []
        for _ in range(4):
            if len(rest) < 2:
                return cookie
            (length,) = struct.unpack(">H", rest[:2])
            fields.append(rest[2 : 2 + length])
            rest = rest[2 + length :]
        _, number, name, data = fields
        if name == _COOKIE and number in (b"", display[1:].encode()):
            cookie = name + b":" + data
    return cookie
