"""Page tokens: a place in an order, sealed.

The place holds sort keys of an item that whoever searched may see; in the hands of somebody else
it would tell of items that do not exist for them, and a made-up place would be a way to ask. So
tokens are encrypted and authenticated (AES-GCM) under a key of the catalogue, and bound to the
order and to the person they were made for. Whatever is not such a token gets one answer.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from boresight_hub.stac.paging import Order, Place, fits
from boresight_hub.stac.principal import Principal
from boresight_hub.stac.problems import RequestError

KEY_BYTES = 32
_NONCE_BYTES = 12
_MAX_TOKEN_CHARS = 4096


class Tokens:
    """Makes and reads tokens.

    Parameters
    ----------
    key : bytes
        The catalogue's own; every replica of the service has the same.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, principal: Principal, order: Order, place: Place) -> str:
        """Token of ``place`` for ``principal``.

        Raises
        ------
        RequestError
            When it would be too long.
        """
        content = json.dumps([int(place.backward), *place.values], separators=(",", ":"))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, content.encode(), _owner(principal, order))
        token = base64.urlsafe_b64encode(nonce + sealed).decode().rstrip("=")
        if len(token) > _MAX_TOKEN_CHARS:
            raise RequestError(
                "A value items are sorted by is too long to go on from.",
                remedy="Sort by a property with short values.",
            )
        return token

    def open(self, principal: Principal, order: Order, token: str) -> Place:
        """Place of ``token``.

        Raises
        ------
        RequestError
            When it is no token of ours, one of another order, or somebody else's.
        """
        refused = RequestError(
            "The token is none of this search.",
            remedy="Follow the links of a page; start again without token.",
        )
        if len(token) > _MAX_TOKEN_CHARS:
            raise refused
        try:
            padded = token + "=" * (-len(token) % 4)
            sealed = base64.b64decode(padded, altchars=b"-_", validate=True)
            nonce, content = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            backward, *values = json.loads(
                self._cipher.decrypt(nonce, content, _owner(principal, order))
            )
        except (ValueError, binascii.Error, InvalidTag) as exc:
            raise refused from exc
        if not fits(order, values):
            raise refused
        return Place(tuple(values), bool(backward))


def _owner(principal: Principal, order: Order) -> bytes:
    return f"{order.mark}\n{principal.name}".encode()
