"""The catalogue, in the name of whoever's server or worker this is."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pystac
import requests
from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import Retry

from boresight.access.environment import Environment
from boresight.errors import AccessError, BoresightError, CatalogueError, ExpiredSessionError

_TIMEOUT_S = (5.0, 60.0)
# a service that restarts is waited for; a write is repeated too, since an item replaces itself
_RETRIES = Retry(
    total=6,
    backoff_factor=0.5,
    backoff_max=10,
    status_forcelist=(429, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
)


class _TokenFile(AuthBase):
    """Bearer token, read anew for each request: the file is renewed in place."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # never to another host, whatever a link of an item says
        if not self._is_ours(request):
            return request
        request.headers["Authorization"] = f"Bearer {self._token()}"
        request.register_hook("response", self._with_the_next_token)
        return request

    def _with_the_next_token(self, answer: requests.Response, **options: Any) -> requests.Response:
        """Ask again when the token aged while a service that restarts was waited for."""
        # the request may have been redirected since
        if answer.status_code != 401 or not self._is_ours(answer.request):
            return answer
        header = f"Bearer {self._token()}"
        if answer.request.headers.get("Authorization") == header:
            return answer
        answer.close()
        again = answer.request.copy()
        again.headers["Authorization"] = header
        repeated: requests.Response = answer.connection.send(again, **options)
        repeated.history.append(answer)
        return repeated

    def _is_ours(self, request: requests.PreparedRequest) -> bool:
        return f"{request.url}/".startswith(
            (f"{self._environment.stac_url}/", f"{self._environment.stac_url}?")
        )

    def _token(self) -> str:
        path = self._environment.stac_token_file
        try:
            return path.read_text().strip()
        except OSError as exc:
            raise ExpiredSessionError(
                f"The token file {path.name} cannot be read ({exc.strerror}): the session is over.",
                remedy="Sign in again; then start a new server.",
            ) from exc


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


def open_catalog() -> Client:
    """Open the catalogue.

    Returns
    -------
    pystac_client.Client
        Shows the collections your groups may read. Works as long as the session lives, however
        old it gets itself.

    Raises
    ------
    AccessError
        When the service is out of reach.
    ExpiredSessionError
        When the session is over.
    """
    environment = Environment.from_env()
    io = _TellingIO(timeout=_TIMEOUT_S[1], max_retries=_RETRIES)
    io.session.auth = _TokenFile(environment)
    return Client.open(environment.stac_url, stac_io=io)


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
    return pystac.Item.from_dict(answer.json())


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
    environment = Environment.from_env()
    with requests.Session() as session:
        session.auth = _TokenFile(environment)
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=_RETRIES))
        try:
            return session.request(
                method, f"{environment.stac_url}/{path}", json=content, timeout=_TIMEOUT_S
            )
        except requests.RequestException as exc:
            raise _out_of_reach(exc) from exc


def _check(answer: requests.Response, action: str, what: str) -> None:
    if answer.ok:
        return
    if answer.status_code == 401:
        raise _session_is_over()
    raise CatalogueError(
        f"The catalogue refuses to {action} {what} ({answer.status_code}): {_reason(answer)}"
    )


def _reason(answer: requests.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return answer.reason
    return str(body.get("detail") or body.get("description") or body)[:500]


def _told(exc: APIError) -> BoresightError | None:
    """What ``exc`` means for people; None when it is an answer to judge."""
    status = getattr(exc, "status_code", None)  # absent when there was no answer at all
    if status == 401:
        return _session_is_over()
    if isinstance(exc.__context__, BoresightError):  # the token file's own words
        return exc.__context__
    return _out_of_reach(exc.__context__ or exc) if status is None or status >= 500 else None


def _session_is_over() -> ExpiredSessionError:
    return ExpiredSessionError(
        "The catalogue does not accept your token any more: the session is over.",
        remedy="Sign in again; a running notebook goes on with the new session.",
    )


def _out_of_reach(exc: BaseException) -> AccessError:
    return AccessError(
        f"The catalogue did not answer ({type(exc).__name__}).",
        remedy="See whether the environment runs: boresight status. Then run this again.",
    )
