"""Who asks: a person with a bearer token, or a program with an API key of a person.

A bearer token is judged as in every service, for the audience ``access``. Behind an API key stands
an offline grant of its owner: a refresh token from which this service gets an access token, again
judged like any other. So the groups are those the owner has now, and when the grant ends at the
identity provider, so does the key, at the latest one life of an access token later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from weakref import WeakValueDictionary

import httpx

from boresight_hub import oidc
from boresight_hub.access.signing.core import Caller
from boresight_hub.access.signing.keystore import ApiKey, KeyStore, new_key_id
from boresight_hub.access.signing.problems import SigningError, shown
from boresight_hub.errors import CredentialError, SignInError
from boresight_hub.oidc import Claims, TokenVerifier
from boresight_hub.settings import HubSettings

# an access token that is about to end is replaced before
_MARGIN = timedelta(seconds=10)
_MAX_SECRET_CHARS = 200
_MAX_DESCRIPTION_CHARS = 200

_T = TypeVar("_T")

logger = logging.getLogger(__name__)


class Callers:
    """Tells who asks, and keeps API keys.

    Parameters
    ----------
    settings : HubSettings
    keys : KeyStore
    """

    def __init__(self, settings: HubSettings, keys: KeyStore) -> None:
        self._settings = settings
        self._keys = keys
        self._verifier = TokenVerifier(settings, settings.access.signing.audience)
        self._http = httpx.AsyncClient(timeout=settings.oidc.http_timeout_s, trust_env=False)
        self._claims: dict[str, Claims] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()
        self._keys.close()

    async def anybody(self, headers: Mapping[str, str]) -> Caller:
        """Person or API key behind a request.

        Parameters
        ----------
        headers : mapping of str to str
            Names in lower case.

        Raises
        ------
        SigningError
        """
        key_id, secret = headers.get("access-key", ""), headers.get("secret-key", "")
        # planetary-computer has room for one text
        subscription = headers.get("ocp-apim-subscription-key", "")
        if subscription and not key_id:
            key_id, _, secret = subscription.partition(":")
        if not key_id and not secret and not subscription:
            return await self.person(headers)
        if headers.get("authorization"):
            raise _bad_credentials("Both a bearer token and an API key were sent: one is enough.")
        key = None
        if len(key_id) <= _MAX_SECRET_CHARS and len(secret) <= _MAX_SECRET_CHARS:
            key = self._keys.authentic(key_id, secret)
        if key is None:
            raise _bad_credentials("The API key is unknown, was revoked, or its secret is wrong.")
        claims = await self._owner(key)
        self._keys.used(key, datetime.now(UTC))
        return Caller(claims, key.limits)

    async def person(self, headers: Mapping[str, str]) -> Caller:
        """Person behind a request: a bearer token is asked for.

        Raises
        ------
        SigningError
        """
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise SigningError(
                "credentials-missing",
                "There is no bearer token in the header Authorization.",
                status=401,
                remedy="Sign in, or send an API key where one is taken.",
            )
        claims = await self._verified(token.strip())
        if claims.is_service or not claims.username:
            raise SigningError(
                "not-a-person",
                "The token belongs to a service, not to a person.",
                status=403,
                remedy="Use a token of the person the objects are for.",
            )
        return Caller(claims)

    def keys_of(self, caller: Caller) -> list[ApiKey]:
        """API keys of a person."""
        return self._keys.of(caller.claims.subject)

    def is_live(self, key_id: str) -> bool:
        """Whether there is such a key, not revoked."""
        return self._keys.find(key_id) is not None

    async def make_key(
        self,
        caller: Caller,
        token: str,
        *,
        description: str,
        can_read: bool,
        can_write: bool,
        prefix: str,
    ) -> tuple[ApiKey, str]:
        """Make an API key for the person who asks; returns it and its secret part.

        Parameters
        ----------
        caller : Caller
        token : str
            The person's access token; the grant is made from it.
        description : str
            For the person's own list; what cannot be shown is taken out.
        can_read, can_write : bool
        prefix : str
            Checked, see :class:`~boresight_hub.access.signing.core.Limits`.

        Raises
        ------
        SigningError
        """
        claims = caller.claims
        # one at a time, or those that come together would all be the last that is allowed
        lock = self._locks.setdefault(f"keys of {claims.subject}", asyncio.Lock())
        async with lock:
            self._check_count(claims)
            grant = await self._asked(oidc.offline_grant(self._settings, token, http=self._http))
            if not grant.refresh_token:
                raise _unavailable("The identity provider gives no grant for an API key.")
            granted = await self._verified(grant.access_token)
            if granted.subject != claims.subject:
                raise _unavailable("The identity provider gives a grant of somebody else.")
            key = ApiKey(
                key_id=new_key_id(),
                subject=claims.subject,
                username=claims.username,
                description=_cleaned(description),
                can_read=can_read,
                can_write=can_write,
                prefix=prefix,
                created_at=datetime.now(UTC).replace(microsecond=0),
                last_used_at=None,
            )
            secret = self._keys.add(
                key, grant_session=granted.session_id, grant_token=grant.refresh_token
            )
        logger.info("API key %s made for %s", key.key_id, key.username)
        return key, secret

    def _check_count(self, claims: Claims) -> None:
        limit = self._settings.access.signing.max_keys_per_user
        if len(self._keys.of(claims.subject)) >= limit:
            raise SigningError(
                "key-count",
                f"{claims.username} has {limit} API keys, and nobody has more.",
                status=403,
                remedy="Revoke one that is not used any more.",
            )

    async def revoke_key(self, caller: Caller, key_id: str) -> None:
        """Revoke an API key of the person who asks. It opens nothing from now on.

        Raises
        ------
        SigningError
            When the person has no such key, be it somebody else's or nobody's.
        """
        grant = self._keys.remove(key_id, caller.claims.subject)
        if grant is None:
            raise SigningError(
                "key-unknown",
                f"{caller.claims.username} has no API key {shown(key_id[:100])}.",
                status=404,
                remedy="See the list of your keys.",
            )
        self._claims.pop(key_id, None)
        logger.info("API key %s of %s revoked", key_id, caller.claims.username)
        if grant:
            try:
                await oidc.revoke(self._settings, grant, http=self._http)
            except (CredentialError, SignInError) as exc:
                # the only copy of it is gone from here, so nothing hangs on this
                logger.warning("the grant of %s is not revoked at the provider: %s", key_id, exc)

    async def _owner(self, key: ApiKey) -> Claims:
        lock = self._locks.setdefault(key.key_id, asyncio.Lock())
        async with lock:
            known = self._claims.get(key.key_id)
            if known is not None and datetime.now(UTC) < known.expires_at - _MARGIN:
                return known
            self._claims.pop(key.key_id, None)
            claims = await self._renewed(key)
            self._claims[key.key_id] = claims
            return claims

    async def _renewed(self, key: ApiKey) -> Claims:
        grant = self._keys.grant(key.key_id)
        if grant is None:
            raise _grant_over(key)
        try:
            tokens = await oidc.refresh(self._settings, grant, requester="access", http=self._http)
        except CredentialError as exc:
            logger.info("the grant of API key %s is refused: %s", key.key_id, exc)
            raise _grant_over(key) from exc
        except SignInError as exc:
            raise _unavailable(exc.message) from exc
        if tokens.refresh_token and tokens.refresh_token != grant:
            self._keys.renew_grant(key.key_id, tokens.refresh_token)
        claims = await self._verified(tokens.access_token)
        if claims.subject != key.subject or claims.is_service:
            raise _grant_over(key)
        return claims

    async def _verified(self, token: str) -> Claims:
        return await self._asked(self._verifier.verify(token))

    async def _asked(self, answer: Awaitable[_T]) -> _T:
        try:
            return await answer
        except CredentialError as exc:
            raise SigningError(
                "token", exc.message, status=401, remedy=exc.remedy or "Sign in again."
            ) from exc
        except SignInError as exc:
            raise _unavailable(exc.message) from exc


def _cleaned(description: str) -> str:
    return "".join(char for char in description if char.isprintable())[:_MAX_DESCRIPTION_CHARS]


def _bad_credentials(message: str) -> SigningError:
    return SigningError("credentials", message, status=401, remedy="Make a key anew, or sign in.")


def _grant_over(key: ApiKey) -> SigningError:
    return SigningError(
        "key-grant",
        f"The sign-in that the API key {key.key_id} stands for has ended.",
        status=401,
        remedy="Sign in and make another key.",
    )


def _unavailable(message: str) -> SigningError:
    return SigningError("unavailable", message, status=503, remedy="Try again.", retry_after_s=2)
