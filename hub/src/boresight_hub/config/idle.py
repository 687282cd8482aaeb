"""When a server ends for want of use. Nothing here knows JupyterHub, a clock or a database.

used
    Somebody did something with the server, or something worked in it: a cell, a Dask job, a
    process in a terminal, a desktop. An open page that nobody touches is no use.
warned
    The server has been told that it will end; from then on it has the whole time of the warning.
kept
    Its person has asked that it goes on until some time, used or not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from boresight_hub.settings import IdleSettings

WEEK_S = 7 * 86_400.0


class State(StrEnum):
    """What becomes of a server."""

    BUSY = "busy"
    QUIET = "quiet"
    WARNED = "warned"
    OVER = "over"
    DISABLED = "disabled"


@dataclass(frozen=True)
class Activity:
    """Something in a server that works (``idle_s`` 0), or was used so long ago [s]."""

    kind: str
    name: str
    idle_s: float

    @property
    def works(self) -> bool:
        """Whether it is at work."""
        return self.idle_s == 0


@dataclass(frozen=True)
class Report:
    """What a server said last.

    Attributes
    ----------
    at : float
        When [s since 1970].
    activities : tuple of Activity
    """

    at: float
    activities: tuple[Activity, ...]

    @property
    def used_at(self) -> float:
        """When the server was last used, as it said [s since 1970]."""
        return self.at - min((a.idle_s for a in self.activities), default=0.0)

    @property
    def at_work(self) -> tuple[Activity, ...]:
        """What works in it."""
        return tuple(a for a in self.activities if a.works)


@dataclass(frozen=True)
class Judgement:
    """What becomes of a server, and when.

    Attributes
    ----------
    state : State
    used_at, ends_at : float
        When it was last used, and when it ends unless it is used [s since 1970].
    """

    state: State
    used_at: float
    ends_at: float


def judge(
    rules: IdleSettings,
    *,
    now: float,
    used_at: float,
    works: bool = False,
    is_told: bool = False,
    warned_at: float | None = None,
    keep_until: float = 0.0,
) -> Judgement:
    """Judge one server; all times are in s since 1970.

    Parameters
    ----------
    rules : IdleSettings
    now, used_at : float
    works : bool
        Whether something works in it.
    is_told : bool
        Whether the server hears of warnings: it reports, and gets answers.
    warned_at : float, optional
        When it was first warned since it was last used.
    keep_until : float
        Until when it is kept.
    """
    ends_at = max(used_at + rules.after_s, keep_until)
    if not rules.enabled:
        return Judgement(State.DISABLED, used_at, ends_at)
    if works:
        return Judgement(State.BUSY, used_at, ends_at)
    if now < ends_at - rules.warn_before_s:
        return Judgement(State.QUIET, used_at, ends_at)
    if is_told:
        # nobody is ended unwarned, however long the hub was away
        ends_at = max(ends_at, (now if warned_at is None else warned_at) + rules.warn_before_s)
    return Judgement(State.OVER if now >= ends_at else State.WARNED, used_at, ends_at)


@dataclass(frozen=True)
class Kept:
    """A time for which a server was, or is to be, kept [s since 1970]."""

    since: float
    until: float


def quota_used_s(kept: Iterable[Kept], now: float) -> float:
    """Time of the last seven days, and of what is still to come, that servers were kept [s]."""
    begin = now - WEEK_S
    return sum(max(0.0, k.until - max(k.since, begin)) for k in kept)


def refusal(rules: IdleSettings, *, for_s: float, left_s: float) -> str:
    """Why a server cannot be kept for so long; empty when it can."""
    if for_s > rules.keep_longest_s:
        return (
            f"{_hours(for_s)} are asked for; a server is kept for {_hours(rules.keep_longest_s)} "
            "at most. Ask for less, and again later."
        )
    if for_s > left_s:
        return (
            f"{_hours(for_s)} are asked for; {_hours(left_s)} are left of the "
            f"{_hours(rules.keep_per_week_s)} in seven days. Ask for less, or run the work as a "
            "batch job."
        )
    return ""


def _hours(time_s: float) -> str:
    if time_s < 3600:
        return f"{time_s / 60:.0f} minutes" if time_s >= 60 else f"{time_s:.0f} s"
    return f"{time_s / 3600:.3g} hours"
