"""Running the command, and waiting for what it does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from boresight_hub.embedded import processes, state


def wait_for(condition: Callable[[], object], timeout_s: float) -> object:
    """Poll until ``condition`` holds; its value."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.05)
    return value


def boresight(
    *arguments: str, timeout_s: float = 120, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the command as a shell would."""
    return subprocess.run(
        [sys.executable, "-c", "from boresight_hub.cli import app; app()", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"COLUMNS": "200"} | env,
        check=False,
    )


def service_pid(path: Path, name: str) -> int:
    """Process of a service that runs."""
    report = state.read_report(path)
    assert report is not None
    pid = report.services[name].pid
    assert pid is not None
    assert processes.alive(pid)
    return pid
