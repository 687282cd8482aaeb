"""Exchange of tokens, and a service's own token."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from support.idp import Environment, ok, refused

from boresight_hub import oidc
from boresight_hub.embedded import people
from boresight_hub.errors import CredentialError

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


@pytest.fixture(scope="module")
def tokens(idp: Environment) -> dict[str, Any]:
    return idp.sign_in("marie")


def form(subject_token: str, audience: str = "s3") -> dict[str, str]:
    return {
        "grant_type": EXCHANGE,
        "subject_token": subject_token,
        "subject_token_type": ACCESS_TOKEN,
        "audience": audience,
        "scope": f"audience-{audience}",
    }


@pytest.mark.parametrize("audience", oidc.EXCHANGE_AUDIENCES)
async def test_hub_exchanges_for_each_audience(
    idp: Environment, tokens: dict[str, Any], audience: str
) -> None:
    exchanged = await oidc.exchange(idp.settings, tokens["access_token"], audience)
    claims = await oidc.TokenVerifier(idp.settings, audience).verify(exchanged.access_token)
    person = people.find(idp.settings, "marie")
    assert (claims.subject, claims.username) == (person.subject, "marie")
    assert claims.groups == person.groups
    hub_claims = await oidc.TokenVerifier(idp.settings, "hub").verify(tokens["access_token"])
    assert claims.session_id == hub_claims.session_id
    # narrow: good for nothing else
    for other in {"hub", *oidc.EXCHANGE_AUDIENCES} - {audience}:
        with pytest.raises(CredentialError, match=f"not for the audience '{other}'"):
            await oidc.TokenVerifier(idp.settings, other).verify(exchanged.access_token)


async def test_access_service_exchanges_a_token_made_for_it(
    idp: Environment, tokens: dict[str, Any]
) -> None:
    for_access = await oidc.exchange(idp.settings, tokens["access_token"], "access")
    for_s3 = await oidc.exchange(idp.settings, for_access.access_token, "s3", requester="access")
    claims = await oidc.TokenVerifier(idp.settings, "s3").verify(for_s3.access_token)
    assert claims.username == "marie"


async def test_unknown_audience_is_refused(idp: Environment, tokens: dict[str, Any]) -> None:
    ok(idp.token(form(tokens["access_token"])))
    for audience in ("admin", "", "urn:boresight:audience:s3"):
        answer = idp.token(form(tokens["access_token"], audience))
        refused(answer, "invalid_target", "invalid_client", "invalid_scope", "invalid_request")


async def test_only_the_client_a_token_is_for_may_exchange_it(
    idp: Environment, tokens: dict[str, Any]
) -> None:
    ok(idp.token(form(tokens["access_token"])))
    refused(
        idp.token(form(tokens["access_token"]), client="access"),
        "invalid_grant",
        "access_denied",
        "invalid_request",
    )
    # and nobody without a secret
    refused(
        idp.token(form(tokens["access_token"]), client=None, client_id="boresight-cli"),
        "invalid_request",
        "unauthorized_client",
        "invalid_client",
    )
    refused(
        idp.token(form(tokens["access_token"]), client=None, client_id="hub"),
        "invalid_client",
        "unauthorized_client",
        "invalid_client_credentials",
    )


def b64(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forgeries(idp: Environment, tokens: dict[str, Any]) -> dict[str, str]:
    """Tokens that look like a good one but for one thing."""
    good = tokens["access_token"]
    header = jwt.get_unverified_header(good)
    payload = jwt.decode(good, options={"verify_signature": False})
    signature = good.rsplit(".", 1)[1]
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    keys = httpx.get(idp.endpoint("certs"), trust_env=False).json()["keys"]
    public = next(key for key in keys if key["kid"] == header["kid"])
    # the classical confusion: the public key as an HMAC secret
    pem = jwt.PyJWK(public).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    confused = f"{b64(header | {'alg': 'HS256'})}.{b64(payload)}"
    mac = hmac.digest(pem, confused.encode(), "sha256")
    later = int((datetime.now(UTC) + timedelta(days=1)).timestamp())
    admin = {"groups": ["boresight-admins"]}
    typ = header["typ"]
    return {
        "other_key": jwt.encode(payload, stranger, "RS256", {"kid": header["kid"], "typ": typ}),
        "unknown_kid": jwt.encode(payload, stranger, "RS256", {"kid": "mine", "typ": typ}),
        "alg_none": f"{b64(header | {'alg': 'none'})}.{b64(payload)}.",
        "alg_none_signed": f"{b64(header | {'alg': 'none'})}.{b64(payload)}.{signature}",
        "hs256": f"{confused}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}",
        "longer_life": f"{b64(header)}.{b64(payload | {'exp': later})}.{signature}",
        "more_groups": f"{b64(header)}.{b64(payload | admin)}.{signature}",
        "id_token": tokens["id_token"],
        "refresh_token": tokens["refresh_token"],
        "cut": good[:-20],
        "empty": "",
        "words": "not a token",
    }


FORGERIES = (
    *("other_key", "unknown_kid", "alg_none", "alg_none_signed", "hs256", "longer_life"),
    *("more_groups", "id_token", "refresh_token", "cut", "empty", "words"),
)


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_forged_token_is_neither_exchanged_nor_believed(
    idp: Environment, tokens: dict[str, Any], forgery: str
) -> None:
    verifier = oidc.TokenVerifier(idp.settings, "hub")
    # the token they were made from is good
    assert (await verifier.verify(tokens["access_token"])).username == "marie"
    ok(idp.token(form(tokens["access_token"])))

    token = forgeries(idp, tokens)[forgery]
    with pytest.raises(CredentialError):
        await verifier.verify(token)
    refused(idp.token(form(token)), "invalid_grant", "invalid_request", "invalid_token")


async def test_token_of_another_instance_is_refused(
    idp: Environment, node_idp: Environment, tokens: dict[str, Any]
) -> None:
    foreign = node_idp.sign_in("marie")
    ok(node_idp.token(form(foreign["access_token"])))
    refused(idp.token(form(foreign["access_token"])), "invalid_grant", "invalid_request")
    with pytest.raises(CredentialError):
        await oidc.TokenVerifier(idp.settings, "hub").verify(foreign["access_token"])


async def test_access_service_gets_a_token_of_its_own_for_the_catalogue(idp: Environment) -> None:
    answer = await oidc.client_credentials(idp.settings, "stac")
    claims = await oidc.TokenVerifier(idp.settings, "stac").verify(answer.access_token)
    assert (claims.client_id, claims.is_service) == ("access", True)
    assert (claims.username, claims.groups) == ("", ())


async def test_a_service_gets_no_other_audience(idp: Environment) -> None:
    await oidc.client_credentials(idp.settings, "stac")
    for audience in ("s3", "hub", "dask", "access", "admin"):
        answer = idp.token(
            {"grant_type": "client_credentials", "scope": f"audience-{audience}"}, client="access"
        )
        if answer.status_code == 200:  # a provider may leave out what it does not grant
            claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
            assert not claims.get("aud"), claims
    refused(
        idp.token({"grant_type": "client_credentials", "scope": "audience-stac"}),
        "unauthorized_client",
        "invalid_request",
    )


def test_introspection(idp: Environment, tokens: dict[str, Any]) -> None:
    def introspect(token: str, secret: str) -> httpx.Response:
        return httpx.post(
            idp.endpoint("token/introspect"),
            data={"token": token},
            auth=("hub", secret),
            timeout=30,
            trust_env=False,
        )

    secret = idp.settings.secret("hub-client-secret")
    answer = ok(introspect(tokens["access_token"], secret))
    assert answer["active"] is True
    assert answer["preferred_username"] == "marie"
    assert ok(introspect(tokens["access_token"][:-20], secret)) == {"active": False}
    assert introspect(tokens["access_token"], "wrong").status_code == 401
