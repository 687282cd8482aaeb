"""The memory meter's route, on a real server with real kernels that really die."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection

from .conftest import PlainServer, cell, request, until_reply

pytestmark = pytest.mark.slow

MIB = 2**20


def deaths(server: PlainServer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.api("GET", "boresight/api/memory")["deaths"]
    return found


def next_death(server: PlainServer, before: int, timeout_s: float = 60) -> dict[str, Any]:
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        found = deaths(server)
        if found and found[-1]["number"] > before:
            return found[-1]
        time.sleep(0.2)
    raise AssertionError("no death was told")


def last_number(server: PlainServer) -> int:
    found = deaths(server)
    return found[-1]["number"] if found else 0


def wait_for_memory(server: PlainServer, least_bytes: int) -> dict[str, Any]:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        told: dict[str, Any] = server.api("GET", "boresight/api/memory")
        (kernel,) = told["kernels"]
        if kernel["memory_bytes"] > least_bytes:
            return told
        time.sleep(0.3)
    raise AssertionError(told)


def wait_for_limit(server: PlainServer, limit_bytes: int) -> None:
    """Wait until the server has seen in which control group the kernel is."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        (kernel,) = server.api("GET", "boresight/api/memory")["kernels"]
        if kernel["limit_bytes"] == limit_bytes:
            return
        time.sleep(0.2)
    raise AssertionError(kernel)


def test_a_cell_that_takes_all_memory_is_named(
    server: PlainServer, connection: ClientConnection, bounded_group: Path
) -> None:
    before = last_number(server)
    process = server.kernel_process()
    (bounded_group / "cgroup.procs").write_text(str(process.pid))
    # the same cell with less than the limit is no harm
    connection.send(cell("small = bytearray(50 * 2**20)"))
    assert until_reply(connection)["status"] == "ok"
    wait_for_limit(server, 400 * MIB)
    code = "parts = []\nwhile True:\n    parts.append(bytearray(b'x' * (8 * 2**20)))"
    connection.send(cell(code))
    told = next_death(server, before)
    assert (told["cause"], told["signal"]) == ("memory", "SIGKILL")
    assert told["name"] == "dark.ipynb"
    assert (told["code"], told["count"]) == (code, 3)
    assert told["limit_bytes"] == 400 * MIB
    assert told["memory_bytes"] > 50 * MIB


def test_a_kernel_that_is_killed_with_room_left_is_not_said_to_lack_memory(
    server: PlainServer, connection: ClientConnection
) -> None:
    before = last_number(server)
    connection.send(cell("import time; time.sleep(600)"))
    time.sleep(1.5)
    server.kernel_process().kill()
    told = next_death(server, before)
    assert (told["cause"], told["signal"]) == ("signal", "SIGKILL")
    assert told["code"] == "import time; time.sleep(600)"


def test_a_kernel_that_ends_itself_between_cells(
    server: PlainServer, connection: ClientConnection
) -> None:
    before = last_number(server)
    later = "import os, threading; threading.Timer(1, os._exit, [3]).start()"
    connection.send(cell(later))
    assert until_reply(connection)["status"] == "ok"
    told = next_death(server, before)
    assert (told["cause"], told["signal"], told["code"], told["count"]) == ("exit", "", "", None)


def test_use_follows_what_a_kernel_holds(server: PlainServer, connection: ClientConnection) -> None:
    (kernel,) = server.api("GET", "boresight/api/memory")["kernels"]
    connection.send(cell("import numpy as np; frames = np.ones((1024, 1024, 25))"))
    assert until_reply(connection)["status"] == "ok"
    told = wait_for_memory(server, 200 * MIB)
    assert kernel["memory_bytes"] < 200 * MIB
    assert told["kernels"][0]["name"] == "dark.ipynb"
    assert told["own_bytes"] > told["kernels"][0]["memory_bytes"]
    assert told["own_bytes"] < told["limit_bytes"]

    # as the meter asks: nothing is left in history or namespace
    asked = "__import__('boresight.workflows.memory.variables', fromlist=['_'])"
    expressions = {"boresight": f"{asked}.VariablesTable(globals())", "count": "len(In)"}
    content = {"code": "", "silent": True, "store_history": False, "user_expressions": expressions}
    connection.send(request("execute_request", content))
    reply = until_reply(connection)["user_expressions"]
    assert reply["boresight"]["status"] == "ok", reply
    variables = reply["boresight"]["data"]["application/json"]["variables"]
    assert variables[0]["name"] == "frames"
    assert variables[0]["size_bytes"] == 1024 * 1024 * 25 * 8
    assert variables[0]["shape"] == "1024 x 1024 x 25"
    assert {v["name"] for v in variables} == {"frames", "number"}
    connection.send(request("execute_request", content))
    again = until_reply(connection)["user_expressions"]["count"]
    assert again["data"] == reply["count"]["data"]


def test_it_is_told_to_nobody_else(server: PlainServer) -> None:
    url = f"{server.url}/boresight/api/memory"
    good = {"Authorization": f"token {server.token}"}
    assert httpx.get(url, headers=good, timeout=30, trust_env=False).status_code == 200
    for headers in ({}, {"Authorization": f"token {'0' * 32}"}):
        assert httpx.get(url, headers=headers, timeout=30, trust_env=False).status_code == 403
    assert "limit_bytes" not in json.dumps(httpx.get(url, trust_env=False).text)
