"""Reports to the hub, and what it answers. The token of this server goes to the hub alone."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

import httpx

from boresight.errors import HubError, HubRefusal
from boresight.server.activity import Activity

log = logging.getLogger(__name__)

URL_VARIABLE = "JUPYTERHUB_API_URL"
TOKEN_VARIABLE = "JUPYTERHUB_API_TOKEN"  # noqa: S105 - the name of a variable
_TIMEOUT_S = 10.0
_FIRST_EVERY_S = 5.0
_LONGEST_EVERY_S = 600.0


class HubLink:
    """What this server tells the hub and is told by it.

    Parameters
    ----------
    look : callable
        Gives what works now.
    transport : httpx.AsyncBaseTransport, optional
        Takes the place of the network, for tests.
    """

    def __init__(
        self,
        look: Callable[[], Coroutine[Any, Any, list[Activity]]],
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._look = look
        self._server = os.environ.get("JUPYTERHUB_SERVER_NAME", "")
        user = quote(os.environ.get("JUPYTERHUB_USER", ""), safe="")
        url = os.environ.get(URL_VARIABLE, "").rstrip("/")
        token = os.environ.get(TOKEN_VARIABLE, "")
        self._url = f"{url}/boresight/users/{user}" if url and token and user else ""
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"token {token}"},
            timeout=_TIMEOUT_S,
            transport=transport,
            trust_env=False,  # the hub is where we are, behind no proxy
        )
        self._said_away = False
        #: Latest answer of the hub; empty before the first one.
        self.answer: dict[str, Any] = {}
        #: What was last reported.
        self.activities: list[Activity] = []
        self._answered_at = 0.0

    @property
    def is_wanted(self) -> bool:
        """Whether there is a hub to report to."""
        return bool(self._url)

    @property
    def age_s(self) -> float:
        """Age of the answer [s]."""
        return time.monotonic() - self._answered_at

    async def run(self) -> None:
        """Report for ever, as often as the hub asks for it."""
        while True:
            try:
                await self.report()
                self._said_away = False
            except HubError as exc:
                if not self._said_away:
                    log.warning("%s", exc)
                self._said_away = True
            wanted_s = float(self.answer.get("report_every_s", _FIRST_EVERY_S))
            await asyncio.sleep(min(max(wanted_s, 0.1), _LONGEST_EVERY_S))

    async def report(self) -> dict[str, Any]:
        """Look, tell the hub, and return what it answers.

        Raises
        ------
        HubError
            When the hub is out of reach, or refuses.
        """
        self.activities = await self._look()
        body = {
            "server": self._server,
            "activities": [activity.as_json() for activity in self.activities],
        }
        self.answer = await self._call("POST", "activity", body)
        self._answered_at = time.monotonic()
        return self.answer

    async def keep(self, for_s: float) -> dict[str, Any]:
        """Ask the hub to keep this server for a time [s] from now; 0 gives the rest back.

        Raises
        ------
        HubError
            When the hub is out of reach.
        HubRefusal
            When the quota does not allow it.
        """
        await self._call("POST", "keep", {"server": self._server, "for_s": for_s})
        return await self.report()

    async def close(self) -> None:
        """Let go of the connection."""
        await self._http.aclose()

    async def _call(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if not self._url:
            raise HubError(
                f"{URL_VARIABLE} or {TOKEN_VARIABLE} is not set: this server has no hub.",
                remedy="Nothing ends it for want of use.",
            )
        try:
            answer = await self._http.request(method, f"{self._url}/{path}", json=body)
        except httpx.HTTPError as exc:
            raise HubError(
                f"The hub is out of reach ({type(exc).__name__}).", remedy="Try again in a minute."
            ) from exc
        if answer.is_success:
            content: dict[str, Any] = answer.json()
            return content
        raise HubRefusal(_reason(answer))


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"The hub answers {answer.status_code}."
