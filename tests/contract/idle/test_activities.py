"""Each kind of activity keeps a server; without it the same server is ended.

`test_true_idleness_ends_a_server` is the other half of every test here: the server it ends differs
from theirs by the activity alone, and each of theirs is seen to end once that stops.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from boresight.compute import cluster
from boresight.compute.gateway import GatewayBackend
from boresight_hub.session import HubSession

from .conftest import AFTER_S, GONE_S, WARN_BEFORE_S, IdleStack, state_of, stays, until_gone

pytestmark = [pytest.mark.slow, pytest.mark.soak]

#: Long enough for a server without activity to be over.
LONG_S = AFTER_S + WARN_BEFORE_S + 6


def activities_of(session: HubSession) -> list[dict[str, Any]]:
    found: Any = state_of(session)["activities"]
    return list(found)


def kinds_at_work(session: HubSession) -> set[str]:
    return {a["kind"] for a in activities_of(session) if a["idle_s"] == 0}


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
    at_work = [a for a in activities_of(marie) if a["idle_s"] == 0]
    assert at_work == [{"kind": "job", "name": "stereo of pair 7", "idle_s": 0.0}]
    stays(marie, LONG_S)
    os.kill(pid, 9)
    until_gone(marie)


def test_dask_job(marie: HubSession, stack: IdleStack) -> None:
    backend = GatewayBackend(stack.settings.gateway_url, marie.token)
    with cluster(n_workers=1, worker_memory_gib=0.5, backend=backend) as found:
        marie.start_server()
        assert kinds_at_work(marie) == set(), "a cluster without work is none"
        future = found.client.submit(time.sleep, LONG_S + 20, pure=False)
        time.sleep(3)
        assert kinds_at_work(marie) == {"dask"}
        stays(marie, LONG_S)
        future.result(timeout=120)  # its result stays in the worker's memory
        until_gone(marie)


@pytest.fixture
def desktop(tmp_path: Path, stack: IdleStack) -> Iterator[socket.socket]:
    """A connection to a VNC server as it runs in a desktop of Marie's server."""
    program = shutil.which("Xtigervnc") or shutil.which("Xvnc")
    if program is None:
        pytest.skip("there is no Xvnc: apt install tigervnc-standalone-server")
    holder = stack.settings.state_dir / "run" / "tokens" / "marie" / "server-default"
    path = f"/tmp/boresight-rfb-{os.getpid()}"  # noqa: S108 - the name of a socket is short
    command = [program, f":{9000 + os.getpid() % 1000}", "-rfbport", "0", "-rfbunixpath", path]
    with (tmp_path / "xvnc.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "-SecurityTypes", "None"],
            env=os.environ | {"BORESIGHT_HOLDER": str(holder)},
            stdout=log,
            stderr=log,
        )
    connection = socket.socket(socket.AF_UNIX)
    try:
        until = time.monotonic() + 60
        while connection.connect_ex(path) != 0:
            assert server.poll() is None, (tmp_path / "xvnc.log").read_text()
            assert time.monotonic() < until
            time.sleep(0.2)
        # RFC 6143, 7.1 and 7.3: version, no authentication, shared
        connection.recv(12)
        connection.send(b"RFB 003.008\n")
        connection.recv(64)
        connection.send(b"\x01")
        connection.recv(4)
        connection.send(b"\x01")
        connection.recv(1000)
        yield connection
    finally:
        connection.close()
        server.kill()
        server.wait()
        Path(path).unlink(missing_ok=True)


def test_desktop_in_use(marie: HubSession, desktop: socket.socket) -> None:
    marie.start_server()
    until, step = time.monotonic() + LONG_S, 0
    while time.monotonic() < until:  # somebody moves the mouse now and then
        step += 1
        desktop.send(struct.pack(">BBHH", 5, 0, 10 * step % 300, 20))
        stays(marie, 2)
    desktops = [a for a in activities_of(marie) if a["kind"] == "desktop"]
    assert len(desktops) == 1
    assert float(desktops[0]["idle_s"]) < 15
    # a screen that is open, and asks for its pictures, is not used by anybody
    begun = time.monotonic()
    while "" in marie.api("GET", "users/marie").json()["servers"]:
        with contextlib.suppress(ConnectionError):  # a desktop ends with its server
            desktop.send(struct.pack(">BBHHHH", 3, 1, 0, 0, 64, 64))
        assert time.monotonic() - begun < GONE_S
        time.sleep(0.5)
    assert time.monotonic() - begun > AFTER_S - 5


def test_person_who_saves(marie: HubSession) -> None:
    marie.start_server()
    until = time.monotonic() + LONG_S
    while time.monotonic() < until:
        marie.write_file("notes.txt", f"at {time.time()}")
        stays(marie, 2)
    until_gone(marie)
