"""Asking other hosts: only those that are allowed, with bounds, and in words for people."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import aiohttp

from jupyterlab_stac.errors import (
    AnswerError,
    BusyError,
    HostError,
    RequestError,
    SlowError,
    UnreachableError,
)
from jupyterlab_stac.hosts import GuardedResolver, Hosts, host_of

_MAX_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_CHUNK_BYTES = 1 << 16
_AGENT = "jupyterlab-stac"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What an API has said.

    Parameters
    ----------
    body : bytes
        JSON.
    etag : str
        The API's own, or empty.
    """

    body: bytes
    etag: str

    def json(self) -> Any:
        """Parsed body."""
        return json.loads(self.body)


class Client:
    """Asks hosts of the allow-list.

    Parameters
    ----------
    hosts : Hosts
    headers_for : callable
        Headers with the reader's token for an address; empty where none is theirs. May block.
    timeout_s : float
        For the whole of an answer of JSON.
    max_bytes : int
        Of an answer of JSON.
    """

    def __init__(
        self,
        hosts: Hosts,
        headers_for: Callable[[str], Mapping[str, str]],
        *,
        timeout_s: float = 30.0,
        max_bytes: int = 32 << 20,
    ) -> None:
        self._hosts = hosts
        self._headers_for = headers_for
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._session: aiohttp.ClientSession | None = None

    async def ask(
        self, url: str, *, method: str = "GET", body: Any = None, accept: str = "application/json"
    ) -> Answer:
        """Ask for JSON.

        Raises
        ------
        HostError
            When the host is not allowed, or redirects to one that is not.
        UnreachableError, SlowError
            When it does not answer, or not in time.
        AnswerError, BusyError
            When the answer is not JSON, too large, or a refusal.
        """
        host = host_of(url)[1]
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self.open(url, method=method, body=body, accept=accept) as response:
                    content = await self._read(response, host)
                    _check_status(response, content, host)
                    _check_json(response, content, host)
                    return Answer(content, response.headers.get("ETag", ""))
        except TimeoutError as exc:
            raise SlowError(
                f"{host} has not answered within {self._timeout_s:g} s.",
                remedy="Ask for less, or later.",
                host=host,
                seconds=self._timeout_s,
            ) from exc

    @asynccontextmanager
    async def open(
        self,
        url: str,
        *,
        method: str = "GET",
        body: Any = None,
        accept: str = "*/*",
        headers: Mapping[str, str] | None = None,
        with_token: bool = True,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Open an answer, to be read bit by bit; redirections go to allowed hosts only.

        Raises
        ------
        HostError
            When a host is not allowed.
        UnreachableError
            When it does not answer.
        """
        if method not in ("GET", "POST"):
            raise RequestError(f"The method {method[:20]!r} is none of GET and POST.")
        for _ in range(_MAX_REDIRECTS + 1):
            self._hosts.check(url)
            host = host_of(url)[1]
            own = await asyncio.to_thread(self._headers_for, url) if with_token else {}
            try:
                response = await self._here().request(
                    method,
                    url,
                    json=body if method == "POST" else None,
                    headers={"Accept": accept, "User-Agent": _AGENT, **(headers or {}), **own},
                    allow_redirects=False,
                )
            except (aiohttp.ClientError, OSError) as exc:
                refused = _cause(exc, HostError)
                if refused is not None:
                    raise refused from exc
                raise _unreachable(host, exc) from exc
            async with response:
                if response.status not in _REDIRECTS or "Location" not in response.headers:
                    try:
                        yield response
                    except (aiohttp.ClientError, ConnectionError) as exc:
                        raise _unreachable(host, exc) from exc
                    return
                url = urljoin(url, response.headers["Location"])
                if response.status in (301, 302, 303):
                    method, body = "GET", None
        raise AnswerError(
            f"{host} redirects more than {_MAX_REDIRECTS} times.", kind="redirects", host=host
        )

    async def close(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _here(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=GuardedResolver(self._hosts), limit_per_host=8, use_dns_cache=False
                ),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=30),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=True,
            )
        return self._session

    async def _read(self, response: aiohttp.ClientResponse, host: str) -> bytes:
        parts, size = [], 0
        async for part in response.content.iter_chunked(_CHUNK_BYTES):
            size += len(part)
            if size > self._max_bytes:
                raise AnswerError(
                    f"{host} answers with more than {self._max_bytes >> 20} MiB.",
                    remedy="Ask for fewer items a page.",
                    kind="large",
                    host=host,
                )
            parts.append(part)
        return b"".join(parts)


def _check_status(response: aiohttp.ClientResponse, content: bytes, host: str) -> None:
    status = response.status
    if status < 300:
        return
    said = _said(content)
    if status == 401:
        raise AnswerError(
            f"{host} asks for a sign-in (401).",
            remedy="Sign in again; for an API of others, install what provides its tokens.",
            kind="unauthorised",
            host=host,
            status=status,
        )
    if status == 403:
        raise AnswerError(
            f"{host} refuses this to you (403): {said}", kind="forbidden", host=host, status=status
        )
    if status in (429, 503):
        wait = response.headers.get("Retry-After", "")
        seconds = int(wait) if wait.isdigit() else None
        raise BusyError(
            f"{host} is busy ({status})" + (f": again in {seconds} s." if seconds else "."),
            remedy="Wait, then search again.",
            host=host,
            status=status,
            retry_after_s=seconds,
        )
    raise AnswerError(
        f"{host} answers {status}: {said or response.reason}",
        kind="status",
        host=host,
        status=status,
        said=said,
    )


def _check_json(response: aiohttp.ClientResponse, content: bytes, host: str) -> None:
    try:
        json.loads(content)
    except ValueError as exc:
        raise AnswerError(
            f"{host} answers with {response.content_type}, not with JSON.",
            remedy="See whether the address is that of a STAC API's root.",
            kind="html" if "html" in response.content_type else "json",
            host=host,
            type=response.content_type,
        ) from exc


def _said(content: bytes) -> str:
    """What a refusal says, if it says it in JSON."""
    try:
        body = json.loads(content)
    except ValueError:
        return ""
    if isinstance(body, dict):
        body = body.get("detail") or body.get("description") or body.get("message") or body
    return str(body)[:300]


def _unreachable(host: str, exc: BaseException) -> UnreachableError:
    logger.info("%s: %s", host, type(exc).__name__)
    return UnreachableError(
        f"{host} does not answer ({type(exc).__name__}).",
        remedy="See whether the address is right and the service runs.",
        host=host,
    )


def _cause(exc: BaseException | None, kind: type[HostError]) -> HostError | None:
    while exc is not None:
        if isinstance(exc, kind):
            return exc
        exc = exc.__cause__ or exc.__context__
    return None
