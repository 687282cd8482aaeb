"""Looking at the child processes in which CARS runs."""

from __future__ import annotations

import psutil


def runs_of_cars() -> list[int]:
    """Processes below this one in which CARS runs."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "boresight.workflows.stereo.engine.child" in process.cmdline():
                found.append(process.pid)
        except psutil.Error:
            continue
    return found
