"""Tokens of other audiences for people, and where to ask for them.

A person's own programs hold one token, for the audience ``access``: in a server or a worker it is a
file that the hub keeps fresh, on a laptop it comes from the device sign-in. Here it is traded for
one of another audience (RFC 8693). The provider lets only clients with a secret do that, and a
laptop has none; so this service asks in its place, and the provider still judges whether the
sign-in behind the token lives.

Only tokens that were issued to the hub, to the command, or by an exchange of the hub's are taken:
those of other programs, such as the teledetection SDK, sign addresses and do nothing else.
"""

from __future__ import annotations

import logging
from urllib.parse import parse_qsl

import httpx
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from boresight_hub import oidc
from boresight_hub.access.signing.problems import SigningError
from boresight_hub.access.signing.rates import RateLimiter
from boresight_hub.errors import CredentialError, SignInError
from boresight_hub.oidc import Claims, TokenVerifier
from boresight_hub.settings import HubSettings
from boresight_hub.settings_access import RateClass

EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name

_MAX_BODY_BYTES = 32_768
_HEADERS = {"cache-control": "no-store", "pragma": "no-cache"}
# a program keeps a token for half its life; each exchange costs the provider some 20 ms
_RATE = RateClass(urls_per_s=5.0, burst=64)

audit = logging.getLogger("boresight_hub.access.audit")


class _RefusedError(Exception):
    """An error of RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str, *, status: int = 400, wait_s: int = 0) -> None:
        super().__init__(description)
        self.error = error
        self.status = status
        self.wait_s = wait_s


class TokenExchange:
    """Routes ``/token`` and ``/environment``.

    Parameters
    ----------
    settings : HubSettings
    """

    def __init__(self, settings: HubSettings) -> None:
        self._settings = settings
        self._audience = settings.access.signing.audience
        self._audiences = frozenset(("hub", *oidc.EXCHANGE_AUDIENCES)) - {self._audience}
        self._clients = (settings.oidc.hub_client_id, settings.oidc.cli_client_id)
        self._verifier = TokenVerifier(settings, self._audience)
        self._rates = RateLimiter(_RATE, {})
        self._http = httpx.AsyncClient(timeout=settings.oidc.http_timeout_s, trust_env=False)

    def install(self, router: APIRouter) -> None:
        """Add the routes."""
        router.add_api_route("/token", self.token, methods=["POST"])
        router.add_api_route("/environment", self.environment, methods=["GET"])

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()

    async def environment(self) -> JSONResponse:
        """Tell a program outside where everything is. Nothing here is secret."""
        settings = self._settings
        return JSONResponse(
            {
                "issuer": settings.issuer,
                "client_id": settings.oidc.cli_client_id,
                "access_url": f"{settings.public_url}/services/access",
                "stac_url": settings.stac_url,
                "gateway_url": settings.gateway_url,
                "s3_url": settings.s3_url,
                "s3_region": settings.s3.region,
                "sts_url": settings.sts_url,
                "role_arn": settings.access.role_arn,
                "buckets": list(settings.buckets),
            },
            headers={"cache-control": "no-cache"},
        )

    async def token(self, request: Request) -> Response:
        """Trade a token of the audience ``access`` for one of another audience (RFC 8693)."""
        try:
            form = await _form(request)
            answer = await self._exchanged(form)
        except _RefusedError as refusal:
            headers = dict(_HEADERS)
            if refusal.wait_s:
                headers["retry-after"] = str(refusal.wait_s)
            body = {"error": refusal.error, "error_description": str(refusal)}
            return JSONResponse(body, refusal.status, headers)
        return JSONResponse(answer, headers=_HEADERS)

    async def _exchanged(self, form: dict[str, str]) -> dict[str, str | int]:
        if form.get("grant_type") != EXCHANGE_GRANT:
            raise _RefusedError("unsupported_grant_type", f"grant_type has to be {EXCHANGE_GRANT}.")
        if form.get("subject_token_type") != ACCESS_TOKEN_TYPE:
            raise _RefusedError(
                "invalid_request", f"subject_token_type has to be {ACCESS_TOKEN_TYPE}."
            )
        if form.get("requested_token_type", ACCESS_TOKEN_TYPE) != ACCESS_TOKEN_TYPE:
            raise _RefusedError(
                "invalid_request", f"requested_token_type can only be {ACCESS_TOKEN_TYPE}."
            )
        audience = form.get("audience", "")
        if audience not in self._audiences:
            raise _RefusedError(
                "invalid_target", f"audience has to be one of {', '.join(sorted(self._audiences))}."
            )
        token = form.get("subject_token", "")
        claims = await self._person(token)
        try:
            self._rates.take(claims.subject, claims.groups, 1)
        except SigningError as exc:
            raise _RefusedError(
                "slow_down",
                "Too many tokens were asked for; keep one for half its life.",
                status=429,
                wait_s=exc.retry_after_s or 1,
            ) from exc
        try:
            tokens = await oidc.exchange(
                self._settings, token, audience, requester="access", http=self._http
            )
        except CredentialError as exc:
            raise _RefusedError("invalid_request", exc.message) from exc
        except SignInError as exc:
            raise _away(exc) from exc
        audit.info("token for %s exchanged for %s", audience, claims.username)
        return {
            "access_token": tokens.access_token,
            "issued_token_type": ACCESS_TOKEN_TYPE,
            "token_type": "Bearer",
            "expires_in": int(tokens.expires_in_s),
        }

    async def _person(self, token: str) -> Claims:
        """Judge the subject token. RFC 8693 wants ``invalid_request`` whatever is wrong with it."""
        try:
            claims = await self._verifier.verify(token)
        except CredentialError as exc:
            raise _RefusedError("invalid_request", exc.message) from exc
        except SignInError as exc:
            raise _away(exc) from exc
        if claims.is_service or not claims.username:
            raise _RefusedError(
                "invalid_request", "The token belongs to a service, not to a person."
            )
        if claims.client_id not in self._clients:
            raise _RefusedError(
                "invalid_request",
                f"The token was issued to {claims.client_id[:60]!r}; exchanged are those of "
                f"{' and '.join(self._clients)}.",
            )
        return claims


async def _form(request: Request) -> dict[str, str]:
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > _MAX_BODY_BYTES:
            raise _RefusedError(
                "invalid_request",
                f"The request is longer than {_MAX_BODY_BYTES} bytes.",
                status=413,
            )
    try:
        pairs = parse_qsl(bytes(received).decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError as exc:
        raise _RefusedError(
            "invalid_request", "The request is not a form in UTF-8 of at most 20 fields."
        ) from exc
    form: dict[str, str] = {}
    for name, value in pairs:
        # of two audiences or tokens nobody could tell which one counts
        if name in form:
            raise _RefusedError("invalid_request", f"The parameter {name[:60]!r} is given twice.")
        form[name] = value
    return form


def _away(exc: SignInError) -> _RefusedError:
    return _RefusedError("temporarily_unavailable", exc.message, status=503, wait_s=2)
