"""Routes of a user server: what works in it, when it ends, how to keep it.

``GET …/boresight/api/idle`` answers ``{"activities": […], "judgement": …, "age_s": …}``; the
judgement is the hub's, see its ``POST /hub/api/boresight/users/{name}/activity``.
``POST …/boresight/api/idle/keep`` with ``{"hours": 4}`` keeps the server, 0 gives the rest back.
``POST …/boresight/api/idle/here`` says that somebody is here. ``…/boresight/idle`` is a page of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from boresight.errors import HubError, HubRefusal
from boresight.server.hublink import HubLink
from boresight.server.words import language_of, words_of

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True
)
_MOST_HOURS = 24 * 366
_HOUR_S = 3600


class _Link:
    settings: dict[str, Any]

    @property
    def link(self) -> HubLink:
        found: HubLink = self.settings["boresight_hub_link"]
        return found

    def state(self) -> dict[str, Any]:
        link = self.link
        return {
            "activities": [activity.as_json() for activity in link.activities],
            "judgement": link.answer or None,
            "age_s": round(link.age_s, 1) if link.answer else None,
        }


class IdleHandler(_Link, APIHandler):
    """What works, and what the hub makes of it."""

    @web.authenticated
    async def get(self) -> None:
        """Answer with the latest report; a new one is made with ``?now=1``."""
        if self.get_query_argument("now", ""):
            await _ask(self.link.report())
        self.finish(json.dumps(self.state()))


class KeepHandler(_Link, APIHandler):
    """Keeps the server within the person's quota."""

    @web.authenticated
    async def post(self) -> None:
        """Keep it for ``hours``."""
        await _ask(self.link.keep(_hours((self.get_json_body() or {}).get("hours")) * _HOUR_S))
        self.finish(json.dumps(self.state()))


class HereHandler(_Link, APIHandler):
    """Somebody is here."""

    @web.authenticated
    async def post(self) -> None:
        """Begin to count anew."""
        self.settings["boresight_presence"].note("POST", "boresight/api/idle/here")
        await _ask(self.link.report())
        self.finish(json.dumps(self.state()))


class IdlePage(_Link, JupyterHandler):
    """The same as a page, for those without Lab's notice."""

    @web.authenticated
    async def get(self) -> None:
        """Show it."""
        problem = ""
        try:
            await self.link.report()
        except HubError as exc:
            problem = str(exc)
        self._show(problem)

    @web.authenticated
    async def post(self) -> None:
        """Keep the server for the hours of the form, or say that somebody is here."""
        problem = ""
        try:
            if self.get_body_argument("here", ""):
                self.settings["boresight_presence"].note("POST", "boresight/api/idle/here")
                await self.link.report()
            else:
                hours = _hours(self.get_body_argument("hours", ""))
                await self.link.keep(hours * _HOUR_S)
        except HubError as exc:
            problem = str(exc)
        self._show(problem)

    def _show(self, problem: str) -> None:
        language = language_of(
            self.get_cookie("boresight-language"), self.request.headers.get("Accept-Language", "")
        )
        page = _PAGES.get_template("idle.html").render(
            **self.state(),
            **words_of(language),
            language=language,
            problem=problem,
            base_url=self.base_url,
            xsrf=self.xsrf_form_html(),
        )
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(page)


async def _ask(call: Any) -> None:
    try:
        await call
    except HubRefusal as exc:
        raise web.HTTPError(409, str(exc)) from exc
    except HubError as exc:
        raise web.HTTPError(503, str(exc)) from exc


def _hours(given: object) -> float:
    try:
        hours = float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        hours = -1.0
    if not 0 <= hours <= _MOST_HOURS:
        raise web.HTTPError(400, 'Wanted is {"hours": …}, from 0, which gives the rest back.')
    return hours


def handlers(base_url: str) -> list[tuple[str, type[JupyterHandler]]]:
    """Routes of this module."""
    return [
        (url_path_join(base_url, "boresight", "api", "idle"), IdleHandler),
        (url_path_join(base_url, "boresight", "api", "idle", "keep"), KeepHandler),
        (url_path_join(base_url, "boresight", "api", "idle", "here"), HereHandler),
        (url_path_join(base_url, "boresight", "idle"), IdlePage),
    ]
