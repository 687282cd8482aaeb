"""``GET …/boresight/api/memory``: limit, use, kernels, and why kernels died."""

from __future__ import annotations

import json

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web


class MemoryHandler(APIHandler):
    """Memory of this server."""

    @web.authenticated
    async def get(self) -> None:
        """Tell it as it is now."""
        state = await self.settings["boresight_kernels"].state()
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(state))


def handlers(base_url: str) -> list[tuple[str, type[JupyterHandler]]]:
    """Routes of this module."""
    return [(url_path_join(base_url, "boresight", "api", "memory"), MemoryHandler)]
