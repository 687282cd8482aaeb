"""The command: help, refusals with exit codes, what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from boresight_hub import __version__
from boresight_hub.cli import app
from boresight_hub.embedded import people, state
from boresight_hub.settings import HubSettings

runner = CliRunner()


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """State directory of an environment that does not run."""
    path = tmp_path / "state"
    settings = HubSettings(state_dir=path, port=23540)
    state.create(state.look(path), settings)
    people.ensure_people(settings)
    return path


def test_version() -> None:
    result = runner.invoke(app, ["--version"])
    assert (result.exit_code, result.stdout.strip()) == (0, f"boresight {__version__}")


def test_help_names_every_command_and_the_exit_codes() -> None:
    result = runner.invoke(app, ["--help"], terminal_width=200, env={"COLUMNS": "200"})
    assert result.exit_code == 0
    for word in ("up", "down", "status", "logs", "doctor", "users", "4 port in use"):
        assert word in result.stdout


@pytest.mark.parametrize("command", ["up", "down", "status", "logs", "doctor"])
def test_help_of(command: str) -> None:
    result = runner.invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "--state" in result.stdout
    assert "--only" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["up", "--port", "80"], 2, ["--port", "1024"], id="privileged port"),
        pytest.param(["up", "--idp", "ldap"], 2, ["ldap", "keycloak"], id="unknown provider"),
        pytest.param(["up", "--port", "23600"], 3, ["--port 23540", "remedy"], id="other port"),
        pytest.param(["up", "--idp", "keycloak"], 3, ["oidc-provider", "remedy"], id="other idp"),
        pytest.param(["logs", "hub"], 3, ["'hub'", "nothing was started"], id="no log"),
        pytest.param(["users", "show", "eve"], 2, ["eve", "marie"], id="nobody"),
    ],
)
def test_refusals(made: Path, arguments: list[str], code: int, words: list[str]) -> None:
    before = sorted(made.rglob("*"))
    result = runner.invoke(app, [*arguments, "--state", str(made)], env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    for word in words:
        assert word in result.output
    assert "Traceback" not in result.output
    assert sorted(made.rglob("*")) == before


def test_foreign_directory(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    for command in (["up"], ["down"], ["down", "--purge", "--yes"], ["users", "list"]):
        result = runner.invoke(app, [*command, "--state", str(tmp_path)])
        assert result.exit_code == 3, command
        assert "none of Boresight's" in result.output
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_disk_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "FIRST_START_FREE_BYTES", 2**60)
    result = runner.invoke(app, ["up", "--state", str(tmp_path / "new")])
    assert result.exit_code == 3
    assert "MiB free" in result.output
    assert list(tmp_path.iterdir()) == []


def test_passwords_are_shown_by_show_only(made: Path) -> None:
    everybody = people.load_people(HubSettings(state_dir=made))
    listed = runner.invoke(app, ["users", "list", "--state", str(made)])
    shown = runner.invoke(app, ["users", "show", "--state", str(made)])
    one = runner.invoke(app, ["users", "show", "paul", "--state", str(made)])
    assert listed.exit_code == shown.exit_code == one.exit_code == 0
    for person in everybody:
        assert person.username in listed.stdout
        assert person.password not in listed.stdout
        assert person.password in shown.stdout
        assert (person.password in one.stdout) == (person.username == "paul")


def test_status_of_what_does_not_run(made: Path) -> None:
    plain = runner.invoke(app, ["status", "--state", str(made)])
    assert plain.exit_code == 1
    assert "stopped" in plain.stdout
    result = runner.invoke(app, ["status", "--json", "--state", str(made)])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["phase"] == "stopped"


def test_purge_asks(made: Path) -> None:
    refused = runner.invoke(app, ["down", "--purge", "--state", str(made)], input="n\n")
    assert refused.exit_code == 1
    assert (made / "people.json").exists()
    agreed = runner.invoke(app, ["down", "--purge", "--state", str(made)], input="y\n")
    assert agreed.exit_code == 0
    assert not made.exists()


def test_down_where_nothing_is(tmp_path: Path) -> None:
    result = runner.invoke(app, ["down", "--state", str(tmp_path / "none")])
    assert result.exit_code == 0
    assert "no environment" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_logs(made: Path) -> None:
    (made / "logs").mkdir()
    (made / "logs" / "hub.log").write_text("one\ntwo\nthree\n")
    (made / "logs" / "s3-iam.log").write_text("four\n")
    one = runner.invoke(app, ["logs", "hub", "-n", "2", "--state", str(made)])
    assert one.stdout.splitlines() == ["two", "three"]
    both = runner.invoke(app, ["logs", "--state", str(made)])
    assert "hub: one" in both.stdout
    assert "s3-iam: four" in both.stdout
