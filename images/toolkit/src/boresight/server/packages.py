"""A person's own packages when their server starts: built anew where the image is another one.

``GET …/boresight/api/packages`` tells how it went; Lab shows it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from boresight.errors import BoresightError
from boresight.workflows.packages import PackageSet

log = logging.getLogger(__name__)


class PackageKeeper:
    """Rebuilds packages once, beside everything else.

    Parameters
    ----------
    made : callable, optional
        Makes the set of packages; default: one's own.
    """

    def __init__(self, made: Callable[[], PackageSet] = PackageSet) -> None:
        self._made = made
        #: ``none``, ``ready``, ``building`` or ``failed``.
        self.state = "none"
        self.problem = ""

    async def run(self) -> None:
        """Look, and rebuild what does not fit any more; a failure is told, not raised."""
        packages = self._made()
        if not packages.asked():
            return
        try:
            if await asyncio.to_thread(lambda: packages.is_stale):
                self.state = "building"
                await asyncio.to_thread(packages.rebuild)
            self.state = "ready"
        except (BoresightError, OSError) as exc:
            self.state, self.problem = "failed", str(exc)
            log.warning("packages of one's own: %s", exc)


class PackagesHandler(APIHandler):
    """How the packages are."""

    @web.authenticated
    async def get(self) -> None:
        """Tell it."""
        keeper: PackageKeeper = self.settings["boresight_packages"]
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps({"state": keeper.state, "problem": keeper.problem}))


def handlers(base_url: str) -> list[tuple[str, type[JupyterHandler]]]:
    """Routes of this module."""
    return [(url_path_join(base_url, "boresight", "api", "packages"), PackagesHandler)]
