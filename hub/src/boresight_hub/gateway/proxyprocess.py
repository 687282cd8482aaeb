"""The Go proxy: carries HTTP to the gateway, and clients' TLS connections to their schedulers.

It outlives a killed gateway, since clients' connections run through it and a client that loses its
connection loses its work. It ends when its standard input ends. That input is a named pipe whose
writers are the gateway and the schedulers: without any of them, nobody needs the proxy.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from boresight_hub.gateway import processes

log = logging.getLogger(__name__)

_WATCH_S = 1.0
_STOP_S = 2.0


class ProxyProcess:
    """The running Go proxy.

    Parameters
    ----------
    folder : Path
        Keeps the pipe and a note of the process.
    command : list of str
        Starts the proxy; it exits at the end of its standard input.
    env : dict
    """

    def __init__(self, folder: Path, command: list[str], env: dict[str, str]) -> None:
        self._fifo = folder / "proxy.fifo"
        self._note = folder / "proxy.json"
        self._command = command
        self._env = env
        self._writer: int | None = None
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def writer(self) -> int:
        """Descriptor that keeps the proxy alive in every process that inherits it."""
        if self._writer is None:
            raise RuntimeError("open() comes first")
        return self._writer

    def open(self) -> None:
        """Make ready what keeps the proxy alive. Comes first."""
        if not self._fifo.is_fifo():
            self._fifo.unlink(missing_ok=True)
            os.mkfifo(self._fifo, 0o600)
        # opened for both so that it never waits for a reader; as a writer it keeps the proxy alive
        self._writer = os.open(self._fifo, os.O_RDWR | os.O_CLOEXEC)

    async def start(self) -> None:
        """Take over the proxy of a gateway before us, or start one."""
        # one that has just lost its last writer is about to go
        await asyncio.sleep(0.3)
        state = self._noted()
        if processes.is_alive(state):
            if state.get("command") == self._command:
                log.info("The proxy of the gateway before this one goes on.")
                return
            await self._end()
        self._launch()

    async def watch(self) -> None:
        """Start the proxy again when it ends."""
        delay_s = _WATCH_S
        while True:
            await asyncio.sleep(delay_s)
            if self._child is not None:
                self._child.poll()  # a child that has ended is to be reaped
            if processes.is_alive(self._noted()):
                delay_s = _WATCH_S
                continue
            log.warning("The gateway's proxy has ended; it is started again.")
            self._launch()
            delay_s = min(2 * delay_s, 15.0)

    async def stop(self) -> None:
        """End the proxy."""
        await self._end()
        if self._writer is not None:
            os.close(self._writer)
            self._writer = None

    async def _end(self) -> None:
        state = self._noted()
        if processes.is_alive(state):
            process = psutil.Process(int(state["pid"]))
            for number in (signal.SIGTERM, signal.SIGKILL):
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
                for _ in range(int(_STOP_S / 0.05)):
                    if not processes.is_alive(state):
                        break
                    await asyncio.sleep(0.05)
        if self._child is not None:
            self._child.poll()
        self._note.unlink(missing_ok=True)

    def _launch(self) -> None:
        # a reader that is no writer: otherwise the proxy would keep itself alive
        reader = os.open(self._fifo, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._child = subprocess.Popen(
                self._command, env=self._env, stdin=reader, start_new_session=True
            )
        finally:
            os.close(reader)
        state = {**processes.identity(self._child.pid), "command": self._command}
        self._note.write_text(json.dumps(state))

    def _noted(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads(self._note.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return state
