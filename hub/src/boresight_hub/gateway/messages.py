"""Requests for workers, passed on to a scheduler within bounds."""

from __future__ import annotations

from typing import Any

import aiohttp
from dask_gateway_server.backends.base import PublicException
from dask_gateway_server.models import ClusterStatus

CALL_TIMEOUT_S = 10.0


class SchedulerMessages:
    """Part of a backend that talks to schedulers."""

    session: aiohttp.ClientSession

    async def bound_calls(self) -> None:
        """Replace the stock session: it waits five minutes, three times, while a client waits."""
        await self.session.close()
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_TIMEOUT_S))

    async def forward_message_to_scheduler(self, cluster: Any, msg: dict[str, Any]) -> None:
        """Pass a request for workers on to the scheduler.

        Unlike the stock version this neither waits for minutes nor gives a busy scheduler up:
        whether it lives, its heartbeat says.
        """
        if cluster.status != ClusterStatus.RUNNING:
            raise PublicException(f"The cluster {cluster.name} is {cluster.status.name}.")
        try:
            async with self.session.post(
                f"{cluster.api_address}/api/comm",
                json=msg,
                headers={"Authorization": f"token {cluster.token}"},
                raise_for_status=True,
            ):
                return
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise PublicException(
                f"The scheduler of {cluster.name} did not answer within {CALL_TIMEOUT_S:g} s; it "
                "is busy or about to end. Try again."
            ) from exc
