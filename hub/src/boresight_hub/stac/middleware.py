"""What happens to every request before it reaches a route, and to every answer after it.

Plain ASGI: nothing here reads a body into memory but to count it.
"""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from boresight_hub.errors import CredentialError, SignInError
from boresight_hub.oidc import TokenVerifier
from boresight_hub.settings import HubSettings
from boresight_hub.stac import problems
from boresight_hub.stac.principal import ANONYMOUS, Principal, principal_of


class PublicAddress:
    """Every URL the framework makes starts with the public address, whatever the Host header."""

    def __init__(self, app: ASGIApp, *, settings: HubSettings) -> None:
        self._app = app
        public = urlsplit(settings.public_url)
        self._scheme, self._host = public.scheme, public.netloc.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Replace scheme and host of the request."""
        if scope["type"] == "http":
            headers = [(k, v) for k, v in scope["headers"] if k != b"host"]
            scope = {
                **scope,
                "scheme": self._scheme,
                "headers": [*headers, (b"host", self._host)],
            }
        await self._app(scope, receive, send)


class BodyLimit:
    """Bodies longer than the limit are refused, said to be so or found to be so."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the body while it is read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._max_bytes:
            await problems.answer(self._too_large())(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_bytes:
                raise self._too_large()
            return message

        async def watched(message: Message) -> None:
            # the framework takes our refusal for a body it cannot parse, and says so
            if seen <= self._max_bytes:
                await send(message)

        with suppress(problems.TooLargeError):
            await self._app(scope, counted, watched)
        if seen > self._max_bytes:
            await problems.answer(self._too_large())(scope, receive, send)

    def _too_large(self) -> problems.TooLargeError:
        return problems.TooLargeError(
            f"The request is longer than {self._max_bytes} bytes.",
            remedy="Send fewer items at a time.",
        )


class Authentication:
    """Puts the :class:`~boresight_hub.stac.principal.Principal` into the request's state.

    Without a token that is anybody; with a token that is not to be believed, it is 401.
    """

    def __init__(self, app: ASGIApp, *, settings: HubSettings, verifier: TokenVerifier) -> None:
        self._app = app
        self._settings = settings
        self._verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge the token, if there is one."""
        if scope["type"] == "http":
            try:
                principal = await self._principal(scope)
            except (CredentialError, SignInError) as exc:
                await problems.answer(exc)(scope, receive, send)
                return
            scope.setdefault("state", {})["principal"] = principal
        await self._app(scope, receive, send)

    async def _principal(self, scope: Scope) -> Principal:
        values = [v for k, v in scope["headers"] if k == b"authorization"]
        if not values:
            return ANONYMOUS
        kind, _, token = values[0].decode("latin-1").partition(" ")
        if len(values) > 1 or kind.lower() != "bearer" or not token.strip():
            raise CredentialError(
                "The Authorization header is not `Bearer <token>`.",
                remedy=f"Send one access token of audience {self._settings.stac.audience!r}.",
            )
        return principal_of(await self._verifier.verify(token.strip()), self._settings)
