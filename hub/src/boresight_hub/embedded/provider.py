"""The embedded identity provider as a process: its keys, its command, its environment."""

from __future__ import annotations

import json
import secrets
from hashlib import sha256
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.utils import base64url_encode

from boresight_hub.embedded import nodejs
from boresight_hub.embedded.people import people_file, write_private
from boresight_hub.settings import HubSettings

SERVER = Path(__file__).parent / "idp" / "server.mjs"

_JWKS = "idp-jwks.json"
_COOKIE_KEY = "idp-cookie-key"
_KEY_BITS = 2048


def make_idp_secrets(settings: HubSettings) -> None:
    """Make the provider's signing key and cookie key, unless they are there.

    The signing key outlives restarts, so tokens do too. Client secrets are made elsewhere, since
    the hub and the access service read them as well.
    """
    directory = settings.secrets_dir
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (directory / _JWKS).exists():
        write_private(directory / _JWKS, json.dumps({"keys": [_signing_key()]}) + "\n")
    if not (directory / _COOKIE_KEY).exists():
        write_private(directory / _COOKIE_KEY, secrets.token_urlsafe(32) + "\n")


def command() -> list[str]:
    """Command that runs the provider in the foreground; it ends within a second of SIGTERM."""
    return [*nodejs.node_command(), str(SERVER)]


def environment(settings: HubSettings) -> dict[str, str]:
    """Variables the provider reads, beside those every process has.

    They name files and hold no secret.
    """
    return {
        "BORESIGHT_IDP": json.dumps(
            {
                "publicUrl": settings.public_url,
                "issuer": settings.issuer,
                "host": settings.host,
                "port": settings.port_of("idp"),
                "tokenLifeS": settings.oidc.token_life_s,
                "hubClientId": settings.oidc.hub_client_id,
                "accessClientId": settings.oidc.access_client_id,
                "cliClientId": settings.oidc.cli_client_id,
                "teledetectionClientId": settings.oidc.teledetection_client_id,
                "secretsDirectory": str(settings.secrets_dir),
                "peopleFile": str(people_file(settings)),
                "databaseFile": str(settings.folder("idp") / "sessions.sqlite"),
                "nodeDirectory": str(nodejs.node_directory(settings)),
            }
        )
    }


def health_url(settings: HubSettings) -> str:
    """Address that answers 200 when the provider is ready."""
    return f"{settings.url_of('idp')}/idp/health"


def _signing_key() -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key, as_dict=True)
    # RFC 7638: the key's own thumbprint names it
    required = json.dumps(
        {name: jwk[name] for name in ("e", "kty", "n")}, separators=(",", ":"), sort_keys=True
    )
    jwk.pop("key_ops", None)
    thumbprint = base64url_encode(sha256(required.encode()).digest()).decode()
    return {**jwk, "kid": thumbprint, "use": "sig", "alg": "RS256"}
