"""Programs that end with whoever started them, with all that they have started.

``python -m boresight.server.leash PROGRAM …`` runs a program so: when the user server ends, however
that came about, the kernel tells this process (PR_SET_PDEATHSIG), and it ends the program with its
descendants. Those that have lost their parent come back to it (PR_SET_CHILD_SUBREAPER), so that a
program that makes itself a daemon ends too.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_GOODBYE_S = 0.5  # a hub gives a server two seconds for all that is in it
_LOOK_EVERY_S = 0.5


def hold() -> None:
    """Become the parent of all orphans below, and end with the process that started this one."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def bury(*, but: int = 0) -> None:
    """Take leave of children that have ended; of ``but`` somebody else asks how."""
    for pid in _children():
        if pid == but:
            continue
        with contextlib.suppress(OSError, IndexError):
            stat = Path(f"/proc/{pid}/stat").read_text()
            if stat.rpartition(")")[2].split()[0] == "Z":
                os.waitpid(pid, os.WNOHANG)


def end_everything() -> None:
    """End all descendants: what has lost its parent is a child of this process by then."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # this is what it asks for
    for number in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + _GOODBYE_S
        for pid in _descendants():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        while _children() and time.monotonic() < until:
            bury()
            time.sleep(0.05)


def _descendants() -> list[int]:
    found = _children()
    for pid in found:
        found.extend(_children(pid))
    return found


def _children(pid: int | str = "self") -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def main(command: list[str]) -> int:
    """Run ``command`` until it ends, or whoever started this does."""
    hold()
    try:
        program = subprocess.Popen(command)
        while program.poll() is None:
            bury(but=program.pid)
            time.sleep(_LOOK_EVERY_S)
        return program.returncode
    finally:
        end_everything()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
