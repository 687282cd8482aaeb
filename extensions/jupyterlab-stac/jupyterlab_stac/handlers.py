"""Routes below ``/jupyterlab-stac/``: each is authenticated, and thin."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any, TypeVar

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from jupyterlab_stac.catalogue import Catalogue
from jupyterlab_stac.errors import PanelError, RequestError
from jupyterlab_stac.preview import MAX_SIDE_PX, PreviewRequest

_T = TypeVar("_T")
# what an API says of itself may be kept by the browser for a minute, then is asked for by its ETag
_KEEP = "private, max-age=60"
_ASK_AGAIN = "private, no-cache"


class _Handler(APIHandler):
    """What the routes share: errors in words, and an end when the browser goes."""

    _running: asyncio.Future[Any] | None = None

    def initialize(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def write_error(self, status_code: int, **options: Any) -> None:
        """Tell errors of ours as they are, of others the status only."""
        exc = options.get("exc_info", (None, None, None))[1]
        if isinstance(exc, PanelError):
            body = exc.to_json()
        else:
            reason = getattr(exc, "log_message", None) or self._reason
            body = {"kind": "failed", "message": str(reason), "remedy": "", "values": {}}
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(body))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log what is ours in a line."""
        if isinstance(value, PanelError):
            self.log.info("STAC panel: %s", value)
        else:
            super().log_exception(typ, value, tb)

    def send_error(self, status_code: int = 500, **options: Any) -> None:
        """As tornado's, with the status of our errors."""
        exc = options.get("exc_info", (None, None, None))[1]
        if isinstance(exc, PanelError):
            status_code = exc.status
            options.setdefault("reason", HTTPStatus(status_code).phrase)
        super().send_error(status_code, **options)

    def on_connection_close(self) -> None:
        """Give up what nobody waits for any more."""
        if self._running is not None:
            self._running.cancel()
        super().on_connection_close()

    async def until_gone(self, work: Awaitable[_T]) -> _T:
        """Wait for ``work`` as long as the browser does."""
        self._running = asyncio.ensure_future(work)
        try:
            result: _T = await self._running
        except asyncio.CancelledError as exc:
            raise web.HTTPError(499, reason="The browser has gone") from exc
        return result

    def body(self, *names: str) -> dict[str, Any]:
        """JSON of the request.

        Raises
        ------
        RequestError
            When a field is absent or it is not an object.
        """
        try:
            found = json.loads(self.request.body or b"{}")
        except ValueError as exc:
            raise RequestError("The request is not JSON.") from exc
        if not isinstance(found, dict):
            raise RequestError("The request is not an object.")
        missing = [name for name in names if not found.get(name)]
        if missing:
            raise RequestError(f"The request lacks {', '.join(missing)}.")
        return found


class SettingsHandler(_Handler):
    """What the panel has to know."""

    @web.authenticated
    async def get(self) -> None:
        """All settings."""
        self.set_header("Cache-Control", _ASK_AGAIN)
        self.finish(json.dumps(await asyncio.to_thread(self.catalogue.settings)))


class ApisHandler(_Handler):
    """APIs that the reader adds."""

    @web.authenticated
    async def post(self) -> None:
        """Add one."""
        wanted = self.body("url")
        self.finish(
            json.dumps(self.catalogue.add_api(str(wanted["url"]), str(wanted.get("title", ""))))
        )

    @web.authenticated
    async def delete(self) -> None:
        """Remove one."""
        self.finish(json.dumps(self.catalogue.remove_api(self.get_query_argument("url"))))


class HostsHandler(_Handler):
    """Hosts that the reader allows."""

    @web.authenticated
    async def post(self) -> None:
        """Allow one."""
        self.finish(json.dumps(self.catalogue.add_host(str(self.body("url")["url"]))))

    @web.authenticated
    async def delete(self) -> None:
        """Allow one no more."""
        self.finish(json.dumps(self.catalogue.remove_host(self.get_query_argument("host"))))


class ApiHandler(_Handler):
    """What an API says."""

    @web.authenticated
    async def get(self) -> None:
        """Ask by GET; what has not changed is answered by 304."""
        answer = await self.until_gone(self.catalogue.ask(self.get_query_argument("url")))
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", _KEEP)
        self.finish(answer.body)

    @web.authenticated
    async def post(self) -> None:
        """Ask by POST, as a search does."""
        wanted = self.body("url")
        answer = await self.until_gone(
            self.catalogue.ask(str(wanted["url"]), "POST", wanted.get("body"))
        )
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(answer.body)


class SignHandler(_Handler):
    """Addresses that open assets for a while."""

    @web.authenticated
    async def post(self) -> None:
        """Sign up to 64."""
        hrefs = self.body("hrefs")["hrefs"]
        if not isinstance(hrefs, list):
            raise RequestError("hrefs is not a list.")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(await self.until_gone(self.catalogue.sign(hrefs))))


class PreviewHandler(_Handler):
    """Pictures of assets."""

    @web.authenticated
    async def get(self) -> None:
        """Read one."""
        wanted = PreviewRequest(
            bands=self._numbers("bands", int),
            stretch=self._stretch(),
            side_px=max(16, min(MAX_SIDE_PX, *self._numbers("side", int) or (512,), MAX_SIDE_PX)),
        )
        href = self.get_query_argument("href")
        found = await self.until_gone(self.catalogue.preview(href, wanted))
        self.set_header("Cache-Control", _KEEP)
        self.finish(json.dumps(found.to_json()))

    def _stretch(self) -> tuple[float, float] | None:
        limits = self._numbers("stretch", float)
        if not limits:
            return None
        if len(limits) != 2 or not limits[0] < limits[1]:
            raise RequestError("stretch is two numbers, the lower one first.", kind="stretch")
        return limits[0], limits[1]

    def _numbers(self, name: str, kind: type[_T]) -> tuple[_T, ...]:
        text = self.get_query_argument(name, "")
        try:
            return tuple(kind(part) for part in text.split(",") if part)  # type: ignore[call-arg]
        except ValueError as exc:
            raise RequestError(f"{name} is a list of numbers, not {text[:60]!r}.") from exc


class DownloadsHandler(_Handler):
    """Assets on their way into the reader's folder."""

    @web.authenticated
    async def get(self) -> None:
        """List them."""
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps({"downloads": self.catalogue.downloads.list()}))

    @web.authenticated
    async def post(self) -> None:
        """Begin one."""
        wanted = self.body("href")
        started = self.catalogue.downloads.start(
            str(wanted["href"]), str(wanted.get("folder") or "")
        )
        self.set_status(201)
        self.finish(json.dumps(started.to_json()))

    @web.authenticated
    async def delete(self) -> None:
        """Cancel or forget one."""
        await self.catalogue.downloads.cancel(self.get_query_argument("key"))
        self.finish(json.dumps({"downloads": self.catalogue.downloads.list()}))


ROUTES: dict[str, type[_Handler]] = {
    "settings": SettingsHandler,
    "apis": ApisHandler,
    "hosts": HostsHandler,
    "api": ApiHandler,
    "sign": SignHandler,
    "preview": PreviewHandler,
    "downloads": DownloadsHandler,
}


def routes(base_url: str, catalogue: Catalogue) -> list[tuple[str, type[_Handler], dict[str, Any]]]:
    """Routes for tornado."""
    return [
        (url_path_join(base_url, "jupyterlab-stac", name), handler, {"catalogue": catalogue})
        for name, handler in ROUTES.items()
    ]
