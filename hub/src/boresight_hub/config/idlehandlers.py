"""The hub's API for idle servers and announcements.

``POST /hub/api/boresight/users/{name}/activity``
    A server says what works in it, ``{"server": "", "activities": [{"kind", "name", "idle_s"}]}``,
    and is told what becomes of it. Scope ``users:activity``.
``POST /hub/api/boresight/users/{name}/keep``
    ``{"server": "", "for_s": 3600}`` keeps a server within the quota. Scope ``users:activity``.
``POST /hub/api/boresight/idle``
    Judges every server; those that are over are for the culler to end. Its scope alone.
``GET /hub/api/boresight/announcements``
    For everybody who has signed in. ``POST`` (``{"text": {"en": …}, "for_s": …}``) and ``DELETE``
    for administrators (scope ``admin:users``) and whoever has the scope ``…:announce``.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.scopes import define_custom_scopes, needs_scope
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tornado import web

from boresight_hub.config.idle import Activity, Report
from boresight_hub.config.idlewatch import IdleWatch
from boresight_hub.config.records import Announcement, Ending
from boresight_hub.errors import IdleQuotaError

JUDGE_SCOPE = "custom:boresight:judge-idle"
ANNOUNCE_SCOPE = "custom:boresight:announce"
CUSTOM_SCOPES = {
    JUDGE_SCOPE: {"description": "Learn which servers nobody uses."},
    ANNOUNCE_SCOPE: {"description": "Announce something to everybody."},
}
# the decorators below look the scopes up, which is before JupyterHub defines them
define_custom_scopes(CUSTOM_SCOPES)

_LONGEST_ANNOUNCEMENT_S = 90 * 86_400


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ActivityBody(_Body):
    """Something in a server."""

    kind: Annotated[str, Field(pattern=r"^[a-z]{1,20}$")]
    name: Annotated[str, Field(max_length=200)]
    idle_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ReportBody(_Body):
    """What a server says."""

    server: Annotated[str, Field(max_length=255)] = ""
    activities: Annotated[list[ActivityBody], Field(min_length=1, max_length=500)]


class KeepBody(_Body):
    """How long a server is to be kept; 0 gives the rest back."""

    server: Annotated[str, Field(max_length=255)] = ""
    for_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class AnnouncementText(_Body):
    """The same in each language; the others fall back on English."""

    en: Annotated[str, Field(min_length=1, max_length=2000)]
    fr: Annotated[str, Field(min_length=1, max_length=2000)] | None = None


class AnnouncementBody(_Body):
    """An announcement, and how long it holds."""

    text: AnnouncementText
    level: Literal["info", "warning"] = "info"
    for_s: Annotated[float, Field(gt=0, le=_LONGEST_ANNOUNCEMENT_S)] = 86_400


class WithdrawBody(_Body):
    """Which announcement is withdrawn; none: all of them."""

    id: int | None = None


_B = TypeVar("_B", bound=_Body)


class _Handler(APIHandler):
    def initialize(self, watch: IdleWatch) -> None:
        """Take what judges the servers of this hub."""
        self.watch = watch

    def body(self, kind: type[_B]) -> _B:
        try:
            return kind.model_validate_json(self.request.body or b"{}")
        except ValidationError as exc:
            problems = "; ".join(
                f"{'.'.join(map(str, error['loc'])) or 'body'}: {error['msg']}"
                for error in exc.errors(include_input=False, include_url=False)
            )
            raise web.HTTPError(400, f"The request cannot be understood: {problems}.") from exc

    def spawner_of(self, user_name: str, server: str) -> tuple[str, Any]:
        user = self.find_user(user_name)
        spawner = user.spawners.get(server) if user is not None else None
        if user is None or spawner is None or not spawner.active:
            raise web.HTTPError(404, f"{user_name} has no server {server!r} that runs.")
        return user.name, spawner


class ActivityHandler(_Handler):
    """Servers say what works in them."""

    @needs_scope("users:activity")
    def post(self, user_name: str) -> None:
        """Take a report; answer with what becomes of the server."""
        body = self.body(ReportBody)
        name, spawner = self.spawner_of(user_name, body.server)
        activities = tuple(Activity(a.kind, a.name, a.idle_s) for a in body.activities)
        watch = self.watch
        now = watch.now()
        judgement = watch.report(name, spawner, Report(now, activities))
        keep_until = watch.records.keep_until(name, spawner.name)
        answer = {
            "state": judgement.state.value,
            "ends_at": moment(judgement.ends_at),
            "ends_in_s": round(judgement.ends_at - now, 1),
            "keep_until": moment(keep_until) if keep_until > now else None,
            "quota_left_s": round(watch.quota_left_s(name)),
            "keep_longest_s": watch.rules.keep_longest_s,
            "report_every_s": watch.rules.report_every_s,
            "announcements": [announcement(a) for a in watch.records.announcements(now)],
            "ended_before": [ending(e) for e in watch.endings(name, self.find_user(name).spawners)],
        }
        self.finish(json.dumps(answer))


class KeepHandler(_Handler):
    """People keep their servers."""

    @needs_scope("users:activity")
    def post(self, user_name: str) -> None:
        """Keep one for a time from now."""
        body = self.body(KeepBody)
        name, spawner = self.spawner_of(user_name, body.server)
        try:
            until = self.watch.keep(name, spawner, body.for_s)
        except IdleQuotaError as exc:
            raise web.HTTPError(409, str(exc)) from exc
        left_s = self.watch.quota_left_s(name)
        self.finish(json.dumps({"keep_until": moment(until), "quota_left_s": round(left_s)}))


class JudgeHandler(_Handler):
    """The culler has servers judged."""

    @needs_scope(JUDGE_SCOPE)
    def post(self) -> None:
        """Judge them all."""
        servers = [
            {
                "user": judged.username,
                "server": judged.server,
                "state": judged.judgement.state.value,
                "used_at": moment(judged.judgement.used_at),
                "ends_at": moment(judged.judgement.ends_at),
                "at_work": [
                    {"kind": a.kind, "name": a.name}
                    for a in (judged.report.at_work if judged.report else ())
                ],
            }
            for judged in self.watch.judge_all()
        ]
        self.finish(json.dumps({"servers": servers}))


class AnnouncementsHandler(_Handler):
    """What administrators have to say."""

    @web.authenticated
    def get(self) -> None:
        """List those that have not expired."""
        found = self.watch.records.announcements(self.watch.now())
        self.finish(json.dumps({"announcements": [announcement(a) for a in found]}))

    @needs_scope("admin:users", ANNOUNCE_SCOPE)
    def post(self) -> None:
        """Add one."""
        body = self.body(AnnouncementBody)
        now = self.watch.now()
        number = self.watch.records.announce(
            body.text.model_dump(exclude_none=True),
            level=body.level,
            now=now,
            expires_at=now + body.for_s,
        )
        self.set_status(201)
        self.finish(json.dumps({"id": number, "expires_at": moment(now + body.for_s)}))

    @needs_scope("admin:users", ANNOUNCE_SCOPE)
    def delete(self) -> None:
        """Withdraw one, or all."""
        body = self.body(WithdrawBody)
        count = self.watch.records.withdraw(body.id)
        if body.id is not None and not count:
            raise web.HTTPError(404, f"There is no announcement {body.id}.")
        self.finish(json.dumps({"withdrawn": count}))


def announcement(found: Announcement) -> dict[str, object]:
    """Form in which an announcement is told."""
    return {
        "id": found.id,
        "text": found.text,
        "level": found.level,
        "expires_at": moment(found.expires_at),
    }


def ending(found: Ending) -> dict[str, object]:
    """Form in which it is told that a server was ended."""
    return {
        "server": found.server,
        "ended_at": moment(found.ended_at),
        "used_at": moment(found.used_at),
        "open": list(found.open_names),
    }


def moment(time_s: float) -> str:
    """Time as in RFC 3339, UTC, to the second.

    Examples
    --------
    >>> moment(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def idle_handlers(watch: IdleWatch) -> list[tuple[object, ...]]:
    """Routes of this module."""
    user = r"/api/boresight/users/(?P<user_name>[^/]+)"
    own = {"watch": watch}
    return [
        (rf"{user}/activity", ActivityHandler, own),
        (rf"{user}/keep", KeepHandler, own),
        (r"/api/boresight/idle", JudgeHandler, own),
        (r"/api/boresight/announcements", AnnouncementsHandler, own),
    ]
