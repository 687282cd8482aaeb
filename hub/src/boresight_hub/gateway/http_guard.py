"""Preload of schedulers and workers: their HTTP servers answer only who knows the secret.

Every process on the machine can connect to a loopback port, and a Dask dashboard asks for nothing.
So the HTTP server of each scheduler and worker refuses a request (the health check too) that does
not carry the cluster's secret in a header. The gateway adds it, after it has seen who
asks.

Dask imports a preload before it makes the HTTP server. Wrapping ``start_http_server`` at import
therefore leaves no moment in which the port is open and unguarded.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path
from typing import Any

from distributed.node import ServerNode
from tornado.httputil import HTTPServerRequest
from tornado.web import ErrorHandler

from boresight_hub.gateway.names import SECRET_FILE_VARIABLE, SECRET_HEADER


def guard(application: Any, secret: str) -> None:
    """Make ``application`` (a tornado application) answer 403 to requests without ``secret``."""
    find_handler = application.find_handler
    expected = secret.encode()

    def guarded(request: HTTPServerRequest, **kwargs: Any) -> Any:
        given = request.headers.get(SECRET_HEADER, "").encode("latin-1", "replace")
        if hmac.compare_digest(given, expected):
            return find_handler(request, **kwargs)
        return application.get_handler_delegate(request, ErrorHandler, {"status_code": 403})

    application.find_handler = guarded


def _install() -> None:
    path = os.environ.get(SECRET_FILE_VARIABLE)
    # without a secret nothing could be let in: better no scheduler than an open one
    secret = Path(path).read_text().strip() if path else ""
    if not secret:
        raise RuntimeError(f"{SECRET_FILE_VARIABLE} names no secret; the HTTP server stays closed.")
    start_http_server = ServerNode.start_http_server

    def start_guarded(self: ServerNode, *args: Any, **kwargs: Any) -> None:
        start_http_server(self, *args, **kwargs)  # type: ignore[no-untyped-call]
        # still in the same turn of the event loop: no connection has been accepted yet
        guard(self.http_application, secret)

    ServerNode.start_http_server = start_guarded  # type: ignore[method-assign]


if SECRET_FILE_VARIABLE in os.environ:
    _install()
