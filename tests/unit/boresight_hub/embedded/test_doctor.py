"""What the doctor finds, and what it says to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from boresight_hub.embedded import doctor, ports, state
from boresight_hub.errors import PortInUseError
from boresight_hub.settings import HubSettings


@pytest.fixture
def findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Examine this machine, with what the test changed."""
    monkeypatch.setattr(ports, "check_ports", lambda settings: None)  # sockets are blocked here

    def examine(path: Path = tmp_path / "state") -> dict[str, doctor.Finding]:
        return {f.name: f for f in doctor.examine(HubSettings(state_dir=path))}

    return examine


def test_this_machine_is_fit(findings: object, tmp_path: Path) -> None:
    assert callable(findings)
    found = findings()
    assert [f for f in found.values() if f.verdict == "missing"] == []
    assert found["Python"].seen.startswith("3.")
    assert "to come" in found["first start"].seen
    assert list(tmp_path.iterdir()) == []  # looking changes nothing


def test_each_trouble_has_a_remedy(
    findings: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(findings)

    def taken(settings: HubSettings) -> None:
        raise PortInUseError("Port 8000 in use.", remedy="Choose another.")

    monkeypatch.setattr(ports, "check_ports", taken)
    monkeypatch.setattr(state, "FIRST_START_FREE_BYTES", 2**60)
    monkeypatch.setattr(doctor, "_MEMORY_BYTES", 2**60)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    found = findings()
    missing = {name for name, f in found.items() if f.verdict == "missing"}
    assert missing == {"uv", "disk", "ports", "memory"}
    optional = {name for name, f in found.items() if f.verdict == "optional"}
    assert optional == {"Java", "Maven", "Chromium", "TigerVNC", "XFCE", "QGIS"}
    assert all(found[name].remedy for name in missing | optional)


def test_foreign_directory_is_found(findings: object, tmp_path: Path) -> None:
    assert callable(findings)
    (tmp_path / "thesis.txt").write_text("mine")
    found = findings(tmp_path)
    assert found["state directory"].verdict == "missing"
    assert "--state" in found["state directory"].remedy


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ('openjdk version "17.0.15" 2025-04-15', "ok"),
        ('openjdk version "25" 2025-09-16', "ok"),
        ('java version "1.8.0_402"', "optional"),
        ('openjdk version "11.0.2" 2019-01-15', "optional"),
    ],
)
def test_java_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, verdict: str
) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\necho '{line}' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert doctor._java().verdict == verdict
