"""Whether every port of an environment is free, and who holds it if not."""

from __future__ import annotations

import errno
import socket

import psutil

from boresight_hub.errors import PortInUseError
from boresight_hub.settings import PORT_OFFSETS, HubSettings

#: Ports that only one of the identity providers uses.
_KEYCLOAK_ONLY = frozenset({"idp_management"})


def ports_of(settings: HubSettings) -> dict[str, int]:
    """Port of every service of this environment."""
    return {
        name: settings.port_of(name)
        for name in PORT_OFFSETS
        if settings.oidc.kind == "keycloak" or name not in _KEYCLOAK_ONLY
    }


def is_free(host: str, port: int) -> bool:
    """Whether we could listen at ``host``:``port`` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # as servers do it; connections of the last run that linger are no obstacle
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            if exc.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def check_ports(settings: HubSettings) -> None:
    """Refuse to start when somebody listens where a service of ours has to.

    Raises
    ------
    PortInUseError
        Names every such port, its service and, where it can be seen, the process that holds it.
    """
    taken = [
        (name, port)
        for name, port in ports_of(settings).items()
        if not is_free(settings.host, port)
    ]
    if not taken:
        return
    holders = _holders()
    words = [
        f"{port} (for {name.replace('_', ' ')}; held by "
        f"{holders.get(port, 'a process that is not yours to see')})"
        for name, port in taken
    ]
    last = max(PORT_OFFSETS.values())
    raise PortInUseError(
        f"Port{'s' if len(words) > 1 else ''} {', '.join(words)} in use; an environment needs "
        f"{settings.port} to {settings.port + last} for itself.",
        remedy=f"Stop that program, or choose another block, such as --port {_suggest(settings)}.",
    )


def _holders() -> dict[int, str]:
    holders: dict[int, str] = {}
    try:
        connections = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return holders
    for connection in connections:
        if connection.status != psutil.CONN_LISTEN or connection.pid is None:
            continue
        try:
            name = psutil.Process(connection.pid).name()
        except psutil.Error:
            continue
        holders[connection.laddr.port] = f"process {connection.pid}, {name}"
    return holders


def _suggest(settings: HubSettings) -> int:
    span = max(PORT_OFFSETS.values())
    for base in range(settings.port + 100, settings.port + 3000, 100):
        if base + span < 65536 and all(
            is_free(settings.host, base + offset) for offset in range(span + 1)
        ):
            return base
    return settings.port + 100
