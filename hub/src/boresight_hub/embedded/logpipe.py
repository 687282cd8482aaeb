"""What services say, into one file each: secrets taken out, size bounded."""

from __future__ import annotations

import os
import selectors
import threading
from pathlib import Path

from boresight_hub.logs import redact

_CHUNK_BYTES = 65536
#: A line longer than this is cut into several, so that nobody fills our memory with one.
_LINE_BYTES = 65536
# a shorter "secret" would blot out ordinary words
_SHORTEST_SECRET = 12


class RotatingFile:
    """A log that moves to ``<name>.1``, ``<name>.2``, … when it reaches its size.

    Parameters
    ----------
    path : Path
    max_bytes : int
        Size at which it is moved away [byte].
    files : int
        How many files there are at most, the current one included.
    """

    def __init__(self, path: Path, *, max_bytes: int, files: int) -> None:
        self._path, self._max_bytes, self._files = path, max_bytes, files
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._open()

    def _open(self) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._stream = os.fdopen(descriptor, "ab", buffering=0)
        self._size = self._path.stat().st_size

    def write(self, line: bytes) -> None:
        """Append ``line``; a full disk loses the line, and never the service."""
        try:
            if self._size and self._size + len(line) > self._max_bytes:
                self._rotate()
            self._stream.write(line)
        except OSError:
            return
        self._size += len(line)

    def _rotate(self) -> None:
        self._stream.close()
        for number in range(self._files - 1, 0, -1):
            older = (
                self._path if number == 1 else self._path.with_name(_nth(self._path, number - 1))
            )
            if older.exists():
                older.replace(self._path.with_name(_nth(self._path, number)))
        if self._files < 2:
            self._path.unlink(missing_ok=True)
        self._open()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def _nth(path: Path, number: int) -> str:
    return f"{path.name}.{number}"


class LogPipes:
    """Reads the output of every service in one thread and writes it to ``folder/<name>.log``."""

    def __init__(
        self, folder: Path, secrets_dir: Path, *, max_bytes: int = 5_000_000, files: int = 3
    ) -> None:
        self._folder, self._max_bytes, self._files = folder, max_bytes, files
        self._secrets = _secret_values(secrets_dir)
        self._selector = selectors.DefaultSelector()
        self._rests: dict[int, bytes] = {}
        self._logs: dict[str, RotatingFile] = {}
        self._lock = threading.Lock()
        self._wake_read, self._wake_write = os.pipe()
        self._selector.register(self._wake_read, selectors.EVENT_READ, "")
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)
        self._thread.start()

    def pipe(self, name: str) -> int:
        """Open a pipe into the log of ``name``; the writing end is the caller's to close."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        with self._lock:
            self._selector.register(reader, selectors.EVENT_READ, name)
            os.write(self._wake_write, b".")
        return writer

    def line(self, name: str, text: str) -> None:
        """Write a line of our own to the log of ``name``."""
        with self._lock:
            self._write(name, text.encode())

    def close(self, *, patience_s: float = 1.0) -> None:
        """Write what is still in the pipes, and end."""
        self._closing = True
        os.write(self._wake_write, b".")
        self._thread.join(patience_s)
        with self._lock:
            for log in self._logs.values():
                log.close()

    def _run(self) -> None:
        while True:
            events = self._selector.select(timeout=0.2 if self._closing else None)
            with self._lock:
                for key, _ in events:
                    if key.fd == self._wake_read:
                        os.read(self._wake_read, _CHUNK_BYTES)
                    else:
                        self._take(key.fd, key.data)
            if self._closing and not events:
                return

    def _take(self, reader: int, name: str) -> None:
        try:
            chunk = os.read(reader, _CHUNK_BYTES)
        except BlockingIOError:
            return
        text = self._rests.pop(reader, b"") + chunk
        if not chunk:
            self._selector.unregister(reader)
            os.close(reader)
            if text:
                self._write(name, text)
            return
        *lines, rest = text.split(b"\n")
        for line in lines:
            self._write(name, line)
        if len(rest) > _LINE_BYTES:
            self._write(name, rest)
        elif rest:
            self._rests[reader] = rest

    def _write(self, name: str, line: bytes) -> None:
        text = redact(line.decode(errors="replace").rstrip("\r"))
        for secret_name, value in self._secrets.items():
            text = text.replace(value, f"<{secret_name}>")
        log = self._logs.get(name)
        if log is None:
            log = self._logs[name] = RotatingFile(
                self._folder / f"{name}.log", max_bytes=self._max_bytes, files=self._files
            )
        log.write(text.encode() + b"\n")


def _secret_values(folder: Path) -> dict[str, str]:
    values = {}
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        text = path.read_text().strip()
        if len(text) >= _SHORTEST_SECRET and "\n" not in text and path.suffix != ".json":
            values[path.name] = text
    return values


def tail(path: Path, lines: int) -> list[str]:
    """Last ``lines`` lines of ``path``; none when there is no such file."""
    if lines <= 0:
        return []
    try:
        with path.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - 512 * lines - 4096))
            return stream.read().decode(errors="replace").splitlines()[-lines:]
    except OSError:
        return []
