"""Work on this person's Dask clusters, as their gateway and schedulers count it.

Asked over HTTP: importing Dask would cost every user server a hundred MiB.
"""

from __future__ import annotations

import os
import time
from typing import Any

import httpx

from boresight.server.activity import Activity

URL_VARIABLE = "BORESIGHT_GATEWAY_URL"
TOKEN_VARIABLE = "JUPYTERHUB_API_TOKEN"  # noqa: S105 - the name of a variable
_TIMEOUT_S = 10.0
#: States of tasks, in a scheduler's counts, that have not ended.
_UNFINISHED = ("processing", "waiting", "unrunnable")


class DaskWork:
    """Clusters of this person on which tasks run or wait.

    A gateway that is away ends nobody's work: what it said last holds for a while.

    Parameters
    ----------
    hold_s : float
        How long [s].
    transport : httpx.AsyncBaseTransport, optional
        Takes the place of the network, for tests.
    """

    def __init__(
        self, *, hold_s: float = 600.0, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._url = os.environ.get(URL_VARIABLE, "").rstrip("/")
        token = os.environ.get(TOKEN_VARIABLE, "")
        self._is_there = bool(self._url and token)
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"jupyterhub {token}"},
            timeout=_TIMEOUT_S,
            transport=transport,
            trust_env=False,  # the gateway is where we are, behind no proxy
        )
        self._hold_s = hold_s
        self._last: list[Activity] = []
        self._answered_at = float("-inf")

    async def look(self) -> list[Activity]:
        """Ask the gateway."""
        if not self._is_there:
            return []
        try:
            found = await self._ask()
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            is_recent = time.monotonic() - self._answered_at < self._hold_s
            return self._last if is_recent else []
        self._answered_at, self._last = time.monotonic(), found
        return found

    async def _ask(self) -> list[Activity]:
        answer = await self._http.get(f"{self._url}/api/v1/clusters/")
        names: dict[str, Any] = answer.raise_for_status().json()
        found = []
        for name in names:
            # 404 while a cluster starts or ends
            counts = await self._http.get(f"{self._url}/clusters/{name}/json/counts.json")
            if counts.is_success:
                states: dict[str, int] = counts.json()
                tasks = sum(states[state] for state in _UNFINISHED)
                if tasks:
                    found.append(Activity("dask", f"{name} ({tasks} tasks)", 0.0))
        return found
