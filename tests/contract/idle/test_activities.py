"""Each kind of activity keeps a server; without it the same server is ended.

`test_true_idleness_ends_a_server` is the other half of every test here: the server it ends differs
from theirs by the activity alone, and each of theirs is seen to end once that stops.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest
from support.hub_stack import HubStack

from boresight.compute import cluster
from boresight.compute.gateway import GatewayBackend
from boresight_hub.session import HubSession

from .conftest import AFTER_S, GONE_S, WARN_BEFORE_S, IdleStack, state_of, stays, until_gone

pytestmark = pytest.mark.slow

#: Long enough for a server without activity to be over.
LONG_S = AFTER_S + WARN_BEFORE_S + 6


def kinds_at_work(session: HubSession) -> set[str]:
    found = state_of(session)
    return {a["kind"] for a in found["activities"] if a["idle_s"] == 0}  # type: ignore[attr-defined]


def test_true_idleness_ends_a_server(marie: HubSession, stack: IdleStack) -> None:
    marie.start_server()
    begun = time.monotonic()
    # Lab's own requests, as an open page makes them, are no use
    gone_s = None
    with httpx.Client(headers={"Authorization": f"token {marie.token}"}, timeout=20) as lab:
        while gone_s is None:
            for path in ("kernels", "sessions", "terminals", "contents?content=1"):
                lab.get(f"{marie.server_url()}api/{path}")
            if "" not in marie.api("GET", "users/marie").json()["servers"]:
                gone_s = time.monotonic() - begun
            assert time.monotonic() - begun < GONE_S
            time.sleep(0.3)
    assert gone_s > AFTER_S - 3
    log = (stack.settings.state_dir / "logs" / "culler.log").read_text()
    ended = [json.loads(line) for line in log.splitlines()]
    assert any("server '' of marie is ended" in line["message"] for line in ended)
    assert stack.settings.secret("culler-api-token") not in log


def test_running_cell(marie: HubSession) -> None:
    marie.start_server()
    with marie.kernel() as kernel:
        started = time.monotonic()
        kernel.execute(f"import time; time.sleep({LONG_S})")
        assert time.monotonic() - started >= LONG_S
        stays(marie, 1)
        gone_s = until_gone(marie)
    assert gone_s > WARN_BEFORE_S, "counted from the end of the cell"


def test_process_in_a_terminal(marie: HubSession) -> None:
    marie.start_server()
    name = marie.server_api("POST", "terminals", expect=(200, 201)).json()["name"]
    url = marie.server_url().replace("http", "ws", 1) + f"terminals/websocket/{name}"
    from websockets.sync.client import connect

    with connect(url, additional_headers={"Authorization": f"token {marie.token}"}) as socket:
        socket.send(json.dumps(["stdin", "sleep 600\r"]))
        time.sleep(2)
    assert kinds_at_work(marie) == {"process"}
    stays(marie, LONG_S)
    with connect(url, additional_headers={"Authorization": f"token {marie.token}"}) as socket:
        socket.send(json.dumps(["stdin", "\x03"]))
        time.sleep(2)
    assert kinds_at_work(marie) == set()
    until_gone(marie)


def test_job(marie: HubSession) -> None:
    marie.start_server()
    with marie.kernel() as kernel:
        pid = int(
            kernel.execute(
                "import os, subprocess\n"
                "from boresight.server import job_environment\n"
                "job = subprocess.Popen(['sleep', '600'], start_new_session=True,\n"
                "    env=os.environ | job_environment('stereo of pair 7'))\n"
                "print(job.pid)"
            )[0]["text"]
        )
    found = state_of(marie)
    at_work = [a for a in found["activities"] if a["idle_s"] == 0]  # type: ignore[attr-defined]
    assert at_work == [{"kind": "job", "name": "stereo of pair 7", "idle_s": 0.0}]
    stays(marie, LONG_S)
    os.kill(pid, 9)
    until_gone(marie)


def test_dask_job(marie: HubSession, stack: IdleStack) -> None:
    marie.start_server()
    backend = GatewayBackend(stack.settings.gateway_url, marie.token)
    with cluster(n_workers=1, worker_memory_gib=0.5, backend=backend) as found:
        time.sleep(2)
        assert kinds_at_work(marie) == set(), "a cluster without work is none"
        future = found.client.submit(time.sleep, 600, pure=False)
        time.sleep(3)
        assert kinds_at_work(marie) == {"dask"}
        stays(marie, LONG_S)
        # somebody else's cluster keeps nobody's server
        future.cancel(force=True)
        del future
        until_gone(marie, timeout_s=90)


@pytest.fixture
def display(tmp_path_factory: pytest.TempPathFactory, stack: IdleStack) -> Iterator[str]:
    """An X server as it runs in a desktop of Marie's server."""
    program = next(filter(None, map(shutil.which, ("Xvnc", "Xtigervnc", "Xvfb"))), None)
    if program is None:
        pytest.skip("there is no X server: apt install tigervnc-standalone-server, or xvfb")
    holder = stack.settings.state_dir / "run" / "tokens" / "marie" / "server-default"
    command = [program, ":97"]
    if "Xvfb" not in program:
        command += ["-rfbport", "0", "-SecurityTypes", "None"]
    process = subprocess.Popen(
        command,
        env=os.environ | {"BORESIGHT_HOLDER": str(holder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(3)
    try:
        yield ":97"
    finally:
        process.kill()
        process.wait()


def test_desktop_in_use(marie: HubSession, display: str) -> None:
    import xcffib
    import xcffib.xtest as xtest

    marie.start_server()
    connection = xcffib.Connection(display)
    root = connection.get_setup().roots[0].root
    until = time.monotonic() + LONG_S
    step = 0
    while time.monotonic() < until:  # somebody moves the mouse now and then
        step += 1
        connection(xtest.key).FakeInput(6, 0, 0, root, 10 * step % 300, 20, 0)
        connection.flush()
        stays(marie, 2)
    desktops = [a for a in state_of(marie)["activities"] if a["kind"] == "desktop"]  # type: ignore[attr-defined]
    assert len(desktops) == 1
    assert desktops[0]["idle_s"] < 10
    until_gone(marie)


def test_person_who_saves(marie: HubSession, hub: HubStack) -> None:
    marie.start_server()
    until = time.monotonic() + LONG_S
    while time.monotonic() < until:
        marie.write_file("notes.txt", f"at {time.time()}")
        stays(marie, 2)
    until_gone(marie)
