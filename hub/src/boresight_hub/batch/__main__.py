"""``python -m boresight_hub.batch``: the batch service in the foreground."""

from __future__ import annotations

import os

import uvicorn

from boresight_hub import logs
from boresight_hub.batch.app import create_app
from boresight_hub.settings import HubSettings


def main() -> None:
    """Serve until told to stop; runs go on."""
    os.umask(0o077)
    settings = HubSettings()
    logs.configure(settings.log_level)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port_of("batch"),
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
