"""The catalogue, in the name of whoever's server, worker or laptop this is."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pystac
import requests
from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO

from boresight.access.assets import SigningAssets, SigningClient
from boresight.access.identity import Bearer, Identity
from boresight.access.services import RETRIES, TIMEOUT_S, ask, out_of_reach, reason_of
from boresight.access.signin import connect
from boresight.errors import BoresightError, CatalogueError, ExpiredSessionError

_SERVICE = "The catalogue"


class _TellingIO(StacApiIO):
    """Says in words for people what is wrong with the service or the session.

    A search asks when its items are taken, long after :func:`open_catalog`.
    """

    def request(self, *args: Any, **options: Any) -> str:
        """Ask; answers such as 404 are for the caller to judge."""
        try:
            return super().request(*args, **options)
        except APIError as exc:
            told = _told(exc)
            if told is None:
                raise
            raise told from exc


def open_catalog(url: str = "") -> Client:
    """Open the catalogue.

    Parameters
    ----------
    url : str
        Address of an environment that :func:`~boresight.access.sign_in` was called for. Inside a
        server or a worker, and after a single sign-in, it is not needed.

    Returns
    -------
    pystac_client.Client
        Shows the collections your groups may read. Works as long as the session lives, however
        old it gets itself.

        On a laptop the ``href`` of an asset is signed when it is asked for, and anew when little
        of its life is left; a search signs nothing. Inside, hrefs are left as they are, since
        every reader has credentials there.

    Raises
    ------
    AccessError
        When the service is out of reach, or nobody has signed in.
    ExpiredSessionError
        When the session is over.
    """
    identity = connect(url)
    root = identity.environment.stac_url
    io = _TellingIO(timeout=TIMEOUT_S[1], max_retries=RETRIES)
    io.session.auth = _auth(identity)
    if identity.is_inside:
        return Client.open(root, stac_io=io)
    return SigningClient.open(root, stac_io=io, modifier=SigningAssets(identity))


def get_item(collection: str, item_id: str) -> pystac.Item:
    """Fetch an item.

    Raises
    ------
    CatalogueError
        When there is no such collection or item, or none that you may see.
    """
    answer = _request("GET", f"collections/{quote(collection)}/items/{quote(item_id)}")
    if answer.status_code == 404:
        raise CatalogueError(
            f"There is no item {item_id!r} in a collection {collection!r} that you may read.",
            remedy="open_catalog().get_collections() lists what you may read.",
        )
    _check(answer, "read", f"{collection}/{item_id}")
    item = pystac.Item.from_dict(answer.json())
    identity = connect()
    if not identity.is_inside:
        SigningAssets(identity)(item)
    return item


def publish_item(item: pystac.Item) -> None:
    """Create an item, or replace the one of the same id.

    Raises
    ------
    CatalogueError
        When its collection is unknown or not yours to write, or the item breaks a rule.
    """
    collection = item.collection_id
    if not collection:
        raise CatalogueError(
            f"The item {item.id!r} names no collection.", remedy="Set its collection_id."
        )
    content: dict[str, Any] = item.to_dict(include_self_link=False, transform_hrefs=False)
    path = f"collections/{quote(collection)}/items"
    answer = _request("POST", path, content)
    if answer.status_code == 409:
        answer = _request("PUT", f"{path}/{quote(item.id)}", content)
    if answer.status_code == 404:
        raise CatalogueError(
            f"There is no collection {collection!r} that you may read.",
            remedy="open_catalog().get_collections() lists what you may read.",
        )
    _check(answer, "write", f"{collection}/{item.id}")


def _request(method: str, path: str, content: dict[str, Any] | None = None) -> requests.Response:
    identity = connect()
    return ask(
        method,
        f"{identity.environment.stac_url}/{path}",
        service=_SERVICE,
        auth=_auth(identity),
        json=content,
        allow_redirects=True,
    )


def _auth(identity: Identity) -> Bearer:
    return Bearer(identity, "stac", identity.environment.stac_url)


def _check(answer: requests.Response, action: str, what: str) -> None:
    if answer.ok:
        return
    if answer.status_code == 401:
        raise _session_is_over()
    raise CatalogueError(
        f"The catalogue refuses to {action} {what} ({answer.status_code}): {reason_of(answer)[0]}"
    )


def _told(exc: APIError) -> BoresightError | None:
    """What ``exc`` means for people; None when it is an answer to judge."""
    status = getattr(exc, "status_code", None)  # absent when there was no answer at all
    if status == 401:
        return _session_is_over()
    if isinstance(exc.__context__, BoresightError):  # the token file's own words
        return exc.__context__
    if status is not None and status < 500:
        return None
    return out_of_reach(_SERVICE, exc.__context__ or exc)


def _session_is_over() -> ExpiredSessionError:
    return ExpiredSessionError(
        "The catalogue does not accept your token any more: the session is over.",
        remedy="Sign in again; a running notebook goes on with the new session.",
    )
