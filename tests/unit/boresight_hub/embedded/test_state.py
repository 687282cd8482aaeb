"""The state directory: whose it is, and what is refused before anything is written."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from boresight_hub.embedded import state
from boresight_hub.errors import StateError
from boresight_hub.settings import HubSettings


def _made(path: Path, *, port: int = 23500) -> state.Place:
    place = state.look(path)
    state.create(place, HubSettings(state_dir=path, port=port))
    return state.look(path)


def _tree(path: Path) -> list[str]:
    return sorted(str(entry.relative_to(path)) for entry in path.rglob("*"))


def _foreign(path: Path) -> None:
    path.mkdir()
    (path / "thesis.txt").write_text("not ours")


def _newer(path: Path) -> None:
    _made(path)
    marker = json.loads((path / "boresight.json").read_text())
    (path / "boresight.json").write_text(json.dumps(marker | {"format": 2, "version": "9.9.0"}))


def _file(path: Path) -> None:
    path.write_text("a file")


def _broken_identity(path: Path) -> None:
    path.mkdir()
    (path / "boresight.json").write_text('{"format": ')


def _broken_choices(path: Path) -> None:
    _made(path)
    (path / "config.json").write_text('{"port": "many", "idp": "oidc-provider"}')


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        pytest.param(_foreign, ["holds files", "none of Boresight's", "--state"], id="not ours"),
        pytest.param(_newer, ["format 2", "9.9.0", "formats up to 1", "Update"], id="newer"),
        pytest.param(_file, ["is a file", "--state"], id="file"),
        pytest.param(_broken_identity, ["Identity", "cannot be read"], id="broken identity"),
        pytest.param(_broken_choices, ["Choices", "cannot be read"], id="broken choices"),
    ],
)
def test_refused_and_untouched(tmp_path: Path, prepare: object, words: list[str]) -> None:
    path = tmp_path / "state"
    assert callable(prepare)
    prepare(path)
    before = _tree(tmp_path)
    with pytest.raises(StateError) as refusal:
        state.look(path)
    for word in [str(path), *words]:
        assert word in str(refusal.value)
    assert refusal.value.exit_code == 3
    assert _tree(tmp_path) == before


def test_new_directory_is_not_written_by_looking(tmp_path: Path) -> None:
    place = state.look(tmp_path / "a" / "b")
    assert place.is_new
    assert _tree(tmp_path) == []


def test_created_private(tmp_path: Path) -> None:
    place = _made(tmp_path / "state")
    assert place.identity is not None
    assert place.identity.format == state.FORMAT
    assert place.choices == state.Choices(port=23500, idp="oidc-provider")
    for entry in [place.path, *place.path.iterdir()]:
        assert entry.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"port": 23600}, ["--port 23600", "--port 23500"]),
        ({"idp": "keycloak"}, ["--idp keycloak", "--idp oidc-provider"]),
    ],
)
def test_choices_hold_for_life(tmp_path: Path, asked: dict[str, object], words: list[str]) -> None:
    place = _made(tmp_path / "state")
    with pytest.raises(StateError) as refusal:
        state.settings_for(place, **asked)  # type: ignore[arg-type]
    for word in words:
        assert word in str(refusal.value)


def test_settings_come_from_the_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = _made(tmp_path / "state")
    monkeypatch.setenv("BORESIGHT_OIDC__TOKEN_LIFE_S", "7")
    settings = state.settings_for(place, port=23500)
    assert (settings.port, settings.oidc.kind) == (23500, "oidc-provider")
    assert settings.oidc.token_life_s == 7
    assert state.load_settings(place.path) == settings


def test_no_environment_to_load(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="boresight up"):
        state.load_settings(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("made", "free_mib", "refused"),
    [
        pytest.param(False, 2047, True, id="first start, too little"),
        pytest.param(False, 2048, False, id="first start, just enough"),
        pytest.param(True, 199, True, id="later start, too little"),
        pytest.param(True, 200, False, id="later start, just enough"),
    ],
)
def test_full_disk(tmp_path: Path, *, made: bool, free_mib: int, refused: bool) -> None:
    path = tmp_path / "state"
    place = _made(path) if made else state.look(path)
    before = _tree(tmp_path)
    if refused:
        with pytest.raises(StateError, match=f"has {free_mib} MiB free"):
            state.check_disk(place, free_bytes=free_mib * 1024**2)
    else:
        state.check_disk(place, free_bytes=free_mib * 1024**2)
    assert _tree(tmp_path) == before


def test_free_space_is_the_file_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = state.look(tmp_path / "not" / "yet")
    free = shutil.disk_usage(tmp_path).free
    monkeypatch.setattr(state, "FIRST_START_FREE_BYTES", free * 2)
    with pytest.raises(StateError, match="MiB free; a first start needs"):
        state.check_disk(place)


def test_second_holder_is_told_who(tmp_path: Path) -> None:
    place = _made(tmp_path / "state")
    with state.lock(place.path):
        assert state.is_held(place.path)
        with (
            pytest.raises(StateError, match=f"being started or stopped.*{os.getpid()}"),
            state.lock(place.path),
        ):
            pytest.fail("two held the lock")
    assert not state.is_held(place.path)
    with state.lock(place.path):
        pass


def test_purge_takes_only_what_is_ours(tmp_path: Path) -> None:
    place = _made(tmp_path / "state")
    locked = place.path / "cache" / "gopath" / "mod"
    locked.mkdir(parents=True)
    (locked / "file").write_text("x")
    locked.chmod(0o500)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").write_text("x")
    (place.path / "homes").symlink_to(outside)
    (place.path / "notes.txt").write_text("mine")
    assert state.purge(place.path) == [place.path / "notes.txt"]
    assert _tree(tmp_path) == ["outside", "outside/keep", "state", "state/notes.txt"]


def test_purge_removes_the_directory(tmp_path: Path) -> None:
    place = _made(tmp_path / "state")
    assert state.purge(place.path) == []
    assert not place.path.exists()


def test_purge_of_what_runs_is_refused(tmp_path: Path) -> None:
    place = _made(tmp_path / "state")
    with state.lock(place.path), pytest.raises(StateError):
        state.purge(place.path)
    assert (place.path / "boresight.json").exists()
