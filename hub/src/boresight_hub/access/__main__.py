"""``python -m boresight_hub.access``: the service as a foreground process."""

from __future__ import annotations

import uvicorn

from boresight_hub.access.app import create_app
from boresight_hub.logs import configure
from boresight_hub.settings import HubSettings


def main() -> None:
    """Serve until told to stop."""
    settings = HubSettings()
    configure(settings.log_level)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port_of("access"),
        # an access log would hold URLs, and GDAL's own STS requests carry the token in theirs
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
