"""Talking to the identity provider, and judging its tokens.

The same requests work with Keycloak and with the embedded provider, so nothing else in the
control plane knows which of them runs. Vocabulary:

audience
    The one service a token is for: ``hub``, ``access``, ``s3``, ``stac`` or ``dask``. A service
    accepts tokens of its own audience only.
exchange
    RFC 8693: a client trades a person's token of its own audience for a token of another one.
    It works as long as the person's session lives; after a sign-out it is refused.

Usage::

    tokens = await oidc.exchange(settings, hub_access_token, "s3")   # tokens.access_token
    tokens = await oidc.refresh(settings, refresh_token)
    tokens = await oidc.client_credentials(settings, "stac")         # as the client `access`

    verifier = oidc.TokenVerifier(settings, "stac")                  # one a process, it caches keys
    claims = await verifier.verify(bearer_token)                     # claims.username, .groups, …

Two errors tell two situations apart: :class:`~boresight_hub.errors.CredentialError` when a token
or a grant is refused (sign in again), :class:`~boresight_hub.errors.SignInError` when the
provider is out of reach or answers nonsense (try again).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import httpx
import jwt
from pydantic import BaseModel, ValidationError

from boresight_hub.errors import CredentialError, SignInError
from boresight_hub.settings import HubSettings

#: Audiences a token can be exchanged for.
EXCHANGE_AUDIENCES = ("s3", "stac", "access", "dask")

_ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name
_REFRESH_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:refresh_token"  # noqa: S105 - a name
_EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_DISCOVERY_LIFE_S = 600.0
_KEYS_LIFE_S = 600.0
# a flood of tokens with invented key ids must not become a flood of requests to the provider
_KEYS_MIN_INTERVAL_S = 5.0
# nor may every request wait for a provider that does not answer
_RETRY_INTERVAL_S = 1.0
# clocks of two machines differ a little; a token may look this much younger than now
_CLOCK_SKEW_S = 30.0
# RFC 7519 sets no bound, and nobody sane needs a longer one
_MAX_TOKEN_CHARS = 16_384


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


@dataclass(frozen=True, slots=True)
class Tokens:
    """Answer of the token endpoint.

    Attributes
    ----------
    access_token : str
        Signed JWT.
    expires_in_s : float
        Life of the access token from now [s].
    refresh_token : str or None
    id_token : str or None
    """

    access_token: str
    expires_in_s: float
    refresh_token: str | None = None
    id_token: str | None = None

    def __repr__(self) -> str:
        """Tokens stay out of logs and tracebacks."""
        return f"Tokens(expires_in_s={self.expires_in_s:.0f})"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified access token says.

    Attributes
    ----------
    subject : str
        Stable identifier of the person or service.
    username : str
        ``preferred_username``; empty for a service. It has *not* been checked to be a safe part
        of a path.
    groups : tuple of str
    audience : str
    client_id : str
        Client the token was issued to (``azp``, else ``client_id``).
    session_id : str
        Sign-in session (``sid``), equal in all tokens exchanged from one sign-in; may be empty.
    issued_at, expires_at : datetime
        Aware, UTC.
    is_service : bool
        True for a client's own token (client credentials): no person stands behind it.
    signed_in_at : datetime or None
        When the person signed in, or made the grant (``auth_time``); aware, UTC.
    """

    subject: str
    username: str
    groups: tuple[str, ...]
    audience: str
    client_id: str
    session_id: str
    issued_at: datetime
    expires_at: datetime
    is_service: bool
    signed_in_at: datetime | None = None


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
    response = await _request(settings, "GET", url, http=http)
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


async def exchange(
    settings: HubSettings,
    subject_token: str,
    audience: str,
    *,
    requester: Literal["hub", "access"] = "hub",
    http: httpx.AsyncClient | None = None,
) -> Tokens:
    """Trade a person's token for one of another audience (RFC 8693).

    Parameters
    ----------
    settings : HubSettings
    subject_token : str
        Access token of the person, of the requester's own audience.
    audience : str
        One of :data:`EXCHANGE_AUDIENCES`.
    requester : {"hub", "access"}
        Client that asks; its secret is read from ``secrets_dir``.
    http : httpx.AsyncClient, optional
        Client to use; one is made for the call when absent.

    Raises
    ------
    CredentialError
        When the exchange is refused: token expired, session ended, audience unknown.
    SignInError
        When the provider is out of reach.
    """
    return await _token_request(
        settings,
        {
            "grant_type": _EXCHANGE_GRANT,
            "subject_token": subject_token,
            "subject_token_type": _ACCESS_TOKEN_TYPE,
            "requested_token_type": _ACCESS_TOKEN_TYPE,
            "audience": audience,
            # Keycloak puts an audience into a token only when its client scope is asked for;
            # that keeps the tokens of a sign-in narrow
            "scope": f"audience-{audience}",
        },
        requester=requester,
        http=http,
    )


async def refresh(
    settings: HubSettings,
    refresh_token: str,
    *,
    requester: Literal["hub", "access"] = "hub",
    http: httpx.AsyncClient | None = None,
) -> Tokens:
    """Get fresh tokens of a sign-in.

    The answer may hold another refresh token; keep that one from then on, else the old one.

    Raises
    ------
    CredentialError
        When the session has ended.
    SignInError
        When the provider is out of reach.
    """
    return await _token_request(
        settings,
        {"grant_type": "refresh_token", "refresh_token": refresh_token},
        requester=requester,
        http=http,
    )


async def offline_grant(
    settings: HubSettings, subject_token: str, *, http: httpx.AsyncClient | None = None
) -> Tokens:
    """Trade a person's token for a grant of the access service's own (RFC 8693).

    The refresh token in the answer is the client ``access``'s. From the embedded provider it
    outlives the sign-in it was made from; Keycloak ties it to that sign-in, since it refuses
    ``offline_access`` in an exchange.

    Parameters
    ----------
    settings : HubSettings
    subject_token : str
        Access token of the person, of the audience ``access``.
    http : httpx.AsyncClient, optional

    Raises
    ------
    CredentialError
        When it is refused: token expired, session ended.
    SignInError
        When the provider is out of reach.
    """
    return await _token_request(
        settings,
        {
            "grant_type": _EXCHANGE_GRANT,
            "subject_token": subject_token,
            "subject_token_type": _ACCESS_TOKEN_TYPE,
            "requested_token_type": _REFRESH_TOKEN_TYPE,
            "audience": settings.access.signing.audience,
            "scope": f"audience-{settings.access.signing.audience}",
        },
        requester="access",
        http=http,
    )


async def revoke(
    settings: HubSettings, refresh_token: str, *, http: httpx.AsyncClient | None = None
) -> None:
    """End a grant of the client ``access`` (RFC 7009); one that has ended is no error.

    Raises
    ------
    CredentialError
        When the provider refuses.
    SignInError
        When it is out of reach, or cannot revoke.
    """
    discovery = await discover(settings, http=http)
    if discovery.revocation_endpoint is None:
        raise SignInError("The identity provider has no address to revoke tokens at.")
    response = await _request(
        settings,
        "POST",
        discovery.revocation_endpoint,
        data={"token": refresh_token, "token_type_hint": "refresh_token"},
        auth=httpx.BasicAuth(
            settings.oidc.access_client_id, settings.secret("access-client-secret")
        ),
        http=http,
    )
    if not response.is_success:
        raise CredentialError(
            f"The identity provider answers {response.status_code} and revokes nothing.",
            remedy="See its log: boresight logs idp.",
        )


async def client_credentials(
    settings: HubSettings, audience: str, *, http: httpx.AsyncClient | None = None
) -> Tokens:
    """Token of the client ``access`` itself, for ``audience`` (only ``stac`` is granted).

    Raises
    ------
    CredentialError
        When the provider refuses.
    SignInError
        When the provider is out of reach.
    """
    return await _token_request(
        settings,
        {"grant_type": "client_credentials", "scope": f"audience-{audience}"},
        requester="access",
        http=http,
    )


class TokenVerifier:
    """Judges access tokens of one audience.

    A token passes when it is a JWT signed by the provider with RS256, is an access token (not an
    id token), has the issuer, the audience and a life that includes now. Keys are fetched when
    first needed, kept ten minutes, and fetched again for an unknown key id, at most every five
    seconds; while the provider is out of reach the known keys go on being used.

    Parameters
    ----------
    settings : HubSettings
    audience : str
        Audience of the service that asks, alone or in a list of exactly one.
    http : httpx.AsyncClient, optional
    """

    def __init__(
        self, settings: HubSettings, audience: str, *, http: httpx.AsyncClient | None = None
    ) -> None:
        self._settings = settings
        self._audience = audience
        self._http = http
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._failure: SignInError | None = None
        self._lock = asyncio.Lock()

    async def verify(self, token: str) -> Claims:
        """Return what ``token`` says, if it is to be believed.

        Raises
        ------
        CredentialError
            When the token is not one of ours, not for us, expired, or no access token.
        SignInError
            When the provider's keys are needed and cannot be fetched.
        """
        if len(token) > _MAX_TOKEN_CHARS:
            raise _refused(f"it is longer than {_MAX_TOKEN_CHARS} characters")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError as exc:
            raise _refused("it is not a JSON Web Token") from exc
        if header.get("alg") != "RS256":
            raise _refused("its signature is not RS256")
        kid = header.get("kid")
        if not isinstance(kid, str):
            raise _refused("it names no key")
        key = await self._key(kid)
        try:
            payload = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._audience,
                issuer=self._settings.issuer,
                options={
                    "require": ["iss", "sub", "aud", "exp", "iat"],
                    "verify_iat": False,  # judged below, with room for clocks that differ
                },
            )
        except jwt.ExpiredSignatureError as exc:
            raise _refused("it has expired") from exc
        except jwt.InvalidAudienceError as exc:
            raise _refused(f"it is not for the audience {self._audience!r}") from exc
        except jwt.InvalidTokenError as exc:
            # the library's words describe the token's form, never its content
            raise _refused(str(exc).rstrip(".")) from exc
        if not _is_access_token(header, payload):
            raise _refused("it is not an access token")
        return self._claims(payload)

    async def _key(self, kid: str) -> jwt.PyJWK:
        if self._should_fetch(kid):
            async with self._lock:
                if self._should_fetch(kid):  # another request may have fetched meanwhile
                    await self._fetch()
        if kid in self._keys:
            return self._keys[kid]
        if self._failure is not None:
            raise SignInError(self._failure.message, remedy=self._failure.remedy)
        raise _refused("it is signed with a key that is not the provider's")

    def _should_fetch(self, kid: str) -> bool:
        now = time.monotonic()
        pause_s = _KEYS_MIN_INTERVAL_S if self._failure is None else _RETRY_INTERVAL_S
        if now - self._tried_at < pause_s:
            return False
        return kid not in self._keys or now - self._fetched_at > _KEYS_LIFE_S

    async def _fetch(self) -> None:
        """Replace the known keys; a failure is remembered and leaves them as they are."""
        self._failure = None
        try:
            discovery = await discover(self._settings, http=self._http)
            response = await _request(self._settings, "GET", discovery.jwks_uri, http=self._http)
            keys = jwt.PyJWKSet.from_json(response.text).keys
        except SignInError as exc:
            self._failure = exc
        except (jwt.PyJWTError, ValueError):
            self._failure = SignInError(
                "The identity provider's key set cannot be read.",
                remedy="See its log: boresight logs idp.",
            )
        else:
            self._keys = {
                key.key_id: key
                for key in keys
                if key.key_id and key.key_type == "RSA" and key.public_key_use in (None, "sig")
            }
            self._fetched_at = time.monotonic()
        self._tried_at = time.monotonic()

    def _claims(self, payload: dict[str, object]) -> Claims:
        oidc = self._settings.oidc
        audience = payload["aud"]
        if isinstance(audience, list) and len(audience) != 1:
            raise _refused("it is for several audiences at once")
        issued_at, expires_at = (_instant(payload[name], name) for name in ("iat", "exp"))
        if issued_at.timestamp() > time.time() + _CLOCK_SKEW_S:
            raise _refused("it was issued in the future")
        groups = payload.get(oidc.groups_claim, [])
        if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
            raise _refused(f"its claim {oidc.groups_claim!r} is not a list of names")
        username = _text(payload, oidc.username_claim)
        client_id = _text(payload, "azp") or _text(payload, "client_id")
        # Keycloak gives a client's own account this name; the embedded provider gives none
        is_service = not username or username == f"service-account-{client_id}"
        return Claims(
            subject=_text(payload, "sub"),
            username="" if is_service else username,
            groups=() if is_service else tuple(groups),
            audience=self._audience,
            client_id=client_id,
            session_id=_text(payload, "sid"),
            issued_at=issued_at,
            expires_at=expires_at,
            is_service=is_service,
            signed_in_at=(
                _instant(payload["auth_time"], "auth_time") if "auth_time" in payload else None
            ),
        )


def _refused(reason: str) -> CredentialError:
    return CredentialError(f"The token is refused: {reason}.", remedy="Sign in again.")


def _is_access_token(header: dict[str, object], payload: dict[str, object]) -> bool:
    """RFC 9068 marks an access token in its header, Keycloak also in a claim."""
    if str(header.get("typ", "")).lower().removeprefix("application/") == "at+jwt":
        return True
    return payload.get("typ") == "Bearer"


def _instant(value: object, name: str) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refused(f"its claim {name!r} is not a number")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as exc:
        raise _refused(f"its claim {name!r} is not a time") from exc


def _text(payload: dict[str, object], name: str) -> str:
    value = payload.get(name, "")
    if not isinstance(value, str):
        raise _refused(f"its claim {name!r} is not a text")
    return value


class _TokenAnswer(BaseModel):
    access_token: str
    expires_in: float
    refresh_token: str | None = None
    id_token: str | None = None


class _ErrorAnswer(BaseModel):
    error: str
    error_description: str = ""


async def _token_request(
    settings: HubSettings,
    form: dict[str, str],
    *,
    requester: Literal["hub", "access"],
    http: httpx.AsyncClient | None,
) -> Tokens:
    discovery = await discover(settings, http=http)
    client_id = {"hub": settings.oidc.hub_client_id, "access": settings.oidc.access_client_id}
    response = await _request(
        settings,
        "POST",
        discovery.token_endpoint,
        data=form,
        auth=httpx.BasicAuth(client_id[requester], settings.secret(f"{requester}-client-secret")),
        http=http,
    )
    try:
        if response.is_success:
            answer = _TokenAnswer.model_validate_json(response.content)
            return Tokens(
                access_token=answer.access_token,
                expires_in_s=answer.expires_in,
                refresh_token=answer.refresh_token,
                id_token=answer.id_token,
            )
        refusal = _ErrorAnswer.model_validate_json(response.content)
    except ValidationError as exc:
        raise SignInError(
            f"The identity provider answers {response.status_code} and neither a token nor a "
            "reason.",
            remedy="See its log: boresight logs idp.",
        ) from exc
    reason = refusal.error_description or refusal.error
    if refusal.error == "invalid_client":
        raise CredentialError(
            f"The identity provider does not accept the client {client_id[requester]!r}: {reason}.",
            remedy=f"The secret {requester}-client-secret differs from the provider's; restart "
            "the environment.",
        )
    raise CredentialError(
        f"The identity provider refuses ({refusal.error}): {reason}.", remedy="Sign in again."
    )


async def _request(
    settings: HubSettings,
    method: str,
    url: str,
    *,
    http: httpx.AsyncClient | None,
    data: dict[str, str] | None = None,
    auth: httpx.BasicAuth | None = None,
) -> httpx.Response:
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
