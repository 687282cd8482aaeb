"""Asking our services over HTTP: patiently, with bounds, and in words for people."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import Retry

from boresight.errors import AccessError

#: To connect, and between two parts of an answer [s].
TIMEOUT_S = (5.0, 60.0)
# a service that restarts is waited for; what is asked here may be asked twice
RETRIES = Retry(
    total=6,
    backoff_factor=0.5,
    backoff_max=10,
    status_forcelist=(429, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
)


def ask(
    method: str, url: str, *, service: str, auth: AuthBase | None = None, **options: Any
) -> requests.Response:
    """Ask ``url``; the status is for the caller to judge.

    Parameters
    ----------
    method : str
    url : str
    service : str
        What people call it, for the message.
    auth : AuthBase, optional
    **options
        Of ``requests``: ``json``, ``data``, ``headers``. Redirections are followed only where
        ``allow_redirects`` says so: what is posted here is for nobody else.

    Raises
    ------
    AccessError
        When it is out of reach.
    """
    with requests.Session() as session:
        # what stands in a netrc file is for somebody else
        session.auth = auth or _Nobody()
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=RETRIES))
        try:
            options.setdefault("allow_redirects", False)
            return session.request(method, url, timeout=TIMEOUT_S, **options)
        except requests.RequestException as exc:
            raise out_of_reach(service, exc) from exc


def out_of_reach(service: str, exc: BaseException) -> AccessError:
    """Error for a service that did not answer."""
    return AccessError(
        f"{service} did not answer ({type(exc).__name__}).",
        remedy="See whether the environment runs: boresight status. Then run this again.",
    )


def reason_of(answer: requests.Response) -> tuple[str, str]:
    """What a refusal says, and its remedy, which may be empty."""
    try:
        body = answer.json()
    except ValueError:
        return str(answer.reason), ""
    if not isinstance(body, dict):
        return str(body)[:500], ""
    text = body.get("detail") or body.get("error_description") or body.get("description") or body
    return str(text)[:500], str(body.get("remedy") or "")


def check_safe(url: str, what: str) -> str:
    """Return ``url`` when a token may be sent there: by https, or on this machine.

    Raises
    ------
    AccessError
        When it is neither.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    is_plain = host and not parts.username and not parts.query and not parts.fragment
    if is_plain and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))):
        return url
    raise AccessError(
        f"{what} {url[:200]!r} is not taken: tokens go to https:// addresses, and to http:// ones "
        "of this machine.",
        remedy="Use the https address, or forward the port: ssh -L 8000:127.0.0.1:8000 HOST.",
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Nobody(AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request
