"""The culler's log while the hub is away: the call that failed, and no token."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

TOKEN = "5f0c-the-token-of-the-culler"


def said_by(module: str) -> str:
    """What it says until its second look has failed as well."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # nobody listens there afterwards
    command = [sys.executable, "-m", module, f"--url=http://127.0.0.1:{port}", "--cull-every=1"]
    environment = {**os.environ, "JUPYTERHUB_API_TOKEN": TOKEN}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        lines: list[str] = []
        try:
            until = time.monotonic() + 60
            while sum("Exception in callback" in line for line in lines) < 2:
                assert time.monotonic() < until, lines
                lines.append(process.stderr.readline())
        finally:
            process.kill()
        return "".join(lines)


@pytest.mark.parametrize(
    ("module", "tells"),
    [("jupyterhub_idle_culler", True), ("boresight_hub.config.culler", False)],
    ids=["alone", "ours"],
)
def test_token_is_not_told(module: str, tells: bool) -> None:
    said = said_by(module)
    assert "Connection refused" in said
    assert (TOKEN in said) == tells
