"""A real user server with a desktop, outside an environment; and clients of its screen."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx
import psutil
from websockets.sync.client import connect

from boresight.server.desktop_session import VIEWER_VARIABLE, missing_programs
from support.machine import node_packages

TOKEN = "a-token-of-this-test"
BASE = "/user/marie/"
#: What tells the processes of one test's server from all others.
MARK = "BORESIGHT_TEST_DESKTOP"
_START_S = 400.0
_X_SOCKETS = "/tmp/.X11-unix/X"  # noqa: S108 - where X servers have them
_AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")


def reason_to_skip(*programs: str) -> str:
    """Why the desktop cannot be tested here; empty when it can."""
    missing = [program for program in programs if shutil.which(program) is None]
    return missing_programs() or (f"not installed: {', '.join(missing)}" if missing else "")


@dataclass(frozen=True)
class DesktopServer:
    """A running server.

    Attributes
    ----------
    url : str
        With a slash at its end.
    home : Path
    process : subprocess.Popen
    """

    url: str
    home: Path
    process: subprocess.Popen[bytes]

    def ask(self, method: str, path: str, **options: object) -> httpx.Response:
        """Ask it with its token."""
        headers = {"Authorization": f"token {TOKEN}"}
        return httpx.request(
            method,
            f"{self.url}{path}",
            headers=headers,
            timeout=120,
            **options,  # type: ignore[arg-type]
        )

    def below(self) -> list[psutil.Process]:
        """Living processes that carry the mark of this server, but for the server itself."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.pid != self.process.pid and (
                    process.environ().get(MARK) == str(self.home)
                    and process.status() != psutil.STATUS_ZOMBIE
                ):
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def x_server(self) -> psutil.Process:
        """The X server of its desktop."""
        return next(p for p in self.below() if p.name() in ("Xtigervnc", "Xvnc"))

    def argument(self, name: str) -> str:
        """What follows ``name`` in the X server's command line."""
        command = self.x_server().cmdline()
        return str(command[command.index(name) + 1])

    def display(self) -> dict[str, str]:
        """Variables by which a program shows itself on its desktop."""
        return {"DISPLAY": str(self.x_server().cmdline()[1]), "XAUTHORITY": self.argument("-auth")}


@contextmanager
def desktop_server(home: Path, **env: str) -> Iterator[DesktopServer]:
    """Run a Jupyter server with the toolkit's extension, at home in ``home``."""
    home.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("BORESIGHT_", "DISPLAY"))}
    log = (home / "server.log").open("wb")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
            *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
            *(f"--ServerApp.base_url={BASE}", f"--ServerApp.root_dir={home}"),
            "--ServerApp.jpserver_extensions={'panel.io.jupyter_server_extension': False, "
            "'localtileserver.jupyter': False, 'localtileserver': False}",
        ],
        env=inherited
        | {"HOME": str(home), "JUPYTER_TOKEN": TOKEN, MARK: str(home)}
        | {VIEWER_VARIABLE: str(node_packages() / "node_modules/@novnc/novnc")}
        | env,
        cwd=home,
        stdout=log,
        stderr=log,
    )
    server = DesktopServer(f"http://127.0.0.1:{port}{BASE}", home, process)
    try:
        _wait(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def until(met: object, for_s: float = 30.0) -> None:
    """Wait until ``met()`` holds."""
    end = time.monotonic() + for_s
    while not met():  # type: ignore[operator]
        assert time.monotonic() < end, f"not within {for_s} s"
        time.sleep(0.1)


def greet(path: str) -> bytes:
    """What the screen's socket says first: the version of RFB (RFC 6143, 7.1.1)."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(path)
        return connection.recv(12)


def greet_as_nobody(path: str) -> subprocess.CompletedProcess[str]:
    """The same by another user of this machine."""
    code = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.settimeout(10); "
        "s.connect(sys.argv[1]); print(s.recv(12))"
    )
    return subprocess.run(
        [*_AS_NOBODY, "/usr/bin/python3", "-c", code, path],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )


def x_greeting(number: int, cookie: bytes = b"") -> int:
    """First byte that an X server answers another user: 1 lets them in, 0 does not (X11, 8)."""
    name = b"MIT-MAGIC-COOKIE-1" if cookie else b""
    pad = bytes(-len(name) % 4)
    request = struct.pack("<BxHHHHxx", 0x6C, 11, 0, len(name), len(cookie)) + name + pad + cookie
    code = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.settimeout(10); "
        "s.connect(sys.argv[1]); s.sendall(bytes.fromhex(sys.argv[2])); print(s.recv(1)[0])"
    )
    done = subprocess.run(
        [*_AS_NOBODY, "/usr/bin/python3", "-c", code, f"{_X_SOCKETS}{number}", request.hex()],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    return int(done.stdout)


class Line(Protocol):
    """What carries a screen's bytes: a socket, or a websocket."""

    def recv(self, count: int) -> bytes:
        """Some bytes, at most ``count``."""

    def sendall(self, content: bytes) -> None:
        """Send all of it."""

    def close(self) -> None:
        """End it."""


def unix_line(path: str) -> Line:
    """The X server's own socket."""
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(30)
    line.connect(path)
    return line


class WebLine:
    """The way of a browser: websocket, through whatever proxies there are."""

    def __init__(self, url: str, token: str) -> None:
        self._socket = connect(
            url, additional_headers={"Authorization": f"token {token}"}, max_size=None
        )
        self._left = b""

    def recv(self, count: int) -> bytes:
        """Some bytes, at most ``count``."""
        if not self._left:
            message = self._socket.recv(timeout=30)
            self._left = message if isinstance(message, bytes) else message.encode()
        part, self._left = self._left[:count], self._left[count:]
        return part

    def sendall(self, content: bytes) -> None:
        """Send all of it."""
        self._socket.send(content)

    def close(self) -> None:
        """End it."""
        self._socket.close()


class Viewer:
    """A VNC client that does little: it looks at the screen."""

    def __init__(self, line: Line) -> None:
        self._socket = line
        self._take(12)
        self._socket.sendall(b"RFB 003.008\n")
        self._take(self._take(1)[0])
        self._socket.sendall(b"\x01")
        assert self._take(4) == b"\0\0\0\0"
        self._socket.sendall(b"\x01")
        self.width, self.height = struct.unpack(">HH", self._take(4))
        self._take(16)
        self._take(struct.unpack(">I", self._take(4))[0])
        # 32 bits a pixel as blue, green, red, nothing; raw
        self._socket.sendall(
            struct.pack(">B3xBBBBHHHBBB3x", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
        )
        self._socket.sendall(struct.pack(">BxHi", 2, 1, 0))

    def frame_s(self, side: int = 0) -> float:
        """Ask for a square of ``side`` pixels, or for all; how long it took to be here [s]."""
        begun = time.perf_counter()
        self.picture(side)
        return time.perf_counter() - begun

    def picture(self, side: int = 0) -> bytearray:
        """The screen as it is, or what is drawn of it within a square in its corner."""
        wide, high = (side, side) if side else (self.width, self.height)
        self._socket.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, wide, high))
        picture = bytearray(self.width * self.height * 4)
        seen = 0
        while seen < wide * high:
            kind = self._take(1)[0]
            if kind == 3:  # a clipboard
                self._take(3)
                self._take(struct.unpack(">I", self._take(4))[0])
                continue
            assert kind == 0, kind
            (count,) = struct.unpack(">xH", self._take(3))
            for _ in range(count):
                x, y, width, height, encoding = struct.unpack(">HHHHi", self._take(12))
                assert encoding == 0
                part = self._take(4 * width * height)
                for row in range(height):
                    at = 4 * ((y + row) * self.width + x)
                    picture[at : at + 4 * width] = part[4 * width * row : 4 * width * (row + 1)]
                seen += width * height
        return picture

    def move(self, x: int, y: int) -> None:
        """Move the mouse."""
        self._socket.sendall(struct.pack(">BBHH", 5, 0, x, y))

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def _take(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            part = self._socket.recv(min(count - len(parts), 1 << 20))
            assert part, "the connection ended"
            parts += part
        return bytes(parts)


def _wait(server: DesktopServer) -> None:
    end = time.monotonic() + _START_S
    while True:
        log = (server.home / "server.log").read_text(errors="replace")
        assert server.process.poll() is None, log[-3000:]
        assert time.monotonic() < end, log[-3000:]
        try:
            if server.ask("GET", "api").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.3)
