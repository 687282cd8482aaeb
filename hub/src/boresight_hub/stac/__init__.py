"""The catalogue: a STAC API that shows only what one's groups may see, on one of two backends.

The application factory is :func:`boresight_hub.stac.app.create_app`.
"""

from __future__ import annotations

import logging

# the framework, when imported, warns that nobody has named the API yet; app.py does
logging.getLogger("stac_fastapi.types.config").setLevel(logging.ERROR)
