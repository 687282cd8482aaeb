"""Dashboards, for their owners: sign-in by the hub, then a bounded proxy to the scheduler.

A person is known by a session cookie, which comes from the hub's OAuth, or by a hub token in the
``Authorization`` header. Sessions live in memory; after a restart of the gateway the hub signs
people in again without asking them. Whose the session is, is asked of the hub again and again, so
a sign-out ends it.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import aiohttp
from aiohttp import web

from boresight_hub.errors import CredentialError, ServiceError
from boresight_hub.gateway.auth import TokenCache, token_of
from boresight_hub.gateway.hubapi import CLIENT_ID, HubApi, HubUser
from boresight_hub.gateway.keys import GatewayKeys
from boresight_hub.gateway.names import SECRET_HEADER
from boresight_hub.gateway.views import ClusterView
from boresight_hub.settings import HubSettings

log = logging.getLogger(__name__)

PREFIX = "/services/dask-gateway"
_SESSION_COOKIE = "boresight-dashboard"
_STATE_COOKIE = "boresight-dashboard-state"
_STATE_LIFE_S = 600
_MAX_SESSIONS = 1000
_SESSION_LIFE_S = 12 * 3600
_MAX_BODY_BYTES = 64 * 2**20
_MAX_MESSAGE_BYTES = 64 * 2**20
_UPSTREAM_TIMEOUT_S = 30.0
_CHUNK_BYTES = 1 << 16
#: What is handed on of a scheduler's answer.
_ANSWER_HEADERS = ("Content-Type", "Cache-Control", "ETag", "Last-Modified", "Content-Disposition")
_REQUEST_HEADERS = ("Accept", "Accept-Language", "If-None-Match", "If-Modified-Since", "Range")


@dataclass(frozen=True)
class _Session:
    token: str
    until: float


class Sessions:
    """Signed-in browsers: a random name each, and the hub token behind it."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def open(self, token: str) -> str:
        """Begin a session; returns its random name."""
        name = secrets.token_urlsafe(32)
        self._sessions[name] = _Session(token, time.monotonic() + _SESSION_LIFE_S)
        if len(self._sessions) > _MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return name

    def token(self, name: str) -> str | None:
        """Return the hub token behind a session, None when there is none."""
        session = self._sessions.get(name)
        if session is None or session.until < time.monotonic():
            self._sessions.pop(name, None)
            return None
        return session.token

    def close(self, name: str) -> None:
        """End a session."""
        self._sessions.pop(name, None)


class Dashboards:
    """Routes below ``/clusters/`` and the sign-in for them.

    Parameters
    ----------
    settings : HubSettings
    keys : GatewayKeys
    """

    def __init__(self, settings: HubSettings, keys: GatewayKeys) -> None:
        self._settings = settings
        self._keys = keys
        self._sessions = Sessions()
        self._sockets: set[web.WebSocketResponse] = set()
        self._redirect_uri = f"{PREFIX}/oauth_callback"
        self._is_secure = settings.public_url.startswith("https:")

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/oauth_callback", self._callback)
        app.router.add_get("/clusters/{name}", self._to_status)
        app.router.add_get("/clusters/{name}/{path:.*}", self._dashboard)
        app.on_shutdown.append(self._close_sockets)

    # sign-in

    async def _user(self, request: web.Request) -> HubUser | None:
        tokens: TokenCache = request.app["tokens"]
        name = request.cookies.get(_SESSION_COOKIE, "")
        token = token_of(request) or self._sessions.token(name)
        try:
            user = await tokens.user(token) if token else None
        except ServiceError as exc:
            raise web.HTTPBadGateway(text=str(exc)) from exc
        if user is None:
            self._sessions.close(name)
        return user

    def _to_sign_in(self, request: web.Request) -> web.HTTPFound:
        state = secrets.token_urlsafe(32)
        query = urlencode(
            {
                "client_id": CLIENT_ID,
                "redirect_uri": self._redirect_uri,
                "response_type": "code",
                "state": state,
            }
        )
        answer = web.HTTPFound(f"/hub/api/oauth2/authorize?{query}")
        # state and destination stay together in the browser that began the sign-in
        self._set_cookie(answer, _STATE_COOKIE, f"{state} {request.rel_url}", _STATE_LIFE_S)
        return answer

    async def _callback(self, request: web.Request) -> web.StreamResponse:
        state, _, destination = request.cookies.get(_STATE_COOKIE, "").partition(" ")
        given = request.query.get("state", "")
        if not state or not hmac.compare_digest(state.encode(), given.encode()):
            raise web.HTTPBadRequest(
                text="This sign-in was not begun in this browser, or is too old. "
                "Open the dashboard again."
            )
        hub: HubApi = request.app["hub"]
        try:
            token = await hub.exchange_code(request.query.get("code", ""), self._redirect_uri)
        except CredentialError as exc:
            raise web.HTTPForbidden(text=str(exc)) from exc
        except ServiceError as exc:
            raise web.HTTPBadGateway(text=str(exc)) from exc
        # only ever to a dashboard of ours
        target = destination if destination.startswith("/clusters/") else "/clusters/"
        answer = web.HTTPFound(PREFIX + target)
        answer.del_cookie(_STATE_COOKIE, path=f"{PREFIX}/")
        self._set_cookie(answer, _SESSION_COOKIE, self._sessions.open(token), _SESSION_LIFE_S)
        return answer

    def _set_cookie(self, answer: web.StreamResponse, name: str, value: str, life_s: int) -> None:
        answer.set_cookie(
            name,
            value,
            max_age=life_s,
            path=f"{PREFIX}/",
            httponly=True,
            secure=self._is_secure,
            samesite="Lax",
        )

    # dashboards

    async def _to_status(self, request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(f"{PREFIX}/clusters/{request.match_info['name']}/status")

    async def _dashboard(self, request: web.Request) -> web.StreamResponse:
        user = await self._user(request)
        is_socket = request.headers.get("Upgrade", "").lower() == "websocket"
        if user is None:
            if is_socket or token_of(request):
                raise web.HTTPUnauthorized(text="Sign in first.")
            raise self._to_sign_in(request)
        name, path = request.match_info["name"], request.match_info["path"]
        if path == "":
            return await self._to_status(request)
        cluster: ClusterView | None = request.app["backend"].view(name)
        # somebody else's cluster and none at all look the same
        if cluster is None or not (cluster.username == user.name or user.is_admin):
            raise web.HTTPNotFound(text="You have no cluster of this name.")
        if not cluster.is_running or not cluster.dashboard_address:
            raise web.HTTPNotFound(text="This cluster is not running.")
        if is_socket:
            return await self._relay_socket(request, cluster)
        return await self._relay(request, cluster)

    async def _relay(self, request: web.Request, cluster: ClusterView) -> web.StreamResponse:
        url = self._upstream(request, cluster)
        timeout = aiohttp.ClientTimeout(total=_UPSTREAM_TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, auto_decompress=True) as session,
                session.get(
                    url, headers=self._headers(request, cluster), allow_redirects=False
                ) as upstream,
            ):
                answer = web.StreamResponse(status=upstream.status)
                for header in _ANSWER_HEADERS:
                    if header in upstream.headers:
                        answer.headers[header] = upstream.headers[header]
                location = upstream.headers.get("Location", "")
                if location.startswith("/"):
                    location = f"{PREFIX}/clusters/{cluster.name}{location}"
                if location:
                    answer.headers["Location"] = location
                answer.headers["X-Content-Type-Options"] = "nosniff"
                answer.headers["Content-Security-Policy"] = "frame-ancestors 'self'"
                await answer.prepare(request)
                sent_bytes = 0
                async for chunk in upstream.content.iter_chunked(_CHUNK_BYTES):
                    sent_bytes += len(chunk)
                    if sent_bytes > _MAX_BODY_BYTES:
                        log.warning("An answer of a dashboard is over the limit and is cut.")
                        break
                    await answer.write(chunk)
                await answer.write_eof()
                return answer
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise web.HTTPBadGateway(
                text=f"The scheduler does not answer ({type(exc).__name__})."
            ) from exc

    async def _relay_socket(
        self, request: web.Request, cluster: ClusterView
    ) -> web.WebSocketResponse | web.StreamResponse:
        # browsers let any page open a websocket anywhere, with cookies: the origin tells
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc not in (
            urlsplit(self._settings.public_url).netloc,
            request.host,
        ):
            raise web.HTTPForbidden(text="Another origin.")
        wanted = [
            part.strip()
            for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",")
            if part.strip()
        ]
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_UPSTREAM_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            try:
                upstream = await session.ws_connect(
                    self._upstream(request, cluster),
                    headers=self._headers(request, cluster),
                    protocols=wanted,
                    max_msg_size=_MAX_MESSAGE_BYTES,
                    heartbeat=_UPSTREAM_TIMEOUT_S,
                )
            except (aiohttp.ClientError, TimeoutError) as exc:
                raise web.HTTPBadGateway(text="The scheduler does not answer.") from exc
            answer = web.WebSocketResponse(
                protocols=[upstream.protocol] if upstream.protocol else (),
                max_msg_size=_MAX_MESSAGE_BYTES,
                heartbeat=_UPSTREAM_TIMEOUT_S,
            )
            await answer.prepare(request)
            self._sockets.add(answer)
            try:
                ways = {
                    asyncio.create_task(_pump(answer, upstream)),
                    asyncio.create_task(_pump(upstream, answer)),
                    asyncio.create_task(self._until_refused(request)),
                }
                _, pending = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for task in pending:
                    task.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
            finally:
                self._sockets.discard(answer)
                with suppress(Exception):
                    await upstream.close()
                with suppress(Exception):
                    await answer.close()
            return answer

    async def _until_refused(self, request: web.Request) -> None:
        """Return when the person behind an open connection is no longer signed in."""
        while True:
            await asyncio.sleep(_UPSTREAM_TIMEOUT_S)
            with suppress(web.HTTPBadGateway):  # an absent hub ends nobody's view
                if await self._user(request) is None:
                    return

    def _upstream(self, request: web.Request, cluster: ClusterView) -> str:
        path = request.rel_url.raw_path.removeprefix(f"/clusters/{cluster.name}")
        query = f"?{request.query_string}" if request.query_string else ""
        return f"{cluster.dashboard_address}{path}{query}"

    def _headers(self, request: web.Request, cluster: ClusterView) -> dict[str, str]:
        # neither cookie nor authorization: code of the owner runs over there
        handed_on = {h: request.headers[h] for h in _REQUEST_HEADERS if h in request.headers}
        return {**handed_on, SECRET_HEADER: self._keys.dashboard(cluster.name)}

    async def _close_sockets(self, app: web.Application) -> None:
        for socket in list(self._sockets):
            with suppress(Exception):
                await socket.close(code=aiohttp.WSCloseCode.GOING_AWAY)


async def _pump(
    source: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
    target: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
) -> None:
    async for message in source:
        if message.type == aiohttp.WSMsgType.TEXT:
            await target.send_str(message.data)
        elif message.type == aiohttp.WSMsgType.BINARY:
            await target.send_bytes(message.data)
