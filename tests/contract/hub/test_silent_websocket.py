"""A websocket whose other side says nothing after TLS: nobody waits for it without end."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.sync.client import connect

from boresight_hub.session.websocket import open_within


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def silent(certificate: Path) -> Iterator[int]:
    """Port of a server that ends its TLS handshake and says nothing more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client, context.wrap_socket(client, server_side=True):
                over.wait(60)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        thread.join(10)


def test_a_handshake_that_comes_to_nothing_is_given_up(silent: int, certificate: Path) -> None:
    trust = ssl.create_default_context(cafile=str(certificate))
    address = f"wss://localhost:{silent}/"
    began_s = time.monotonic()
    # its own limit is 0.5 s, after which it waits for its reader
    with pytest.raises(TimeoutError, match="no websocket within 2 s"):
        open_within(
            lambda: connect(address, ssl=trust, open_timeout=0.5, proxy=None), timeout_s=2.0
        )
    assert time.monotonic() - began_s < 5


def test_what_an_attempt_ended_with_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        open_within(lambda: connect(f"ws://127.0.0.1:{port}/", proxy=None), timeout_s=5.0)
