"""The judge of tokens and the client, against a provider made of real keys and no network."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from boresight_hub import oidc
from boresight_hub.errors import CredentialError, SignInError
from boresight_hub.settings import HubSettings

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Provider:
    """Answers as a provider does; what it answers can be changed."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.keys: dict[str, rsa.RSAPrivateKey] = {"k1": KEY}
        self.discovery = {
            "issuer": issuer,
            **{
                name: f"{issuer}/{name}"
                for name in (
                    "authorization_endpoint",
                    "token_endpoint",
                    "jwks_uri",
                    "userinfo_endpoint",
                    "end_session_endpoint",
                )
            },
        }
        self.token_answer = httpx.Response(500)
        self.asked: list[str] = []
        self.form: dict[str, list[str]] = {}
        self.down = False
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.rsplit("/", 1)[1]
        self.asked.append(path)
        if self.down:
            raise httpx.ConnectError("refused", request=request)
        if path == "openid-configuration":
            return httpx.Response(200, json=self.discovery)
        if path == "jwks_uri":
            return httpx.Response(
                200,
                json={
                    "keys": [
                        jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
                        | {"kid": kid, "use": "sig", "alg": "RS256"}
                        for kid, key in self.keys.items()
                    ]
                },
            )
        self.form = parse_qs(request.content.decode())
        return self.token_answer


@pytest.fixture
def settings(tmp_path: Path) -> HubSettings:
    settings = HubSettings(state_dir=tmp_path)
    for name in ("hub-client-secret", "access-client-secret"):
        path = settings.folder("secrets") / name
        path.write_text("secret")
        path.chmod(0o600)
    return settings


@pytest.fixture
def provider(settings: HubSettings, monkeypatch: pytest.MonkeyPatch) -> Provider:
    monkeypatch.setattr(oidc.provider, "_discoveries", {})
    return Provider(settings.issuer)


@pytest.fixture
def verifier(settings: HubSettings, provider: Provider) -> oidc.TokenVerifier:
    return oidc.TokenVerifier(settings, "stac", http=provider.http)


def claims(settings: HubSettings, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    payload = {
        "iss": settings.issuer,
        "sub": "subject-of-marie",
        "aud": "stac",
        "iat": now,
        "exp": now + 300,
        "azp": "hub",
        "sid": "session",
        "preferred_username": "marie",
        "groups": ["co3d-calibration"],
    } | changes
    return {name: value for name, value in payload.items() if value is not ...}


def signed(payload: dict[str, Any], *, key: Any = KEY, alg: str = "RS256", **header: Any) -> str:
    fields = {"kid": "k1", "typ": "at+jwt"} | header
    return jwt.encode(
        payload, key, alg, {name: value for name, value in fields.items() if value is not ...}
    )


async def test_good_token(settings: HubSettings, verifier: oidc.TokenVerifier) -> None:
    found = await verifier.verify(signed(claims(settings)))
    assert (found.subject, found.username) == ("subject-of-marie", "marie")
    assert found.groups == ("co3d-calibration",)
    assert (found.audience, found.client_id, found.session_id) == ("stac", "hub", "session")
    assert (found.expires_at - found.issued_at).total_seconds() == 300
    assert found.is_service is False


@pytest.mark.parametrize(
    ("payload", "header"),
    [
        ({"aud": ["stac"]}, {}),
        ({"typ": "Bearer"}, {"typ": "JWT"}),
        ({}, {"typ": "application/AT+JWT"}),
        ({"groups": ...}, {}),
        ({"azp": ..., "client_id": "hub"}, {}),
        # a clock that is a little ahead
        ({"iat": int(time.time()) + 10}, {}),
    ],
    ids=["list-of-one", "keycloak", "media-type", "no-groups", "client_id", "clock"],
)
async def test_other_good_tokens(
    settings: HubSettings,
    verifier: oidc.TokenVerifier,
    payload: dict[str, Any],
    header: dict[str, Any],
) -> None:
    found = await verifier.verify(signed(claims(settings, **payload), **header))
    assert (found.username, found.client_id) == ("marie", "hub")


@pytest.mark.parametrize("username", [..., "service-account-access"])
async def test_token_of_a_service_has_neither_name_nor_groups(
    settings: HubSettings, verifier: oidc.TokenVerifier, username: Any
) -> None:
    found = await verifier.verify(
        signed(claims(settings, azp="access", preferred_username=username, groups=["x"]))
    )
    assert found.is_service
    assert (found.username, found.groups, found.client_id) == ("", (), "access")


NOW = int(time.time())
REFUSALS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "other issuer": ({"iss": "http://127.0.0.1:8000/idp/realms/other"}, {}, "issuer"),
    "no issuer": ({"iss": ...}, {}, "iss"),
    "other audience": ({"aud": "s3"}, {}, "not for the audience 'stac'"),
    "no audience": ({"aud": ...}, {}, "aud"),
    "several audiences": ({"aud": ["stac", "s3"]}, {}, "several audiences"),
    "audience beginning alike": ({"aud": "stac2"}, {}, "not for the audience"),
    "expired": ({"exp": NOW - 1}, {}, "has expired"),
    "no expiry": ({"exp": ...}, {}, "exp"),
    "expiry is text": ({"exp": "tomorrow"}, {}, "exp|Expiration"),
    "not yet valid": ({"nbf": NOW + 3600}, {}, "not yet valid"),
    "from the future": ({"iat": NOW + 3600}, {}, "issued in the future"),
    "no time of issue": ({"iat": ...}, {}, "iat"),
    "no subject": ({"sub": ...}, {}, "sub"),
    "id token of Keycloak": ({"typ": "ID"}, {"typ": "JWT"}, "not an access token"),
    "id token": ({}, {"typ": "JWT"}, "not an access token"),
    "id token without a type": ({"nonce": "n"}, {"typ": ...}, "not an access token"),
    "refresh token": ({"typ": "Refresh"}, {"typ": "JWT"}, "not an access token"),
    "groups is text": ({"groups": "boresight-admins"}, {}, "list of names"),
    "groups of numbers": ({"groups": [1]}, {}, "list of names"),
    "name is a list": ({"preferred_username": ["marie"]}, {}, "not a text"),
    "other key": ({}, {"key": OTHER_KEY}, "[Ss]ignature"),
    "unknown key": ({}, {"kid": "k2"}, "not the provider's"),
    "no key": ({}, {"kid": ...}, "names no key"),
    "HS256": ({}, {"key": b"secret" * 8, "alg": "HS256"}, "not RS256"),
    "RS512": ({}, {"alg": "RS512"}, "not RS256"),
    "PS256": ({}, {"alg": "PS256"}, "not RS256"),
    "ES256": ({}, {"key": ec.generate_private_key(ec.SECP256R1()), "alg": "ES256"}, "not RS256"),
    "unsigned": ({}, {"key": None, "alg": "none"}, "not RS256"),
    "too long": ({"padding": "x" * 20_000}, {}, "longer than"),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_refusal(settings: HubSettings, verifier: oidc.TokenVerifier, case: str) -> None:
    assert (await verifier.verify(signed(claims(settings)))).username == "marie"

    changes, header, words = REFUSALS[case]
    with pytest.raises(CredentialError, match=words) as caught:
        await verifier.verify(signed(claims(settings, **changes), **header))
    assert "Sign in again" in str(caught.value)


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "ü.ü.ü", "....", "Bearer x"])
async def test_what_is_no_token(verifier: oidc.TokenVerifier, token: str) -> None:
    with pytest.raises(CredentialError):
        await verifier.verify(token)


async def test_refusal_does_not_tell_the_token(
    settings: HubSettings, verifier: oidc.TokenVerifier
) -> None:
    token = signed(claims(settings, aud="s3"))
    with pytest.raises(CredentialError) as caught:
        await verifier.verify(token)
    assert token.split(".")[1] not in str(caught.value)


async def test_keys_are_fetched_once(
    settings: HubSettings, provider: Provider, verifier: oidc.TokenVerifier
) -> None:
    for _ in range(3):
        await verifier.verify(signed(claims(settings)))
    assert provider.asked == ["openid-configuration", "jwks_uri"]


async def test_new_key_is_found(
    settings: HubSettings, provider: Provider, verifier: oidc.TokenVerifier, clock: Clock
) -> None:
    await verifier.verify(signed(claims(settings)))
    provider.keys = {"k2": OTHER_KEY}
    clock.ahead_s = 6
    found = await verifier.verify(signed(claims(settings), key=OTHER_KEY, kid="k2"))
    assert found.username == "marie"
    # and the old one is good no longer
    with pytest.raises(CredentialError):
        await verifier.verify(signed(claims(settings)))


async def test_flood_of_unknown_keys_is_no_flood_of_requests(
    settings: HubSettings, provider: Provider, verifier: oidc.TokenVerifier
) -> None:
    await verifier.verify(signed(claims(settings)))
    for number in range(50):
        with pytest.raises(CredentialError):
            await verifier.verify(signed(claims(settings), kid=f"invented-{number}"))
    assert provider.asked.count("jwks_uri") == 1


async def test_known_keys_outlive_the_provider(
    settings: HubSettings, provider: Provider, verifier: oidc.TokenVerifier, clock: Clock
) -> None:
    await verifier.verify(signed(claims(settings)))
    provider.down = True
    clock.ahead_s = 3600
    assert (await verifier.verify(signed(claims(settings)))).username == "marie"
    assert provider.asked.count("openid-configuration") == 2


async def test_without_keys_the_provider_is_needed(
    settings: HubSettings, provider: Provider, verifier: oidc.TokenVerifier, clock: Clock
) -> None:
    provider.down = True
    for _ in range(20):
        with pytest.raises(SignInError, match="out of reach"):
            await verifier.verify(signed(claims(settings)))
    assert len(provider.asked) == 1
    provider.down = False
    clock.ahead_s = 1
    assert (await verifier.verify(signed(claims(settings)))).username == "marie"


class Clock:
    def __init__(self) -> None:
        self.ahead_s = 0.0
        self._real: Callable[[], float] = time.monotonic

    def monotonic(self) -> float:
        return self._real() + self.ahead_s

    time = staticmethod(time.time)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (oidc.provider, oidc.verifier):
        monkeypatch.setattr(module, "time", clock)
    return clock


async def test_provider_of_another_name_is_refused(
    settings: HubSettings, provider: Provider
) -> None:
    provider.discovery["issuer"] = "http://127.0.0.1:9/idp/realms/boresight"
    with pytest.raises(SignInError, match="calls itself"):
        await oidc.discover(settings, http=provider.http)


async def test_exchange_asks_for_the_audience_by_name_and_scope(
    settings: HubSettings, provider: Provider
) -> None:
    provider.token_answer = httpx.Response(200, json={"access_token": "t", "expires_in": 300})
    tokens = await oidc.exchange(settings, "subject", "s3", http=provider.http)
    assert (tokens.access_token, tokens.expires_in_s) == ("t", 300)
    assert tokens.refresh_token is None
    assert provider.form["audience"] == ["s3"]
    assert provider.form["scope"] == ["audience-s3"]
    assert provider.form["subject_token"] == ["subject"]
    assert "client_secret" not in provider.form


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (
            httpx.Response(400, json={"error": "invalid_grant", "error_description": "it ended"}),
            CredentialError,
            r"invalid_grant.*it ended.*Sign in again",
        ),
        (
            httpx.Response(401, json={"error": "invalid_client"}),
            CredentialError,
            "hub-client-secret",
        ),
        (httpx.Response(503), SignInError, "503"),
        (httpx.Response(200, text="<html>"), SignInError, "neither a token nor a reason"),
        (httpx.Response(404, text="not here"), SignInError, "neither a token nor a reason"),
    ],
    ids=["refused", "client", "ill", "nonsense", "elsewhere"],
)
async def test_answers_that_are_no_token(
    settings: HubSettings,
    provider: Provider,
    answer: httpx.Response,
    error: type[Exception],
    words: str,
) -> None:
    provider.token_answer = answer
    with pytest.raises(error, match=words):
        await oidc.refresh(settings, "refresh-token-value", http=provider.http)


async def test_tokens_stay_out_of_text(settings: HubSettings, provider: Provider) -> None:
    provider.token_answer = httpx.Response(
        200, text=json.dumps({"access_token": "hush", "expires_in": 5, "refresh_token": "hush2"})
    )
    tokens = await oidc.refresh(settings, "r", http=provider.http)
    assert tokens.refresh_token == "hush2"
    assert "hush" not in f"{tokens!r} {tokens}"
