"""Token requests: refresh, exchange (RFC 8693), grants of the access service, revocation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import httpx
from pydantic import BaseModel, ValidationError

from boresight_hub.errors import CredentialError, SignInError
from boresight_hub.oidc.provider import discover, request
from boresight_hub.settings import HubSettings

#: Audiences a token can be exchanged for.
EXCHANGE_AUDIENCES = ("s3", "stac", "access", "dask")

_ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name
_REFRESH_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:refresh_token"  # noqa: S105 - a name
_EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"


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
    response = await request(
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
    response = await request(
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
