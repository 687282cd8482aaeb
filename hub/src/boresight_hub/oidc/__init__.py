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

from boresight_hub.oidc.grants import (
    EXCHANGE_AUDIENCES,
    Tokens,
    client_credentials,
    exchange,
    offline_grant,
    refresh,
    revoke,
)
from boresight_hub.oidc.provider import Discovery, discover
from boresight_hub.oidc.verifier import Claims, TokenVerifier

__all__ = [
    "EXCHANGE_AUDIENCES",
    "Claims",
    "Discovery",
    "TokenVerifier",
    "Tokens",
    "client_credentials",
    "discover",
    "exchange",
    "offline_grant",
    "refresh",
    "revoke",
]
