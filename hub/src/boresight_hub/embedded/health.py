"""Asking a service on this machine whether it is well, and telling it things."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path
from urllib.parse import urlsplit

from boresight_hub.embedded.plan import Request

PROBE_TIMEOUT_S = 5.0


def problem(url: str, *, timeout_s: float = PROBE_TIMEOUT_S) -> str:
    """Say what is wrong with ``url``; empty when it answers 2xx, or ``tcp://…`` accepts."""
    parts = urlsplit(url)
    if parts.scheme == "tcp":
        try:
            socket.create_connection((parts.hostname, parts.port or 0), timeout_s).close()
        except OSError as exc:
            return f"{url}: {exc.strerror or exc}"
        return ""
    return problem_of(Request(url), secrets_dir=None, timeout_s=timeout_s)


def problem_of(
    request: Request, *, secrets_dir: Path | None, timeout_s: float = PROBE_TIMEOUT_S
) -> str:
    """Send ``request`` and say what is wrong with the answer; empty when it is a 2xx."""
    parts = urlsplit(request.url)
    headers = {"Connection": "close"}
    if request.token_secret and secrets_dir is not None:
        token = (secrets_dir / request.token_secret).read_text().strip()
        headers["Authorization"] = f"token {token}"
    if request.body:
        headers["Content-Type"] = "application/json"
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port or 80, timeout=timeout_s
    )
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    try:
        connection.request(
            request.method, target, body=request.body.encode() or None, headers=headers
        )
        answer = connection.getresponse()
        answer.read(65536)
    except (OSError, http.client.HTTPException) as exc:
        return f"{request.method} {request.url}: {exc or type(exc).__name__}"
    finally:
        connection.close()
    if 200 <= answer.status < 300:
        return ""
    return f"{request.method} {request.url}: answered {answer.status}"
