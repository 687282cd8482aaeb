"""Who asks, and whether the credential that comes along is theirs.

A user's server has a token of the hub, which says whose it is. The credential of a batch grant is
shown to the access service; it has to belong to the same person, or somebody's notebook would run
in another's name.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import OrderedDict

import httpx
import jwt

from boresight_hub.batch.refusals import BatchError
from boresight_hub.errors import ServiceError
from boresight_hub.settings import HubSettings

#: The service's name among the hub's.
SERVICE = "batch"
_ACCESS_SCOPES = {"access:services", f"access:services!service={SERVICE}"}
_BELIEVED_S = 10.0
_MAX_REMEMBERED = 1000
_SCHEMES = {"token", "bearer"}
_TIMEOUT_S = 15.0

logger = logging.getLogger(__name__)


class Callers:
    """Asks hub and access service; close it.

    Parameters
    ----------
    settings : HubSettings
    """

    def __init__(self, settings: HubSettings) -> None:
        self._hub = f"{settings.url_of('hub')}/hub/api"
        self._grants = f"{settings.url_of('access')}/services/access/batch-grants"
        self._username_claim = settings.oidc.username_claim
        self._http = httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False)
        self._known: OrderedDict[bytes, tuple[float, str]] = OrderedDict()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def person(self, authorization: str) -> str:
        """Name of the person behind the header ``Authorization``.

        Raises
        ------
        BatchError
            When the token is nobody's, or not for this service.
        ServiceError
            When the hub does not answer.
        """
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() not in _SCHEMES or not token:
            raise _unknown("There is no token of the hub in the header Authorization.")
        digest = hashlib.sha256(token.encode()).digest()
        asked_at, name = self._known.get(digest, (0.0, ""))
        if name and time.monotonic() - asked_at < _BELIEVED_S:
            return name
        self._known.pop(digest, None)
        answer = await self._ask("GET", f"{self._hub}/user", f"token {token}", "hub")
        if answer.status_code in (401, 403, 404):
            raise _unknown("The hub does not know the token, or it has been revoked.")
        if answer.status_code != 200:
            raise ServiceError(f"The hub answers {answer.status_code} to whose a token is.")
        user = answer.json()
        if user.get("kind") != "user" or not _ACCESS_SCOPES.intersection(user.get("scopes", ())):
            raise _unknown("The token is not for batch runs.")
        name = str(user["name"])
        self._known[digest] = (time.monotonic(), name)
        if len(self._known) > _MAX_REMEMBERED:
            self._known.popitem(last=False)
        return name

    async def check_credential(self, user: str, credential: str) -> None:
        """Make sure that ``credential`` is of a batch grant of ``user``.

        Raises
        ------
        BatchError
            When it is of nobody, or of somebody else.
        ServiceError
            When the access service does not answer.
        """
        # it becomes part of a header
        if not credential.isascii() or not credential.isprintable() or " " in credential:
            raise _no_grant(user)
        answer = await self._ask(
            "POST", f"{self._grants}/token", f"Bearer {credential}", "access", {"audience": "s3"}
        )
        if answer.status_code in (400, 401, 403):
            raise _no_grant(user)
        if answer.status_code != 200:
            raise ServiceError(f"The access service answers {answer.status_code} to a batch grant.")
        # it comes from the access service itself, so that nothing is left to verify
        claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
        if str(claims.get(self._username_claim, "")).lower() != user:
            raise _no_grant(user)

    async def end_grant(self, credential: str) -> bool:
        """End the grant of a run that is over; returns whether it has ended.

        A service that is away is asked again by whoever calls this.
        """
        try:
            answer = await self._ask("DELETE", self._grants, f"Bearer {credential}", "access")
        except ServiceError as exc:
            logger.info("a batch grant is ended later: %s", exc)
            return False
        # 401: its owner has revoked it before
        return answer.status_code in (204, 401)

    async def _ask(
        self, method: str, url: str, authorization: str, service: str, body: object = None
    ) -> httpx.Response:
        try:
            return await self._http.request(
                method, url, headers={"authorization": authorization}, json=body
            )
        except httpx.HTTPError as exc:
            raise ServiceError(
                f"The service {service} does not answer ({type(exc).__name__}).",
                remedy="Try again in a moment; `boresight status` shows the state of services.",
            ) from exc


def _unknown(message: str) -> BatchError:
    return BatchError(
        "credentials", message, status=401, remedy="Ask from your own server, or start it anew."
    )


def _no_grant(user: str) -> BatchError:
    return BatchError(
        "grant",
        f"The credential that came along is not that of a batch grant of {user}.",
        status=403,
        remedy="Make a grant at the access service (POST /batch-grants) and send its credential.",
    )
