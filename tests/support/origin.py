"""One origin as clients see it: identity provider and proxy in one, before real services.

Tokens are signed by a key whose public half is published as a provider publishes it, so that the
services' own verifier judges them and tests can make wrong ones too. Requests below
``/services/…`` are passed on with their prefix, as the environment's proxy does.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from boresight_hub.settings import HubSettings

KID = "key-1"
PEOPLE = {
    "marie": ("co3d-calibration",),
    "paul": ("sentinel2-calibration",),
    "lea": ("co3d-calibration", "boresight-admins"),
}


class Origin:
    """Identity provider and proxy in one, on the port people use."""

    def __init__(self, settings: HubSettings) -> None:
        self.settings = settings
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = KID
        handler = type("Handler", (_Handler,), {"origin": self})
        self._server = ThreadingHTTPServer((settings.host, settings.port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def replace_key(self, kid: str) -> None:
        """Sign with another key from now on, and publish that one alone."""
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = kid

    def claims(self, username: str | None = "marie", audience: str = "s3") -> dict[str, Any]:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.settings.issuer,
            "sub": f"id-of-{username or 'access'}",
            "aud": audience,
            "iat": now - 1,
            "exp": now + 300,
            "azp": "hub" if username else "access",
        }
        if username:
            claims |= {"preferred_username": username, "groups": list(PEOPLE.get(username, ()))}
        return claims

    def token(self, username: str | None = "marie", audience: str = "s3", **changes: Any) -> str:
        return self.sign(self.claims(username, audience) | changes)

    def sign(
        self,
        claims: dict[str, Any],
        *,
        key: Any = None,
        algorithm: str = "RS256",
        typ: str = "at+jwt",
    ) -> str:
        headers = {"kid": self.kid, "typ": typ}
        return jwt.encode(claims, key or self.key, algorithm=algorithm, headers=headers)

    def document(self, path: str) -> dict[str, Any] | None:
        protocol = f"{self.settings.issuer}/protocol/openid-connect"
        url = f"{self.settings.public_url}{path}"
        if url == f"{self.settings.issuer}/.well-known/openid-configuration":
            return {
                "issuer": self.settings.issuer,
                "jwks_uri": f"{protocol}/certs",
                **{
                    f"{name}_endpoint": f"{protocol}/{name}"
                    for name in ("authorization", "token", "userinfo", "end_session")
                },
            }
        if url == f"{protocol}/certs":
            public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
            return {"keys": [{**public, "kid": self.kid, "use": "sig", "alg": "RS256"}]}
        if url == f"{protocol}/token":
            return {"access_token": self.token(None, "stac"), "expires_in": 300}
        return None


class _Handler(BaseHTTPRequestHandler):
    origin: Origin
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        for service in ("access", "stac"):
            if self.path.startswith(f"/services/{service}"):
                self._forward(self.origin.settings.port_of(service), body)
                return
        document = self.origin.document(self.path)
        self._answer(200 if document else 404, {}, json.dumps(document or {}).encode())

    def _forward(self, port: int, body: bytes) -> None:
        host = self.origin.settings.host
        connection = http.client.HTTPConnection(host, port, timeout=60)
        try:
            connection.request(self.command, self.path, body or None, dict(self.headers))
            answer = connection.getresponse()
            self._answer(answer.status, dict(answer.getheaders()), answer.read())
        except OSError:
            self._answer(503, {}, b"")  # as the real proxy does
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass
