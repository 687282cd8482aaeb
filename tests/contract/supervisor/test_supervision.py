"""The supervisor's mechanics with small real programs, below the real guard."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.supervisor_stack import service_pid, wait_for

from boresight_hub.embedded import processes, state
from boresight_hub.embedded.plan import Command, Plan, Request, RestartRules, Service

# answers 200 at /, notes each POST, and may be told to fall silent by a file
_SERVER = r"""
import http.server, pathlib, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        silent = pathlib.Path("silent").exists()
        self.send_response(503 if silent else 200); self.send_header("content-length", "0")
        self.end_headers()
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        with open("posts", "a") as f: f.write(f"{self.headers['authorization']} {body}\n")
        self.do_GET()
    def log_message(self, *a): pass
print("secret is", __import__("os").environ.get("TOKEN"), flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
# makes a grandchild that leaves its session and its parent, and ignores SIGTERM
_DAEMONISES = r"""
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open("daemon", "w").write(str(os.getpid()))
        time.sleep(300)
    os._exit(0)
os.wait()
time.sleep(300)
"""
_SLEEPS = "import time; time.sleep(300)"
_TOKEN = "a-secret-of-twenty-characters"

_FAST = RestartRules(
    first_pause_s=0.1,
    longest_pause_s=0.4,
    healthy_after_s=60,
    give_up_after=4,
    give_up_at_start=2,
    unresponsive_after_s=0.6,
    health_interval_s=0.1,
)


class Supervised:
    """A guard on a plan of small programs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "run").mkdir(parents=True)
        (path / "secrets").mkdir()
        (path / "logs").mkdir()
        (path / "secrets" / "token").write_text(_TOKEN)
        self.guard: subprocess.Popen[bytes] | None = None

    def service(self, name: str, code: str, *arguments: str, **options: object) -> Service:
        env = {"PATH": os.defpath, processes.MARK_VARIABLE: str(self.path)}
        command = Command(
            argv=[sys.executable, "-I", "-S", "-c", code, *arguments],
            env=env,
            secret_env={"TOKEN": "token"},
            cwd=str(self.path),
        )
        return Service(name=name, command=command, **options)  # type: ignore[arg-type]

    def server(self, name: str, port: int, **options: object) -> Service:
        health_url = f"http://127.0.0.1:{port}/"
        return self.service(name, _SERVER, str(port), health_url=health_url, **options)

    def start(self, *services: Service, phase: str = "ready", attached: bool = False) -> None:
        plan = Plan(
            state_dir=str(self.path),
            secrets_dir=str(self.path / "secrets"),
            url="http://127.0.0.1:1",
            services=list(services),
            rules=_FAST,
        )
        plan.write(self.path / "run" / "plan.json")
        environment = os.environ | {processes.MARK_VARIABLE: str(self.path)}
        self.guard = subprocess.Popen(
            [
                *(sys.executable, "-m", "boresight_hub.embedded.guard"),
                str(self.path / "run" / "plan.json"),
                *([str(os.getpid())] if attached else []),
            ],
            env=environment,
            start_new_session=True,
        )
        wait_for(lambda: self.phase == phase or self.guard.poll() is not None, 20)  # type: ignore[union-attr]

    @property
    def report(self) -> state.Report:
        report = state.read_report(self.path)
        assert report is not None
        return report

    @property
    def phase(self) -> str:
        report = state.read_report(self.path)
        return report.phase if report else ""

    def log(self, name: str = "supervisor") -> str:
        return (self.path / "logs" / f"{name}.log").read_text()

    def wait(self, timeout_s: float = 12) -> int:
        assert self.guard is not None
        return self.guard.wait(timeout_s)


@pytest.fixture
def supervised(state_dir: Path) -> Iterator[Supervised]:
    """A guard that is gone after the test."""
    ours = Supervised(state_dir)
    yield ours
    if ours.guard is not None:
        if ours.guard.poll() is None:
            ours.guard.terminate()
        ours.wait(15)


def test_start_in_order_and_stop(supervised: Supervised, port: int) -> None:
    supervised.start(
        supervised.server("first", port),
        supervised.server("second", port + 1, needs=["first"], stop_stage=1),
    )
    assert supervised.phase == "ready"
    log = supervised.log()
    assert log.index("first: ready") < log.index("second: starting")
    supervised.guard.send_signal(signal.SIGTERM)  # type: ignore[union-attr]
    assert supervised.wait() == 0
    log = supervised.log()
    assert log.index("second: stopped") < log.index("first: stopped")
    assert state.read_report(supervised.path) is None
    assert processes.marked(supervised.path) == []


def test_secret_reaches_the_service_and_no_log(supervised: Supervised, port: int) -> None:
    request = Request(
        f"http://127.0.0.1:{port}/routes", method="POST", token_secret="token", body='{"a": 1}'
    )
    supervised.start(supervised.server("web", port, on_ready=[request]))
    assert (supervised.path / "posts").read_text() == f'token {_TOKEN} {{"a": 1}}\n'
    wait_for(lambda: "secret is" in supervised.log("web"), 5)
    assert supervised.log("web") == "secret is <token>\n"
    pid = service_pid(supervised.path, "web")
    assert _TOKEN.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert processes.environment_of(pid)["TOKEN"] == _TOKEN


def test_service_killed_is_started_again_and_told(supervised: Supervised, port: int) -> None:
    url = f"http://127.0.0.1:{port}/"
    supervised.start(
        supervised.server(
            "web",
            port,
            on_ready=[Request(f"{url}first", method="POST", body="always")],
            on_restart=[Request(f"{url}again", method="POST", body="again")],
        )
    )
    victim = service_pid(supervised.path, "web")
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: supervised.report.services["web"].restarts == 1, 5)
    wait_for(lambda: supervised.report.services["web"].state == "ready", 5)
    assert service_pid(supervised.path, "web") != victim
    assert "ended by signal 9 (SIGKILL)" in supervised.log()
    said = [line.split()[-1] for line in (supervised.path / "posts").read_text().splitlines()]
    assert said == ["always", "always", "again"]


def test_service_that_falls_silent_is_started_again(supervised: Supervised, port: int) -> None:
    supervised.start(supervised.server("web", port))
    victim = service_pid(supervised.path, "web")
    (supervised.path / "silent").touch()
    wait_for(lambda: not processes.alive(victim), 10)
    (supervised.path / "silent").unlink()
    wait_for(lambda: supervised.report.services["web"].state == "ready", 5)
    assert "no healthy answer for" in supervised.log()


def test_pauses_grow_and_end(supervised: Supervised, port: int) -> None:
    supervised.start(supervised.service("frail", "import time; time.sleep(1.3)"))
    assert supervised.phase == "ready"
    wait_for(lambda: supervised.phase == "degraded", 15)
    service = supervised.report.services["frail"]
    assert (service.state, service.restarts, service.pid) == ("failed", 3, None)
    assert "given up after 4 tries" in service.message
    pauses = re.findall(r"again in (\S+) s", supervised.log())
    assert pauses == ["0.1", "0.2", "0.4"]


def test_first_start_that_fails_says_why(supervised: Supervised, port: int) -> None:
    supervised.start(
        supervised.server("web", port),
        supervised.service("broken", "print('no such database'); raise SystemExit(3)"),
    )
    assert supervised.wait() == 6
    failure = (supervised.path / "run" / "failure.txt").read_text()
    for words in ("'broken'", "exit code 3", "no such database", "broken.log"):
        assert words in failure
    assert processes.marked(supervised.path) == []


def test_program_that_is_not_there(supervised: Supervised) -> None:
    service = supervised.service("absent", "")
    command = Command(argv=["/nowhere/program"], env=service.command.env)
    supervised.start(Service(name="absent", command=command))
    assert supervised.wait() == 6
    assert "/nowhere/program: No such file" in (supervised.path / "run" / "failure.txt").read_text()


def _daemon(supervised: Supervised) -> int:
    note = supervised.path / "daemon"
    wait_for(lambda: note.exists() and note.read_text(), 5)
    pid = int(note.read_text())
    assert processes.alive(pid)
    assert os.getsid(pid) != os.getsid(supervised.report.pid)
    return pid


def test_stop_takes_along_what_daemonised(supervised: Supervised) -> None:
    supervised.start(supervised.service("parent", _DAEMONISES))
    daemon = _daemon(supervised)
    begun = time.monotonic()
    supervised.guard.send_signal(signal.SIGTERM)  # type: ignore[union-attr]
    assert supervised.wait() == 0
    assert time.monotonic() - begun < 10
    assert not processes.alive(daemon)


def test_no_orphan_after_the_supervisor_was_killed(supervised: Supervised, port: int) -> None:
    supervised.start(
        supervised.server("web", port),
        supervised.service("parent", _DAEMONISES),
        supervised.service("sleeper", _SLEEPS),
    )
    daemon = _daemon(supervised)
    pids = [service_pid(supervised.path, name) for name in ("web", "parent", "sleeper")]
    victim = supervised.report.pid
    assert processes.alive(victim)
    os.kill(victim, signal.SIGKILL)
    assert supervised.wait() == 128 + signal.SIGKILL
    assert [pid for pid in [*pids, daemon] if processes.alive(pid)] == []
    assert processes.marked(supervised.path) == []
    assert "the supervisor ended by signal 9" in supervised.log()


def test_orderly_stop_after_the_guard_was_killed(supervised: Supervised, port: int) -> None:
    supervised.start(supervised.server("web", port), supervised.service("parent", _DAEMONISES))
    daemon = _daemon(supervised)
    supervisor = supervised.report.pid
    assert supervised.guard is not None
    assert processes.alive(supervised.guard.pid)
    supervised.guard.kill()
    wait_for(lambda: not processes.alive(supervisor), 10)
    assert supervised.log().splitlines()[-1].split()[1].startswith("stopped")
    assert not processes.alive(daemon)
    assert processes.marked(supervised.path) == []


def test_double_death_is_found_by_its_mark(supervised: Supervised) -> None:
    supervised.start(supervised.service("parent", _DAEMONISES))
    daemon = _daemon(supervised)
    assert supervised.guard is not None
    # the guard first held, so that it cannot clean up in between
    supervised.guard.send_signal(signal.SIGSTOP)
    os.kill(supervised.report.pid, signal.SIGKILL)
    supervised.guard.kill()
    supervised.wait()
    assert processes.alive(daemon)
    assert daemon in processes.end_marked(supervised.path, patience_s=0.3)
    assert not processes.alive(daemon)


def test_second_request_kills(supervised: Supervised) -> None:
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + _SLEEPS
    supervised.start(supervised.service("stubborn", stubborn, stop_timeout_s=60))
    pid = service_pid(supervised.path, "stubborn")
    assert supervised.guard is not None
    supervised.guard.send_signal(signal.SIGINT)
    wait_for(lambda: supervised.phase == "stopping", 5)
    supervised.guard.send_signal(signal.SIGINT)
    assert supervised.wait(6) == 128 + signal.SIGKILL
    assert not processes.alive(pid)


def test_signals_have_their_defaults(supervised: Supervised) -> None:
    # a background shell starts its children with SIGINT ignored
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        supervised.start(supervised.service("sleeper", _SLEEPS))
    finally:
        signal.signal(signal.SIGINT, previous)
    status = Path(f"/proc/{service_pid(supervised.path, 'sleeper')}/status").read_text()
    masks = dict(line.split(":\t") for line in status.splitlines() if line.startswith("Sig"))
    bit = 1 << (signal.SIGINT - 1)
    assert int(masks["SigBlk"], 16) == 0
    assert int(masks["SigIgn"], 16) & bit == 0


def test_report_that_cannot_be_written_stops_no_service(supervised: Supervised, port: int) -> None:
    supervised.start(supervised.server("web", port))
    victim = service_pid(supervised.path, "web")
    run = supervised.path / "run"
    run.rename(supervised.path / "run-aside")
    run.write_text("no folder")  # as good as a full disk, for root too
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: supervised.log().count("web: ready") == 2, 10)
    run.unlink()
    (supervised.path / "run-aside").rename(run)
    assert supervised.guard is not None
    supervised.guard.terminate()
    assert supervised.wait() == 0


def test_service_without_its_folder_is_tried_again(supervised: Supervised, port: int) -> None:
    folder = supervised.path / "gone"
    service = supervised.server("web", port)
    command = replace(service.command, cwd=str(folder))
    folder.mkdir()
    supervised.start(replace(service, command=command))
    folder.rename(supervised.path / "aside")
    os.kill(service_pid(supervised.path, "web"), signal.SIGKILL)
    wait_for(lambda: "cannot be started: No such file" in supervised.log(), 10)
    (supervised.path / "aside").rename(folder)
    wait_for(lambda: supervised.report.services["web"].state == "ready", 5)


def test_setup_runs_once(supervised: Supervised, port: int) -> None:
    done = supervised.path / "made"
    env = {"PATH": os.defpath}
    setup = Command(
        argv=["/bin/sh", "-c", f"echo made >> {done}"], env=env, cwd=str(supervised.path)
    )
    service = supervised.server("web", port, setup=setup, setup_done=[str(done)])
    supervised.start(service)
    os.kill(service_pid(supervised.path, "web"), signal.SIGKILL)
    wait_for(lambda: supervised.report.services["web"].restarts == 1, 5)
    wait_for(lambda: supervised.report.services["web"].state == "ready", 5)
    assert done.read_text() == "made\n"


def test_supervision_is_lean(supervised: Supervised, port: int) -> None:
    supervised.start(supervised.server("web", port))
    pids = (supervised.report.pid, supervised.report.guard_pid)
    used = sum(map(processes.proportional_memory_bytes, pids))
    assert 0 < used < 40 * 1024**2
