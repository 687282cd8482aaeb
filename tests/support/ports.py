"""Ports of the servers that tests start: one place hands them out, so that no two get the same."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator

from boresight_hub.settings import PORT_OFFSETS

#: What a server may take to start on a busy machine [s].
START_TIMEOUT_S = 180.0
#: Below the ports the system gives to clients, and away from an environment people run.
_FIRST, _LAST, _BLOCK = 20000, 32000, 20


def free_base_port() -> int:
    """Public port of an environment whose whole block of ports is free.

    Of tests that run side by side each process hands out blocks of its own, none of them twice
    until all had their turn: a service that is down for a moment finds its port free again.
    """
    for _ in range((_LAST - _FIRST) // _BLOCK):
        base = next(_blocks)
        if all(map(_is_free, (base + offset for offset in PORT_OFFSETS.values()))):
            return base
    raise RuntimeError(f"no free block of ports between {_FIRST} and {_LAST}")


def _blocks_of_this_process() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    ours = range(_FIRST, _LAST, _BLOCK)[worker % count :: count]
    # another run on this machine begins elsewhere
    at = secrets.randbelow(len(ours))
    while True:
        yield ours[at % len(ours)]
        at += 1


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_blocks = _blocks_of_this_process()
