"""Objects on our buckets, by the credentials of the token file."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.credentials import ContainerProvider
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    IncompleteReadError,
    NoCredentialsError,
)
from botocore.session import get_session
from botocore.utils import ContainerMetadataFetcher

from boresight.access.hrefs import to_s3_uri
from boresight.errors import AccessError, ExpiredSessionError

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    # about a minute of trying: a store that restarts is waited for
    retries={"mode": "standard", "total_max_attempts": 8},
    s3={"addressing_style": "path"},
    max_pool_connections=16,
)
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchBucket"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidIdentityToken"})
_TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"  # noqa: S105 - the name of a variable
_local = threading.local()


class _PatientFetcher(ContainerMetadataFetcher):  # type: ignore[misc] # botocore has no types
    """Fetches credentials, and waits for an access service that restarts."""

    RETRY_ATTEMPTS = 10  # one second apart; botocore's own three would lose a job to a restart
    TIMEOUT_SECONDS = 5


def upload(path: Path | str, s3_uri: str, *, content_type: str | None = None) -> None:
    """Upload a file.

    Raises
    ------
    AccessError
        When S3 refuses, or is out of reach.
    """
    bucket, key = _bucket_key(s3_uri)
    extra = {"ContentType": content_type} if content_type else {}
    with _told("write", s3_uri):
        _client().upload_file(str(path), bucket, key, ExtraArgs=extra)


def write_bytes(content: bytes, s3_uri: str, *, content_type: str = "") -> None:
    """Write an object.

    Raises
    ------
    AccessError
        When S3 refuses, or is out of reach.
    """
    bucket, key = _bucket_key(s3_uri)
    extra = {"ContentType": content_type} if content_type else {}
    with _told("write", s3_uri):
        _client().put_object(Bucket=bucket, Key=key, Body=content, **extra)


def download(address: str, path: Path | str) -> None:
    """Download an object to a file; nothing half-written stays.

    Parameters
    ----------
    address : str
        Canonical href or ``s3://`` address.

    Raises
    ------
    AccessError
        When it is absent, refused, or S3 is out of reach.
    """
    bucket, key = _bucket_key(address)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _told("read", address):
        # boto3 writes beside the target and renames at the end
        _client().download_file(bucket, key, str(target))


def read_bytes(address: str) -> bytes:
    """Read an object.

    Raises
    ------
    AccessError
        When it is absent, refused, or S3 is out of reach.
    """
    bucket, key = _bucket_key(address)
    with _told("read", address):
        content: bytes = _client().get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


def object_info(address: str) -> dict[str, Any] | None:
    """Size [byte], ETag and content type of an object; None when it is absent.

    Raises
    ------
    AccessError
        When it is refused, or S3 is out of reach.
    """
    bucket, key = _bucket_key(address)
    with _told("read", address):
        try:
            head = _client().head_object(Bucket=bucket, Key=key)
        except ClientError as exc:
            if _code(exc) in _ABSENT:
                return None
            raise
    return {
        "size": int(head["ContentLength"]),
        "etag": str(head["ETag"]).strip('"'),
        "content_type": str(head.get("ContentType", "")),
    }


def exists(address: str) -> bool:
    """Whether there is an object.

    Raises
    ------
    AccessError
        When it is refused, or S3 is out of reach.
    """
    return object_info(address) is not None


def list_keys(prefix_uri: str) -> list[str]:
    """``s3://`` addresses of the objects below ``s3://bucket/prefix/``, sorted.

    Raises
    ------
    AccessError
        When it is refused, or S3 is out of reach.
    """
    bucket, prefix = _bucket_key(prefix_uri.rstrip("/"))
    with _told("list", prefix_uri):
        pages = (
            _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
        )
        return sorted(
            f"s3://{bucket}/{entry['Key']}" for page in pages for entry in page.get("Contents", [])
        )


def delete(address: str) -> None:
    """Delete an object; one that is absent is no error.

    Raises
    ------
    AccessError
        When S3 refuses, or is out of reach.
    """
    bucket, key = _bucket_key(address)
    with _told("delete", address):
        _client().delete_object(Bucket=bucket, Key=key)


def delete_prefix(prefix_uri: str) -> int:
    """Delete every object below ``s3://bucket/prefix/``; their number.

    Raises
    ------
    AccessError
        When S3 refuses, or is out of reach.
    """
    keys = list_keys(prefix_uri)
    for key in keys:
        delete(key)
    return len(keys)


def storage_options() -> dict[str, Any]:
    """Options for fsspec and s3fs. They name no key: the standard variables say it all."""
    return {
        "config_kwargs": {
            "connect_timeout": _CONFIG.connect_timeout,
            "read_timeout": _CONFIG.read_timeout,
            "retries": {"mode": "standard", "total_max_attempts": 8},
            "s3": {"addressing_style": "path"},
        }
    }


def _client() -> Any:
    """S3 client of this thread, since making one is not thread-safe."""
    client = getattr(_local, "client", None)
    if client is None:
        core = get_session()
        core.get_component("credential_provider").insert_before(
            ContainerProvider.METHOD, ContainerProvider(fetcher=_PatientFetcher())
        )
        client = boto3.session.Session(botocore_session=core).client("s3", config=_CONFIG)
        _local.client = client
    return client


def _bucket_key(address: str) -> tuple[str, str]:
    bucket, _, key = to_s3_uri(address).removeprefix("s3://").partition("/")
    return bucket, key


def _code(exc: ClientError) -> str:
    return str(exc.response.get("Error", {}).get("Code", ""))


@contextlib.contextmanager
def _told(action: str, address: str) -> Iterator[None]:
    """Say what failed in words for people."""
    try:
        yield
    except ClientError as exc:
        code = _code(exc)
        if code in _EXPIRED:
            raise ExpiredSessionError(
                f"{address}: the sign-in session is over ({code}).",
                remedy="Sign in again; a running notebook goes on with the new session.",
            ) from exc
        if code in _ABSENT:
            raise AccessError(
                f"{address} does not exist.", remedy="See the item in the catalogue for its assets."
            ) from exc
        raise AccessError(
            f"S3 refuses to {action} {address} ({code}).",
            remedy="Read and write groups are a property of its collection; ask an administrator.",
        ) from exc
    except (CredentialRetrievalError, NoCredentialsError, OSError) as exc:
        # botocore says it in its own words when the token file is gone
        gone = isinstance(exc, OSError) and str(exc.filename) == os.environ.get(_TOKEN_FILE)
        if isinstance(exc, OSError) and not gone:
            raise
        if gone or isinstance(exc, NoCredentialsError) or any(c in str(exc) for c in _EXPIRED):
            raise ExpiredSessionError(
                f"{address}: there are no credentials for S3; the sign-in session is over.",
                remedy="Sign in again; a running notebook goes on with the new session.",
            ) from exc
        raise AccessError(
            f"The access service gives no credentials for {address}.",
            remedy="See whether the environment runs: boresight status. Then run this again.",
        ) from exc
    except (BotoCoreError, Boto3Error, IncompleteReadError) as exc:
        # an upload wraps the refusal in an error of its own
        cause = exc.__cause__ or exc.__context__
        if isinstance(exc, Boto3Error) and isinstance(cause, ClientError):
            with _told(action, address):
                raise cause from exc
        raise AccessError(
            f"S3 did not answer to {action} {address} ({type(exc).__name__}).",
            remedy="See whether the environment runs: boresight status. Then run this again.",
        ) from exc
