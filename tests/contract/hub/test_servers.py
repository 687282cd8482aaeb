"""User servers: what they see, what they leave behind."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.hub_stack import HubStack

from boresight_hub.errors import ServiceError
from boresight_hub.oidc import TokenVerifier
from boresight_hub.session import HubSession
from boresight_hub.session.kernel import KernelError


@pytest.fixture(scope="module")
def server(stack: HubStack) -> Iterator[HubSession]:
    """Marie, signed in once; a test that needs her server starts it unless it runs."""
    with HubSession(stack.settings) as session:
        session.sign_in("marie", stack.password("marie"))
        yield session
        session.stop_server()


def server_process(stack: HubStack, username: str = "marie") -> psutil.Process:
    hub = psutil.Process(stack.processes["hub"].pid)
    marker = str(stack.settings.state_dir / "run" / "tokens" / username)
    found = [
        child
        for child in hub.children()
        if child.environ().get("BORESIGHT_HOLDER", "").startswith(marker)
    ]
    assert len(found) == 1
    return found[0]


def test_server_kernel_files_and_home(stack: HubStack, server: HubSession) -> None:
    messages: list[str] = []
    server.start_server(messages.append)
    assert any("ready" in message.lower() for message in messages)
    home = stack.settings.state_dir / "homes" / "marie"
    assert home.stat().st_mode & 0o777 == 0o700

    server.write_file("notes.txt", "written through the API")
    assert (home / "notes.txt").read_text() == "written through the API"
    assert (home / "notes.txt").stat().st_mode & 0o077 == 0
    assert (home / "examples" / "quickstart" / "hello.ipynb").exists()

    with server.kernel() as kernel:
        outputs = kernel.execute("import os; print(os.getcwd()); print(os.environ['HOME']); 6 * 7")
        assert outputs[0]["text"].split() == [str(home), str(home)]
        assert outputs[1]["data"]["text/plain"] == "42"
        with pytest.raises(KernelError, match="ZeroDivisionError"):
            kernel.execute("print('before'); 1 / 0")
        assert kernel.execute("1 + 1")[0]["data"]["text/plain"] == "2", "the kernel lives on"

    log = (stack.settings.state_dir / "logs" / "server-marie-default.log").read_text()
    assert "panel" not in log, "heavy server extensions are off"


def test_nothing_of_the_hub_in_a_user_environment(stack: HubStack, server: HubSession) -> None:
    server.start_server()
    process = server_process(stack)
    environment = Path(f"/proc/{process.pid}/environ").read_bytes().decode()
    command = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode()
    for file in stack.settings.secrets_dir.iterdir():
        assert file.read_text() not in environment, file.name
        assert file.read_text() not in command, file.name
    names = {line.split("=", 1)[0] for line in environment.split("\0") if line}
    assert not names & {"BORESIGHT_STATE_DIR", "BORESIGHT_PORT", "CONFIGPROXY_AUTH_TOKEN"}
    assert {"BORESIGHT_S3_TOKEN_FILE", "BORESIGHT_STAC_TOKEN_FILE"} <= names
    assert "eyJhbGci" not in environment, "tokens are files"
    assert {"OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1"} <= set(environment.split("\0"))
    assert "--allow-root" in command or os.geteuid() != 0


async def test_token_files_are_renewed_without_a_gap(stack: HubStack, server: HubSession) -> None:
    await asyncio.to_thread(server.start_server)
    folder = stack.settings.state_dir / "run" / "tokens" / "marie" / "server-default"
    verifiers = {name: TokenVerifier(stack.settings, name) for name in ("s3", "stac")}
    seen: dict[str, set[str]] = {"s3": set(), "stac": set()}
    until = time.monotonic() + 30
    while time.monotonic() < until and min(map(len, seen.values())) < 4:
        for name, verifier in verifiers.items():
            token = (folder / f"{name}.jwt").read_text()
            claims = await verifier.verify(token)  # never old, never half
            assert (claims.username, claims.groups) == ("marie", ("co3d-calibration",))
            assert (folder / f"{name}.jwt").stat().st_mode & 0o777 == 0o600
            seen[name].add(token)
        await asyncio.sleep(0.05)
    assert min(map(len, seen.values())) >= 4


def test_nothing_outlives_a_stopped_server(stack: HubStack, server: HubSession) -> None:
    server.start_server()
    with server.kernel() as kernel:
        text = kernel.execute(
            "import os, subprocess, sys\n"
            "code = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);'\n"
            "code += 'print(1, flush=True); time.sleep(600)'\n"
            "child = subprocess.Popen([sys.executable, '-c', code], start_new_session=True,\n"
            "                         stdout=subprocess.PIPE)\n"
            "child.stdout.readline()\n"
            "print(os.getpid(), child.pid)"
        )[0]["text"]
        pids = [int(pid) for pid in text.split()]
        pids.append(server_process(stack).pid)
        assert all(psutil.pid_exists(pid) for pid in pids)
        server.stop_server()
    gone = [pid for pid in pids if not psutil.pid_exists(pid)]
    assert gone == pids
    assert not (stack.settings.state_dir / "run" / "tokens" / "marie").exists()


def test_named_servers_have_token_files_of_their_own(stack: HubStack, server: HubSession) -> None:
    tokens = stack.settings.state_dir / "run" / "tokens" / "marie"
    server.start_server(name="second")
    try:
        assert [p.name for p in tokens.iterdir()] == ["server-name-second"]
        assert server.server_api("GET", "status", name="second").json()["kernels"] == 0
    finally:
        server.stop_server(name="second")


def test_servers_token_reaches_the_gateway_and_little_else(
    stack: HubStack, server: HubSession
) -> None:
    server.start_server()
    token = server_process(stack).environ()["JUPYTERHUB_API_TOKEN"]
    user = stack.hub_api("GET", "user", token=token).json()
    # what dask-gateway's JupyterHub authenticator reads
    assert (user["kind"], user["name"], user["groups"]) == ("user", "marie", ["co3d-calibration"])
    assert "access:services!service=dask-gateway" in user["scopes"]
    assert stack.hub_api("GET", "users", token=token).status_code == 403
    body = {"user": "marie", "holder": "worker-1"}
    answer = stack.hub_api("POST", "boresight/token-files", token=token, json=body)
    assert answer.status_code == 403


def test_server_that_dies_while_it_starts_is_told_at_once(
    stack: HubStack, server: HubSession
) -> None:
    broken = stack.settings.state_dir / "homes" / "marie" / ".jupyter"
    broken.mkdir(exist_ok=True)
    config = broken / "jupyter_server_config.py"
    config.write_text("import os; print('broken by its owner', flush=True); os._exit(3)")
    server.stop_server()
    try:
        started = time.monotonic()
        with pytest.raises(ServiceError, match="ended while it started"):
            server.start_server()
        assert time.monotonic() - started < 40
        log = stack.settings.state_dir / "logs" / "server-marie-default.log"
        assert "broken by its owner" in log.read_text()
        assert not (stack.settings.state_dir / "run" / "tokens" / "marie").exists()
    finally:
        config.unlink()
