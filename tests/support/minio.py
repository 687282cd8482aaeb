"""MinIO, the other side of the pass-through broker in tests: an S3 server with an STS of its own.

For tests only, on loopback, with data nobody needs: its community builds have ended, and known
weaknesses in them stay (without a client secret it takes forged tokens). What is tested with it is
our side of the AWS STS protocol.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import secrets
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

from boresight_hub.settings import HubSettings
from support.machine import alone
from support.ports import START_TIMEOUT_S

VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"
_MODULE = "github.com/minio/minio"
_BUILD_TIMEOUT_S = 1500


class MinioBuildError(Exception):
    """MinIO could not be fetched and built."""


def install() -> Path:
    """Build the server unless it is there; returns its path."""
    with alone("minio") as folder:
        kept = folder / f"minio-{VERSION}"
        if kept.exists():
            return kept
        spec = importlib.util.find_spec("go")
        assert spec is not None
        assert spec.origin is not None
        root = Path(spec.origin).parent
        work = folder / "minio-build"
        env = {
            name: value
            for name, value in os.environ.items()
            if name
            in ("PATH", "HOME", "TMPDIR", "GOPROXY", "GOSUMDB", "GONOSUMDB", "SSL_CERT_FILE")
            or name.lower().endswith("_proxy")
        }
        env |= {
            "GOROOT": str(root),
            "GOPATH": str(work / "gopath"),
            "GOCACHE": str(work / "gocache"),
            "GOBIN": str(work),
            "GOFLAGS": "-buildvcs=false -modcacherw -trimpath",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
        }
        work.mkdir(mode=0o700, exist_ok=True)
        try:
            done = subprocess.run(
                [str(root / "bin" / "go"), "install", "-ldflags=-s -w", f"{_MODULE}@{VERSION}"],
                cwd=work,
                env=env,
                capture_output=True,
                text=True,
                timeout=_BUILD_TIMEOUT_S,
            )
            if done.returncode != 0:
                raise MinioBuildError(done.stderr[-600:])
            shutil.copyfile(work / "minio", folder / ".minio")
            (folder / ".minio").chmod(0o700)
            (folder / ".minio").replace(kept)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return kept


def role_arn(settings: HubSettings) -> str:
    """Role that a token of our provider is for; MinIO derives its name from the audience."""
    digest = hashlib.sha1(settings.access.audience.encode(), usedforsecurity=False).digest()
    name = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return f"arn:minio:iam:{settings.s3.region}::role/{name}"


class Minio:
    """The server, where the embedded one would be, trusting the provider of ``settings``."""

    def __init__(self, settings: HubSettings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._root = ("peer-root", secrets.token_hex(20))

    def start(self) -> None:
        """Start it; proxy and provider have to run."""
        settings = self._settings
        folder = settings.folder("minio")
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "MINIO_ROOT_USER": self._root[0],
            "MINIO_ROOT_PASSWORD": self._root[1],
            "MINIO_REGION": settings.s3.region,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            "MINIO_IDENTITY_OPENID_CONFIG_URL": (
                f"{settings.issuer}/.well-known/openid-configuration"
            ),
            "MINIO_IDENTITY_OPENID_CLIENT_ID": settings.access.audience,
            # without one, a token signed with an empty secret would do
            "MINIO_IDENTITY_OPENID_CLIENT_SECRET": secrets.token_hex(32),
            # the role itself allows everything: the session policy is what narrows
            "MINIO_IDENTITY_OPENID_ROLE_POLICY": "readwrite",
        }
        address = f"{settings.host}:{settings.port_of('s3')}"
        command = [str(install()), "server", "--quiet", "--address", address, str(folder / "data")]
        with (settings.state_dir / "minio.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.1)
        for bucket in settings.buckets:
            self._make(bucket)

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(15)
            self._process = None

    def log(self) -> str:
        return (self._settings.state_dir / "minio.log").read_text(errors="replace")

    def root(self) -> Any:
        """Its own administrator."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self._settings.s3_url,
            region_name=self._settings.s3.region,
            aws_access_key_id=self._root[0],
            aws_secret_access_key=self._root[1],
        )

    def _make(self, bucket: str) -> None:
        root = self.root()
        if bucket not in {each["Name"] for each in root.list_buckets()["Buckets"]}:
            root.create_bucket(Bucket=bucket)

    def _is_ready(self) -> bool:
        url = f"{self._settings.s3_url}/minio/health/ready"
        try:
            return httpx.get(url, timeout=5, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False
