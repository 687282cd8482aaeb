"""``python -m boresight_hub.config``: the hub, with the configuration beside this file."""

from __future__ import annotations

import sys
from pathlib import Path

from jupyterhub.app import main

if __name__ == "__main__":
    main(["-f", str(Path(__file__).with_name("jupyterhub_config.py")), *sys.argv[1:]])
