"""From the href of an asset to its object, and back; ours only.

A canonical href is ``{s3_url}/{bucket}/{key}``. Whatever else an item may say is refused, since
following it would send credentials, or a worker, to somebody else's host.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

from boresight.access.environment import Environment
from boresight.access.signin import connect
from boresight.errors import ForeignHrefError

_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


def to_s3_uri(href: str) -> str:
    """Map an href to ``s3://bucket/key``.

    Parameters
    ----------
    href : str
        Canonical href of ours, or an ``s3://`` address of one of our buckets.

    Raises
    ------
    ForeignHrefError
        When it lies outside our buckets, or its path is not plain.
    """
    bucket, key = _split(href)
    return f"s3://{bucket}/{key}"


def to_vsis3(href: str) -> str:
    """Map an href, or an ``s3://`` address, to the path by which GDAL reads it.

    Raises
    ------
    ForeignHrefError
        As :func:`to_s3_uri`.
    """
    bucket, key = _split(href)
    return f"/vsis3/{bucket}/{key}"


def to_href(s3_uri: str) -> str:
    """Map ``s3://bucket/key`` to the canonical href, as the catalogue holds it.

    Raises
    ------
    ForeignHrefError
        When the bucket is not ours.
    """
    bucket, key = _split(s3_uri)
    return f"{connect().environment.s3_url}/{bucket}/{quote(key)}"


def is_ours(href: str, environment: Environment) -> bool:
    """Whether ``href`` is the canonical href of an object of ours."""
    try:
        _split(href, environment)
    except ForeignHrefError:
        return False
    return not href.startswith("s3:")


def _split(address: str, environment: Environment | None = None) -> tuple[str, str]:
    """Bucket and key of an address of ours."""
    environment = environment or connect().environment
    parts = urlsplit(address)
    if parts.scheme == "s3":
        if parts.query or parts.fragment:
            raise _foreign(address, environment)
        bucket, path = parts.netloc, parts.path.removeprefix("/")
    else:
        # compared as text: no port trick, no user@host, no other spelling of the host
        prefix = f"{environment.s3_url}/"
        if not address.startswith(prefix) or parts.query or parts.fragment:
            raise _foreign(address, environment)
        bucket, _, path = unquote(address.removeprefix(prefix)).partition("/")
    plain = path and not _CONTROL.search(path) and "%" not in path
    if bucket not in environment.buckets or not plain:
        raise _foreign(address, environment)
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise _foreign(address, environment)
    return bucket, path


def _foreign(address: str, environment: Environment) -> ForeignHrefError:
    shown = urlsplit(address)._replace(query="", fragment="").geturl()[:200]
    return ForeignHrefError(
        f"The href {shown!r} is not plainly below {environment.s3_url}/ and one of the buckets "
        f"{', '.join(environment.buckets)}.",
        remedy="Copy the file into one of our buckets, and publish the item with that href.",
    )
