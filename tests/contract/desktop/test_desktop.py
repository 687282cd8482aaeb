"""A desktop of a real user server: who gets in, what it counts as, and that it ends with it."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from support.desktop import (
    BASE,
    TOKEN,
    DesktopServer,
    Viewer,
    desktop_server,
    greet,
    greet_as_nobody,
    reason_to_skip,
    unix_line,
    until,
    x_greeting,
)
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from boresight.server import activity

pytestmark = [
    pytest.mark.slow,
    pytest.mark.soak,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(reason_to_skip()), reason=reason_to_skip() or "there is a desktop"),
]
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed: run as root")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DesktopServer]:
    home = tmp_path_factory.mktemp("marie")
    with desktop_server(home, BORESIGHT_HOLDER=str(home)) as running:
        yield running
        folder = Path(running.argument("-rfbunixpath")).parent
    # a server that is stopped takes its desktop with it as well
    until(lambda: not running.below() and not folder.exists(), 15)


@pytest.fixture
def desktop(server: DesktopServer) -> DesktopServer:
    answer = server.ask("POST", "boresight/desktop/start")
    assert answer.status_code == 200, answer.text
    return server


def test_what_is_said_of_it(desktop: DesktopServer) -> None:
    said = desktop.ask("GET", "boresight/desktop").json()
    assert said["available"] is True
    assert said["running"] is True
    assert said["url"] == f"{BASE}boresight/desktop/view"
    assert 0 < said["start_s"] < 60


@pytest.mark.parametrize("path", ["", "/view", "/static/desktop.js", "/open/" + 32 * "0"])
def test_nobody_without_sign_in(desktop: DesktopServer, path: str) -> None:
    url = f"{desktop.url}boresight/desktop{path}"
    refused = httpx.get(url, timeout=60)
    assert refused.status_code in (302, 403)  # to the form, or nothing at all
    assert "/login" in refused.headers.get("location", "/login")
    with_token = httpx.get(url, headers={"Authorization": f"token {TOKEN}"}, timeout=60)
    assert with_token.status_code == (404 if "open" in path else 200)


def test_another_site_cannot_act(desktop: DesktopServer) -> None:
    with httpx.Client(timeout=60, follow_redirects=True) as browser:
        browser.get(f"{desktop.url}boresight/desktop/view?token={TOKEN}")
        url = f"{desktop.url}boresight/desktop/start"
        assert browser.post(url).status_code == 403
        key = browser.cookies["_xsrf"]
        assert browser.post(url, headers={"X-XSRFToken": key}).status_code == 200


async def _first_words(url: str, origin: str) -> bytes:
    headers = {"Authorization": f"token {TOKEN}"} if origin == "" else {}
    async with connect(url, additional_headers=headers, origin=origin or None) as screen:
        return bytes(await asyncio.wait_for(screen.recv(), 20))  # type: ignore[arg-type]


def test_the_screen_is_for_those_who_are_signed_in(desktop: DesktopServer) -> None:
    url = desktop.url.replace("http", "ws", 1) + "boresight-desktop/"
    assert asyncio.run(_first_words(url, "")) == b"RFB 003.008\n"
    with pytest.raises(InvalidStatus) as refused:
        asyncio.run(_first_words(url, "http://elsewhere.example"))
    assert refused.value.response.status_code in (302, 403)


def test_the_screen_is_for_our_own_pages(desktop: DesktopServer) -> None:
    """A cookie does not help a page of another site."""
    with httpx.Client(timeout=60, follow_redirects=True) as browser:
        browser.get(f"{desktop.url}boresight/desktop/view?token={TOKEN}")
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    url = desktop.url.replace("http", "ws", 1) + "boresight-desktop/"

    async def greeting(origin: str) -> bytes:
        async with connect(url, additional_headers={"Cookie": cookie}, origin=origin) as screen:
            return bytes(await asyncio.wait_for(screen.recv(), 20))  # type: ignore[arg-type]

    ours = desktop.url.removesuffix(BASE)
    assert asyncio.run(greeting(ours)) == b"RFB 003.008\n"
    with pytest.raises(InvalidStatus) as refused:
        asyncio.run(greeting("http://elsewhere.example"))
    assert refused.value.response.status_code == 403


def test_no_port_and_private_files(desktop: DesktopServer) -> None:
    assert [c for c in desktop.x_server().net_connections("inet") if c.status == "LISTEN"] == []
    path = Path(desktop.argument("-rfbunixpath"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(Path(desktop.argument("-auth")).stat().st_mode) == 0o600


@is_root
def test_another_user_sees_nothing(desktop: DesktopServer) -> None:
    path = Path(desktop.argument("-rfbunixpath"))
    assert greet(str(path)) == b"RFB 003.008\n"
    refused = greet_as_nobody(str(path))
    assert refused.returncode != 0
    assert "PermissionError" in refused.stderr
    path.parent.chmod(0o755)
    path.chmod(0o666)
    try:  # with the rule removed the same request succeeds
        assert "RFB 003.008" in greet_as_nobody(str(path)).stdout
    finally:
        path.chmod(0o600)
        path.parent.chmod(0o700)


@is_root
def test_another_user_cannot_reach_the_x_server(desktop: DesktopServer) -> None:
    number = int(desktop.display()["DISPLAY"][1:])
    content = Path(desktop.argument("-auth")).read_bytes()
    (length,) = struct.unpack(">H", content[-18:-16])
    cookie = content[-length:]
    assert x_greeting(number) == 0
    assert x_greeting(number, cookie) == 1  # what keeps them out is the cookie alone


def test_use_is_seen(desktop: DesktopServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BORESIGHT_HOLDER", str(desktop.home))
    viewer = Viewer(unix_line(desktop.argument("-rfbunixpath")))
    viewer.move(20, 30)
    until(lambda: _idle_s() < 2)
    viewer.picture()  # to look is no use
    until(lambda: _idle_s() > 3)
    viewer.picture()
    assert _idle_s() > 3
    viewer.move(300, 400)
    until(lambda: _idle_s() < 2)
    for _ in range(50):
        _idle_s()  # every time
    viewer.close()


def _idle_s() -> float:
    (found,) = activity.desktops()
    assert found.kind == "desktop"
    return found.idle_s


@pytest.mark.skipif(shutil.which("gio") is None, reason="gio is not installed")
@pytest.mark.parametrize(
    ("name", "kind", "program"),
    [
        ("left_image.geom", "application/x-otb-geom", "boresight-text.desktop"),
        ("dossier.html", "application/x-boresight-dossier", "boresight-docs.desktop"),
        ("DIM_PHR1A.XML", "application/x-dimap", "org.qgis.qgis.desktop"),
        ("VOL.dim", "application/x-dimap", "org.qgis.qgis.desktop"),
    ],
)
def test_kinds_of_files(desktop: DesktopServer, name: str, kind: str, program: str) -> None:
    file = desktop.home / name
    file.write_text("x")
    until(lambda: any(p.name() == "xfce4-session" for p in desktop.below()))
    session = next(p for p in desktop.below() if p.name() == "xfce4-session")
    env = session.environ()

    def gio(*words: str) -> str:
        return subprocess.run(
            [str(shutil.which("gio")), *words], env=env, capture_output=True, text=True, check=True
        ).stdout

    assert f"standard::content-type: {kind}" in gio("info", "-a", "standard::content-type", file)
    if program.startswith("org.qgis") and shutil.which("qgis") is None:
        pytest.skip("QGIS is not installed")
    assert program in gio("mime", kind).splitlines()[0]


def test_what_cannot_be_opened_is_refused(desktop: DesktopServer) -> None:
    for wanted in ({}, {"href": 1}, {"href": "x", "collection": "c", "item": "i\n", "asset": "a"}):
        answer = desktop.ask("POST", "boresight/desktop/open", json=wanted)
        assert answer.status_code == 400, answer.text
    # this server is in no environment, so that nothing is in a catalogue of it
    outside = {"href": "http://127.0.0.1/x.tif", "collection": "c", "item": "i", "asset": "a"}
    answer = desktop.ask("POST", "boresight/desktop/open", json=outside)
    assert answer.status_code == 403
    assert "BORESIGHT_" in answer.json()["message"]


def test_it_starts_again_after_its_end(desktop: DesktopServer) -> None:
    until(lambda: any(p.name() == "xfwm4" for p in desktop.below()))
    before = desktop.x_server().pid
    next(p for p in desktop.below() if p.name() == "xfce4-session").terminate()
    until(lambda: not desktop.ask("GET", "boresight/desktop").json()["running"])
    assert not psutil.pid_exists(before)
    assert desktop.below() == []
    assert desktop.ask("POST", "boresight/desktop/start").status_code == 200
    assert desktop.x_server().pid != before
    assert greet(desktop.argument("-rfbunixpath")) == b"RFB 003.008\n"


def test_no_orphans_of_a_server_that_is_killed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    autostart = home / ".config" / "autostart"
    autostart.mkdir(parents=True)
    # makes itself a daemon, in a session of its own
    (autostart / "stray.desktop").write_text(
        "[Desktop Entry]\nType=Application\nName=stray\nExec=setsid -f sleep 600\n"
    )
    with desktop_server(home) as server:
        assert server.ask("POST", "boresight/desktop/start").status_code == 200
        until(lambda: {"xfwm4", "sleep"} <= {p.name() for p in server.below()}, 120)
        folder = Path(server.argument("-rfbunixpath")).parent
        names = {p.name() for p in server.below()}
        assert {"Xtigervnc", "xfce4-session", "dbus-daemon"} <= names, names
        server.process.kill()
        server.process.wait()
        until(lambda: not server.below(), 15)
        assert not folder.exists()
