"""Which groups may read and write which collection, as the catalogue has it.

The groups are a property of the collection, set by admins and kept by the STAC service. Here they
are fetched with a token of our own and kept for at most :data:`MAX_AGE_S`, which bounds how long a
change takes to reach new sessions. While the catalogue is out of reach the last known groups
stay in force.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

import httpx
from pydantic import BaseModel, Field, ValidationError

from boresight_hub import oidc
from boresight_hub.access import refusals
from boresight_hub.access.policy import CollectionAccess
from boresight_hub.errors import CatalogueError, CredentialError, SettingsError, SignInError
from boresight_hub.settings import HubSettings

#: Age after which the groups are fetched again [s].
MAX_AGE_S = 30.0

_TIMEOUT_S = 10.0
# while the catalogue is away, requests do not all wait for it
_RETRY_INTERVAL_S = 2.0
_PAGE = 500
_MAX_PAGES = 1000
_TOKEN_MARGIN_S = 20.0

logger = logging.getLogger(__name__)


class _Collection(BaseModel):
    id: str
    read_groups: list[str] = Field(default_factory=list, alias="boresight:read_groups")
    write_groups: list[str] = Field(default_factory=list, alias="boresight:write_groups")


class _Link(BaseModel):
    rel: str
    href: str


class _Page(BaseModel):
    collections: list[_Collection]
    links: list[_Link] = Field(default_factory=list)


class CollectionDirectory:
    """Groups of all collections, kept fresh.

    Parameters
    ----------
    settings : HubSettings
    http : httpx.AsyncClient, optional
    """

    def __init__(self, settings: HubSettings, *, http: httpx.AsyncClient | None = None) -> None:
        self._settings = settings
        self._http = http or httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False)
        # inside the platform: not through the proxy, which may be down by itself
        self._url = f"{settings.url_of('stac')}/services/stac/collections"
        self._known: Mapping[str, CollectionAccess] | None = None
        self._fetched_at = self._tried_at = float("-inf")
        self._lock = asyncio.Lock()
        self._token = ""
        self._token_ends_at = 0.0

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()

    async def current(self) -> Mapping[str, CollectionAccess]:
        """Groups of all collections, at most :data:`MAX_AGE_S` old if the catalogue answers.

        Raises
        ------
        RefusalError
            ``ServiceUnavailable`` when they have never been known.
        """
        if time.monotonic() - self._fetched_at > MAX_AGE_S:
            async with self._lock:
                await self._refresh()
        if self._known is None:
            raise refusals.unavailable("The catalogue is out of reach; try again.")
        return self._known

    async def keep_fresh(self) -> None:
        """Fetch the groups again and again, so that requests need not wait for it."""
        while True:
            async with self._lock:
                await self._refresh(max_age_s=MAX_AGE_S / 2)
            await asyncio.sleep(MAX_AGE_S / 2 if self._known is not None else _RETRY_INTERVAL_S)

    async def _refresh(self, max_age_s: float = MAX_AGE_S) -> None:
        now = time.monotonic()
        if now - self._fetched_at <= max_age_s or now - self._tried_at < _RETRY_INTERVAL_S:
            return
        try:
            self._known = await self._fetch()
        except (CatalogueError, CredentialError, SignInError, SettingsError) as exc:
            logger.warning("the groups of the collections cannot be fetched: %s", exc)
        else:
            self._fetched_at = time.monotonic()
        finally:
            self._tried_at = time.monotonic()

    async def _fetch(self) -> Mapping[str, CollectionAccess]:
        found: dict[str, CollectionAccess] = {}
        query = httpx.QueryParams(limit=_PAGE)
        for _ in range(_MAX_PAGES):
            page = await self._page(query)
            for item in page.collections:
                found[item.id] = CollectionAccess(
                    frozenset(item.read_groups), frozenset(item.write_groups)
                )
            next_page = next((link.href for link in page.links if link.rel == "next"), None)
            if next_page is None:
                return found
            # only the query is taken over: links are public addresses, and not ours to follow
            query = httpx.URL(next_page).params
        raise CatalogueError("The list of collections does not end.")

    async def _page(self, query: httpx.QueryParams) -> _Page:
        for attempt in (1, 2):
            try:
                response = await self._http.get(
                    self._url,
                    params=query,
                    headers={"authorization": f"Bearer {await self._own_token()}"},
                    timeout=_TIMEOUT_S,
                )
            except httpx.HTTPError as exc:
                raise CatalogueError(
                    f"The catalogue is out of reach ({type(exc).__name__})."
                ) from exc
            if response.status_code == 401 and attempt == 1:
                self._token = ""  # the provider's keys may have changed
                continue
            break
        if not response.is_success:
            raise CatalogueError(f"The catalogue answers {response.status_code}.")
        try:
            return _Page.model_validate_json(response.content)
        except ValidationError as exc:
            raise CatalogueError("The catalogue answers no list of collections.") from exc

    async def _own_token(self) -> str:
        if not self._token or time.monotonic() > self._token_ends_at:
            tokens = await oidc.client_credentials(
                self._settings, self._settings.stac.audience, http=self._http
            )
            self._token = tokens.access_token
            margin_s = min(_TOKEN_MARGIN_S, tokens.expires_in_s / 2)
            self._token_ends_at = time.monotonic() + tokens.expires_in_s - margin_s
        return self._token
