"""Judging access tokens."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import jwt

from boresight_hub.errors import CredentialError, SignInError
from boresight_hub.oidc.provider import discover, request
from boresight_hub.settings import HubSettings

_KEYS_LIFE_S = 600.0
# a flood of tokens with invented key ids must not become a flood of requests to the provider
_KEYS_MIN_INTERVAL_S = 5.0
# nor may every request wait for a provider that does not answer
_RETRY_INTERVAL_S = 1.0
# clocks of two machines differ a little; a token may look this much younger than now
_CLOCK_SKEW_S = 30.0
# RFC 7519 sets no bound, and nobody sane needs a longer one
_MAX_TOKEN_CHARS = 16_384


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
            response = await request(self._settings, "GET", discovery.jwks_uri, http=self._http)
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
