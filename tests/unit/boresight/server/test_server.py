"""What counts as use, what is asked of whom, and what a silence of the others does."""

from __future__ import annotations

import json
import os
import pty
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from boresight.errors import HubError, HubRefusal
from boresight.server import words
from boresight.server.activity import Activity, jobs, other_terminals
from boresight.server.dask import DaskWork
from boresight.server.desktop import _auth_of
from boresight.server.hublink import HubLink
from boresight.server.presence import Presence, is_use


@pytest.mark.parametrize(
    ("request_line", "used"),
    [
        ("GET lab", True),
        ("GET lab/tree/dark.ipynb", True),
        ("GET boresight-editor/", True),
        # a screen that is shown again, of itself; keys and movements are asked of the X server
        ("GET boresight-desktop/", False),
        ("GET proxy/8787/status", True),
        ("PUT api/contents/dark.ipynb", True),
        ("POST api/sessions", True),
        ("DELETE api/kernels/1", True),
        ("POST boresight/api/idle/here", True),
        # what an open Lab asks by itself
        ("GET api", False),
        ("GET api/kernels", False),
        ("GET api/sessions", False),
        ("GET api/terminals", False),
        ("GET api/contents", False),
        ("GET api/contents/radiometry", False),
        ("GET api/status", False),
        ("GET api/me", False),
        ("GET lab/api/settings", False),
        ("PUT lab/api/workspaces/default", False),
        ("GET lab/extensions/x/static/remoteEntry.js", False),
        ("GET static/favicon.ico", False),
        ("GET lsp/status", False),
        ("GET boresight/api/idle", False),
        ("POST boresight/api/idle/keep", False),
    ],
)
def test_use(request_line: str, used: bool) -> None:
    method, path = request_line.split()
    assert is_use(method, path) is used


def test_only_answers_that_are_no_refusals_count() -> None:
    class Application:
        logged = 0

        def log_request(self, handler: object) -> None:
            self.logged += 1

    class Handler:
        class request:  # noqa: N801 - as tornado names it
            method, path = "PUT", "/user/marie/api/contents/a"

        status = 403

        def get_status(self) -> int:
            return self.status

    application, handler = Application(), Handler()
    presence = Presence("/user/marie/")
    presence._last -= 100
    presence.listen(application)
    application.log_request(handler)
    assert presence.idle_s >= 100
    handler.status = 200
    application.log_request(handler)
    assert presence.idle_s < 50
    assert application.logged == 2, "what logged requests goes on doing so"


@pytest.mark.parametrize(
    ("arguments", "more", "name"),
    [
        (
            ("-m", "boresight.workflows.jobs.process", "/home/x/20261122-1f2e", "7"),
            {},
            "jobs 20261122-1f2e",
        ),
        ((), {"BORESIGHT_JOB": "night run"}, "night run"),
        (("-m", "somebody.elses.module"), {}, None),
    ],
)
def test_jobs_are_processes_of_this_server(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], more: dict[str, str], name: str
) -> None:
    marker = f"/tokens/test-{os.getpid()}"
    monkeypatch.setenv("BORESIGHT_HOLDER", marker)
    command = [sys.executable, "-c", "print(1, flush=True); import time; time.sleep(60)"]
    other = {**os.environ, **more, "BORESIGHT_HOLDER": "/tokens/somebody-else"}
    with (
        subprocess.Popen(
            [*command, *arguments], env={**os.environ, **more}, stdout=subprocess.PIPE
        ) as mine,
        subprocess.Popen([*command, *arguments], env=other, stdout=subprocess.PIPE) as theirs,
    ):
        try:
            for process in (mine, theirs):
                assert process.stdout is not None
                process.stdout.readline()
            expected = [] if name is None else [Activity("job", name, 0.0)]
            assert jobs() == expected
            mine.kill()
            mine.wait()
            assert jobs() == []
        finally:
            mine.kill()
            theirs.kill()


@pytest.fixture
def in_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "JUPYTERHUB_API_URL": "http://hub/hub/api",
        "JUPYTERHUB_API_TOKEN": "t" * 32,
        "JUPYTERHUB_USER": "léa@x/y",
        "JUPYTERHUB_SERVER_NAME": "second",
        "BORESIGHT_GATEWAY_URL": "http://gateway",
    }.items():
        monkeypatch.setenv(name, value)


async def look() -> list[Activity]:
    return [Activity("cell", "n" * 500, 0.0), Activity("lab", "", 12.34)]


@pytest.mark.parametrize(("idle_s", "said"), [(0.0, 0.0), (0.01, 0.1), (-0.3, 0.1), (7.26, 7.3)])
def test_what_has_just_ended_is_not_at_work(idle_s: float, said: float) -> None:
    assert Activity("lab", "", idle_s).as_json()["idle_s"] == said


async def test_report_goes_to_the_hub_with_the_servers_name(in_a_server: None) -> None:
    asked: list[httpx.Request] = []

    def hub(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"state": "busy"})

    link = HubLink(look, transport=httpx.MockTransport(hub))
    assert await link.report() == {"state": "busy"}
    assert asked[0].url.raw_path == b"/hub/api/boresight/users/l%C3%A9a%40x%2Fy/activity"
    body = json.loads(asked[0].content)
    assert body["server"] == "second"
    assert body["activities"] == [
        {"kind": "cell", "name": "n" * 200, "idle_s": 0.0},
        {"kind": "lab", "name": "", "idle_s": 12.3},
    ]


async def test_hub_that_is_away_or_refuses(in_a_server: None) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    def refuses(request: httpx.Request) -> httpx.Response:
        return httpx.Response(409, json={"message": "20 hours are left."})

    with pytest.raises(HubError, match="out of reach"):
        await HubLink(look, transport=httpx.MockTransport(away)).report()
    with pytest.raises(HubRefusal, match="20 hours are left"):
        await HubLink(look, transport=httpx.MockTransport(refuses)).keep(3600)


async def test_without_a_hub_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUPYTERHUB_API_URL", raising=False)
    link = HubLink(look)
    assert not link.is_wanted
    with pytest.raises(HubError, match="this server has no hub"):
        await link.report()


async def test_gateway_that_is_away_ends_no_work_at_once(in_a_server: None) -> None:
    is_away = False

    def gateway(request: httpx.Request) -> httpx.Response:
        if is_away:
            return httpx.Response(503)
        if request.url.path == "/api/v1/clusters/":
            return httpx.Response(200, json={"a": {}, "b": {}, "c": {}})
        if request.url.path == "/clusters/a/json/counts.json":
            counts = {"processing": 2, "waiting": 3, "unrunnable": 0, "memory": 9}
            return httpx.Response(200, json=counts)
        if request.url.path == "/clusters/b/json/counts.json":
            idle = {"processing": 0, "waiting": 0, "unrunnable": 0, "memory": 9}
            return httpx.Response(200, json=idle)
        return httpx.Response(404)

    work = DaskWork(hold_s=600, transport=httpx.MockTransport(gateway))
    assert await work.look() == [Activity("dask", "a (5 tasks)", 0.0)]
    is_away = True
    assert await work.look() == [Activity("dask", "a (5 tasks)", 0.0)]
    work._hold_s = 0
    assert await work.look() == []


def test_cookie_of_a_display(tmp_path: Path) -> None:
    def entry(number: bytes, name: bytes, data: bytes) -> bytes:
        fields = (b"host", number, name, data)
        return b"\x01\x00" + b"".join(struct.pack(">H", len(f)) + f for f in fields)

    path = tmp_path / "Xauthority"
    cookie = b"MIT-MAGIC-COOKIE-1"
    path.write_bytes(
        entry(b"1", cookie, b"one") + entry(b"2", b"XDM", b"x") + entry(b"2", cookie, b"two")
    )
    assert _auth_of(path, ":1") == b"one"
    assert _auth_of(path, ":2") == b"two"
    assert _auth_of(path, ":3") is None
    path.write_bytes(path.read_bytes()[:-20])  # half written
    assert _auth_of(path, ":1") == b"one"
    assert _auth_of(tmp_path / "none", ":1") is None
    assert _auth_of(None, ":1") is None


def test_both_languages_say_the_same_things() -> None:
    english, french = (words.words_of(language)["w"] for language in words.LANGUAGES)
    assert isinstance(english, dict)
    assert isinstance(french, dict)
    assert set(english) == set(french)
    assert set(english["kinds"]) == set(french["kinds"])


def test_terminals_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in the foreground of a terminal counts, a shell that waits does not."""
    mark = f"terminals-of-{os.getpid()}"
    monkeypatch.setenv("BORESIGHT_HOLDER", mark)
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - another process
        # whoever runs the tests in the background has it ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execve("/bin/bash", ["bash", "--norc", "-i"], {**os.environ, "PS1": "> "})  # noqa: S606
    try:
        _until(lambda: os.read(terminal, 4096).endswith(b"> "))
        assert other_terminals() == []
        os.write(terminal, b"exec 3>&1; sleep 600\n")
        _until(lambda: other_terminals() == [Activity("process", "sleep", 0.0)])
        assert other_terminals([pid]) == [], "Jupyter's own are looked at by another function"
        os.write(terminal, b"\x03")
        _until(lambda: other_terminals() == [])
    finally:
        os.kill(pid, 9)
        os.close(terminal)
        os.waitpid(pid, 0)


def _until(met: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not met():
        assert time.monotonic() < end
        time.sleep(0.05)
