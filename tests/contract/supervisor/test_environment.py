"""`boresight up` for real: every service, its refusals, deaths and stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from support.machine import install_s3_server
from support.ports import free_base_port
from support.supervisor_stack import boresight, service_pid, wait_for

from boresight_hub.embedded import people, processes, services, state
from boresight_hub.session import HubSession
from boresight_hub.settings import HubSettings

pytestmark = pytest.mark.slow

_UP_TIMEOUT_S = 300
_MEMORY_AT_REST_BYTES = 600 * 1024**2
_STOP_S = 10.0


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubSettings]:
    """An environment with every service, made by the command itself."""
    path = tmp_path_factory.mktemp("environment") / "state"
    install_s3_server(HubSettings(state_dir=tmp_path_factory.mktemp("built")))
    done = _up(path, "--port", str(free_base_port()))
    assert done.returncode == 0, done.stdout + done.stderr
    yield state.load_settings(path)
    boresight("down", "--state", str(path))
    assert processes.marked(path) == []


def _up(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return boresight("up", "--detach", "--state", str(path), *options, timeout_s=_UP_TIMEOUT_S)


def _status(path: Path) -> dict[str, object]:
    status: dict[str, object] = json.loads(
        boresight("status", "--json", "--state", str(path)).stdout
    )
    return status


def _ensure(settings: HubSettings) -> None:
    if not state.is_held(settings.state_dir):
        done = _up(settings.state_dir)
        assert done.returncode == 0, done.stderr


def _await_successor(settings: HubSettings, name: str, victim: int) -> None:
    def is_there() -> bool:
        report = state.read_report(settings.state_dir)
        service = report.services[name] if report else None
        return service is not None and service.state == "ready" and service.pid != victim

    wait_for(is_there, 60)


def test_everything_is_ready_and_within_budget(environment: HubSettings) -> None:
    done = boresight("status", "--json", "--state", str(environment.state_dir))
    assert done.returncode == 0
    status = json.loads(done.stdout)
    assert status["phase"] == "ready"
    assert tuple(status["services"]) == services.NAMES
    for name, service in status["services"].items():
        assert service["state"] == "ready", name
        assert service["memory_bytes"] > 1024**2, name
        assert psutil.pid_exists(service["pid"]), name
    assert 100 * 1024**2 < status["memory_at_rest_bytes"] < _MEMORY_AT_REST_BYTES


def test_only_loopback_is_listened_on(environment: HubSettings) -> None:
    report = state.read_report(environment.state_dir)
    assert report is not None
    ours = set(processes.descendants(report.guard_pid))
    listening = [
        c for c in psutil.net_connections("inet") if c.pid in ours and c.status == "LISTEN"
    ]
    assert len(listening) >= len(services.NAMES) - 1
    assert {c.laddr.ip for c in listening} == {"127.0.0.1"}


def test_no_secret_on_a_command_line_or_in_a_log(environment: HubSettings) -> None:
    report = state.read_report(environment.state_dir)
    assert report is not None
    secrets = {
        path.name: path.read_text().strip().encode()
        for path in environment.secrets_dir.iterdir()
        if path.suffix != ".json"
    }
    assert len(secrets) >= 12
    ours = processes.descendants(report.guard_pid)
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in ours}
    logs = {path: path.read_bytes() for path in (environment.state_dir / "logs").iterdir()}
    for name, secret in secrets.items():
        assert [pid for pid, line in lines.items() if secret in line] == [], name
        assert [path.name for path, text in logs.items() if secret in text] == [], name


def test_everything_written_is_private(environment: HubSettings) -> None:
    loose = [
        path
        for path in environment.state_dir.iterdir()
        if path.lstat().st_mode & 0o077 and not path.is_symlink()
    ]
    assert loose == []
    secrets = [*environment.secrets_dir.iterdir(), environment.state_dir / "people.json"]
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}


def test_buckets_are_there_and_private(environment: HubSettings) -> None:
    for bucket in ("catalogue", "products", "home"):
        assert httpx.get(f"{environment.s3_url}/{bucket}/x", timeout=5).status_code == 403
        assert httpx.get(f"{environment.s3_url}/{bucket}", timeout=5).status_code == 403
    log = (environment.state_dir / "logs" / "s3.log").read_text()
    assert "GET" not in log  # a signed URL would stand there


def test_second_up_says_who_runs(environment: HubSettings) -> None:
    _ensure(environment)
    report = state.read_report(environment.state_dir)
    assert report is not None
    done = _up(environment.state_dir)
    assert done.returncode == 3
    for words in (str(report.pid), environment.public_url, "since 20", "boresight down"):
        assert words in done.stderr
    assert state.read_report(environment.state_dir) == report


@pytest.mark.parametrize("name", services.NAMES)
def test_killed_service_comes_back(environment: HubSettings, name: str) -> None:
    _ensure(environment)
    victim = service_pid(environment.state_dir, name)
    os.kill(victim, signal.SIGKILL)
    _await_successor(environment, name, victim)
    assert not processes.alive(victim)
    assert service_pid(environment.state_dir, name) != victim
    # and every way through the proxy is there again
    for url in (
        f"{environment.public_url}/hub/health",
        f"{environment.issuer}/.well-known/openid-configuration",
        f"{environment.stac_url}/_mgmt/ping",
        f"{environment.public_url}/services/access/health",
        f"{environment.gateway_url}/api/health",
    ):
        wait_for(lambda url=url: _answers(url), 30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def _work(settings: HubSettings) -> list[int]:
    """Have a person's server, kernel and a process of theirs that left its session."""
    with HubSession(settings) as session:
        session.sign_in("marie", people.find(settings, "marie").password)
        session.start_server()
        with session.kernel() as kernel:
            kernel.execute(
                "import subprocess\n"
                "subprocess.Popen(['/bin/sh', '-c', 'trap \"\" TERM; sleep 300 & wait; sleep 300'],"
                " start_new_session=True)"
            )
            report = state.read_report(settings.state_dir)
            assert report is not None
            persons = [
                pid
                for pid in processes.descendants(report.guard_pid)
                if processes.is_persons(processes.environment_of(pid), settings.state_dir)
            ]
            assert len(persons) >= 4  # server, kernel, shell, sleep
            # the kernel is left as it is: nobody shut it down
            return persons


def test_down_takes_user_servers_along(environment: HubSettings) -> None:
    _ensure(environment)
    persons = _work(environment)
    assert any(map(processes.alive, persons))
    begun = time.monotonic()
    done = boresight("down", "--state", str(environment.state_dir))
    took_s = time.monotonic() - begun
    assert done.returncode == 0
    assert [pid for pid in persons if processes.alive(pid)] == []
    assert processes.marked(environment.state_dir) == []
    assert took_s < _STOP_S + 3  # the command's own start is not the stop's


def test_no_orphan_after_kill_9_of_the_supervisor(environment: HubSettings) -> None:
    _ensure(environment)
    persons = _work(environment)
    report = state.read_report(environment.state_dir)
    assert report is not None
    everybody = processes.descendants(report.guard_pid)
    assert set(persons) & set(everybody)
    assert processes.alive(report.pid)  # the victim runs
    os.kill(report.pid, signal.SIGKILL)
    wait_for(lambda: not processes.alive(report.guard_pid), 15)
    assert [pid for pid in everybody if processes.alive(pid)] == []
    assert processes.marked(environment.state_dir) == []
    assert _status(environment.state_dir)["phase"] == "stopped"


def test_second_start_needs_no_network(environment: HubSettings) -> None:
    boresight("down", "--state", str(environment.state_dir))
    nowhere = "http://127.0.0.1:9"  # nobody listens there
    done = boresight(
        *("up", "--detach", "--state", str(environment.state_dir)),
        HTTPS_PROXY=nowhere,
        HTTP_PROXY=nowhere,
        GOPROXY="off",
        NPM_CONFIG_REGISTRY=nowhere,
        BORESIGHT_CACHE_DIR=str(environment.state_dir / "no-cache"),
    )
    assert done.returncode == 0, done.stderr


def test_foreground_stops_on_ctrl_c(environment: HubSettings) -> None:
    boresight("down", "--state", str(environment.state_dir))
    command = [sys.executable, "-c", "from boresight_hub.cli import app; app()", "up"]
    terminal = subprocess.Popen(
        [*command, "--state", str(environment.state_dir)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert terminal.stdout is not None
        wait_for(lambda: "Ctrl-C" in terminal.stdout.readline(), 120)  # type: ignore[union-attr]
        # at once: what it turns into then is not there yet
        terminal.send_signal(signal.SIGINT)
        begun = time.monotonic()
        assert terminal.wait(15) == 0
        assert time.monotonic() - begun < _STOP_S
    finally:
        if terminal.poll() is None:
            terminal.kill()
            terminal.wait()
        terminal.stdout.close()  # type: ignore[union-attr]
    assert processes.marked(environment.state_dir) == []


def test_killed_terminal_leaves_nothing(environment: HubSettings) -> None:
    boresight("down", "--state", str(environment.state_dir))
    command = [sys.executable, "-c", "from boresight_hub.cli import app; app()", "up"]
    terminal = subprocess.Popen(
        [*command, "--state", str(environment.state_dir)], stdout=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: _phase(environment) == "ready", 120)
        assert terminal.poll() is None  # the victim runs
    finally:
        terminal.kill()
        terminal.wait()
    wait_for(lambda: not state.is_held(environment.state_dir), _STOP_S + 2)
    assert processes.marked(environment.state_dir) == []


def _phase(settings: HubSettings) -> str:
    report = state.read_report(settings.state_dir)
    return report.phase if report else ""


def test_down_ends_a_first_start(tmp_path: Path, port: int) -> None:
    path = tmp_path / "state"
    command = [sys.executable, "-c", "from boresight_hub.cli import app; app()", "up", "--detach"]
    starting = subprocess.Popen(
        [*command, "--state", str(path), "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"BORESIGHT_CACHE_DIR": str(tmp_path / "cache")},
    )
    try:
        wait_for(lambda: (path / "cache" / "versitygw" / "gocache").exists(), 120)
        wait_for(lambda: processes.marked(path), 10)  # the build, which is to be ended
        assert starting.poll() is None
        done = boresight("down", "--purge", "--yes", "--state", str(path))
        assert done.returncode == 0, done.stderr
        assert starting.wait(10) != 0
    finally:
        if starting.poll() is None:
            starting.kill()
            starting.wait()
    assert processes.marked(path) == []
    assert not path.exists()


def test_first_start_without_network_says_so(tmp_path: Path, port: int) -> None:
    nowhere = "http://127.0.0.1:9"
    done = boresight(
        *("up", "--detach", "--state", str(tmp_path / "state"), "--port", str(port)),
        HTTPS_PROXY=nowhere,
        HTTP_PROXY=nowhere,
        GOPROXY=nowhere,
        NPM_CONFIG_REGISTRY=nowhere,
        NPM_CONFIG_FETCH_RETRIES="0",
        NPM_CONFIG_CACHE=str(tmp_path / "npm"),
        BORESIGHT_CACHE_DIR=str(tmp_path / "cache"),
    )
    assert done.returncode == 5, done.stderr
    assert "first start fetches" in done.stderr
    assert processes.marked(tmp_path / "state") == []
    # nothing half-made: the next start makes all of it
    settings = HubSettings(state_dir=tmp_path / "state")
    assert not (settings.state_dir / "node").exists()
    assert not (settings.state_dir / "bin" / "versitygw").exists()
    assert not state.is_held(settings.state_dir)
