"""Routes of the desktop.

``GET …/boresight/desktop`` answers ``{"available": …, "why": …, "url": …, "running": …}``: ``url``
is the page that shows the desktop, ``why`` says in words why there can be none.
``POST …/boresight/desktop/start`` starts it.
``POST …/boresight/desktop/open`` with ``{"href", "collection", "item", "asset"}`` opens an asset of
the catalogue in QGIS and answers ``{"url": …, "request": …}``; ``GET …/boresight/desktop/open/ID``
then says what became of it. Its pictures go through jupyter-server-proxy, see
:func:`boresight.server.desktop_session.proxy_entry`.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from jupyter_server.base.handlers import APIHandler, AuthenticatedFileHandler, JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from boresight.access.addresses import sign_request
from boresight.access.environment import Environment as Surroundings
from boresight.access.hrefs import is_ours, to_vsis3
from boresight.access.identity import inside
from boresight.errors import AccessError, ExpiredSessionError, ProgramError
from boresight.server.desktop_session import (
    PROXY_NAME,
    DesktopSession,
    Request,
    has_qgis,
    viewer_files,
    why_not,
)
from boresight.server.words import language_of, words_of

_HERE = Path(__file__).parent
_PAGES = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True)
_FIELDS = ("href", "collection", "item", "asset")
_LONGEST = 2048
# what ends up as the name of a layer and in a file: no line breaks, nothing that controls
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SETTING = "boresight_desktop"


class _Desktop:
    settings: dict[str, Any]
    base_url: str

    @property
    def desktop(self) -> DesktopSession:
        found: DesktopSession = self.settings[_SETTING]
        return found

    @property
    def view_url(self) -> str:
        return url_path_join(self.base_url, "boresight", "desktop", "view")


class StateHandler(_Desktop, APIHandler):
    """Whether there is a desktop, and where."""

    @web.authenticated
    async def get(self) -> None:
        """Answer with it."""
        why = why_not()
        self.finish(
            json.dumps(
                {
                    "available": not why,
                    "why": why,
                    "url": "" if why else self.view_url,
                    "running": self.desktop.is_running,
                    "qgis": has_qgis(),
                    "start_s": round(self.desktop.start_s, 3),
                }
            )
        )


class StartHandler(_Desktop, APIHandler):
    """Starts the desktop unless it runs."""

    @web.authenticated
    async def post(self) -> None:
        """Start it; answers when somebody can connect."""
        try:
            await self.desktop.start()
        except ProgramError as exc:
            raise web.HTTPError(503, str(exc)) from exc
        self.finish(json.dumps({"url": self.view_url, "start_s": round(self.desktop.start_s, 3)}))


class OpenHandler(_Desktop, APIHandler):
    """Opens an asset of the catalogue in QGIS."""

    @web.authenticated
    async def post(self) -> None:
        """Open it: ours, and such that the person may read it."""
        wanted = _wanted(self.get_json_body())
        try:
            path = await asyncio.to_thread(_readable, wanted["href"])
            name = await self.desktop.open_in_qgis(
                Request(
                    path=path,
                    name=f"{wanted['item']} · {wanted['asset']}",
                    collection=wanted["collection"],
                    item=wanted["item"],
                    asset=wanted["asset"],
                )
            )
        except ExpiredSessionError as exc:
            raise web.HTTPError(401, str(exc)) from exc
        except AccessError as exc:
            raise web.HTTPError(403, str(exc)) from exc
        except ProgramError as exc:
            raise web.HTTPError(503, str(exc)) from exc
        self.set_status(202)
        self.finish(json.dumps({"url": self.view_url, "request": name}))


class OpenedHandler(_Desktop, APIHandler):
    """What became of a request to open something."""

    @web.authenticated
    async def get(self, name: str) -> None:
        """Answer with its state."""
        outcome = self.desktop.outcome(name)
        if outcome is None:
            raise web.HTTPError(404, f"There is no request {name!r} in this desktop.")
        self.finish(json.dumps(outcome))


class ViewHandler(_Desktop, JupyterHandler):
    """The page with the desktop on it."""

    @web.authenticated
    async def get(self) -> None:
        """Show it; its script starts the desktop."""
        language = language_of(
            self.get_cookie("boresight-language"), self.request.headers.get("Accept-Language", "")
        )
        self.xsrf_token  # noqa: B018 - sets the cookie that the page's script sends back
        words = words_of(language)
        page = _PAGES.get_template("desktop.html").render(
            **words,
            language=language,
            why=why_not(),
            base_url=self.base_url,
            proxy=PROXY_NAME,
            xsrf=self.xsrf_token.decode(),
        )
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(page)


class StaticHandler(AuthenticatedFileHandler):
    """Scripts of the page, for those who are signed in."""

    def check_xsrf_cookie(self) -> None:
        """Ask for no key: scripts load scripts without one, and these are nobody's secret."""


def _wanted(body: object) -> dict[str, str]:
    """The four fields of a request, each a short line of text."""
    if not isinstance(body, dict) or set(body) != set(_FIELDS):
        raise web.HTTPError(400, 'Wanted is {"href": …, "collection": …, "item": …, "asset": …}.')
    for field, value in body.items():
        if not isinstance(value, str) or not value or len(value) > _LONGEST:
            raise web.HTTPError(400, f"{field} is no text of 1 to {_LONGEST} characters.")
        if _CONTROL.search(value):
            raise web.HTTPError(400, f"{field} has a control character.")
    return {field: str(body[field]) for field in _FIELDS}


def _readable(href: str) -> str:
    """Path by which GDAL reads ``href``, which the access service would sign for this person.

    Raises
    ------
    AccessError
        When it is not ours, or not theirs to read.
    """
    surroundings = Surroundings.from_env()
    path = to_vsis3(href)
    if not is_ours(href, surroundings):
        raise AccessError(
            f"The href {href[:200]!r} is none of the catalogue.",
            remedy=f"Hrefs of the catalogue begin with {surroundings.s3_url}/.",
        )
    sign_request(inside(), [href], "get", None)
    return path


def add(settings: dict[str, Any]) -> DesktopSession:
    """Give a server its desktop."""
    session = DesktopSession()
    settings[_SETTING] = session
    return session


def handlers(base_url: str) -> list[tuple[Any, ...]]:
    """Routes of this module."""
    at = url_path_join(base_url, "boresight", "desktop")
    viewer = viewer_files()
    shown = (url_path_join(at, "static", "novnc", "(.*)"), StaticHandler, {"path": str(viewer)})
    return [
        *([shown] if viewer else []),
        (at, StateHandler),
        (url_path_join(at, "start"), StartHandler),
        (url_path_join(at, "open"), OpenHandler),
        (url_path_join(at, "open", "([0-9a-f]{32})"), OpenedHandler),
        (url_path_join(at, "view"), ViewHandler),
        (
            url_path_join(at, "static", "(.*)"),
            StaticHandler,
            {"path": str(_HERE / "static")},
        ),
    ]
