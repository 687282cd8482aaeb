from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from boresight_hub.embedded import nodejs
from boresight_hub.errors import ProvisionError
from boresight_hub.settings import HubSettings

FAKE_NPM = """#!/bin/sh
# stands where npm-cli.js would: $1 is that script, $2 npm's first word
echo "$2" >> "{calls}"
{body}
"""


@pytest.fixture
def settings(tmp_path: Path) -> HubSettings:
    return HubSettings(state_dir=tmp_path / "state")


def npm_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> Path:
    """Put a script of the test's own where Node is."""
    calls = tmp_path / "calls"
    calls.write_text("")
    script = tmp_path / "node"
    script.write_text(FAKE_NPM.format(calls=calls, body=body))
    script.chmod(0o700)
    monkeypatch.setattr(nodejs, "node_command", lambda: [str(script)])
    return calls


INSTALL = "mkdir -p node_modules/one && echo content > node_modules/one/index.js"


def test_real_node_and_npm_answer() -> None:
    for command in (nodejs.node_command(), nodejs.npm_command()):
        done = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, timeout=60, check=True
        )
        assert int(done.stdout.lstrip("v").split(".")[0]) >= 11


def test_lock_names_no_registry_and_pins_everything() -> None:
    folder = Path(nodejs.__file__).with_name("node")
    text = (folder / "package-lock.json").read_text()
    assert '"resolved"' not in text
    assert text.count('"integrity": "sha512-') > 50


def test_install_happens_once(
    settings: HubSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = npm_that(monkeypatch, tmp_path, INSTALL)
    said: list[str] = []
    target = nodejs.install(settings, said.append)
    assert (target / "node_modules" / "one" / "index.js").read_text() == "content\n"
    assert len(said) == 1
    nodejs.install(settings, said.append)
    assert calls.read_text() == "ci\n"
    assert len(said) == 1
    assert [path.name for path in settings.state_dir.iterdir()] == ["node"]
    assert stat.S_IMODE(settings.state_dir.stat().st_mode) == 0o700


def test_changed_lock_installs_again_and_leaves_nothing_old(
    settings: HubSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    npm_that(monkeypatch, tmp_path, INSTALL)
    target = nodejs.install(settings)
    (target / "node_modules" / "old").mkdir()
    (target / ".boresight-lock").write_text("another lock")
    nodejs.install(settings)
    assert [path.name for path in (target / "node_modules").iterdir()] == ["one"]
    assert [path.name for path in settings.state_dir.iterdir()] == ["node"]


def test_failed_install_says_why_and_leaves_nothing(
    settings: HubSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    npm_that(
        monkeypatch,
        tmp_path,
        f"{INSTALL}; echo 'npm error code ENOTFOUND' >&2; echo 'noise' >&2; exit 7",
    )
    with pytest.raises(ProvisionError, match=r"exit code 7: code ENOTFOUND.*registry"):
        nodejs.install(settings)
    assert list(settings.state_dir.iterdir()) == []
    assert not nodejs.is_installed(settings)


def test_failed_renewal_keeps_what_was_there(
    settings: HubSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    npm_that(monkeypatch, tmp_path, INSTALL)
    target = nodejs.install(settings)
    (target / ".boresight-lock").write_text("another lock")
    npm_that(monkeypatch, tmp_path, "exit 1")
    with pytest.raises(ProvisionError, match="no reason given"):
        nodejs.install(settings)
    assert (target / "node_modules" / "one").is_dir()
    assert [path.name for path in settings.state_dir.iterdir()] == ["node"]


def test_npm_that_hangs_is_ended(
    settings: HubSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    npm_that(monkeypatch, tmp_path, "exec sleep 60")
    with pytest.raises(ProvisionError, match="did not end within 0 s"):
        nodejs.run_npm(["ci"], directory=tmp_path, timeout_s=0.3)
