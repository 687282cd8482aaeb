"""Finding and ending the processes of a cluster."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from boresight_hub.gateway import processes
from boresight_hub.gateway.names import CLUSTER_MARK, MEMBER_MARK

STUBBORN = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
# a child that has neither the session nor the environment of its parent
PARENT = (
    "import subprocess,sys,time;"
    "p=subprocess.Popen([sys.executable,'-c','import time; time.sleep(60)'],"
    "env={},start_new_session=True);"
    "print(p.pid,flush=True);time.sleep(60)"
)


@pytest.fixture(autouse=True)
async def reaped() -> AsyncIterator[None]:
    """Let the loop hear of every child's end before it is closed."""
    yield
    for thread in threading.enumerate():
        if "waitpid" in thread.name:
            await asyncio.to_thread(thread.join, 10)
    await asyncio.sleep(0.05)


async def begin(tmp_path: Path, code: str, cluster: str, member: str) -> dict[str, float]:
    state = await processes.start(
        [sys.executable, "-c", code],
        env={CLUSTER_MARK: cluster, MEMBER_MARK: member, "PATH": os.environ["PATH"]},
        cwd=tmp_path,
        log=tmp_path / f"{member}.log",
    )
    time.sleep(0.3)
    return state


async def test_one_member_ends_and_the_others_go_on(tmp_path: Path) -> None:
    nap = "import time; time.sleep(60)"
    one = await begin(tmp_path, nap, "c1", "worker-1")
    two = await begin(tmp_path, nap, "c1", "worker-2")
    other = await begin(tmp_path, nap, "c2", "worker-1")
    try:
        assert await processes.stop("c1", "worker-1") == 0
        assert [processes.is_alive(s) for s in (one, two, other)] == [False, True, True]
        assert await processes.stop("c1") == 0
        assert [processes.is_alive(s) for s in (one, two, other)] == [False, False, True]
    finally:
        assert await processes.stop("c2") == 0
    assert processes.members("c2") == []


async def test_who_ignores_the_request_is_killed(tmp_path: Path) -> None:
    state = await begin(tmp_path, STUBBORN, "c3", "worker-1")
    begun = time.monotonic()
    assert await processes.stop("c3", grace_s=0.3) == 0
    assert time.monotonic() - begun < 2
    assert not processes.is_alive(state)


async def test_what_hides_from_the_marks_is_found_as_descendant(tmp_path: Path) -> None:
    await begin(tmp_path, PARENT, "c4", "worker-1")
    child = int((tmp_path / "worker-1.log").read_text())
    assert child in {p.pid for p in processes.members("c4")}
    assert await processes.stop("c4") == 0
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie"


async def test_log_and_session_are_its_own(tmp_path: Path) -> None:
    state = await begin(tmp_path, "import time; print('x',flush=True); time.sleep(9)", "c5", "w")
    assert (tmp_path / "w.log").stat().st_mode & 0o777 == 0o600
    assert os.getsid(int(state["pid"])) == state["pid"]
    await processes.stop("c5")


def test_a_process_id_alone_identifies_nobody() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        state = processes.identity(child.pid)
        assert processes.is_alive(state)
        assert not processes.is_alive({**state, "started": state["started"] - 1})
        child.send_signal(signal.SIGKILL)
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert not processes.is_alive(state)
    assert not processes.is_alive(state)
    assert not processes.is_alive({})


def test_an_unknown_cluster_has_no_processes() -> None:
    assert processes.members("nobody") == []


@pytest.mark.parametrize("mark", [CLUSTER_MARK, MEMBER_MARK])
def test_this_process_is_never_one_of_them(monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    monkeypatch.setenv(mark, "c6")
    assert os.getpid() not in {p.pid for p in processes.members("c6")}
