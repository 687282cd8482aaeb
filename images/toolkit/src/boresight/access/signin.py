"""Signing in from outside: a laptop, a server of one's own institute.

By the device flow (RFC 8628): an address is shown, a browser signs in there, be it on another
machine, and this process gets tokens. They are kept in a file of its owner's alone in the state
folder (``XDG_STATE_HOME``), one for each environment. A refresh token may be good for one use
only, so processes that share the file take turns.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from boresight.access import signinfile
from boresight.access.environment import Environment
from boresight.access.identity import Identity, Inside, inside
from boresight.access.services import ask, check_safe, reason_of
from boresight.access.signinfile import Endpoints, Places, SignIn
from boresight.errors import AccessError, ExpiredSessionError

#: Names an environment to those who have signed in to several.
URL_VARIABLE = "BORESIGHT_URL"

_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_PROVIDER = "The identity provider"


class SignedIn(Identity):
    """Somebody who has signed in from here.

    Parameters
    ----------
    file : Path
        Where the sign-in is kept.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        state = signinfile.read(file)
        self.url = state.url
        self.region = state.places.s3_region
        super().__init__(
            Environment(
                s3_url=state.places.s3_url.rstrip("/"),
                buckets=state.places.buckets,
                stac_url=state.places.stac_url.rstrip("/"),
                stac_token_file=None,
                user=state.user,
                access_url=state.places.access_url.rstrip("/"),
            )
        )

    @property
    def over(self) -> ExpiredSessionError:
        """Error for a session that has ended, with the remedy."""
        return ExpiredSessionError(
            f"Your sign-in at {self.url} is over.",
            remedy=f'Sign in again: boresight.access.sign_in("{self.url}").',
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # tokens travel to nobody: another process reads the file, or is inside
        return (connect, (self.url,))

    def _at_hand(self, audience: str, instead_of: str) -> str | None:
        if audience != "access":
            return None
        state = signinfile.read(self._file)
        if not _is_good(state, instead_of):
            with signinfile.turn(self._file):
                # whoever had the turn before may have renewed it
                state = signinfile.read(self._file)
                if not _is_good(state, instead_of):
                    state = self._renewed(state)
                    signinfile.write(self._file, state)
        return state.access_token

    def _renewed(self, state: SignIn) -> SignIn:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": state.refresh_token,
            "client_id": state.places.client_id,
        }
        answer = ask("POST", state.endpoints.token_endpoint, service=_PROVIDER, data=form)
        if answer.status_code in (400, 401):
            raise self.over
        return state.model_copy(update=_tokens(answer))


def sign_in(
    url: str, *, tell: Callable[[str], None] | None = None, timeout_s: float = 600.0
) -> str:
    """Sign in to an environment from outside, with a browser on any machine.

    Parameters
    ----------
    url : str
        Address of the environment as its people open it: ``https://…``, or ``http://127.0.0.1:8000``
        on this machine and through ``ssh -L 8000:127.0.0.1:8000``.
    tell : callable, optional
        Shows a line of text to the person; default: on the standard error stream.
    timeout_s : float
        Longest wait for the person [s].

    Returns
    -------
    str
        The person's name.

    Raises
    ------
    AccessError
        When the environment is out of reach, the sign-in was refused, or took too long.
    """
    origin = _origin(url)
    places = _places(origin)
    endpoints = _endpoints(places)
    form = {"client_id": places.client_id, "scope": "openid"}
    answer = ask("POST", endpoints.device_authorization_endpoint, service=_PROVIDER, data=form)
    if not answer.ok:
        raise AccessError(f"The device sign-in was not begun: {reason_of(answer)[0]}")
    begun = answer.json()
    link = str(begun.get("verification_uri_complete") or begun["verification_uri"])
    (tell or _on_stderr)(
        f"Open {link} in a browser and sign in. The page shows the code {begun['user_code']}."
    )
    wait_s = min(timeout_s, float(begun.get("expires_in", timeout_s)))
    tokens = _poll(places, endpoints, begun, wait_s)
    state = SignIn(
        url=origin,
        user=_name_in(str(tokens["access_token"])),
        places=places,
        endpoints=endpoints,
        **tokens,
    )
    file = signinfile.file_of(origin)
    with signinfile.turn(file):
        signinfile.write(file, state)
    _signed_in.cache_clear()
    return state.user


def sign_out(url: str = "") -> None:
    """End a sign-in made by :func:`sign_in`, here and at the identity provider.

    Parameters
    ----------
    url : str
        As in :func:`sign_in`; may be left out when there is but one.

    Raises
    ------
    AccessError
        When there is none.
    """
    file = _chosen(url)
    with signinfile.turn(file):
        state = signinfile.read(file)
        file.unlink()
    _signed_in.cache_clear()
    if state.endpoints.revocation_endpoint:
        form = {
            "token": state.refresh_token,
            "token_type_hint": "refresh_token",
            "client_id": state.places.client_id,
        }
        # nobody has the token any more, so it opens nothing even if this fails
        with contextlib.suppress(AccessError):
            ask("POST", state.endpoints.revocation_endpoint, service=_PROVIDER, data=form)


def connect(url: str = "") -> Identity:
    """Identity of this server or worker; outside, of who signed in.

    Parameters
    ----------
    url : str
        Address of an environment, for those who have signed in to several.

    Raises
    ------
    AccessError
        When nobody has signed in, or it is not clear where.
    """
    if Environment.is_here():
        here = inside()
        if not url or _is_at(here, _origin(url)):
            return here
    return _signed_in(_chosen(url))


def token(audience: str, *, url: str = "") -> str:
    """Token of yours for one service, for its header ``Authorization: Bearer …``.

    Ask for it at each use: it is kept while it is young, and replaced when it is not.

    Parameters
    ----------
    audience : {"access", "dask", "hub", "s3", "stac"}
        The one service that takes it.
    url : str
        As in :func:`~boresight.access.open_catalog`.

    Raises
    ------
    ExpiredSessionError
        When the session is over.
    AccessError
        When the audience is unknown, or a service out of reach.
    """
    return connect(url).token(audience)


@lru_cache(maxsize=8)
def _signed_in(file: Path) -> SignedIn:
    return SignedIn(file)


def _is_at(here: Inside, origin: str) -> bool:
    return here.environment.stac_url.startswith(f"{origin}/")


def _origin(url: str) -> str:
    # whatever page of it was copied from the browser
    checked = check_safe(url.strip().partition("?")[0].partition("#")[0], "The address")
    parts = urlsplit(checked)
    return f"{parts.scheme}://{parts.netloc}"


def _places(origin: str) -> Places:
    address = f"{origin}/services/access/environment"
    answer = ask("GET", address, service=f"The environment at {origin}")
    try:
        places = Places.model_validate_json(answer.content)
    except ValidationError as exc:
        raise AccessError(
            f"{address} answers {answer.status_code} and does not describe an environment.",
            remedy="Give the address at which you open the environment in a browser.",
        ) from exc
    for name in ("access_url", "stac_url", "sts_url"):
        if not getattr(places, name).startswith(f"{origin}/"):
            raise AccessError(
                f"The environment at {origin} calls itself {getattr(places, name)[:200]!r}; tokens "
                "are sent to the address that was given and to no other.",
                remedy="Give the address it calls itself; with ssh -L, forward that very port.",
            )
    return places


def _endpoints(places: Places) -> Endpoints:
    check_safe(places.issuer, "The identity provider's address")
    address = f"{places.issuer}/.well-known/openid-configuration"
    answer = ask("GET", address, service=_PROVIDER)
    try:
        found = Endpoints.model_validate_json(answer.content)
    except ValidationError as exc:
        raise AccessError(
            f"{address} answers {answer.status_code} and offers no device sign-in."
        ) from exc
    if found.issuer != places.issuer:
        raise AccessError(
            f"The identity provider at {places.issuer} calls itself {found.issuer[:200]!r}."
        )
    for endpoint in (found.token_endpoint, found.device_authorization_endpoint):
        check_safe(endpoint, "The identity provider's address")
    if found.revocation_endpoint:
        check_safe(found.revocation_endpoint, "The identity provider's address")
    return found


def _poll(
    places: Places, endpoints: Endpoints, begun: dict[str, Any], wait_s: float
) -> dict[str, Any]:
    form = {
        "grant_type": _DEVICE_GRANT,
        "device_code": str(begun["device_code"]),
        "client_id": places.client_id,
    }
    interval_s = float(begun.get("interval", 5))
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        time.sleep(interval_s)
        answer = ask("POST", endpoints.token_endpoint, service=_PROVIDER, data=form)
        if answer.ok:
            return _tokens(answer)
        try:
            error = str(answer.json().get("error"))
        except (ValueError, AttributeError):
            error = ""
        if error == "slow_down":
            interval_s += 5
        elif error != "authorization_pending":
            raise AccessError(
                f"The sign-in was refused: {reason_of(answer)[0]}", remedy="Sign in again."
            )
    raise AccessError(f"Nobody signed in within {wait_s:.0f} s.", remedy="Sign in again.")


def _tokens(answer: Any) -> dict[str, Any]:
    """Fields of a :class:`SignIn` from an answer of the token endpoint."""
    if not answer.ok:
        raise AccessError(
            f"The identity provider gives no token ({answer.status_code}).",
            remedy="See whether the environment runs: boresight status. Then run this again.",
        )
    content = answer.json()
    found = {
        "access_token": str(content["access_token"]),
        "renew_at": time.time() + float(content["expires_in"]) / 2,
    }
    # the same one goes on where none is given
    if content.get("refresh_token"):
        found["refresh_token"] = str(content["refresh_token"])
    return found


def _is_good(state: SignIn, instead_of: str) -> bool:
    return state.access_token != instead_of and time.time() < state.renew_at


def _name_in(token: str) -> str:
    """Name in a token, to show it; services verify the token, this does not."""
    payload = token.split(".")[1]
    padded = payload + "=" * (-len(payload) % 4)
    return str(json.loads(base64.urlsafe_b64decode(padded)).get("preferred_username", ""))


def _chosen(url: str) -> Path:
    wanted = url or os.environ.get(URL_VARIABLE, "")
    if wanted:
        file = signinfile.file_of(_origin(wanted))
        if file.is_file():
            return file
        raise AccessError(
            f"Nobody has signed in to {_origin(wanted)} from here.",
            remedy=f'Sign in: boresight.access.sign_in("{_origin(wanted)}").',
        )
    files = sorted(signinfile.folder().glob("*.json"))
    if len(files) == 1:
        return files[0]
    if not files:
        raise AccessError(
            "This is no server of an environment, and nobody has signed in from here.",
            remedy='Sign in: boresight.access.sign_in("https://…").',
        )
    known = ", ".join(signinfile.read(file).url for file in files)
    raise AccessError(
        f"You have signed in to several environments: {known}.",
        remedy=f"Name one: open_catalog(url), or the variable {URL_VARIABLE}.",
    )


def _on_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
