"""An id token is believed when it answers this sign-in, and in no other case."""

from __future__ import annotations

import json
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from boresight_hub.config.idtoken import verify_id_token
from boresight_hub.errors import CredentialError
from boresight_hub.settings import HubSettings

OURS = rsa.generate_private_key(public_exponent=65537, key_size=2048)
THEIRS = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SETTINGS = HubSettings(state_dir=Path("/nowhere"), port=8000)


def key_set() -> jwt.PyJWKSet:
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(OURS.public_key()))
    return jwt.PyJWKSet.from_dict({"keys": [{**public, "kid": "k1", "alg": "RS256"}]})


def claims(**changes: object) -> dict[str, object]:
    now = int(time.time())
    good: dict[str, object] = {
        "iss": SETTINGS.issuer,
        "sub": "subject-1",
        "aud": "hub",
        "iat": now,
        "exp": now + 86_400,  # tokens are made when tests are collected, long before they run
        "nonce": "n1",
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def sign(payload: dict[str, object], key: object = OURS, **header: str) -> str:
    return jwt.encode(payload, key, algorithm="RS256", headers={"kid": "k1", **header})  # type: ignore[arg-type]


def test_good_token() -> None:
    token = sign(claims(azp="hub"))
    assert verify_id_token(SETTINGS, token, keys=key_set(), nonce="n1") == "subject-1"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        pytest.param(sign(claims(nonce="n2")), "another sign-in", id="replayed"),
        pytest.param(sign(claims(nonce=None)), "nonce", id="no nonce"),
        pytest.param(sign(claims(aud="access")), "udience", id="other client"),
        pytest.param(sign(claims(azp="access")), "another client", id="other party"),
        pytest.param(sign(claims(iss="http://evil")), "ssuer", id="other issuer"),
        pytest.param(sign(claims(exp=1)), "expired", id="expired"),
        pytest.param(sign(claims(sub=None)), "sub", id="nobody"),
        pytest.param(sign(claims(), THEIRS), "ignature", id="forged"),
        pytest.param(sign(claims(), kid="k2"), "key", id="unknown key"),
        pytest.param(jwt.encode(claims(), None, algorithm="none"), "RS256", id="unsigned"),
        pytest.param(jwt.encode(claims(), "s" * 32, algorithm="HS256"), "RS256", id="symmetric"),
        pytest.param("", "segments", id="empty"),
        pytest.param("a.b.c", "header", id="rubbish"),
    ],
)
def test_refused(token: str, reason: str) -> None:
    with pytest.raises(CredentialError, match=reason):
        verify_id_token(SETTINGS, token, keys=key_set(), nonce="n1")
