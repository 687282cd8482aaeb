"""Keys of the gateway, all derived from one secret so that a restart finds them again."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

#: Name of the secret everything here is derived from.
MASTER_SECRET = "dashboard-key"  # noqa: S105 - the name of a file


class GatewayKeys:
    """Keys derived from ``master`` by HKDF-SHA256, one purpose one key.

    Parameters
    ----------
    master : str
        The secret :data:`MASTER_SECRET`.
    """

    def __init__(self, master: str) -> None:
        self._master = master.encode()

    def database(self) -> str:
        """Key that encrypts tokens and TLS keys in the database: 32 bytes, base64."""
        return base64.urlsafe_b64encode(self._derive("database")).decode()

    def proxy_token(self) -> str:
        """Token with which the Go proxy asks for its routes."""
        return self._derive("proxy").hex()

    def dashboard(self, cluster: str) -> str:
        """Secret header without which the dashboard of ``cluster`` answers nobody."""
        return self._derive(f"dashboard:{cluster}").hex()

    def _derive(self, purpose: str) -> bytes:
        info = f"boresight-gateway:{purpose}".encode()
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self._master)
