"""The Jupyter server extension: what is looked at, and the routes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from jupyter_server.serverapp import ServerApp

from boresight.server import activity, desktop_routes, memoryroutes, packages, routes, sharing
from boresight.server.activity import Activity
from boresight.server.dask import DaskWork
from boresight.server.hublink import HubLink
from boresight.server.kernelwatch import KernelWatch
from boresight.server.presence import Presence

log = logging.getLogger(__name__)


class Watch:
    """Everything that is looked at in one server.

    Parameters
    ----------
    server : ServerApp
    presence : Presence
    """

    def __init__(self, server: ServerApp, presence: Presence) -> None:
        self._server = server
        self._presence = presence
        self._dask = DaskWork()

    async def look(self) -> list[Activity]:
        """What works now, and when the rest was last used."""
        server = self._server
        found = [Activity("lab", "", self._presence.idle_s)]
        found += await activity.kernels(server.kernel_manager, server.session_manager)
        manager = server.web_app.settings.get("terminal_manager")
        found += activity.terminals(manager)
        shells = [t.ptyproc.pid for t in list(getattr(manager, "terminals", {}).values())]
        found += await asyncio.to_thread(_look_at_processes, shells)
        found += await self._dask.look()
        return found


def _look_at_processes(shells: list[int]) -> list[Activity]:
    return [*activity.jobs(), *activity.desktops(), *activity.other_terminals(shells)]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    settings = server.web_app.settings
    presence = Presence(server.base_url)
    presence.listen(server.web_app)
    link = HubLink(Watch(server, presence).look)
    settings["boresight_hub_link"] = link
    settings["boresight_presence"] = presence
    kernels = KernelWatch(server.kernel_manager, server.session_manager)
    settings["boresight_kernels"] = kernels
    keeper = packages.PackageKeeper()
    settings["boresight_packages"] = keeper
    desktop_routes.add(settings)
    for made in (routes, desktop_routes, memoryroutes, packages, sharing):
        server.web_app.add_handlers(".*$", made.handlers(server.base_url))
    settings["boresight_kernel_task"] = _start(kernels.run(), "boresight-kernels")
    settings["boresight_packages_task"] = _start(keeper.run(), "boresight-packages")
    if link.is_wanted:
        settings["boresight_reports"] = _start(link.run(), "boresight-reports")


def _start(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    loop: Any = asyncio.get_event_loop_policy().get_event_loop()
    task: asyncio.Task[None] = loop.create_task(work, name=name)
    return task
