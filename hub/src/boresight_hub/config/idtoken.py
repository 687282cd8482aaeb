"""Verification of id tokens: what the provider says to the hub about one sign-in."""

from __future__ import annotations

import hmac

import httpx
import jwt

from boresight_hub import oidc
from boresight_hub.errors import CredentialError, SignInError
from boresight_hub.settings import HubSettings


def verify_id_token(settings: HubSettings, token: str, *, keys: jwt.PyJWKSet, nonce: str) -> str:
    """Return the subject of ``token`` when it answers *this* sign-in at *this* client.

    Checked: RS256 signature by the provider's current key, issuer, audience, authorized party,
    life, nonce (OpenID Connect Core 1.0, 3.1.3.7).

    Parameters
    ----------
    settings : HubSettings
    token : str
    keys : jwt.PyJWKSet
        The provider's, see :func:`fetch_keys`.
    nonce : str
        What was sent along with the browser.

    Raises
    ------
    CredentialError
        When any of these does not hold.
    """
    client_id = settings.oidc.hub_client_id
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") != "RS256":
            raise _refused("its signature is not RS256")
        claims = jwt.decode(
            token,
            _key(keys, header.get("kid")),
            algorithms=["RS256"],
            audience=client_id,
            issuer=settings.issuer,
            leeway=30,
            options={"require": ["iss", "sub", "aud", "exp", "iat", "nonce"]},
        )
    except jwt.InvalidTokenError as exc:
        raise _refused(str(exc).rstrip(".")) from exc
    if claims.get("azp", client_id) != client_id:
        raise _refused("it was issued to another client")
    if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
        raise _refused("it belongs to another sign-in")
    return str(claims["sub"])


async def fetch_keys(settings: HubSettings) -> jwt.PyJWKSet:
    """Fetch the provider's current keys.

    Raises
    ------
    SignInError
        When the provider is out of reach.
    """
    discovery = await oidc.discover(settings)
    try:
        async with httpx.AsyncClient(
            timeout=settings.oidc.http_timeout_s, trust_env=False
        ) as client:
            response = await client.get(discovery.jwks_uri)
        response.raise_for_status()
        return jwt.PyJWKSet.from_json(response.text)
    except (httpx.HTTPError, jwt.PyJWTError, ValueError) as exc:
        raise SignInError(
            "The keys of the identity provider cannot be fetched.",
            remedy="See whether it runs: boresight status.",
        ) from exc


def _key(keys: jwt.PyJWKSet, kid: object) -> jwt.PyJWK:
    for key in keys.keys:
        if key.key_id == kid and key.key_type == "RSA":
            return key
    raise _refused("it is signed with a key that is not the provider's")


def _refused(reason: str) -> CredentialError:
    return CredentialError(f"The id token is refused: {reason}.", remedy="Sign in again.")
