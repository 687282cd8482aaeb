"""The S3 server: versitygw, built once, run as two processes.

``s3-iam`` keeps the users and their policies and answers the IAM interface; ``s3`` is the gateway
that people talk to and asks ``s3-iam``, over a socket that only our account can open, who
somebody is. The objects are plain files below ``STATE/s3/data``, one folder a bucket.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from boresight_hub.embedded.goprograms import GoProgram
from boresight_hub.embedded.plan import Command
from boresight_hub.errors import SettingsError
from boresight_hub.settings import HubSettings

VERSION = "v1.8.0"
_SOCKET = "s3-iam.sock"

#: The server itself.
PROGRAM = GoProgram(
    name="versitygw",
    version=VERSION,
    title="The S3 server",
    package="github.com/versity/versitygw/cmd/versitygw",
    packages=630,
    why="The first start fetches its sources",
)


def binary(settings: HubSettings) -> Path:
    """Path of the server."""
    return PROGRAM.path(settings)


def is_installed(settings: HubSettings) -> bool:
    """Whether the server is there, in the version we want."""
    return PROGRAM.is_installed(settings)


def install(settings: HubSettings, progress: Callable[[str], None] | None = None) -> Path:
    """Build the server unless it is there; returns its path.

    Raises
    ------
    ProvisionError
        When it cannot be fetched or built.
    """
    return PROGRAM.install(settings, progress)


def supports_xattrs(folder: Path) -> bool:
    """Whether files in ``folder`` can carry user attributes, where S3 metadata is kept."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".xattr-") as probe:
        try:
            os.setxattr(probe.name, "user.boresight", b"1")
        except OSError:
            return False
    return True


def _base_env(settings: HubSettings, env: dict[str, str]) -> dict[str, str]:
    # Go gives memory back sooner; the store is rarely the one that is short of time
    return {**env, "VGW_REGION": settings.s3.region, "GOGC": "50"}


_ROOT_KEYS = {"ROOT_ACCESS_KEY": "s3-root-access-key", "ROOT_SECRET_KEY": "s3-root-secret-key"}


def iam_command(settings: HubSettings, env: dict[str, str]) -> Command:
    """Process that keeps users and policies."""
    return Command(
        argv=[
            str(binary(settings)),
            "--port",
            f"{settings.host}:{settings.port_of('s3_iam')}",
            "iam",
            "--dir",
            str(settings.folder("s3") / "iam"),
            # relative to the working folder: a socket's path may have no more than 107 characters
            "--private-ports",
            _SOCKET,
            "--private-socket-perm",
            "0600",
            "--quiet",
        ],
        env=_base_env(settings, env),
        secret_env=_ROOT_KEYS,
        cwd=str(settings.folder("s3")),
    )


def s3_command(settings: HubSettings, env: dict[str, str]) -> Command:
    """The gateway itself."""
    folder = settings.folder("s3")
    data, sidecar = folder / "data", folder / "meta"
    for path in (data, folder / "iam"):
        path.mkdir(mode=0o700, exist_ok=True)
    # once chosen it stays: the metadata of what is stored is there
    if not sidecar.exists() and not supports_xattrs(data):
        sidecar.mkdir(mode=0o700)
    options = ["--sidecar", str(sidecar)] if sidecar.exists() else []
    return Command(
        argv=[
            str(binary(settings)),
            "--port",
            f"{settings.host}:{settings.port_of('s3')}",
            "--health",
            "/health",
            "--quiet",
            "--keep-alive",
            "--iam-standalone-endpoint",
            f"../{_SOCKET}",
            "posix",
            "--dir-perms",
            "0700",
            "--file-perms",
            "0600",
            *options,
            str(data),
        ],
        env=_base_env(settings, env),
        secret_env=_ROOT_KEYS,
        # versitygw goes there by itself; the socket's path is relative to it
        cwd=str(data),
    )


def bucket_paths(settings: HubSettings) -> list[Path]:
    """Folders of the buckets an environment has."""
    data = settings.state_dir / "s3" / "data"
    s3 = settings.s3
    return [data / name for name in (s3.catalogue_bucket, s3.products_bucket, s3.home_bucket)]


def make_buckets(settings: HubSettings) -> None:
    """Make the buckets that are missing. They are private: only root and policies reach them.

    Raises
    ------
    SettingsError
        When the server refuses a bucket's name.
    """
    from botocore.config import Config
    from botocore.exceptions import ClientError
    from botocore.session import Session

    client = Session().create_client(
        "s3",
        endpoint_url=settings.s3_url,
        region_name=settings.s3.region,
        aws_access_key_id=settings.secret("s3-root-access-key"),
        aws_secret_access_key=settings.secret("s3-root-secret-key"),
        config=Config(
            s3={"addressing_style": "path"}, connect_timeout=5, read_timeout=10, proxies={}
        ),
    )
    for path in bucket_paths(settings):
        try:
            client.create_bucket(Bucket=path.name)
        except ClientError as exc:
            code = exc.response["Error"]["Code"]
            # one of another root, such as of before a restore, is as good if it can be used
            is_ours = code == "BucketAlreadyOwnedByYou" or (
                code == "BucketAlreadyExists" and _can_use(client, path.name)
            )
            if not is_ours:
                raise SettingsError(
                    f"The bucket {path.name!r} was refused: {code}.",
                    remedy="Choose another name (BORESIGHT_S3__*_BUCKET).",
                ) from exc


def _can_use(client: Any, bucket: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        client.head_bucket(Bucket=bucket)
    except ClientError:
        return False
    return True


def main() -> int:
    """Make the buckets of the environment this process belongs to."""
    try:
        make_buckets(HubSettings())
    except SettingsError as exc:
        sys.stderr.write(f"{exc}\n")
        return exc.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
