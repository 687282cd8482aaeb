"""From an href to bucket and key, or a refusal: no guess, no second decoding, no other host.

An href is compared as text, since every library that takes addresses apart has its own idea of
``user@host``, of ports, of ``..`` and of characters that look like others. What it may be is
narrow: an origin from the list, a bucket of ours in its exact spelling, and a key that reads the
same however often it is decoded or normalised.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

from boresight_hub.access.signing.problems import SigningError, shown

#: Longest href, in characters: a key of 1024 bytes, each byte quoted, and the rest.
MAX_HREF_CHARS = 4096
#: Longest key, in bytes of UTF-8, as S3 has it.
MAX_KEY_BYTES = 1024

# spaces and controls end a header or a log line; a backslash is a slash to browsers
_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\\"
_NOT_IN_HREF = re.compile(rf"[\s{_CONTROL}]")
_NOT_IN_KEY = re.compile(rf"[{_CONTROL}%]")
_SHAPE = re.compile(
    r"(?P<origin>[^/?#]*//[^/?#]*)/(?P<bucket>[^/?#]*)/?(?P<path>[^?#]*)(?P<rest>.*)"
)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# a slash that is quoted divides for some servers and not for others
_QUOTED_SLASH = re.compile(r"%(2[Ff]|5[Cc])")
# an address that was signed here once may be signed again; every other query means something
_OLD_SIGNATURE = re.compile(
    r"\?(X-Amz-(Algorithm|Credential|Date|Expires|SignedHeaders|Security-Token|Signature)"
    r"=[\w.~%/+-]*(&|\Z))+",
    re.ASCII,
)


class Target(NamedTuple):
    """The object an href names."""

    bucket: str
    key: str


class HrefChecker:
    """Takes hrefs of our own store, and no others.

    Parameters
    ----------
    origins : sequence of str
        Scheme, host and port under which the store is known, as hrefs spell them.
    buckets : sequence of str
        Buckets of which objects are signed.
    """

    def __init__(self, origins: Sequence[str], buckets: Sequence[str]) -> None:
        self._origins = frozenset(origin.rstrip("/") for origin in origins)
        self._buckets = frozenset(buckets)
        self._named_origins = ", ".join(dict.fromkeys(origin.rstrip("/") for origin in origins))
        self._named_buckets = ", ".join(buckets)

    def check(self, href: str, index: int | None = None) -> Target:
        """Bucket and key of ``href``.

        Parameters
        ----------
        href : str
        index : int, optional
            Its place in the request, for the message.

        Raises
        ------
        SigningError
            When it is anything but a plain href of one of our objects.
        """

        def refused(kind: str, rule: str, remedy: str, status: int = 400) -> SigningError:
            # the query may hold a signature that still works
            value = href.partition("?")[0]
            return SigningError(
                f"href-{kind}",
                f"The href {shown(value)} is refused: {rule}.",
                status=status,
                remedy=remedy,
                value=value,
                index=index,
            )

        as_catalogue = "Take the href as the catalogue has it."
        if len(href) > MAX_HREF_CHARS:
            raise refused("length", f"it is longer than {MAX_HREF_CHARS} characters", as_catalogue)
        if _NOT_IN_HREF.search(href):
            raise refused("form", "it holds a space, a control character or a \\", as_catalogue)
        shape = _SHAPE.fullmatch(href)
        origin = shape["origin"] if shape else href.partition("?")[0]
        if shape is None or origin not in self._origins:
            raise refused(
                "host",
                f"only objects of {self._named_origins} are signed here, in this very spelling",
                "Read objects of other servers without a signature of ours.",
            )
        if shape["bucket"] not in self._buckets:
            raise refused(
                "bucket",
                f"{shown(shape['bucket'])} is none of the buckets {self._named_buckets}",
                as_catalogue,
                status=403,
            )
        if shape["rest"] and not _OLD_SIGNATURE.fullmatch(shape["rest"]):
            raise refused(
                "query", "it has a query or a fragment", "Leave out everything from ? or # on."
            )
        return Target(shape["bucket"], self._key(shape["path"], refused))

    @staticmethod
    def _key(path: str, refused: _Refused) -> str:
        encode_once = "Quote the key once, as in RFC 3986, and leave its slashes as they are."
        if _BAD_ESCAPE.search(path) or _QUOTED_SLASH.search(path):
            raise refused("path", "a % in it quotes nothing, or a slash", encode_once)
        try:
            key = unquote_to_bytes(path).decode()
        except UnicodeDecodeError:
            raise refused("path", "its key is not UTF-8", encode_once) from None
        if _NOT_IN_KEY.search(key):
            raise refused(
                "path",
                "its key holds a %, a control character or a \\, or is quoted twice",
                encode_once,
            )
        if any(part in ("", ".", "..") for part in key.split("/")):
            raise refused(
                "path",
                "its key has a part that is empty, . or ..",
                "Name one object, by the parts of its key.",
            )
        if len(key.encode()) > MAX_KEY_BYTES:
            raise refused(
                "length", f"its key is longer than {MAX_KEY_BYTES} bytes", "Use a shorter key."
            )
        return key


class _Refused(Protocol):
    """Makes a refusal."""

    def __call__(self, kind: str, rule: str, remedy: str, status: int = 400) -> SigningError: ...
