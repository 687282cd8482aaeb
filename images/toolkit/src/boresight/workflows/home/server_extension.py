"""``GET <server>/boresight/home``: how full the home is, for Lab to show.

An extension of the Jupyter server; needs the extra ``lab``.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from boresight.workflows.home.usage import home_usage

_MAX_ENTRIES = 50


class HomeHandler(APIHandler):
    """Tells quota, use and the biggest entries."""

    @web.authenticated
    async def get(self) -> None:
        """Measure the home; ``?count=`` says how many entries are named."""
        try:
            count = int(self.get_query_argument("count", "10"))
        except ValueError:
            count = -1
        if not 0 <= count <= _MAX_ENTRIES:
            raise web.HTTPError(400, f"count has to be a number from 0 to {_MAX_ENTRIES}.")
        usage = await asyncio.to_thread(home_usage, count=count)
        told = {
            **asdict(usage),
            "is_full": usage.is_full,
            "is_nearly_full": usage.is_nearly_full,
            # a server that was started since the home had no room: see decision 22
            "is_rescue": bool(os.environ.get("BORESIGHT_RESCUE")),
        }
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(told))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "boresight.workflows.home.server_extension"}]


def _load_jupyter_server_extension(server: Any) -> None:
    route = url_path_join(server.web_app.settings["base_url"], "boresight", "home")
    server.web_app.add_handlers(".*$", [(route, HomeHandler)])
