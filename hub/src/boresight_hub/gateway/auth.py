"""Who asks: the hub says, or the identity provider by a token of the audience ``dask``.

A user's server has a token of the hub. A program outside has none; it brings a token of the
provider, which is judged here as in every service. There is no cookie, and an answer of the hub is
believed for a short time only.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from aiohttp import web
from dask_gateway_server.auth import Authenticator
from dask_gateway_server.models import User

from boresight_hub.errors import CredentialError, ServiceError, SignInError
from boresight_hub.gateway.hubapi import HubApi, HubUser
from boresight_hub.oidc import TokenVerifier
from boresight_hub.settings import HubSettings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_BELIEVED_S = 10.0
_MAX_REMEMBERED = 1000
_SCHEMES = {"jupyterhub", "token", "bearer"}
#: Audience of the provider's tokens that are taken.
AUDIENCE = "dask"


def token_of(request: web.Request) -> str | None:
    """Return the token in the ``Authorization`` header, if there is one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() in _SCHEMES and token.strip() else None


class ProviderTokens:
    """Judges tokens of the identity provider.

    Parameters
    ----------
    settings : HubSettings
    """

    def __init__(self, settings: HubSettings) -> None:
        self._oidc = settings.oidc
        self._verifier = TokenVerifier(settings, AUDIENCE)

    async def user(self, token: str) -> HubUser | None:
        """Return whose ``token`` it is; None when it is refused, or its owner may not sign in.

        Raises
        ------
        ServiceError
            When the provider's keys are needed and cannot be fetched.
        """
        try:
            claims = await self._verifier.verify(token)
        except CredentialError:
            return None
        except SignInError as exc:
            raise ServiceError(exc.message, remedy=exc.remedy) from exc
        is_admin = self._oidc.admin_group in claims.groups
        # the hub lets in the same people; see its authenticator
        allowed = set(self._oidc.allowed_groups)
        if claims.is_service or not (not allowed or is_admin or allowed & set(claims.groups)):
            return None
        # and writes their names so
        return HubUser(name=claims.username.lower(), is_admin=is_admin, groups=claims.groups)


class TokenCache:
    """Remembers for a short time whose a token is; keeps digests only.

    Parameters
    ----------
    hub : HubApi
    provider : ProviderTokens, optional
        None: tokens of the identity provider are nobody's.
    believed_s : float
        How long an answer of the hub counts [s]; a token that was revoked works this long at most.
    """

    def __init__(
        self,
        hub: HubApi,
        provider: ProviderTokens | None = None,
        *,
        believed_s: float = _BELIEVED_S,
    ) -> None:
        self._hub = hub
        self._provider = provider
        self._believed_s = believed_s
        self._known: OrderedDict[bytes, tuple[float, HubUser]] = OrderedDict()

    async def user(self, token: str) -> HubUser | None:
        """Return whose ``token`` it is, None when it is nobody's."""
        # three parts: signed by the provider; the hub's own have no dots
        if token.count(".") == 2:
            return await self._provider.user(token) if self._provider else None
        digest = hashlib.sha256(token.encode()).digest()
        asked_at, user = self._known.get(digest, (0.0, None))
        if user is not None and time.monotonic() - asked_at < self._believed_s:
            return user
        self._known.pop(digest, None)
        user = await self._hub.user(token)
        if user is not None:
            self._known[digest] = (time.monotonic(), user)
            if len(self._known) > _MAX_REMEMBERED:
                self._known.popitem(last=False)
        return user


class HubAuthenticator(Authenticator):  # type: ignore[misc]  # the server has no types
    """Asks the hub whose the token of a request is."""

    async def setup(self, app: web.Application) -> None:
        """Take the shared connection to the hub."""
        self.tokens: TokenCache = app["tokens"]

    async def authenticate_and_handle(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Put the user into the request, or refuse it."""
        token = token_of(request)
        try:
            user = await self.tokens.user(token) if token else None
        except ServiceError as exc:
            raise web.HTTPBadGateway(reason=str(exc)) from exc
        if user is None:
            raise web.HTTPUnauthorized(
                headers={"WWW-Authenticate": "jupyterhub"},
                reason="No valid token: sign in to the hub again" if token else "Sign in first",
            )
        request["user"] = User(user.name, groups=list(user.groups), admin=user.is_admin)
        return await handler(request)
