"""A Jupyter server as people have it, without a hub, and kernels in it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from support.ports import free_base_port
from websockets.sync.client import ClientConnection, connect


@dataclass
class PlainServer:
    """A running Jupyter server."""

    url: str
    token: str
    process: subprocess.Popen[bytes]

    def api(self, method: str, path: str, body: object = None) -> Any:
        answer = httpx.request(
            method,
            f"{self.url}/{path}",
            headers={"Authorization": f"token {self.token}"},
            json=body,
            timeout=60,
            trust_env=False,
        )
        return answer.raise_for_status().json()

    def start_notebook(self, name: str) -> str:
        """Start a kernel for the notebook ``name``; its id."""
        body = {"path": name, "name": name, "type": "notebook", "kernel": {"name": "python3"}}
        found: str = self.api("POST", "api/sessions", body)["kernel"]["id"]
        return found

    def kernel_process(self) -> psutil.Process:
        """The only kernel's process."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        (found,) = [c for c in children if "ipykernel_launcher" in " ".join(c.cmdline())]
        return found

    def connect(self, kernel_id: str) -> ClientConnection:
        address = self.url.replace("http:", "ws:")
        return connect(f"{address}/api/kernels/{kernel_id}/channels?token={self.token}", proxy=None)


def request(kind: str, content: dict[str, object]) -> str:
    """A message to a kernel."""
    header = {
        "msg_id": secrets.token_hex(8),
        "msg_type": kind,
        "session": "s",
        "username": "",
        "version": "5.3",
        "date": "2026-01-01T00:00:00Z",
    }
    return json.dumps(
        {
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
            "channel": "shell",
            "buffers": [],
        }
    )


def cell(code: str) -> str:
    return request(
        "execute_request",
        {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        },
    )


def until_reply(connection: ClientConnection, timeout_s: float = 60) -> dict[str, Any]:
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        message = json.loads(connection.recv(timeout=timeout_s))
        if message["msg_type"] == "execute_reply":
            return dict(message["content"])
    raise AssertionError("no reply")


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlainServer]:
    home = tmp_path_factory.mktemp("home")
    port, token = free_base_port(), secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"]
    command += [f"--port={port}", "--ip=127.0.0.1", "--ServerApp.port_retries=0"]
    command += ["--KernelRestarter.time_to_dead=0.5"]
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "JUPYTER_TOKEN": token,
        "BORESIGHT_HOLDER": str(home),
    }
    log = (home / "log.txt").open("wb")
    process = subprocess.Popen(command, env=env, cwd=home, stdout=log, stderr=log)
    made = PlainServer(f"http://127.0.0.1:{port}", token, process)
    try:
        until = time.monotonic() + 240
        while True:
            try:
                made.api("GET", "boresight/api/memory")
                break
            except httpx.HTTPError:
                assert process.poll() is None, (home / "log.txt").read_text()
                assert time.monotonic() < until, (home / "log.txt").read_text()
                time.sleep(0.2)
        yield made
    finally:
        process.terminate()
        process.wait(20)
        log.close()


@pytest.fixture
def connection(server: PlainServer) -> Iterator[ClientConnection]:
    """A kernel of its own for the notebook ``dark.ipynb``."""
    kernel_id = server.start_notebook("dark.ipynb")
    try:
        with server.connect(kernel_id) as found:
            found.send(cell("number = 0"))
            until_reply(found)
            until = time.monotonic() + 30
            while not any(
                one["kernel_id"] == kernel_id and one["memory_bytes"]
                for one in server.api("GET", "boresight/api/memory")["kernels"]
            ):
                assert time.monotonic() < until, "the kernel is not watched"
                time.sleep(0.1)
            yield found
    finally:
        httpx.delete(
            f"{server.url}/api/kernels/{kernel_id}",
            headers={"Authorization": f"token {server.token}"},
            timeout=30,
            trust_env=False,
        )


@pytest.fixture
def bounded_group(tmp_path: Path) -> Iterator[Path]:
    """A control group with 400 MiB, as pods have one; it takes root to make it."""
    limit = str(400 * 2**20)
    for root, names in (
        (Path("/sys/fs/cgroup/memory"), ("memory.limit_in_bytes",)),
        (Path("/sys/fs/cgroup"), ("memory.max",)),
    ):
        group = root / f"boresight-test-{os.getpid()}"
        try:
            group.mkdir()
            for name in names:
                (group / name).write_text(limit)
        except OSError:
            if group.is_dir():
                group.rmdir()
            continue
        try:
            yield group
        finally:
            until = time.monotonic() + 20
            while (group / "cgroup.procs").read_text().strip() and time.monotonic() < until:
                time.sleep(0.2)
            group.rmdir()
        return
    pytest.skip("no control group with a limit can be made here: it takes root")
