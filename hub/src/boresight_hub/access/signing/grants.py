"""Offline grants: what API keys and batch runs stand on.

A grant is a refresh token of the access service, made by an exchange (RFC 8693) for a person's own
access token. From it this service gets access tokens that are judged like any other, so the groups
are those the owner has now, and when the grant ends at the identity provider, so does what stands
on it, at the latest one life of an access token later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from weakref import WeakValueDictionary

import httpx

from boresight_hub import oidc
from boresight_hub.access.brokers import Broker
from boresight_hub.access.refusals import RefusalError
from boresight_hub.access.signing.core import Caller
from boresight_hub.access.signing.keystore import ApiKey, KeyStore, Kind, new_key_id
from boresight_hub.access.signing.problems import SigningError, shown
from boresight_hub.errors import CredentialError, SignInError
from boresight_hub.oidc import Claims, TokenVerifier
from boresight_hub.settings import HubSettings

# an access token that is about to end is replaced before
_MARGIN = timedelta(seconds=10)
_MAX_DESCRIPTION_CHARS = 200
_LEASE_MARGIN_S = 5.0
_LEASE_POLL_S = 0.1
_NAMES: dict[Kind, str] = {"key": "API key", "batch": "batch grant"}

_T = TypeVar("_T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class Owner:
    """Who stands behind a grant now.

    Attributes
    ----------
    claims : Claims
        Verified. Their ``session_id`` is the id of the key, so that it has sessions of its own.
    token : str
        Access token for this service, as the claims were read from.
    """

    claims: Claims
    token: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants a grant for.

    Attributes
    ----------
    description : str
        For the person's own list; what cannot be shown is taken out.
    kind : {"key", "batch"}
    can_read, can_write : bool
    prefix : str
        Checked, see :class:`~boresight_hub.access.signing.core.Limits`.
    life_s : int or None
        None: as long as the identity provider keeps the grant.
    """

    description: str
    kind: Kind = "key"
    can_read: bool = True
    can_write: bool = True
    prefix: str = ""
    life_s: int | None = None


class Grants:
    """Makes, renews and revokes grants.

    Parameters
    ----------
    settings : HubSettings
    keys : KeyStore
    verifier : TokenVerifier
    broker : Broker
        Ends the sessions of what is revoked.
    """

    def __init__(
        self, settings: HubSettings, keys: KeyStore, verifier: TokenVerifier, broker: Broker
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._verifier = verifier
        self._broker = broker
        self._http = httpx.AsyncClient(timeout=settings.oidc.http_timeout_s, trust_env=False)
        self._owners: dict[str, Owner] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._limits: dict[Kind, int] = {
            "key": settings.access.signing.max_keys_per_user,
            "batch": settings.access.batch_grants.max_per_user,
        }

    async def close(self) -> None:
        """Close connections and files."""
        await self._http.aclose()
        self._keys.close()

    def authentic(self, key_id: str, secret: str, kind: Kind) -> ApiKey | None:
        """Key or batch grant of that id and secret part, if there is one."""
        return self._keys.authentic(key_id, secret, kind)

    def of(self, caller: Caller, kind: Kind) -> list[ApiKey]:
        """What a person has of that kind."""
        return self._keys.of(caller.claims.subject, kind)

    def is_live(self, key_id: str) -> bool:
        """Whether there is such a key, not revoked."""
        return self._keys.find(key_id) is not None

    def used(self, key: ApiKey) -> None:
        """Remember that ``key`` was used."""
        self._keys.used(key, datetime.now(UTC))

    async def make(self, caller: Caller, token: str, wish: Wish) -> tuple[ApiKey, str]:
        """Make a key or a batch grant for the person who asks; returns it and its secret part.

        Parameters
        ----------
        caller : Caller
        token : str
            The person's access token; the grant is made from it.
        wish : Wish

        Raises
        ------
        SigningError
        """
        claims = caller.claims
        # one at a time, or those that come together would all be the last that is allowed
        lock = self._locks.setdefault(f"{wish.kind} of {claims.subject}", asyncio.Lock())
        async with lock:
            self._check_count(claims, wish.kind)
            grant = await self.asked(oidc.offline_grant(self._settings, token, http=self._http))
            if not grant.refresh_token:
                raise unavailable("The identity provider gives no grant.")
            granted = await self.verified(grant.access_token)
            if granted.subject != claims.subject:
                raise unavailable("The identity provider gives a grant of somebody else.")
            now = datetime.now(UTC).replace(microsecond=0)
            key = ApiKey(
                key_id=new_key_id(wish.kind),
                subject=claims.subject,
                username=claims.username,
                description=_cleaned(wish.description),
                can_read=wish.can_read,
                can_write=wish.can_write,
                prefix=wish.prefix,
                created_at=now,
                last_used_at=None,
                kind=wish.kind,
                ends_at=now + timedelta(seconds=wish.life_s) if wish.life_s else None,
            )
            secret = self._keys.add(
                key,
                grant_session=granted.session_id,
                grant_token=grant.refresh_token,
                limit=self._limits[key.kind],
            )
            if secret is None:  # another replica has made the last one meanwhile
                await self._revoke_at_provider(key, grant.refresh_token)
                raise self._too_many(claims, key.kind)
        logger.info("%s %s made for %s", _NAMES[key.kind], key.key_id, key.username)
        return key, secret

    async def revoke(self, caller: Caller, key_id: str, kind: Kind) -> None:
        """Revoke what the person who asks has. It opens nothing from now on.

        Raises
        ------
        SigningError
            When the person has no such key, be it somebody else's or nobody's.
        """
        key = self._keys.find(key_id)
        if key is None or key.kind != kind or key.subject != caller.claims.subject:
            raise SigningError(
                f"{kind}-unknown",
                f"{caller.claims.username} has no {_NAMES[kind]} {shown(key_id[:100])}.",
                status=404,
                remedy="See the list of yours.",
            )
        await self.remove(key)

    async def remove(self, key: ApiKey) -> None:
        """Revoke ``key``, whoever's it is, and end the sessions that were made for it."""
        grant = self._keys.remove(key.key_id, key.subject)
        self._owners.pop(key.key_id, None)
        if grant is None:
            return
        logger.info("%s %s of %s revoked", _NAMES[key.kind], key.key_id, key.username)
        try:
            await self._broker.end_sessions(key.subject, key.key_id)
        except RefusalError as exc:
            logger.warning("the sessions of %s go on to their own end: %s", key.key_id, exc)
        if grant:
            await self._revoke_at_provider(key, grant)

    async def remove_over(self) -> int:
        """Revoke what is past its end; returns how many there were."""
        over = self._keys.over()
        for key in over:
            await self.remove(key)
        return len(over)

    async def owner(self, key: ApiKey) -> Owner:
        """Who stands behind ``key`` now.

        Raises
        ------
        SigningError
            When the grant has ended, or the identity provider is out of reach.
        """
        lock = self._locks.setdefault(key.key_id, asyncio.Lock())
        async with lock:
            known = self._owners.get(key.key_id)
            if known is not None and datetime.now(UTC) < known.claims.expires_at - _MARGIN:
                return known
            self._owners.pop(key.key_id, None)
            owner = await self._renewed(key)
            if self._keys.find(key.key_id) is None:  # it was revoked meanwhile
                raise _grant_over(key)
            self._owners[key.key_id] = owner
            return owner

    async def exchanged(self, token: str, audience: str) -> oidc.Tokens:
        """Trade an access token for this service for one of another audience.

        Raises
        ------
        CredentialError, SignInError
        """
        return await oidc.exchange(
            self._settings, token, audience, requester="access", http=self._http
        )

    async def verified(self, token: str) -> Claims:
        """Claims of an access token for this service.

        Raises
        ------
        SigningError
        """
        return await self.asked(self._verifier.verify(token))

    async def asked(self, answer: Awaitable[_T]) -> _T:
        """What the identity provider answers; its refusals in the words of this API.

        Raises
        ------
        SigningError
        """
        try:
            return await answer
        except CredentialError as exc:
            raise SigningError(
                "token", exc.message, status=401, remedy=exc.remedy or "Sign in again."
            ) from exc
        except SignInError as exc:
            raise unavailable(exc.message) from exc

    def _check_count(self, claims: Claims, kind: Kind) -> None:
        if len(self._keys.of(claims.subject, kind)) >= self._limits[kind]:
            raise self._too_many(claims, kind)

    def _too_many(self, claims: Claims, kind: Kind) -> SigningError:
        return SigningError(
            f"{kind}-count",
            f"{claims.username} has {self._limits[kind]} {_NAMES[kind]}s, and nobody has more.",
            status=403,
            remedy="Revoke one that is not used any more.",
        )

    async def _revoke_at_provider(self, key: ApiKey, grant: str) -> None:
        try:
            await oidc.revoke(self._settings, grant, http=self._http)
        except (CredentialError, SignInError) as exc:
            # the only copy of it is gone from here, so nothing hangs on this
            logger.warning("the grant of %s is not revoked at the provider: %s", key.key_id, exc)

    async def _renewed(self, key: ApiKey) -> Owner:
        # as long as the provider may take, and a little for what stands around it
        lease_s = self._settings.oidc.http_timeout_s + _LEASE_MARGIN_S
        deadline = time.monotonic() + lease_s
        while not self._keys.lease(key.key_id, lease_s):
            if time.monotonic() > deadline or not self.is_live(key.key_id):
                raise unavailable(f"The grant of {key.key_id} is being renewed.")
            await asyncio.sleep(_LEASE_POLL_S)
        try:
            tokens = await self._refreshed(key)
        finally:
            self._keys.release(key.key_id)
        claims = await self.verified(tokens.access_token)
        if claims.subject != key.subject or claims.is_service:
            raise _grant_over(key)
        return Owner(replace(claims, session_id=key.key_id), tokens.access_token)

    async def _refreshed(self, key: ApiKey) -> oidc.Tokens:
        grant = self._keys.grant(key.key_id)
        if grant is None:
            raise _grant_over(key)
        try:
            tokens = await oidc.refresh(self._settings, grant, requester="access", http=self._http)
        except CredentialError as exc:
            logger.info("the grant of %s %s is refused: %s", _NAMES[key.kind], key.key_id, exc)
            raise _grant_over(key) from exc
        except SignInError as exc:
            raise unavailable(exc.message) from exc
        if tokens.refresh_token and tokens.refresh_token != grant:
            self._keys.renew_grant(key.key_id, tokens.refresh_token)
        return tokens


def unavailable(message: str) -> SigningError:
    """Refusal that is nobody's fault who asks."""
    return SigningError("unavailable", message, status=503, remedy="Try again.", retry_after_s=2)


def _cleaned(description: str) -> str:
    return "".join(char for char in description if char.isprintable())[:_MAX_DESCRIPTION_CHARS]


def _grant_over(key: ApiKey) -> SigningError:
    return SigningError(
        "key-grant",
        f"The sign-in that the {_NAMES[key.kind]} {key.key_id} stands for has ended.",
        status=401,
        remedy="Sign in and make another.",
    )
