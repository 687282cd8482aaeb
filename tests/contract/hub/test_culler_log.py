"""The culler's log while the hub is away: the call that failed, and no token."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

TOKEN = "5f0c-the-token-of-the-culler"


def test_token_is_not_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # nobody listens there afterwards
    command = [
        *(sys.executable, "-m", "boresight_hub.config.culler"),
        *(f"--url=http://127.0.0.1:{port}/hub/api", "--every=0.5"),
    ]
    environment = {**os.environ, "JUPYTERHUB_API_TOKEN": TOKEN}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        lines: list[str] = []
        try:
            until = time.monotonic() + 60
            while sum("Connection refused" in line for line in lines) < 2:  # it asks again
                assert time.monotonic() < until, lines
                lines.append(process.stderr.readline())
        finally:
            process.kill()
    said = "".join(lines)
    assert '"level": "ERROR"' in said
    assert TOKEN not in said


def test_without_a_token_it_says_so_and_ends() -> None:
    command = [sys.executable, "-m", "boresight_hub.config.culler", "--url=http://127.0.0.1:9/hub"]
    environment = {n: v for n, v in os.environ.items() if n != "JUPYTERHUB_API_TOKEN"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "JUPYTERHUB_API_TOKEN is not set" in ended.stderr
