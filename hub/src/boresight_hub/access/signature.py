"""Checks the SigV4 signature of a request to STS itself (GetCallerIdentity).

The key is looked up by its name among the sessions, then the request is signed again with it and
the signatures are compared. Signing is botocore's own.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from boresight_hub.access import refusals
from boresight_hub.access.sessions import Session

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>\w{16,128})/(?P<day>\d{8})/(?P<region>[\w-]+)/sts/"
    r"aws4_request, ?SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
# AWS allows clocks to differ by as much
_MAX_SKEW = timedelta(minutes=15)


async def verified_session(
    *,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    find: Callable[[str], Awaitable[Session | None]],
) -> Session:
    """Session that signed a request.

    Parameters
    ----------
    method, url : str
        As the client sent them; ``url`` with host and query.
    headers : mapping of str to str
        Names in lower case.
    body : bytes
    find : callable
        Gives the session of an access key.

    Raises
    ------
    RefusalError
        When the request is not signed, by an unknown key, wrongly, or by a session that is over.
    """
    match = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if match is None:
        raise refusals.no_signature("The request is not signed with AWS4-HMAC-SHA256 for sts.")
    names = match["headers"].split(";")
    stamp = headers.get("x-amz-date", "")
    try:
        signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise refusals.no_signature("The header X-Amz-Date is missing or no time.") from None
    missing = {"host", "x-amz-date"} - set(names)
    if missing or stamp[:8] != match["day"]:
        raise refusals.bad_signature("Host and X-Amz-Date have to be signed, for the same day.")
    session = await find(match["key"])
    if session is None:
        raise refusals.unknown_key("The security token included in the request is invalid.")
    given = headers.get("x-amz-security-token", "")
    if not hmac.compare_digest(session.session_token.encode(), given.encode(errors="replace")):
        raise refusals.unknown_key("The security token included in the request is invalid.")
    expected = _signature(session, match, names, method, url, headers, body, stamp)
    if not hmac.compare_digest(expected, match["signature"]):
        raise refusals.bad_signature(
            "The request signature we calculated does not match the signature you provided."
        )
    now = datetime.now(UTC)
    if abs(now - signed_at) > _MAX_SKEW:
        raise refusals.bad_signature(f"Signature expired: {stamp} is too far from now.")
    if now >= session.expires_at:
        raise refusals.expired_session("The security token included in the request is expired.")
    return session


def _signature(
    session: Session,
    match: re.Match[str],
    names: list[str],
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    stamp: str,
) -> str:
    signer = SigV4Auth(Credentials(session.access_key, session.secret_key), "sts", match["region"])
    # only what was signed: whatever a proxy has added is not part of it
    request = AWSRequest(
        method=method,
        url=url,
        data=body,
        headers={name: headers.get(name, "") for name in names if name != "host"},
    )
    request.context["timestamp"] = stamp
    request.headers["Host"] = headers.get("host", urlsplit(url).netloc)
    canonical = signer.canonical_request(request)
    return str(signer.signature(signer.string_to_sign(request, canonical), request))
