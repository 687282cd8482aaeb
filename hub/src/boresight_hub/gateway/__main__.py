"""``python -m boresight_hub.gateway``."""

from __future__ import annotations

import os
import sys

from boresight_hub import logs
from boresight_hub.errors import BoresightError
from boresight_hub.gateway.app import GatewayApp
from boresight_hub.settings import HubSettings


def main() -> int:
    """Run the gateway until it is told to stop."""
    os.umask(0o077)
    settings = HubSettings()
    logs.configure(settings.log_level)
    try:
        GatewayApp.serve(settings)
    except BoresightError as exc:
        sys.stderr.write(f"{exc}\n")
        return exc.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
