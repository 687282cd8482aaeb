"""The S3 server's binary: what counts as installed, and what a cache may give."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boresight_hub.embedded import versitygw
from boresight_hub.embedded.goprograms import GoProgram
from boresight_hub.errors import ProvisionError
from boresight_hub.settings import HubSettings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HubSettings:
    """Settings of an environment; its account's cache holds a server."""
    monkeypatch.setenv("BORESIGHT_CACHE_DIR", str(tmp_path / "cache"))
    source = tmp_path / "built"
    source.write_bytes(b"#!/bin/sh\necho server\n")
    versitygw.PROGRAM.place(source, _kept(tmp_path))
    return HubSettings(state_dir=tmp_path / "state", port=23580)


def _kept(tmp_path: Path) -> Path:
    import platform

    folder = f"versitygw-{versitygw.VERSION}-{platform.machine()}"
    return tmp_path / "cache" / folder / "versitygw"


@pytest.fixture
def no_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """Building is refused, as without a network."""

    def build(program: GoProgram, work: Path, say: object) -> Path:
        raise ProvisionError("building was tried")

    monkeypatch.setattr(GoProgram, "build", build)


@pytest.mark.usefixtures("no_build")
def test_taken_from_the_cache(settings: HubSettings) -> None:
    said: list[str] = []
    path = versitygw.install(settings, said.append)
    assert path.read_bytes() == b"#!/bin/sh\necho server\n"
    assert path.stat().st_mode & 0o777 == 0o700
    assert said == ["taken from the cache"]
    assert versitygw.is_installed(settings)
    versitygw.install(settings, said.append)
    assert len(said) == 1


def _altered(kept: Path) -> None:
    kept.write_bytes(b"#!/bin/sh\necho SERVER\n")  # same size


def _writable(kept: Path) -> None:
    kept.chmod(0o722)


def _folder_writable(kept: Path) -> None:
    kept.parent.chmod(0o777)


def _other_version(kept: Path) -> None:
    stamp = kept.with_name("versitygw.json")
    stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {"version": "v0.1.0"}))


def _no_stamp(kept: Path) -> None:
    kept.with_name("versitygw.json").unlink()


@pytest.mark.usefixtures("no_build")
@pytest.mark.parametrize(
    "spoil", [_altered, _writable, _folder_writable, _other_version, _no_stamp]
)
def test_spoilt_cache_is_not_used(settings: HubSettings, tmp_path: Path, spoil: object) -> None:
    assert callable(spoil)
    spoil(_kept(tmp_path))
    with pytest.raises(ProvisionError, match="building was tried"):
        versitygw.install(settings)
    assert not versitygw.binary(settings).exists()


@pytest.mark.usefixtures("no_build")
@pytest.mark.parametrize("change", ["truncate", "version"])
def test_old_or_truncated_binary_is_replaced(settings: HubSettings, change: str) -> None:
    path = versitygw.install(settings)
    if change == "truncate":
        path.write_bytes(b"#!")
    else:
        _other_version(path)
    assert not versitygw.is_installed(settings)
    assert versitygw.install(settings).read_bytes().endswith(b"echo server\n")


def test_metadata_stays_where_it_was_put(
    settings: HubSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versitygw, "supports_xattrs", lambda folder: False)
    without = versitygw.s3_command(settings, {}).argv
    monkeypatch.setattr(versitygw, "supports_xattrs", lambda folder: True)
    later = versitygw.s3_command(settings, {}).argv
    assert without == later
    assert without[without.index("--sidecar") + 1] == str(settings.state_dir / "s3" / "meta")
    other = HubSettings(state_dir=settings.state_dir.with_name("other"))
    assert "--sidecar" not in versitygw.s3_command(other, {}).argv
