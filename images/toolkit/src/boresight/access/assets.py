"""Items from outside: the ``href`` of an asset is signed when somebody asks for it.

A search over a thousand items signs nothing. The first look at an ``href`` signs it, in one
request with its siblings. ``pystac_client`` knows a modifier, but asks it about whole pages of
dictionaries, where there is nothing yet that could wait; so search and collections are subclassed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pystac
from pystac_client import Client, CollectionClient, ItemSearch

from boresight.access.addresses import addresses_of
from boresight.access.hrefs import is_ours
from boresight.access.identity import Identity

_OWN = "_boresight_identity"


class SigningClient(Client):
    """A catalogue whose items are signed when opened; made with a :class:`SigningAssets`."""

    def search(self, **options: Any) -> ItemSearch:
        """Search, as ``pystac_client`` has it."""
        found = super().search(**options)
        found.__class__ = _Search
        return found


class _Search(ItemSearch):
    def items(self) -> Iterator[pystac.Item]:
        for item in super().items():
            _modified(self, item)
            yield item

    def pages(self) -> Iterator[pystac.ItemCollection]:
        for page in super().pages():
            _modified(self, page)
            yield page

    def item_collection(self) -> pystac.ItemCollection:  # type: ignore[override] # cached there
        found: pystac.ItemCollection = super().item_collection()
        _modified(self, found)
        return found


class _Collection(CollectionClient):
    def get_items(self, *ids: str, recursive: bool = False) -> Iterator[pystac.Item]:
        for item in super().get_items(*ids, recursive=recursive):
            _modified(self, item)
            yield item


def _modified(owner: Any, found: Any) -> None:
    modifier = getattr(owner, "modifier", None)
    if modifier is not None:
        modifier(found)


class SignedAsset(pystac.Asset):
    """An asset whose ``href`` is signed when it is asked for.

    What is written down, by ``to_dict`` or ``repr``, is the canonical href.
    """

    @property
    def href(self) -> str:
        """Address that is good for a while; the canonical href where it is not one of ours."""
        canonical = self.canonical_href
        identity: Identity | None = self.__dict__.get(_OWN)
        if identity is None or not is_ours(canonical, identity.environment):
            return canonical
        return addresses_of(identity).address(canonical, self._siblings(identity))

    @href.setter
    def href(self, href: str) -> None:
        self.__dict__["href"] = href

    @property
    def canonical_href(self) -> str:
        """The href as the catalogue holds it."""
        return str(self.__dict__["href"])

    @property
    def url(self) -> str:
        """Environment it was found in."""
        return str(getattr(self.__dict__.get(_OWN), "url", ""))

    def to_dict(self) -> dict[str, Any]:
        """Asset as the catalogue holds it."""
        return self._plain().to_dict()

    def clone(self) -> pystac.Asset:
        """Another one of its kind."""
        clone = self._plain().clone()
        _convert(clone, self.__dict__[_OWN])
        return clone

    def __repr__(self) -> str:
        return f"<SignedAsset href={self.canonical_href}>"

    def _plain(self) -> pystac.Asset:
        return pystac.Asset(
            self.canonical_href,
            self.title,
            self.description,
            self.media_type,
            self.roles,
            self.extra_fields,
        )

    def _siblings(self, identity: Identity) -> list[str]:
        assets = self.owner.assets.values() if self.owner is not None else ()
        hrefs = [canonical_href(asset) for asset in assets if asset is not self]
        return [href for href in hrefs if is_ours(href, identity.environment)]


def canonical_href(asset: pystac.Asset) -> str:
    """Href of ``asset`` as the catalogue holds it."""
    return asset.canonical_href if isinstance(asset, SignedAsset) else asset.href


class SigningAssets:
    """Modifier for ``pystac_client``: assets of items and collections become signed ones.

    Parameters
    ----------
    identity : Identity
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def __call__(self, found: Any) -> None:
        """Change ``found`` in place; dictionaries stay what the service has sent."""
        if isinstance(found, pystac.ItemCollection):
            for item in found:
                self(item)
        elif isinstance(found, pystac.Item | pystac.Collection):
            for asset in found.assets.values():
                _convert(asset, self._identity)
            if type(found) is CollectionClient:
                found.__class__ = _Collection


def _convert(asset: pystac.Asset, identity: Identity) -> None:
    asset.__class__ = SignedAsset
    asset.__dict__[_OWN] = identity
