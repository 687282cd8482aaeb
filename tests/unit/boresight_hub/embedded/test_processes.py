"""Finding and ending processes, with real ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from boresight_hub.embedded import processes

_STUBBORN = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); time.sleep(60)"
)


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """What the test starts and has to be gone after it."""
    ours: list[subprocess.Popen[bytes]] = []
    yield ours
    for process in ours:
        if process.poll() is None:
            process.kill()
        process.wait(5)
        if process.stdout:
            process.stdout.close()


def _start(
    started: list[subprocess.Popen[bytes]], code: str, **env: str
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code],
        env={"PATH": os.defpath, **env},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    started.append(process)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == b"up"  # the victim runs
    return process


def test_marks_are_exact(tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    state = tmp_path / "state"
    code = "import time; print('up', flush=True); time.sleep(60)"
    service = _start(started, code, BORESIGHT_SUPERVISED=str(state))
    person = _start(started, code, HOME=f"{state}/homes/marie")
    neighbour = _start(started, code, BORESIGHT_SUPERVISED=f"{state}-2", HOME=f"{state}-2/homes/x")
    shell = _start(started, code, BORESIGHT_STATE_DIR=str(state), HOME=str(tmp_path))
    found = set(processes.marked(state))
    assert {service.pid, person.pid} <= found
    assert not found & {neighbour.pid, shell.pid, os.getpid()}
    assert set(processes.end_marked(state, patience_s=2)) == {service.pid, person.pid}
    assert service.wait(5) == person.wait(5) == -signal.SIGTERM
    assert neighbour.poll() is None
    assert shell.poll() is None


def test_stubborn_is_killed(tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    stubborn = _start(started, _STUBBORN, BORESIGHT_SUPERVISED=str(tmp_path))
    begun = time.monotonic()
    assert processes.end_marked(tmp_path, patience_s=0.3) == [stubborn.pid]
    assert stubborn.wait(5) == -signal.SIGKILL
    assert time.monotonic() - begun < 3


def test_descendants_and_names_with_parentheses(
    tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    odd = tmp_path / "a) S 1 (b"
    odd.symlink_to("/bin/sleep")
    code = f"import subprocess; p = subprocess.Popen([{str(odd)!r}, '60']); print('up', flush=True)"
    parent = _start(started, code + "; p.wait()")
    below = processes.descendants(parent.pid)
    assert len(below) == 1
    assert processes.parents()[below[0]] == parent.pid
    assert processes.alive(below[0])
    processes.send(below, signal.SIGKILL)
    assert parent.wait(5) == 0
    assert not processes.alive(below[0])


def test_a_pid_alone_is_no_name(started: list[subprocess.Popen[bytes]]) -> None:
    process = _start(started, "import time; print('up', flush=True); time.sleep(60)")
    ticks = processes.started_at_ticks(process.pid)
    assert ticks is not None
    assert ticks >= (processes.started_at_ticks(os.getpid()) or 0)
    assert processes.proportional_memory_bytes(process.pid) > 100_000
    process.kill()
    process.wait(5)
    assert processes.started_at_ticks(process.pid) is None
    assert processes.proportional_memory_bytes(process.pid) == 0
    assert not processes.alive(process.pid)
