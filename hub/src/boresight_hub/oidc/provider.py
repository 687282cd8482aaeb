"""Requests to the identity provider: its endpoints, and what comes of asking them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from pydantic import BaseModel, ValidationError

from boresight_hub.errors import SignInError
from boresight_hub.settings import HubSettings

_DISCOVERY_LIFE_S = 600.0


class Discovery(BaseModel):
    """What the provider says of itself at ``/.well-known/openid-configuration``."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    end_session_endpoint: str
    device_authorization_endpoint: str | None = None
    introspection_endpoint: str | None = None
    revocation_endpoint: str | None = None


_discoveries: dict[str, tuple[float, Discovery]] = {}


async def discover(settings: HubSettings, *, http: httpx.AsyncClient | None = None) -> Discovery:
    """Ask the provider for its endpoints; the answer is kept for ten minutes.

    Raises
    ------
    SignInError
        When the provider is out of reach, or calls itself by another name.
    """
    issuer = settings.issuer
    known = _discoveries.get(issuer)
    if known and time.monotonic() - known[0] < _DISCOVERY_LIFE_S:
        return known[1]
    url = f"{issuer}/.well-known/openid-configuration"
    response = await request(settings, "GET", url, http=http)
    try:
        found = Discovery.model_validate_json(response.content)
    except ValidationError as exc:
        raise SignInError(
            f"{url} answers {response.status_code} and no OpenID discovery document.",
            remedy="See the log of the identity provider: boresight logs idp.",
        ) from exc
    if found.issuer != issuer:
        raise SignInError(
            f"The identity provider at {url} calls itself {found.issuer!r}; tokens have to come "
            f"from {issuer!r}.",
            remedy="Give the provider and the services the same public address.",
        )
    _discoveries[issuer] = (time.monotonic(), found)
    return found


async def request(
    settings: HubSettings,
    method: str,
    url: str,
    *,
    http: httpx.AsyncClient | None,
    data: dict[str, str] | None = None,
    auth: httpx.BasicAuth | None = None,
) -> httpx.Response:
    """Ask the provider; what it answers with a status below 500.

    Raises
    ------
    SignInError
        When it is out of reach, or fails.
    """
    try:
        async with _client(settings, http) as client:
            response = await client.request(
                method,
                url,
                data=data,
                auth=auth,
                timeout=settings.oidc.http_timeout_s,
                headers={"accept": "application/json"},
            )
    except httpx.HTTPError as exc:
        raise SignInError(
            f"The identity provider at {settings.issuer} is out of reach ({type(exc).__name__}).",
            remedy="See whether it runs: boresight status.",
        ) from exc
    if response.status_code >= 500:
        raise SignInError(
            f"The identity provider answers {response.status_code}.",
            remedy="Try again; if it lasts, see its log: boresight logs idp.",
        )
    return response


@asynccontextmanager
async def _client(
    settings: HubSettings, http: httpx.AsyncClient | None
) -> AsyncIterator[httpx.AsyncClient]:
    if http is not None:
        yield http
        return
    # a proxy of the outer network has nothing to do with our own provider
    async with httpx.AsyncClient(timeout=settings.oidc.http_timeout_s, trust_env=False) as own:
        yield own
