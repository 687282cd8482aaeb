"""The catalogue's panel in Lab: our API with the user's token, and signed addresses of our objects.

``jupyterlab-stac`` finds this by entry points and knows nothing else of us; we do not import it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from boresight.access.addresses import sign_request
from boresight.access.environment import Environment
from boresight.access.hrefs import is_ours, to_vsis3
from boresight.access.identity import Inside, inside

_CODE = {
    "open": ["from boresight.access import open_catalog", "open_catalog()"],
    "load": ["from boresight.access import to_xarray", "to_xarray({items}, bands={bands})"],
    "raster": ["from boresight.access import open_raster", "open_raster({asset})"],
}


class CatalogueTokens:
    """Our STAC API, and the user's token for it."""

    def __init__(self, identity: Inside) -> None:
        self._identity = identity
        self._root = identity.environment.stac_url

    def apis(self) -> Sequence[Mapping[str, Any]]:
        """The one API, and how code opens it."""
        return ({"url": self._root, "title": "Boresight", "code": _CODE},)

    def headers(self, url: str) -> Mapping[str, str]:
        """Token for an address below the API's root; none for any other.

        Raises
        ------
        ExpiredSessionError
            When the session is over.
        """
        if not f"{url}/".startswith((f"{self._root}/", f"{self._root}?")) or "/.." in url:
            return {}
        return {"Authorization": f"Bearer {self._identity.token('stac')}"}


class ObjectSigner:
    """Signed addresses of objects in our buckets."""

    name = "boresight"

    def __init__(self, identity: Inside) -> None:
        self._identity = identity

    def hosts(self) -> Sequence[str]:
        """Host of our S3."""
        return (urlsplit(self._identity.environment.s3_url).netloc,)

    def signs(self, href: str) -> bool:
        """Whether ``href`` is the canonical href of an object of ours."""
        return is_ours(href, self._identity.environment)

    def sign(self, hrefs: Sequence[str]) -> Mapping[str, tuple[str, datetime | None]]:
        """Address of each, and when it ends, by this machine's clock.

        Raises
        ------
        AccessError
            When one is refused, or the service is out of reach.
        """
        answer = sign_request(self._identity, list(hrefs), "get", None)
        content = answer.json()
        ends_at = datetime.fromisoformat(str(content["expires_at"]))
        stamp = answer.headers.get("Date")
        here = datetime.now(UTC)
        if stamp:
            # the service's clock may be another one
            ends_at += here - parsedate_to_datetime(stamp)
        return {href: (str(content["hrefs"][href]), ends_at) for href in hrefs}

    def gdal_path(self, href: str) -> str | None:
        """Path for GDAL, which has the user's credentials here."""
        return to_vsis3(href)


def tokens() -> CatalogueTokens | None:
    """Of the user whose server this is; None elsewhere."""
    return CatalogueTokens(inside()) if Environment.is_here() else None


def signer() -> ObjectSigner | None:
    """Of the user whose server this is; None elsewhere."""
    return ObjectSigner(inside()) if Environment.is_here() else None
