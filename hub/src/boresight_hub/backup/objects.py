"""In a pod of the access service: all objects to an archive on standard output, and back.

``python -m boresight_hub.backup.objects dump > objects.tar``, ``… load < objects.tar``. The archive
is a tar file of ``bucket/key``; type and metadata are in its extended headers. Counts go to
standard error, as JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tarfile
from collections.abc import Iterator
from typing import IO, Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from boresight_hub.settings import HubSettings

_HEADERS = ("ContentType", "ContentEncoding", "CacheControl", "ContentDisposition")
_FIELD = "BORESIGHT.object"
_PART_BYTES = 64 * 2**20


def client_of(settings: HubSettings) -> Any:
    """S3 client with the root key of the chart's store."""
    return botocore.session.get_session().create_client(
        "s3",
        endpoint_url=settings.s3_url,
        region_name=settings.s3.region,
        aws_access_key_id=settings.secret("s3-root-access-key"),
        aws_secret_access_key=settings.secret("s3-root-secret-key"),
        config=Config(
            connect_timeout=10,
            read_timeout=300,
            retries={"total_max_attempts": 5},
            s3={"addressing_style": "path"},
        ),
    )


def dump(client: Any, buckets: tuple[str, ...], archive: IO[bytes]) -> dict[str, int]:
    """Write every object of ``buckets``; returns their number and size [byte]."""
    counted = {"objects": 0, "bytes": 0}
    with tarfile.open(fileobj=archive, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for bucket, key in _objects(client, buckets):
            try:
                found = client.get_object(Bucket=bucket, Key=key)
            except ClientError as exc:
                if exc.response["Error"]["Code"] in ("NoSuchKey", "404"):
                    continue  # deleted since it was listed
                raise
            about = {name: found[name] for name in _HEADERS if found.get(name)}
            member = tarfile.TarInfo(f"{bucket}/{key}")
            member.size = int(found["ContentLength"])
            member.mtime = found["LastModified"].timestamp()
            member.pax_headers = {
                _FIELD: json.dumps(
                    {
                        "bucket": bucket,
                        "key": key,
                        "headers": about,
                        "metadata": found.get("Metadata") or {},
                    }
                )
            }
            with contextlib.closing(found["Body"]) as body:
                tar.addfile(member, body)
            counted["objects"] += 1
            counted["bytes"] += member.size
    return counted


def load(client: Any, archive: IO[bytes]) -> dict[str, int]:
    """Put every object of ``archive`` where it was; returns their number and size [byte]."""
    counted = {"objects": 0, "bytes": 0}
    made: set[str] = set()
    with tarfile.open(fileobj=archive, mode="r|") as tar:
        for member in tar:
            about = json.loads(member.pax_headers[_FIELD])
            if about["bucket"] not in made:
                _ensure_bucket(client, about["bucket"])
                made.add(about["bucket"])
            content = tar.extractfile(member)
            if content is None:
                raise ValueError(f"{member.name} of the archive is no file")
            _put(client, about, content, member.size)
            counted["objects"] += 1
            counted["bytes"] += member.size
    return counted


def _objects(client: Any, buckets: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for bucket in buckets:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for one in page.get("Contents", ()):
                yield bucket, one["Key"]


def _ensure_bucket(client: Any, bucket: str) -> None:
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError:
        client.create_bucket(Bucket=bucket)


def _put(client: Any, about: dict[str, Any], content: IO[bytes], size: int) -> None:
    place = {"Bucket": about["bucket"], "Key": about["key"]}
    how = {**about["headers"], "Metadata": about["metadata"]}
    if size <= _PART_BYTES:
        client.put_object(**place, **how, Body=content.read())
        return
    upload = client.create_multipart_upload(**place, **how)["UploadId"]
    parts: list[dict[str, Any]] = []
    try:
        while chunk := content.read(_PART_BYTES):
            number = len(parts) + 1
            answer = client.upload_part(
                **place, UploadId=upload, PartNumber=number, Body=io.BytesIO(chunk)
            )
            parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        client.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": parts})
    except BaseException:
        client.abort_multipart_upload(**place, UploadId=upload)
        raise


def main(command: str) -> int:
    """Dump or load."""
    settings = HubSettings()
    client = client_of(settings)
    if command == "dump":
        counted = dump(client, settings.buckets, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    elif command == "load":
        counted = load(client, sys.stdin.buffer)
    else:
        sys.stderr.write(f"{command!r} is neither dump nor load\n")
        return 2
    sys.stderr.write(json.dumps(counted) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2] or [""]))
