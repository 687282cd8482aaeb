"""``python -m boresight_hub.stac``: the STAC service in the foreground."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Serve until told to stop."""
    os.umask(0o077)
    # httpx would load its command line, and with it 3 MiB that nobody uses here
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
    import uvicorn

    from boresight_hub import logs
    from boresight_hub.settings import HubSettings
    from boresight_hub.stac.app import create_app

    settings = HubSettings()
    logs.configure(settings.log_level)
    app = create_app(settings)
    gc.collect()
    gc.freeze()
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port_of("stac"),
        log_config=None,
        # a search may hold what is nobody's business; the access log of the proxy is enough
        access_log=False,
        server_header=False,
        ws="none",
        loop="asyncio",
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
