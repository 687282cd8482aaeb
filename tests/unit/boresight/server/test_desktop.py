"""What is said where there is no desktop or editor, and what a request may ask for."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from tornado import web

from boresight.errors import ProgramError
from boresight.server import desktop_session, desktop_supervisor, editor
from boresight.server.desktop import _auth_of
from boresight.server.desktop_routes import _wanted

GOOD = {"href": "http://127.0.0.1/b/k.tif", "collection": "c", "item": "i", "asset": "a"}


def test_where_nothing_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    why = desktop_session.why_not()
    assert "TigerVNC, XFCE" in why
    assert "apt install tigervnc-standalone-server xfce4" in why
    assert desktop_session.has_qgis() is False
    assert desktop_session.proxy_entry()["launcher_entry"]["enabled"] is False


def test_where_all_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("Xtigervnc", "xfce4-session", "dbus-run-session", "xkbcomp"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(desktop_session.VIEWER_VARIABLE, str(tmp_path))
    assert "noVNC" in desktop_session.why_not()
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "rfb.js").write_text("")
    assert desktop_session.why_not() == ""
    (tmp_path / "xkbcomp").unlink()
    assert "apt install x11-xkb-utils" in desktop_session.why_not()


def test_the_socket_is_named_before_it_is_there() -> None:
    """Other servers' names differ; none is made unless somebody wants a desktop."""
    folder = desktop_session.runtime_folder()
    assert folder == desktop_session.runtime_folder()
    assert not folder.exists()
    assert len(str(desktop_supervisor.socket_path(folder))) < 108


def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    desktop_session._make_private(mine)
    desktop_session._make_private(mine)
    assert stat.S_IMODE(mine.stat().st_mode) == 0o700
    mine.chmod(0o755)
    with pytest.raises(ProgramError, match="open to others"):
        desktop_session._make_private(mine)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(ProgramError):
        desktop_session._make_private(link)


def test_a_cookie_is_read_as_it_was_written(tmp_path: Path) -> None:
    cookies = {desktop_supervisor._cookie() for _ in range(500)}
    assert len(cookies) == 500
    assert not any(b":" in cookie for cookie in cookies)
    cookie = cookies.pop()
    file = tmp_path / "xauthority"
    file.write_bytes(desktop_supervisor._authority(20, cookie))
    assert _auth_of(file, ":20") == cookie
    assert _auth_of(file, ":21") is None


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        GOOD | {"more": "x"},
        GOOD | {"href": ""},
        GOOD | {"href": 1},
        GOOD | {"item": "two\nlines"},
        GOOD | {"asset": "x" * 3000},
    ],
    ids=["nothing", "list", "empty", "more", "no href", "number", "line break", "long"],
)
def test_requests_that_are_none(body: Any) -> None:
    assert _wanted(GOOD) == GOOD
    with pytest.raises(web.HTTPError) as refused:
        _wanted(body)
    assert refused.value.status_code == 400


def test_no_editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(editor, "_HERE", tmp_path)
    monkeypatch.delenv(editor.EDITOR_VARIABLE, raising=False)
    assert "poe editor" in editor.why_not()
    assert editor.command()[0] == "sh"


def test_an_editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "node_modules" / "code-server" / "out" / "node" / "entry.js"
    script.parent.mkdir(parents=True)
    script.touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "node").touch()
    monkeypatch.setenv(editor.EDITOR_VARIABLE, str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert editor.why_not() == ""
    command = editor.command()
    assert "{unix_socket}" in command
    assert not any("--bind-addr" in word or "--port" in word for word in command)
    settings = tmp_path / "home/.local/share/boresight/editor-data/User/settings.json"
    assert json.loads(settings.read_text())["telemetry.telemetryLevel"] == "off"
    settings.write_text("{}")
    editor.command()
    assert settings.read_text() == "{}", "they are the person's own from then on"
    monkeypatch.setenv("EXTENSIONS_GALLERY", '{"serviceUrl": "https://gallery.centre.example"}')
    gallery = editor.environment()["EXTENSIONS_GALLERY"].format()
    assert json.loads(gallery)["serviceUrl"] == "https://gallery.centre.example"
