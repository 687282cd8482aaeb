"""Who this process works for, and tokens in their name.

A token is for one audience: a service takes its own and no other. Of which audiences a process has
tokens at hand depends on where it runs; the others are exchanged (RFC 8693) at the access service
for the one of the audience ``access``, kept for half their life, and asked for again.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import requests
from requests.auth import AuthBase

from boresight.access.environment import Environment
from boresight.access.services import ask, reason_of
from boresight.errors import AccessError, ExpiredSessionError

#: Audiences there are tokens for.
AUDIENCES = ("access", "dask", "hub", "s3", "stac")

_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class _Kept:
    token: str
    renew_at: float  # of the monotonic clock [s]


class Identity(ABC):
    """Somebody in whose name this process asks.

    Parameters
    ----------
    environment : Environment
    """

    #: Whether this process has S3 credentials by the standard variables.
    is_inside = False

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    @property
    @abstractmethod
    def over(self) -> ExpiredSessionError:
        """Error for a session that has ended, with the remedy."""

    @abstractmethod
    def _at_hand(self, audience: str, instead_of: str) -> str | None:
        """Token that is there without an exchange; None when it has to be exchanged."""

    def token(self, audience: str, *, instead_of: str = "") -> str:
        """Token for a service.

        Parameters
        ----------
        audience : str
            One of :data:`AUDIENCES`.
        instead_of : str
            A token the service has refused: another one is wanted, if there is one.

        Raises
        ------
        ExpiredSessionError
            When the session is over.
        AccessError
            When the audience is unknown, or a service out of reach.
        """
        if audience not in AUDIENCES:
            raise AccessError(
                f"There are no tokens for {str(audience)[:60]!r}.",
                remedy=f"Audiences are {', '.join(AUDIENCES)}.",
            )
        ready = self._at_hand(audience, instead_of)
        if ready is not None:
            return ready
        # one at a time: threads that wait take what the first one got
        with self._lock:
            kept = self._kept.get(audience)
            if kept and kept.token != instead_of and time.monotonic() < kept.renew_at:
                return kept.token
            kept = self._exchanged(audience)
            self._kept[audience] = kept
            return kept.token

    def _exchanged(self, audience: str) -> _Kept:
        subject = self._at_hand("access", "")
        begun = time.monotonic()
        answer = self._exchange(subject, audience)
        if answer.status_code in (400, 401) and _error(answer) != "invalid_target":
            # it may have ended on the way
            younger = self._at_hand("access", subject or "")
            if younger != subject:
                answer = self._exchange(younger, audience)
        if answer.status_code in (400, 401) and _error(answer) != "invalid_target":
            raise self.over
        if not answer.ok:
            text, remedy = reason_of(answer)
            raise AccessError(
                f"There is no token for {audience} ({answer.status_code}): {text}", remedy=remedy
            )
        content = answer.json()
        return _Kept(str(content["access_token"]), begun + float(content["expires_in"]) / 2)

    def _exchange(self, subject: str | None, audience: str) -> requests.Response:
        if not subject or not self.environment.access_url:
            raise AccessError(
                f"This server was started before there were tokens for {audience!r}.",
                remedy="Stop it and start it again: File, Hub Control Panel.",
            )
        form = {
            "grant_type": _EXCHANGE,
            "subject_token": subject,
            "subject_token_type": _ACCESS_TOKEN,
            "audience": audience,
        }
        url = f"{self.environment.access_url}/token"
        return ask("POST", url, service="The access service", data=form)


class Inside(Identity):
    """Whose server or worker this is: the hub keeps token files fresh."""

    is_inside = True

    @property
    def over(self) -> ExpiredSessionError:
        """Error for a session that has ended, with the remedy."""
        return ExpiredSessionError(
            "Your token is not accepted any more: the session is over.",
            remedy="Sign in again; a running notebook goes on with the new session.",
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # elsewhere, as in a worker, the variables of that place count
        return (inside, ())

    def _at_hand(self, audience: str, instead_of: str) -> str | None:
        del instead_of  # there is but the file, which may be newer by now
        path: Path | None = getattr(self.environment, f"{audience}_token_file", None)
        if path is None:
            return None
        try:
            return path.read_text().strip()
        except OSError as exc:
            raise ExpiredSessionError(
                f"The token file {path.name} cannot be read ({exc.strerror}): the session is over.",
                remedy="Sign in again; then start a new server.",
            ) from exc


def inside() -> Inside:
    """Identity of this server or worker.

    Raises
    ------
    AccessError
        When this is neither.
    """
    return _inside(Environment.from_env())


@lru_cache(maxsize=8)
def _inside(environment: Environment) -> Inside:
    return Inside(environment)


class Bearer(AuthBase):
    """Token in the header, read anew for each request, for one service only.

    Parameters
    ----------
    identity : Identity
    audience : str
    root : str
        Root of the service; no other address is given the token.
    """

    def __init__(self, identity: Identity, audience: str, root: str) -> None:
        self._identity = identity
        self._audience = audience
        self._root = root

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token into ``request``."""
        # never to another host, whatever a link of an item says
        if not self._is_ours(request):
            return request
        request.headers["Authorization"] = f"Bearer {self._identity.token(self._audience)}"
        request.register_hook("response", self._with_the_next_token)
        return request

    def _with_the_next_token(self, answer: requests.Response, **options: Any) -> requests.Response:
        """Ask again when the token aged while a service that restarts was waited for."""
        # the request may have been redirected since
        if answer.status_code != 401 or not self._is_ours(answer.request):
            return answer
        before = str(answer.request.headers.get("Authorization", ""))
        refused = before.removeprefix("Bearer ")
        header = f"Bearer {self._identity.token(self._audience, instead_of=refused)}"
        if before == header:
            return answer
        answer.close()
        again = answer.request.copy()
        again.headers["Authorization"] = header
        repeated: requests.Response = answer.connection.send(again, **options)
        repeated.history.append(answer)
        return repeated

    def _is_ours(self, request: requests.PreparedRequest) -> bool:
        return f"{request.url}/".startswith((f"{self._root}/", f"{self._root}?"))


def _error(answer: requests.Response) -> str:
    try:
        return str(answer.json().get("error", ""))
    except (ValueError, AttributeError):
        return ""
