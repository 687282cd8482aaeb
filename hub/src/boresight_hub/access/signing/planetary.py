"""The dialect of the ``planetary-computer`` SDK, version 1.0, below ``…/pc/``.

Its data lie in Azure, where one token opens a whole container; S3 knows no such thing. So a token
made here is taken by a *front*: the SDK adds it to an href at the front's host, the front checks it
and sends the request on (307) to a signed address of our own S3, nowhere else. A container is a
bucket, the account is the first part of the front's host name, as the SDK reads it.

A token names the S3 session it was made with and can do no more than that one: read, in one
container, below the prefix of the API key if there is one, until both are over. It is no secret of
the store, just a name with a keyed hash.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from boresight_hub.access.signing.callers import Callers
from boresight_hub.access.signing.core import Signer
from boresight_hub.access.signing.keystore import derived_key
from boresight_hub.access.signing.problems import (
    ANSWERED,
    SigningError,
    answer_exception,
    shown,
)
from boresight_hub.settings import HubSettings

_HEADERS = {"cache-control": "no-store"}
_INSTANT = "%Y-%m-%dT%H:%M:%SZ"
# in the order they are signed; the SDK takes an href with `se` and `sp` for one that is signed
_FIELDS = ("se", "sp", "sr", "pre", "ses", "key")


@dataclass(frozen=True, slots=True)
class ContainerToken:
    """What a token says.

    Attributes
    ----------
    ends_at : datetime
    prefix : str
        ``bucket/`` or ``bucket/…/``.
    session_key : str
        Access key of the session.
    key_id : str
        API key it was asked for with, or empty.
    """

    ends_at: datetime
    prefix: str
    session_key: str
    key_id: str = ""


class TokenMaker:
    """Makes container tokens and checks them.

    Parameters
    ----------
    secret : str
        The service's own secret.
    """

    def __init__(self, secret: str) -> None:
        self._key = derived_key(secret, "container tokens")

    def write(self, token: ContainerToken) -> str:
        """Token as a query string."""
        values = {
            "se": token.ends_at.strftime(_INSTANT),
            "sp": "r",
            "sr": "c",
            "pre": token.prefix,
            "ses": token.session_key,
            "key": token.key_id,
        }
        return urlencode(values | {"sig": self._signature(values)})

    def read(self, query: str, now: datetime) -> ContainerToken:
        """Token in ``query``.

        Raises
        ------
        SigningError
            When there is none, it was not made here, or it is over.
        """
        try:
            pairs = parse_qsl(
                query, keep_blank_values=True, strict_parsing=True, max_num_fields=len(_FIELDS) + 1
            )
        except ValueError:
            pairs = []
        values = dict(pairs)
        signature = values.pop("sig", "")
        is_whole = len(pairs) == len(_FIELDS) + 1 and tuple(values) == _FIELDS
        if not is_whole or not hmac.compare_digest(
            self._signature(values).encode(), signature.encode(errors="replace")
        ):
            raise SigningError(
                "token-unknown",
                "There is no container token in the query, or it was not made here.",
                status=403,
                remedy="Ask for a token, and add it to the href as it is.",
            )
        ends_at = datetime.strptime(values["se"], _INSTANT).replace(tzinfo=UTC)
        if now >= ends_at:
            raise SigningError(
                "token-over",
                f"The container token ended at {values['se']}.",
                status=403,
                remedy="Ask for another token.",
            )
        return ContainerToken(ends_at, values["pre"], values["ses"], values["key"])

    def _signature(self, values: dict[str, str]) -> str:
        # no value can hold a line break: the hrefs they come from cannot
        text = "\n".join(f"{name}={values[name]}" for name in _FIELDS)
        mac = hmac.digest(self._key, text.encode(errors="replace"), "sha256")
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


class PlanetaryDialect:
    """Tokens, single signatures, and the redirecting front.

    Parameters
    ----------
    settings : HubSettings
    signer : Signer
    callers : Callers
    """

    def __init__(self, settings: HubSettings, signer: Signer, callers: Callers) -> None:
        self._settings = settings
        self._rules = settings.access.signing
        self._signer = signer
        self._callers = callers
        self._tokens = TokenMaker(settings.secret("access-signing-key"))
        self._account = urlsplit(settings.front_url).netloc.partition(".")[0]

    def app(self) -> FastAPI:
        """Make the application that is mounted below ``…/pc``."""
        app = FastAPI(
            title="Boresight signing, for planetary-computer",
            docs_url=None,
            redoc_url=None,
            exception_handlers=dict.fromkeys(ANSWERED, answer_exception),
        )
        app.add_api_route("/token/{account}/{container}", self.token, methods=["GET"])
        app.add_api_route("/sign", self.sign, methods=["GET"])
        return app

    def install_front(self, app: FastAPI) -> None:
        """Add the front to ``app``, behind all its other routes."""
        app.add_api_route(
            "/{container}/{key:path}",
            self.front,
            methods=["GET", "HEAD"],
            include_in_schema=False,
        )

    async def token(self, request: Request, account: str, container: str) -> Response:
        """Make a token for one container."""
        if account != self._account or container not in self._settings.buckets:
            raise SigningError(
                "container",
                f"There is no container {shown(f'{account}/{container}')}.",
                status=404,
                remedy=f"The account is {self._account}; containers are the buckets "
                f"{', '.join(self._settings.buckets)}.",
            )
        caller = await self._callers.anybody(request.headers)
        prefix = f"{container}/"
        if caller.limits and caller.limits.prefix:
            if not caller.limits.prefix.startswith(prefix):
                raise SigningError(
                    "key-prefix",
                    f"The API key {caller.limits.key_id} is for {caller.limits.prefix} only.",
                    status=403,
                    remedy="Make another key for that container.",
                )
            prefix = caller.limits.prefix
        grant = await self._signer.container_grant(caller, container)
        text = self._tokens.write(
            ContainerToken(
                grant.ends_at,
                prefix,
                grant.session_key,
                caller.limits.key_id if caller.limits else "",
            )
        )
        answer = {"token": text, "msft:expiry": grant.ends_at.strftime(_INSTANT)}
        return JSONResponse(answer, headers=_HEADERS)

    async def sign(
        self,
        request: Request,
        href: str,
        duration: Annotated[int | None, Query(description="life asked for [min]")] = None,
    ) -> Response:
        """Sign one href to read."""
        caller = await self._callers.anybody(request.headers)
        life_s = None if duration is None else 60 * duration
        signed = await self._signer.sign(caller, [href], "get", life_s)
        answer = {
            "href": signed.urls[href],
            "msft:expiry": signed.expires_at.strftime(_INSTANT),
        }
        return JSONResponse(answer, headers=_HEADERS)

    async def front(self, request: Request) -> Response:
        """Send a request with a container token on to our S3."""
        container = request.path_params["container"]
        if container not in self._settings.buckets:
            raise SigningError(
                "path",
                f"There is nothing at {shown(request.url.path)}.",
                status=404,
                remedy="Routes stand in /services/access/openapi.json.",
            )
        # as it was sent: what was decoded once could be something else when it is quoted again
        path = request.scope["raw_path"].decode("latin-1")
        now = datetime.now(UTC)
        token = self._tokens.read(request.scope["query_string"].decode("latin-1"), now)
        if token.key_id and not self._callers.grants.is_live(token.key_id):
            raise SigningError(
                "token-over",
                "The API key the container token was made with is revoked.",
                status=403,
                remedy="Make another key.",
            )
        url = await self._signer.redirection(
            token.session_key,
            path,
            "head" if request.method == "HEAD" else "get",
            token.prefix,
            token.ends_at,
        )
        return RedirectResponse(url, 307, _HEADERS)
