"""What is on the leash ends with whoever holds it, however that came about."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from boresight.server import leash

# one that stays, and one that makes itself a daemon in a session of its own
PROGRAM = "setsid -f sleep 600; exec sleep 600"
HOLDER = """
import subprocess, sys
subprocess.Popen([sys.executable, sys.argv[1], "sh", "-c", sys.argv[2]]).wait()
"""


def marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            is_ours = process.environ().get("BORESIGHT_TEST_LEASH") == mark
            if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def until(met: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not met():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_ends_with_the_holder(tmp_path: Path, number: signal.Signals) -> None:
    mark = str(tmp_path)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, leash.__file__, PROGRAM],
        env=os.environ | {"BORESIGHT_TEST_LEASH": mark},
    )
    until(lambda: [p.name() for p in marked(mark)].count("sleep") == 2)
    holder.send_signal(number)
    holder.wait()
    until(lambda: not marked(mark))


def test_without_the_leash_they_stay(tmp_path: Path) -> None:
    mark = str(tmp_path)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER.replace("sys.executable, sys.argv[1], ", ""), "", PROGRAM],
        env=os.environ | {"BORESIGHT_TEST_LEASH": mark},
    )
    try:
        until(lambda: [p.name() for p in marked(mark)].count("sleep") == 2)
        holder.kill()
        holder.wait()
        time.sleep(1)
        assert [p.name() for p in marked(mark)].count("sleep") == 2
    finally:
        for process in marked(mark):
            process.kill()


def test_the_code_of_the_program_is_handed_on() -> None:
    done = subprocess.run([sys.executable, leash.__file__, "sh", "-c", "exit 7"], check=False)
    assert done.returncode == 7
