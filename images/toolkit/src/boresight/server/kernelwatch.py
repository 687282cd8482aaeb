"""Kernels that die: which cell ran, and whether memory was the reason.

Jupyter starts a kernel that has died again, and says no more than that. What is needed to explain
it is gone by then, so it is noted while the kernel lives: the cell that runs, from what the kernel
broadcasts, and every second its memory.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections import deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import psutil
from jupyter_client.session import Session

from boresight.server.activity import own_processes
from boresight.workflows.memory import Memory, OomCounter, memory_of_server

log = logging.getLogger(__name__)

# a kernel is found soon after it was started, or its first cell is not heard
_FIND_EVERY_S = 0.25
_MEASURE_EVERY_S = 1.0
_MOST_DEATHS = 20
_LONGEST_CODE = 300
#: A kernel with this much of the limit that is killed was killed for it [1].
_NEARLY_ALL = 0.8


@dataclass(frozen=True)
class Death:
    """A kernel that died.

    Attributes
    ----------
    number : int
        Of this server's, from 1.
    kernel_id, name : str
        Which one, and of which notebook.
    at : str
        When, as in RFC 3339.
    cause : str
        ``memory`` when it ran out of it, ``signal`` when it was killed for another reason,
        ``exit`` when it ended by itself.
    signal : str
        Which one, if any.
    memory_bytes, limit_bytes : int
        The most that it was seen with, and what there was.
    code : str
        Beginning of the cell that ran; empty when none did.
    count : int or None
        Number of that cell, as in ``[5]``.
    """

    number: int
    kernel_id: str
    name: str
    at: str
    cause: str
    signal: str
    memory_bytes: int
    limit_bytes: int
    code: str
    count: int | None


class _Watched:
    """What is noted of one kernel."""

    def __init__(self, kernel_id: str, kernel: Any) -> None:
        self.kernel_id = kernel_id
        self.kernel = kernel
        self.pid = 0
        self.memory_bytes = self.peak_bytes = self.limit_bytes = 0
        self.running = self.code = ""
        self.count: int | None = None
        self.oom: OomCounter | None = None
        self._session = Session(config=kernel.session.config, key=kernel.session.key)
        self._stream = kernel.connect_iopub()
        self._stream.on_recv(self._hear)

    def measure(self, own_bytes: int) -> None:
        """Note the kernel's memory, and its limit."""
        process = getattr(self.kernel.provisioner, "pid", None)
        if not process:
            return
        if process != self.pid:
            self.pid, self.peak_bytes, self.oom = process, 0, OomCounter(process)
        elif self.oom is not None:
            self.oom.follow()
        try:
            # itself alone: whom it has started is told only by looking at all of the machine
            self.memory_bytes = int(psutil.Process(process).memory_info().rss)
        except psutil.Error:
            return
        self.peak_bytes = max(self.peak_bytes, self.memory_bytes)
        self.limit_bytes = memory_of_server(own_bytes, pid=process).limit_bytes

    def close(self) -> None:
        self._stream.close()

    def _hear(self, parts: list[bytes]) -> None:
        try:
            message = self._session.deserialize(self._session.feed_identities(parts)[1])
        except (ValueError, KeyError, IndexError):
            return
        parent = message["parent_header"].get("msg_id", "")
        content = message["content"]
        if message["msg_type"] == "execute_input":
            self.running = parent
            self.code, self.count = str(content["code"]), content.get("execution_count")
        elif (
            message["msg_type"] == "status"
            and content.get("execution_state") == "idle"
            and parent == self.running
        ):
            self.running, self.code, self.count = "", "", None


class KernelWatch:
    """Notes what kernels do, and explains those that die.

    Parameters
    ----------
    kernel_manager, session_manager : object
        Of the Jupyter server.
    """

    def __init__(self, kernel_manager: Any, session_manager: Any) -> None:
        self._kernels = kernel_manager
        self._sessions = session_manager
        self._watched: dict[str, _Watched] = {}
        self._names: dict[str, str] = {}
        self._deaths: deque[Death] = deque(maxlen=_MOST_DEATHS)
        self._count = 0
        self.own_bytes = 0

    async def run(self) -> None:
        """Look for ever."""
        measured_s = float("-inf")
        while True:
            try:
                self.find()
                if time.monotonic() - measured_s >= _MEASURE_EVERY_S:
                    measured_s = time.monotonic()
                    await self.measure()
            except Exception:
                # one look that fails must not end what explains the next death
                log.exception("the kernels could not be looked at")
            await asyncio.sleep(_FIND_EVERY_S)

    def find(self) -> None:
        """Begin to listen to kernels that are new, and forget those that are gone."""
        present = set(self._kernels.list_kernel_ids())
        for kernel_id in set(self._watched) - present:
            self._watched.pop(kernel_id).close()
        for kernel_id in present - set(self._watched):
            kernel = self._kernels.get_kernel(kernel_id)
            if not kernel.has_kernel:
                continue
            self._watched[kernel_id] = _Watched(kernel_id, kernel)
            for event in ("restart", "dead"):
                self._kernels.add_restart_callback(
                    kernel_id, lambda found=kernel_id: self._died(found), event
                )

    async def measure(self) -> None:
        """Note the memory of each kernel, and which notebook it is of."""
        for one in list(self._watched.values()):
            await asyncio.to_thread(one.measure, self.own_bytes)
        sessions = await self._sessions.list_sessions()
        self._names = {s["kernel"]["id"]: s.get("path") or s.get("name") or "" for s in sessions}

    async def state(self) -> dict[str, Any]:
        """What the memory meter shows."""
        self.own_bytes = await asyncio.to_thread(_own_bytes)
        memory = await asyncio.to_thread(memory_of_server, self.own_bytes)
        return {
            **asdict(memory),
            "own_bytes": self.own_bytes,
            "kernels": [
                {
                    "kernel_id": one.kernel_id,
                    "name": self._names.get(one.kernel_id, ""),
                    "memory_bytes": one.memory_bytes,
                    "limit_bytes": one.limit_bytes,
                }
                for one in self._watched.values()
            ],
            "deaths": [asdict(death) for death in self._deaths],
        }

    def _died(self, kernel_id: str) -> None:
        one = self._watched.get(kernel_id)
        if one is None:
            return
        killed_by = _signal_of(one.kernel)
        limit_bytes = one.limit_bytes or self._memory().limit_bytes
        counted = one.oom is not None and one.oom.grown()
        nearly_all = one.peak_bytes >= _NEARLY_ALL * limit_bytes > 0
        if killed_by == "SIGKILL" and (counted or nearly_all):
            cause = "memory"
        else:
            cause = "signal" if killed_by else "exit"
        self._count += 1
        death = Death(
            number=self._count,
            kernel_id=kernel_id,
            name=self._names.get(kernel_id, ""),
            at=datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds"),
            cause=cause,
            signal=killed_by,
            memory_bytes=one.peak_bytes,
            limit_bytes=limit_bytes,
            code=one.code.strip()[:_LONGEST_CODE],
            count=one.count,
        )
        one.running, one.code, one.count = "", "", None
        self._deaths.append(death)
        log.warning(
            "kernel %s of %s died (%s %s) with %d bytes of %d in cell %s",
            *(kernel_id, death.name, cause, killed_by, death.memory_bytes, limit_bytes),
            death.count,
        )

    def _memory(self) -> Memory:
        return memory_of_server(self.own_bytes)


def _signal_of(kernel: Any) -> str:
    """Name of the signal that ended a kernel's process; empty when it ended by itself."""
    process = getattr(kernel.provisioner, "process", None)
    code = process.poll() if process is not None else None
    return signal.Signals(-code).name if code is not None and code < 0 else ""


def _own_bytes() -> int:
    return sum(_resident_bytes(process) for process in own_processes())


def _resident_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
