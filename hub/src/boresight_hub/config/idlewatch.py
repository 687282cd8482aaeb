"""Which servers there are, what they say, and what is judged of each: the hub's side.

Reports are kept in memory. A hub that has just started knows none, and counts every server as used
at its start; what was decided for people (servers kept, servers ended) is in the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from boresight_hub.config.idle import (
    Judgement,
    Report,
    State,
    judge,
    quota_used_s,
    refusal,
)
from boresight_hub.config.records import Ending, Records
from boresight_hub.errors import IdleQuotaError
from boresight_hub.settings import IdleSettings

#: A server that has missed so many reports is judged by what JupyterHub knows of it.
_MISSED = 10
#: How long people are told of a server that was ended.
_TOLD_FOR_S = 7 * 86_400.0
_MOST_NAMES = 10


class Server(Protocol):
    """What is needed of JupyterHub's ``Spawner``."""

    name: str
    ready: bool
    orm_spawner: Any


@dataclass(frozen=True)
class Judged:
    """A running server, and what becomes of it."""

    username: str
    server: str
    judgement: Judgement
    report: Report | None


class IdleWatch:
    """Judges the servers of this hub.

    Parameters
    ----------
    rules : IdleSettings
    records : Records
    running : callable
        Gives ``(user name, spawner)`` of every server that runs.
    clock : callable
        Time [s since 1970].
    """

    def __init__(
        self,
        rules: IdleSettings,
        records: Records,
        *,
        running: Callable[[], Iterator[tuple[str, Server]]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.rules = rules
        self.records = records
        self._running = running
        self._clock = clock
        self._began_at = clock()
        self._reports: dict[tuple[str, str], Report] = {}
        self._warned_at: dict[tuple[str, str], float] = {}
        # servers of which no ending is remembered that did not come about
        self._go_on: set[tuple[str, str]] = set()

    def report(self, username: str, spawner: Server, report: Report) -> Judgement:
        """Take what a server says; returns what it is to be told."""
        self._reports[username, spawner.name] = report
        judgement = self._judge(username, spawner)
        key = username, spawner.name
        if judgement.state is State.WARNED:
            self._warned_at.setdefault(key, self._clock())
        return judgement

    def now(self) -> float:
        """Time of this hub's clock [s since 1970]."""
        return self._clock()

    def judge_all(self) -> list[Judged]:
        """Judge every running server, and remember those that are over for their people."""
        judged, alive = [], set()
        for username, spawner in self._running():
            key = username, spawner.name
            alive.add(key)
            report = self._reports.get(key)
            judgement = self._judge(username, spawner)
            judged.append(Judged(username, spawner.name, judgement, report))
            if judgement.state is State.OVER:
                self.records.end(username, self._ending(spawner.name, judgement, report))
                self._go_on.discard(key)
            elif key not in self._go_on:
                self._forget_ending(username, spawner)
                self._go_on.add(key)
        for known in (self._reports, self._warned_at):
            for key in set(known) - alive:
                del known[key]
        self._go_on &= alive
        return judged

    def judged(self, username: str, spawner: Server) -> Judgement:
        """What becomes of one server, for its person to see."""
        return self._judge(username, spawner)

    def at_work(self, username: str, server: str) -> tuple[Any, ...]:
        """What works in a server, as it said last."""
        report = self._reports.get((username, server))
        return () if report is None else report.at_work

    def quota_left_s(self, username: str, *, without: str | None = None) -> float:
        """Time for which somebody's servers may still be kept [s].

        Parameters
        ----------
        username : str
        without : str, optional
            A server whose time to come is not counted, since it is about to be replaced.
        """
        now = self._clock()
        used_s = quota_used_s(self.records.kept(username, now), now)
        if without is not None:
            used_s -= max(0.0, self.records.keep_until(username, without) - now)
        return max(0.0, self.rules.keep_per_week_s - used_s)

    def keep(self, username: str, spawner: Server, for_s: float) -> float:
        """Keep a server for a time from now [s]; 0 gives the rest back. Returns until when.

        Raises
        ------
        IdleQuotaError
            When the quota does not allow it.
        """
        now = self._clock()
        left_s = self.quota_left_s(username, without=spawner.name)
        if reason := refusal(self.rules, for_s=for_s, left_s=left_s):
            raise IdleQuotaError(reason)
        self.records.keep(username, spawner.name, now=now, until=now + for_s)
        self._warned_at.pop((username, spawner.name), None)
        return now + for_s

    def stopped(self, username: str, server: str) -> None:
        """Give back what is left of the time for which a server was kept: it has ended."""
        now = self._clock()
        if self.records.keep_until(username, server) > now:
            self.records.keep(username, server, now=now, until=now)

    def endings(self, username: str, spawners: dict[str, Server]) -> list[Ending]:
        """Servers of somebody that were ended and that they have not been told of, or not enough.

        One that is still about to end is not among them.
        """
        found = []
        for ending in self.records.endings(username, self._clock() - _TOLD_FOR_S):
            spawner = spawners.get(ending.server)
            runs = spawner is not None and spawner.ready
            if not runs or _started_at(spawner) > ending.ended_at:
                found.append(ending)
        return found

    def _forget_ending(self, username: str, spawner: Server) -> None:
        """Forget an ending that did not come about: its person was back in time."""
        since = _started_at(spawner)
        if any(e.server == spawner.name for e in self.records.endings(username, since)):
            self.records.forget_ending(username, spawner.name)

    def _judge(self, username: str, spawner: Server) -> Judgement:
        now = self._clock()
        key = username, spawner.name
        report = self._reports.get(key)
        is_told = report is not None and (now - report.at < _MISSED * self.rules.report_every_s)
        started_at = _started_at(spawner)
        if report is None:
            used_at = max(_moment(spawner.orm_spawner.last_activity), started_at, self._began_at)
        elif is_told:
            used_at = max(report.used_at, started_at)
        else:
            used_at = max(report.used_at, _moment(spawner.orm_spawner.last_activity), started_at)
        warned_at = self._warned_at.get(key)
        if warned_at is not None and used_at > warned_at:
            del self._warned_at[key]
            warned_at = None
        return judge(
            self.rules,
            now=now,
            used_at=used_at,
            works=is_told and report is not None and bool(report.at_work),
            is_told=is_told,
            warned_at=warned_at,
            keep_until=self.records.keep_until(username, spawner.name),
        )

    def _ending(self, server: str, judgement: Judgement, report: Report | None) -> Ending:
        names = [a.name for a in report.activities if a.kind == "notebook"] if report else []
        return Ending(server, self._clock(), judgement.used_at, tuple(names[:_MOST_NAMES]))


def _started_at(spawner: Server | None) -> float:
    return 0.0 if spawner is None else _moment(spawner.orm_spawner.started)


def _moment(moment: datetime | None) -> float:
    """Seconds since 1970 of a time of JupyterHub's, which are UTC without saying so."""
    return 0.0 if moment is None else moment.replace(tzinfo=UTC).timestamp()
