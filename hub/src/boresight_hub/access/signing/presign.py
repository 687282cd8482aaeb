"""Presigned S3 addresses (AWS Signature Version 4 in the query), made without the network.

The signature is an HMAC whose key is derived from the secret key, the day, the region and the
service in four steps. It changes once a day, so it is kept; an address then costs one hash and one
HMAC. Addresses are in path style, ``{endpoint}/{bucket}/{key}``, and the only signed header is
``host``; the method is part of what is signed, so an address to read cannot be used to write.

References
----------
"Authenticating Requests: Using Query Parameters (AWS Signature Version 4)", Amazon S3 API
Reference.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit

from boresight_hub.access.sessions import Session

#: Longest life S3 accepts in a presigned address [s].
MAX_EXPIRES_S = 604_800

_ALGORITHM = "AWS4-HMAC-SHA256"
_SERVICE = "s3"
_DEFAULT_PORTS = {"http": 80, "https": 443}
# what stands for itself in a path; most keys hold nothing else, and looking is cheaper than quoting
_PLAIN = re.compile(r"[A-Za-z0-9/._~-]*")


class Presigner:
    """Signs addresses of one S3 server.

    Parameters
    ----------
    endpoint_url : str
        Scheme, host and port of the server, as clients reach it.
    region : str
    max_cached_keys : int
        Derived keys that are kept, one a session and day.
    """

    def __init__(self, endpoint_url: str, region: str, *, max_cached_keys: int = 4096) -> None:
        parts = urlsplit(endpoint_url)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(f"{endpoint_url!r} is no address of a server: scheme, host and port")
        self._endpoint = f"{parts.scheme}://{parts.netloc}"
        # clients leave the default port out of the header that is signed
        is_default = parts.port in (None, _DEFAULT_PORTS[parts.scheme])
        self._host = parts.hostname if is_default else f"{parts.hostname}:{parts.port}"
        self._region = region
        self._keys: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._max_cached_keys = max_cached_keys

    def batch(self, session: Session, method: str, *, at: datetime, ttl_s: int) -> Batch:
        """What all addresses of one request have in common.

        Parameters
        ----------
        session : Session
            Whose credentials sign.
        method : {"GET", "HEAD", "PUT"}
        at : datetime
            Aware, UTC: the moment from which ``ttl_s`` counts; fractions of a second are cut.
        ttl_s : int
            Life of the addresses [s], 1 to :data:`MAX_EXPIRES_S`.
        """
        if not 1 <= ttl_s <= MAX_EXPIRES_S:
            raise ValueError(f"a life of {ttl_s} s is not from 1 to {MAX_EXPIRES_S} s")
        stamp = at.strftime("%Y%m%dT%H%M%SZ")
        day = stamp[:8]
        scope = f"{day}/{self._region}/{_SERVICE}/aws4_request"
        credential = quote(f"{session.access_key}/{scope}", safe="")
        head = (
            f"X-Amz-Algorithm={_ALGORITHM}&X-Amz-Credential={credential}"
            f"&X-Amz-Date={stamp}&X-Amz-Expires={ttl_s}"
        )
        signed_headers = "&X-Amz-SignedHeaders=host"
        token = (
            f"&X-Amz-Security-Token={quote(session.session_token, safe='')}"
            if session.session_token
            else ""
        )
        return Batch(
            endpoint=self._endpoint,
            key=self._signing_key(session, day),
            before=f"{method}\n",
            # what is signed has its parameters sorted; what is sent, in the order SDKs write them
            after=(f"\n{head}{token}{signed_headers}\nhost:{self._host}\n\nhost\nUNSIGNED-PAYLOAD"),
            to_sign=f"{_ALGORITHM}\n{stamp}\n{scope}\n",
            query=f"?{head}{signed_headers}{token}&X-Amz-Signature=",
        )

    def _signing_key(self, session: Session, day: str) -> bytes:
        name = (session.access_key, day)
        key = self._keys.get(name)
        if key is not None:
            self._keys.move_to_end(name)
            return key
        key = f"AWS4{session.secret_key}".encode()
        for part in (day, self._region, _SERVICE, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._keys[name] = key
        if len(self._keys) > self._max_cached_keys:
            self._keys.popitem(last=False)
        return key


@dataclass(frozen=True, slots=True, repr=False)
class Batch:
    """Signs any number of objects alike; made by :meth:`Presigner.batch`."""

    endpoint: str
    key: bytes
    before: str
    after: str
    to_sign: str
    query: str

    def url(self, bucket: str, key: str) -> str:
        """Signed address of one object.

        Parameters
        ----------
        bucket : str
            Name of a bucket: needs no quoting.
        key : str
            Key of the object, not quoted.
        """
        quoted = key if _PLAIN.fullmatch(key) else quote(key, safe="/~")
        path = f"/{bucket}/{quoted}"
        digest = hashlib.sha256(f"{self.before}{path}{self.after}".encode()).hexdigest()
        signature = hmac.digest(self.key, f"{self.to_sign}{digest}".encode(), "sha256").hex()
        return f"{self.endpoint}{path}{self.query}{signature}"
