"""``python -m boresight_hub.access``: the service as a foreground process."""

from __future__ import annotations

import socket

import uvicorn

from boresight_hub.access.app import create_app
from boresight_hub.logs import configure
from boresight_hub.settings import HubSettings


def main() -> None:
    """Serve until told to stop."""
    settings = HubSettings()
    configure(settings.log_level)
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port_of("access"),
        # an access log would hold URLs, and GDAL's own STS requests carry the token in theirs
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    sockets = [_shared_socket(settings)] if settings.access.share_port else None
    uvicorn.Server(config).run(sockets)


def _shared_socket(settings: HubSettings) -> socket.socket:
    """Socket on the service's port beside that of another process of the same account."""
    shared = socket.socket()
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    shared.bind((settings.host, settings.port_of("access")))
    return shared


if __name__ == "__main__":
    main()
