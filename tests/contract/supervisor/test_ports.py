"""A port that is taken is named before anything is written or started."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from support.supervisor_stack import boresight

from boresight_hub.embedded import ports
from boresight_hub.errors import PortInUseError
from boresight_hub.settings import PORT_OFFSETS, HubSettings, OidcSettings


def _listener(port: int, host: str = "127.0.0.1") -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen()
    return listener


@pytest.mark.parametrize("service", [name for name in PORT_OFFSETS if name != "idp_management"])
def test_taken_port_is_named(port: int, service: str) -> None:
    settings = HubSettings(port=port)
    ports.check_ports(settings)
    taken = settings.port_of(service)
    with _listener(taken), pytest.raises(PortInUseError) as refusal:
        ports.check_ports(settings)
    text = str(refusal.value)
    for words in (f"{taken} (for {service.replace('_', ' ')}", f"process {os.getpid()}", "--port"):
        assert words in text
    ports.check_ports(settings)


def test_only_the_providers_own_ports_count(port: int) -> None:
    plain = HubSettings(port=port)
    with _listener(plain.port_of("idp_management")):
        ports.check_ports(plain)
        keycloak = HubSettings(port=port, oidc=OidcSettings(kind="keycloak"))
        with pytest.raises(PortInUseError, match="idp management"):
            ports.check_ports(keycloak)


def test_suggested_port_is_free(port: int) -> None:
    settings = HubSettings(port=port)
    with _listener(port), _listener(port + 100), pytest.raises(PortInUseError) as refusal:
        ports.check_ports(settings)
    suggested = int(refusal.value.remedy.rpartition("--port ")[2].rstrip("."))
    assert suggested > port + 100
    ports.check_ports(HubSettings(port=suggested))


def test_refused_by_the_command_and_nothing_written(tmp_path: Path, port: int) -> None:
    with _listener(port + PORT_OFFSETS["stac"]):
        done = boresight("up", "--detach", "--state", str(tmp_path / "new"), "--port", str(port))
    assert done.returncode == 4, done.stderr
    assert "for stac" in done.stderr
    assert "remedy" in done.stderr
    assert list(tmp_path.iterdir()) == []
