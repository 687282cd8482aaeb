"""What other packages bring by entry point: tokens for APIs, signed addresses for assets.

A package that knows a catalogue and its store declares factories::

    [project.entry-points."jupyterlab_stac.tokens"]
    mine = "my_package.panel:tokens"
    [project.entry-points."jupyterlab_stac.signers"]
    mine = "my_package.panel:signer"

Each is called once, without arguments, and returns None where it has nothing to offer, or an object
with the methods of `Tokens` or `Signer`. Methods may block; they are called in threads.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit

from jupyterlab_stac.errors import PanelError, SigningError

TOKENS_GROUP = "jupyterlab_stac.tokens"
SIGNERS_GROUP = "jupyterlab_stac.signers"

#: Of one request to the server [hrefs].
MAX_HREFS = 64

logger = logging.getLogger(__name__)
_T = TypeVar("_T")


class Tokens(Protocol):
    """Knows APIs, and the reader's tokens for them."""

    def apis(self) -> Sequence[Mapping[str, Any]]:
        """APIs to offer: ``url``, ``title``, and ``code`` (lines of Python, see the README)."""

    def headers(self, url: str) -> Mapping[str, str]:
        """Headers for an address; empty where it is not one of its APIs'."""


class Signer(Protocol):
    """Makes addresses that open private assets for a while."""

    name: str

    def hosts(self) -> Sequence[str]:
        """Hosts of the addresses that it makes, as ``host`` or ``host:port``."""

    def signs(self, href: str) -> bool:
        """Whether ``href`` is one of its own."""

    def sign(self, hrefs: Sequence[str]) -> Mapping[str, tuple[str, datetime | None]]:
        """Address of each, and when it ends (aware); all or an exception."""

    def gdal_path(self, href: str) -> str | None:
        """Path by which GDAL reads it with the reader's credentials; None for its address."""


@dataclass(frozen=True)
class Signed:
    """An address and its end.

    Parameters
    ----------
    address : str
    expires_at : datetime or None
        None: it does not end.
    signer : str
        Who made it; empty for an href that needs no signature.
    """

    address: str
    expires_at: datetime | None
    signer: str

    def to_json(self) -> dict[str, Any]:
        """As the panel takes it."""
        ends = self.expires_at.isoformat() if self.expires_at else None
        return {"address": self.address, "expires_at": ends, "signer": self.signer}


class Providers:
    """All that is installed.

    Parameters
    ----------
    tokens : iterable of Tokens
    signers : iterable of Signer
    """

    def __init__(self, tokens: Iterable[Tokens] = (), signers: Iterable[Signer] = ()) -> None:
        self.tokens = tuple(tokens)
        self.signers = tuple(signers)

    @classmethod
    def installed(cls) -> Providers:
        """Those that packages declare; one that fails is logged and left out."""
        signers = [*_load(SIGNERS_GROUP), *_made("planetary-computer", planetary_computer)]
        return cls(_load(TOKENS_GROUP), signers)

    def apis(self) -> list[dict[str, Any]]:
        """APIs that are offered by default."""
        return [dict(api) for provider in self.tokens for api in provider.apis()]

    def headers(self, url: str) -> dict[str, str]:
        """Headers with the reader's token for an address."""
        for provider in self.tokens:
            try:
                found = dict(provider.headers(url))
            except Exception as exc:
                raise _told(exc, "There is no token for this API") from exc
            if found:
                return found
        return {}

    def has_token(self, url: str) -> bool:
        """Whether requests to an address carry a token; one that cannot be had counts."""
        try:
            return bool(self.headers(url))
        except PanelError:
            return True

    def signer_of(self, href: str) -> Signer | None:
        """Who signs ``href``; None where nobody does."""
        return next((signer for signer in self.signers if signer.signs(href)), None)

    def sign(self, hrefs: Sequence[str]) -> tuple[dict[str, Signed], dict[str, SigningError]]:
        """Sign in as few requests as signers allow.

        One that is refused does not stand in the way of others.

        Returns
        -------
        signed : dict
            By href.
        refused : dict
            By href.
        """
        signed: dict[str, Signed] = {}
        refused: dict[str, SigningError] = {}
        by_signer: dict[str, tuple[Signer, list[str]]] = {}
        for href in dict.fromkeys(hrefs):
            signer = self.signer_of(href)
            if signer is not None:
                by_signer.setdefault(signer.name, (signer, []))[1].append(href)
            elif urlsplit(href).scheme in ("http", "https"):
                signed[href] = Signed(href, None, "")
            else:
                refused[href] = SigningError(
                    f"Nobody here signs {href[:200]!r}.",
                    remedy="Install what signs addresses of this store.",
                    kind="unsigned",
                    href=href[:200],
                )
        for signer, wanted in by_signer.values():
            done, failed = _signed_by(signer, wanted)
            signed |= done
            refused |= failed
        return signed, refused


def _signed_by(
    signer: Signer, hrefs: list[str]
) -> tuple[dict[str, Signed], dict[str, SigningError]]:
    try:
        found = signer.sign(hrefs)
    except Exception as exc:  # noqa: BLE001 - of any package
        if len(hrefs) == 1:
            return {}, {hrefs[0]: _told(exc, "This asset cannot be signed")}
        # all or none: each alone, so that it is told which one it is
        done: dict[str, Signed] = {}
        failed: dict[str, SigningError] = {}
        with ThreadPoolExecutor(4) as pool:
            for one, other in pool.map(lambda href: _signed_by(signer, [href]), hrefs):
                done |= one
                failed |= other
        return done, failed
    return {h: Signed(*found[h], signer.name) for h in hrefs}, {}


def _told(exc: Exception, what: str) -> SigningError:
    # errors of Boresight's kind are written for people; of others the class is told
    message = getattr(exc, "message", None)
    said = message if isinstance(message, str) else f"({type(exc).__name__})."
    return SigningError(f"{what}: {said}", remedy=str(getattr(exc, "remedy", "") or ""), said=said)


def _load(group: str) -> list[Any]:
    found: list[Any] = []
    for entry in entry_points(group=group):
        found += _made(entry.name, partial(_call, entry))
    return found


def _call(entry: EntryPoint) -> Any:
    return entry.load()()


def _made(name: str, factory: Callable[[], _T | None]) -> list[_T]:
    try:
        made = factory()
    except Exception:
        logger.exception("provider %s is left out", name)
        return []
    return [] if made is None else [made]


class _PlanetaryComputer:
    """Signs with the client that Microsoft publishes, where that is installed."""

    name = "planetary-computer"
    _suffix = ".blob.core.windows.net"

    def __init__(self, sign: Callable[[str], str]) -> None:
        self._sign = sign

    def hosts(self) -> Sequence[str]:
        return (f"*{self._suffix}",)

    def signs(self, href: str) -> bool:
        parts = urlsplit(href)
        return parts.scheme == "https" and (parts.hostname or "").endswith(self._suffix)

    def sign(self, hrefs: Sequence[str]) -> Mapping[str, tuple[str, datetime | None]]:
        addresses = {href: self._sign(href) for href in hrefs}
        return {href: (address, end_of(address)) for href, address in addresses.items()}

    def gdal_path(self, href: str) -> str | None:
        return None


def planetary_computer() -> Signer | None:
    """Signer for the Planetary Computer; None where its client is not installed."""
    try:
        from planetary_computer import sign_url
    except ImportError:
        return None
    return _PlanetaryComputer(sign_url)


def end_of(address: str) -> datetime | None:
    """When a signed address ends, as far as it says itself: Azure's ``se``, AWS's signature V4."""
    query = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
    try:
        if "se" in query:
            ends = datetime.fromisoformat(query["se"].replace("Z", "+00:00"))
            return ends if ends.tzinfo else ends.replace(tzinfo=UTC)
        if "X-Amz-Date" in query and "X-Amz-Expires" in query:
            begun = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            return datetime.fromtimestamp(begun.timestamp() + float(query["X-Amz-Expires"]), UTC)
    except ValueError:
        return None
    return None
