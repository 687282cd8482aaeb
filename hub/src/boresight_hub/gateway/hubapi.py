"""What the gateway asks of the hub: who somebody is, and token files. Every call is bounded."""

from __future__ import annotations

import json as jsonlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from boresight_hub.errors import CredentialError, ServiceError
from boresight_hub.settings import HubSettings

#: The gateway's name among the hub's services.
SERVICE = "dask-gateway"
CLIENT_ID = f"service-{SERVICE}"
_ACCESS_SCOPES = {"access:services", f"access:services!service={SERVICE}"}
_TIMEOUT_S = 8.0
_MAX_ANSWER_BYTES = 1 << 20


@dataclass(frozen=True)
class HubUser:
    """Somebody who may use the gateway.

    Attributes
    ----------
    name : str
    is_admin : bool
        Whether they may look at everybody's clusters.
    groups : tuple of str
    """

    name: str
    is_admin: bool
    groups: tuple[str, ...]


class HubApi:
    """Client of the hub's API. Made inside a running event loop; close it.

    Parameters
    ----------
    settings : HubSettings
    """

    def __init__(self, settings: HubSettings) -> None:
        self._admin_group = settings.oidc.admin_group
        self._url = f"{settings.url_of('hub')}/hub/api"
        self._token = settings.secret("gateway-api-token")
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S), trust_env=False
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def user(self, token: str) -> HubUser | None:
        """Return whose ``token`` it is; None when it is nobody's, or not good for the gateway.

        Raises
        ------
        ServiceError
            When the hub does not answer.
        """
        status, data = await self._request("GET", "/user", token=token)
        if status in (401, 403, 404):
            return None
        if status != 200:
            raise ServiceError(f"The hub answered {status} to a question about a user.")
        if data.get("kind") != "user" or not _ACCESS_SCOPES.intersection(data.get("scopes", ())):
            return None
        groups = tuple(data.get("groups", ()))
        is_admin = bool(data.get("admin")) or self._admin_group in groups
        return HubUser(name=data["name"], is_admin=is_admin, groups=groups)

    async def knows(self, username: str) -> bool:
        """Whether somebody of this name is still a user of the hub.

        Raises
        ------
        ServiceError
            When the hub does not answer, or refuses to say.
        """
        status, _ = await self._request("GET", f"/users/{quote(username, safe='')}")
        if status not in (200, 404):
            raise ServiceError(f"The hub answered {status} to a question about a user.")
        return status == 200

    async def create_token_files(self, username: str, holder: str) -> Path:
        """Have the hub write and keep the token files of ``holder``; returns their folder.

        Raises
        ------
        CredentialError
            When the hub refuses, with its reason.
        ServiceError
            When the hub or what it needs is out of reach.
        """
        body = {"user": username, "holder": holder}
        status, data = await self._request("POST", "/boresight/token-files", json=body)
        if status in (200, 201):
            return Path(data["directory"])
        reason = data.get("message") or f"it answered {status}"
        error = ServiceError if status >= 500 else CredentialError
        raise error(f"No credentials for {username}'s worker: {reason}")

    async def remove_token_files(self, username: str, holder: str) -> None:
        """Have the hub remove the token files of ``holder``; no error when there are none.

        Raises
        ------
        ServiceError
            When the hub does not answer, or refuses.
        """
        body = {"user": username, "holder": holder}
        status, _ = await self._request("DELETE", "/boresight/token-files", json=body)
        if status not in (200, 204, 404):
            raise ServiceError(f"The hub answered {status} to the removal of {holder}.")

    async def exchange_code(self, code: str, redirect_uri: str) -> str:
        """Exchange the ``code`` of a sign-in for the person's token.

        Raises
        ------
        CredentialError
            When the hub does not accept the code.
        """
        form = {
            "client_id": CLIENT_ID,
            "client_secret": self._token,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
        }
        status, data = await self._request("POST", "/oauth2/token", form=form)
        if status != 200 or "access_token" not in data:
            raise CredentialError(
                f"The hub did not accept the sign-in ({status}).", remedy="Open the page again."
            )
        return str(data["access_token"])

    async def _request(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        json: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        headers = {} if form else {"Authorization": f"token {token or self._token}"}
        try:
            async with self._session.request(
                method, self._url + path, headers=headers, json=json, data=form
            ) as response:
                raw = await response.content.read(_MAX_ANSWER_BYTES)
                try:
                    data = _parse(raw)
                except ValueError:
                    data = {}
                return response.status, data
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise ServiceError(
                f"The hub does not answer ({type(exc).__name__}).",
                remedy="Try again in a moment; `boresight status` shows the state of services.",
            ) from exc


def _parse(raw: bytes) -> dict[str, Any]:
    data = jsonlib.loads(raw or b"{}")
    return data if isinstance(data, dict) else {}
