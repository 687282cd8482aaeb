"""One's whole server, shared with people who have accepted an invitation.

Whoever is in somebody's server acts as they do: with their files, their credentials, their
clusters. So an invitation is a link that lasts for some hours, and the hub asks whoever follows it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from boresight.errors import HubError, HubRefusal

_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Invitation:
    """A link that opens this server to whoever accepts.

    Attributes
    ----------
    link : str
    expires_at : str
        As in RFC 3339.
    """

    link: str
    expires_at: str


class ServerShares:
    """Who may use this server.

    Parameters
    ----------
    transport : httpx.BaseTransport, optional
        Takes the place of the network, for tests.
    """

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        user = quote(os.environ.get("JUPYTERHUB_USER", ""), safe="")
        server = quote(os.environ.get("JUPYTERHUB_SERVER_NAME", ""), safe="")
        self._url = os.environ.get("JUPYTERHUB_API_URL", "").rstrip("/")
        token = os.environ.get("JUPYTERHUB_API_TOKEN", "")
        if not (self._url and token and user):
            raise HubError("This is no server of a hub: nothing can be shared.")
        self._path = f"{user}/{server}"
        self._public = os.environ.get("BORESIGHT_ACCESS_URL", "").removesuffix("/services/access")
        self._http = httpx.Client(
            headers={"Authorization": f"token {token}"},
            timeout=_TIMEOUT_S,
            transport=transport,
            trust_env=False,  # the hub is where we are, behind no proxy
        )

    def invite(self, for_s: int) -> Invitation:
        """Make an invitation.

        Parameters
        ----------
        for_s : int
            How long it can be accepted [s].

        Raises
        ------
        HubRefusal
            When this environment does not allow it.
        """
        told = self._call("POST", f"share-codes/{self._path}", {"expires_in": for_s})
        return Invitation(f"{self._public}{told['accept_url']}", str(told["expires_at"]))

    def people(self) -> list[str]:
        """Names of those who have accepted."""
        found = self._call("GET", f"shares/{self._path}")["items"]
        return sorted(one["user"]["name"] for one in found if one.get("user"))

    def revoke(self, name: str = "") -> None:
        """Take it back from one person, or from everybody, with the invitations nobody accepted.

        Raises
        ------
        HubRefusal
            When it was not shared with them.
        """
        if name:
            if name not in self.people():
                raise HubRefusal(f"This server is not shared with {name}.")
            self._call("PATCH", f"shares/{self._path}", {"user": name})
            return
        self._call("DELETE", f"shares/{self._path}")
        self._call("DELETE", f"share-codes/{self._path}")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer = self._http.request(method, f"{self._url}/{path}", json=body)
        except httpx.HTTPError as exc:
            raise HubError(
                f"The hub is out of reach ({type(exc).__name__}).", remedy="Try again in a minute."
            ) from exc
        if answer.status_code in (httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND):
            raise HubRefusal(
                "Servers are not shared in this environment.",
                remedy="Share a notebook instead: boresight share notebook PATH.",
            )
        if not answer.is_success:
            raise HubRefusal(f"The hub answers {answer.status_code}.")
        content: dict[str, Any] = answer.json() if answer.content else {}
        return content
