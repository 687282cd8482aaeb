"""Signed addresses, for where there are no credentials: made when opened, and anew in time.

An address is used until little of its life is left, and then signed anew at its next use. Threads
that wait at the same time share a request.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from requests import Response

from boresight.access.hrefs import is_ours
from boresight.access.identity import Bearer, Identity
from boresight.access.services import ask, reason_of
from boresight.access.signin import connect
from boresight.errors import AccessError, ForeignHrefError

#: An address with less than this left is signed anew at its next use [s]; of one that lives
#: shortly, the half counts.
MARGIN_S = 120.0

# what the service takes in one request
_MAX_HREFS = 64
_MAX_KEPT = 20_000
# the answer's times are in whole seconds
_ROUNDING_S = 1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class _Signed:
    address: str
    renew_at: float  # of the monotonic clock [s]


class Addresses:
    """Signed addresses of one person, kept while they are good.

    Parameters
    ----------
    identity : Identity
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._kept: OrderedDict[str, _Signed] = OrderedDict()
        self._waiting: dict[str, None] = {}
        self._lock = threading.Lock()
        self._signing = threading.Lock()

    def address(self, href: str, siblings: Iterable[str] = ()) -> str:
        """Address of ``href`` that is good for a while.

        Parameters
        ----------
        href : str
            Canonical.
        siblings : iterable of str
            Others that are likely to be wanted soon: signed along, if that is allowed.

        Raises
        ------
        AccessError
            When it is refused, or the service is out of reach.
        """
        known = self._good(href)
        if known:
            return known
        with self._lock:
            self._waiting.update(dict.fromkeys((href, *siblings)))
        with self._signing:
            # another thread may have signed it along
            known = self._good(href)
            if known:
                return known
            with self._lock:
                others = [one for one in self._waiting if one != href]
                self._waiting.clear()
            others = [one for one in others if not self._good(one)][: _MAX_HREFS - 1]
            if others:
                try:
                    return self._sign([href, *others])[href]
                except AccessError as exc:
                    # all or none: one that is not allowed must not stand in the way of this one
                    logger.debug("signed alone, since its siblings are refused: %s", exc.message)
            return self._sign([href])[href]

    def all(self, hrefs: Iterable[str]) -> dict[str, str]:
        """Addresses of ``hrefs``, signed in as few requests as the service allows.

        Raises
        ------
        AccessError
            When one is refused, or the service is out of reach.
        """
        wanted = list(dict.fromkeys(hrefs))
        found = {href: known for href in wanted if (known := self._good(href))}
        missing = [href for href in wanted if href not in found]
        with self._signing:
            for start in range(0, len(missing), _MAX_HREFS):
                found |= self._sign(missing[start : start + _MAX_HREFS])
        return {href: found[href] for href in wanted}

    def forget(self, href: str, address: str) -> None:
        """Have ``href`` signed anew at its next use, if ``address`` is what is kept for it."""
        with self._lock:
            kept = self._kept.get(href)
            if kept and kept.address == address:
                del self._kept[href]

    def _good(self, href: str) -> str | None:
        with self._lock:
            kept = self._kept.get(href)
        return kept.address if kept and time.monotonic() < kept.renew_at else None

    def _sign(self, hrefs: list[str]) -> dict[str, str]:
        # the life counts from before the request, or an address would look younger than it is
        begun = time.monotonic()
        answer = sign_request(self._identity, hrefs, "get", None)
        addresses: dict[str, str] = answer.json()["hrefs"]
        life_s = _life_s(answer)
        renew_at = begun + life_s - min(MARGIN_S, life_s / 2)
        with self._lock:
            for href, address in addresses.items():
                self._kept[href] = _Signed(address, renew_at)
                self._kept.move_to_end(href)
            while len(self._kept) > _MAX_KEPT:
                self._kept.popitem(last=False)
        return addresses


@lru_cache(maxsize=8)
def addresses_of(identity: Identity) -> Addresses:
    """Addresses kept for ``identity``."""
    return Addresses(identity)


def sign(
    hrefs: Iterable[str], *, op: str = "get", life_s: int | None = None, url: str = ""
) -> dict[str, str]:
    """Sign hrefs for programs that have no credentials: QGIS, a browser, a colleague's script.

    Whoever has such an address can use it until it ends: treat it like a password.

    Parameters
    ----------
    hrefs : iterable of str
        Canonical hrefs, as the catalogue holds them, of objects you may read or write.
    op : {"get", "head", "put"}
        The one thing the addresses can be used for.
    life_s : int, optional
        Life asked for [s]; it ends with your S3 session at the latest.
    url : str
        As in :func:`~boresight.access.open_catalog`.

    Returns
    -------
    dict of str to str
        Address of each href.

    Raises
    ------
    ForeignHrefError
        When one is not ours.
    AccessError
        When the service refuses, or is out of reach.
    """
    identity = connect(url)
    wanted = list(dict.fromkeys(hrefs))
    for href in wanted:
        check_ours(href, identity)
    found: dict[str, str] = {}
    for start in range(0, len(wanted), _MAX_HREFS):
        answer = sign_request(identity, wanted[start : start + _MAX_HREFS], op, life_s)
        found |= answer.json()["hrefs"]
    return found


def sign_request(identity: Identity, hrefs: list[str], op: str, life_s: int | None) -> Response:
    """One request to the signing API, of at most 64 hrefs.

    Raises
    ------
    AccessError
        When the service refuses, or is out of reach.
    """
    root = identity.environment.access_url
    content: dict[str, Any] = {"hrefs": hrefs, "op": op}
    if life_s is not None:
        content["ttl_s"] = life_s
    answer = ask(
        "POST",
        f"{root}/sign",
        service="The signing API",
        auth=Bearer(identity, "access", root),
        json=content,
    )
    if answer.status_code == 401:
        raise identity.over
    if not answer.ok:
        text, remedy = reason_of(answer)
        raise AccessError(f"The signing API refuses ({answer.status_code}): {text}", remedy=remedy)
    return answer


def check_ours(href: str, identity: Identity) -> None:
    """Make sure that ``href`` is the canonical href of an object of ours.

    Raises
    ------
    ForeignHrefError
        When it is not.
    """
    if not is_ours(href, identity.environment):
        raise ForeignHrefError(
            f"The href {href.partition('?')[0][:200]!r} is not plainly below "
            f"{identity.environment.s3_url}/ and one of our buckets.",
            remedy="Only hrefs of the catalogue are signed.",
        )


def _life_s(answer: Response) -> float:
    """How long the addresses of an answer live, whatever this machine's clock says [s]."""
    ends_at = datetime.fromisoformat(str(answer.json()["expires_at"]))
    stamp = answer.headers.get("Date")
    now = parsedate_to_datetime(stamp) if stamp else datetime.now(UTC)
    return max(0.0, (ends_at - now).total_seconds() - _ROUNDING_S)
