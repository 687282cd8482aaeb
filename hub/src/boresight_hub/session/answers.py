"""What answers of hub, proxy and servers mean to who asked."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from boresight_hub.errors import ServiceError

# 424 is the hub's for a server that does not run, also while it has yet to learn that it does
AWAY = (424, 502, 503, 504)


class AwayError(ServiceError):
    """Somebody on the way is being restarted, or is down."""


def place_of(url: httpx.URL | str) -> str:
    """Address without its query, which may hold codes."""
    place = urlsplit(str(url))
    return f"{place.scheme}://{place.netloc}{place.path}"


def is_away(response: httpx.Response) -> bool:
    """Whether somebody on the way answers in place of the one that was asked."""
    if response.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
        # a person's server, which asks the hub who it is that speaks
        return "Failed to connect to Hub API" in reason_of(response)
    if response.status_code in (httpx.codes.NOT_FOUND, httpx.codes.FORBIDDEN):
        # in the words of an API it is JSON; a proxy without routes answers otherwise, and so
        # do the hub's pages, which a proxy that has yet to learn its routes asks instead
        return "json" not in response.headers.get("content-type", "")
    # an API redirects nobody: the hub does, in the place of a server the proxy has yet to learn of
    return response.status_code in AWAY or response.is_redirect


def failed(method: str, url: str, response: httpx.Response) -> ServiceError:
    """Say what was asked and what the answer says."""
    return ServiceError(
        f"{method} {url} answers {response.status_code}: {reason_of(response)}.",
        remedy="See the log of the hub: boresight logs hub.",
    )


def is_end_of_the_hub(response: httpx.Response) -> bool:
    """Whether the hub was ended while it worked on this: it says nothing but the status."""
    return reason_of(response) == "Internal Server Error"


def is_under_way(response: httpx.Response) -> bool:
    """Whether a start is refused because it was begun before."""
    return "already running" in response.text or "pending" in response.text


def reason_of(response: httpx.Response) -> str:
    """Words of an API for what went wrong, or those of its status."""
    try:
        return str(response.json().get("message", ""))[:300].rstrip(".")
    except (ValueError, AttributeError):
        return response.reason_phrase


def out_of_reach(url: str, exc: Exception) -> ServiceError:
    """Say where nobody answers."""
    return ServiceError(
        f"{place_of(url)} is out of reach ({type(exc).__name__}).",
        remedy="See whether the environment runs: boresight status.",
    )
