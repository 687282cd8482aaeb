"""The hub's own pages: what they show beside JupyterHub's, and what their forms do.

``/hub/boresight/keep``, ``…/seen`` and ``…/language`` are the targets of forms and links on them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import pass_context
from jupyterhub.handlers.base import BaseHandler
from sqlalchemy.exc import SQLAlchemyError
from tornado import web

from boresight_hub.config.idle import State
from boresight_hub.config.idlehandlers import moment
from boresight_hub.config.idlewatch import IdleWatch
from boresight_hub.config.language import (
    COOKIE,
    LANGUAGES,
    Words,
    handler_of,
    language_of_request,
    translate,
)
from boresight_hub.errors import IdleQuotaError
from boresight_hub.settings import HubSettings

if TYPE_CHECKING:
    from traitlets.config import Config

log = logging.getLogger(__name__)

_TEMPLATES = Path(__file__).with_name("templates")
_YEAR_DAYS = 365
_KEEP_HOURS = (1, 2, 4, 8, 12, 24, 48)
_WORK = {
    "cell": "a cell of {name} is running",
    "process": "{name} runs in a terminal",
    "job": "the job {name} is running",
    "dask": "the Dask cluster {name} has work",
    "desktop": "the desktop {name} is in use",
}


class Page(Words):
    """What templates find as ``hub``."""

    moment = staticmethod(moment)

    @pass_context
    def announcements(self, context: Any) -> list[dict[str, str]]:
        """What is announced, in the page's language; nothing while the database is away."""
        watch, language = _watch(context), self.language(context)
        if watch is None:
            return []
        try:
            found = watch.records.announcements(watch.now())
        except SQLAlchemyError as exc:
            log.warning("announcements cannot be read: %s", type(exc).__name__)
            return []
        return [
            {
                "text": a.text.get(language) or a.text["en"],
                "level": a.level,
                "language": language if language in a.text else "en",
            }
            for a in found
        ]

    @pass_context
    def endings(self, context: Any) -> list[Any]:
        """Servers of the person that were ended for want of use, and that they are to be told."""
        watch, user = _watch(context), context.get("user")
        if watch is None or user is None:
            return []
        try:
            return list(watch.endings(user.name, user.spawners))
        except SQLAlchemyError as exc:
            log.warning("ended servers cannot be read: %s", type(exc).__name__)
            return []

    @pass_context
    def server(self, context: Any, spawner: Any) -> dict[str, Any]:
        """What becomes of a server that runs, for the home page."""
        watch, user = _watch(context), context["user"]
        if watch is None or not spawner.ready:
            return {}
        judgement = watch.judged(user.name, spawner)
        keep_until = watch.records.keep_until(user.name, spawner.name)
        left_s = watch.quota_left_s(user.name, without=spawner.name)
        most_s = min(left_s, watch.rules.keep_longest_s)
        return {
            "is_judged": judgement.state is not State.DISABLED,
            "is_busy": judgement.state is State.BUSY,
            "is_warned": judgement.state in (State.WARNED, State.OVER),
            "ends_at": moment(judgement.ends_at),
            "work": [
                self.t(context, _WORK.get(a.kind, "{name}"), name=a.name)
                for a in watch.at_work(user.name, spawner.name)
            ],
            "keep_until": moment(keep_until) if keep_until > watch.now() else "",
            "keep_hours": [h for h in _KEEP_HOURS if h * 3600 <= most_s],
            "left_hours": f"{left_s / 3600:.3g}",
        }


class KeepPage(BaseHandler):
    """Target of the home page's form."""

    @web.authenticated
    async def post(self) -> None:
        """Keep a server of the person's own for some hours."""
        user, name = self.current_user, self.get_body_argument("server", "")
        spawner = user.spawners.get(name)
        language = language_of_request(self)
        if spawner is None or not spawner.ready:
            raise web.HTTPError(404, translate(language, "This server does not run."))
        try:
            hours = float(self.get_body_argument("hours"))
            if not 0 <= hours <= _YEAR_DAYS * 24:
                raise ValueError
        except ValueError as exc:
            raise web.HTTPError(400, translate(language, "Choose a number of hours.")) from exc
        try:
            self.authenticator.watch.keep(user.name, spawner, hours * 3600)
        except IdleQuotaError as exc:
            raise web.HTTPError(409, str(exc)) from exc
        self.redirect(f"{self.hub.base_url}home")


class SeenPage(BaseHandler):
    """Target of the form below the news that a server was ended."""

    @web.authenticated
    async def post(self) -> None:
        """Tell it no more."""
        watch = self.authenticator.watch
        user = self.current_user
        for ending in watch.endings(user.name, user.spawners):
            watch.records.forget_ending(user.name, ending.server)
        self.redirect(f"{self.hub.base_url}home")


class LanguagePage(BaseHandler):
    """Target of the links that choose a language."""

    async def get(self) -> None:
        """Remember it in a cookie, and go back."""
        language = self.get_query_argument("to", "")
        if language not in LANGUAGES:
            raise web.HTTPError(400, f"Languages are {', '.join(LANGUAGES)}.")
        is_secure = self.request.protocol == "https"
        self.set_cookie(
            COOKIE, language, expires_days=_YEAR_DAYS, path="/", samesite="Lax", secure=is_secure
        )
        back = self._validate_next_url(self.get_query_argument("next", ""))
        self.redirect(back or f"{self.hub.base_url}home")


def page_handlers() -> list[tuple[object, ...]]:
    """Routes of this module."""
    return [
        (r"/boresight/keep", KeepPage),
        (r"/boresight/seen", SeenPage),
        (r"/boresight/language", LanguagePage),
    ]


def first_page(handler: Any) -> str:
    """Where somebody goes first: home, when there is something to tell; else JupyterHub's way."""
    user, watch = handler.current_user, handler.authenticator.watch
    if user is None or watch is None:
        return ""
    try:
        return f"{handler.hub.base_url}home" if watch.endings(user.name, user.spawners) else ""
    except SQLAlchemyError:
        return ""


def apply_pages(c: Config, settings: HubSettings) -> None:
    """Configure the pages."""
    hub = c.JupyterHub
    hub.template_paths = [str(_TEMPLATES)]
    hub.template_vars = {"hub": Page()}
    way: Callable[[Any], str] = first_page
    hub.default_url = way


def _watch(context: Any) -> IdleWatch | None:
    found: IdleWatch | None = getattr(handler_of(context).authenticator, "watch", None)
    return found
