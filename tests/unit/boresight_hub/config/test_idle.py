"""The idle policy as a function of times: who ends when, who is warned, what the quota allows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from boresight_hub.config.idle import (
    Activity,
    Kept,
    Report,
    State,
    judge,
    quota_used_s,
    refusal,
)
from boresight_hub.config.idlewatch import IdleWatch
from boresight_hub.config.records import Records
from boresight_hub.errors import IdleQuotaError
from boresight_hub.settings import IdleSettings

RULES = IdleSettings()  # two hours, a warning a quarter of an hour before
HOUR = 3600.0
T0 = 1_000_000_000.0


@pytest.mark.parametrize(
    ("idle_h", "more", "state"),
    [
        (0.0, {}, State.QUIET),
        (1.74, {}, State.QUIET),
        (1.76, {}, State.WARNED),
        (2.0, {}, State.OVER),
        (9.0, {"works": True}, State.BUSY),
        (9.0, {"keep_until": T0 + 10 * HOUR}, State.QUIET),
        (9.0, {"keep_until": T0 + 9.1 * HOUR}, State.WARNED),
        (9.0, {"keep_until": T0 + 8 * HOUR}, State.OVER),
        # the hub was away: the warning is still due, and has its whole time
        (9.0, {"is_told": True}, State.WARNED),
        (9.0, {"is_told": True, "warned_at": T0 + 8.9 * HOUR}, State.WARNED),
        (9.0, {"is_told": True, "warned_at": T0 + 8.7 * HOUR}, State.OVER),
    ],
)
def test_judgement(idle_h: float, more: dict[str, Any], state: State) -> None:
    assert judge(RULES, now=T0 + idle_h * HOUR, used_at=T0, **more).state is state


def test_nothing_ends_where_it_is_switched_off() -> None:
    rules = IdleSettings(enabled=False)
    assert judge(rules, now=T0 + 99 * HOUR, used_at=T0).state is State.DISABLED


@given(
    st.floats(0, 1e6),
    st.floats(0, 1e6),
    st.booleans(),
    st.one_of(st.none(), st.floats(0, 1e6)),
    st.floats(0, 1e6),
)
def test_nobody_is_ended_early_or_unwarned(
    idle_s: float, kept_s: float, is_told: bool, warned_s: float | None, now_s: float
) -> None:
    now = T0 + now_s
    warned_at = None if warned_s is None else now - warned_s
    found = judge(
        RULES,
        now=now,
        used_at=now - idle_s,
        is_told=is_told,
        warned_at=warned_at,
        keep_until=T0 + kept_s,
    )
    if found.state is State.OVER:
        assert idle_s >= RULES.after_s - 1e-3
        assert now >= T0 + kept_s
        if is_told:
            assert warned_at is not None
            assert now >= warned_at + RULES.warn_before_s
    else:
        assert found.state is State.QUIET or now >= found.ends_at - RULES.warn_before_s - 1e-3


def test_report_of_what_works() -> None:
    report = Report(T0, (Activity("lab", "", 50.0), Activity("cell", "a.ipynb", 0.0)))
    assert report.used_at == T0
    assert [a.kind for a in report.at_work] == ["cell"]
    assert Report(T0, (Activity("lab", "", 50.0),)).used_at == T0 - 50


def test_quota_counts_seven_days_and_what_is_to_come() -> None:
    day = 24 * HOUR
    assert quota_used_s([Kept(T0 - 8 * day, T0 - 7.5 * day)], T0) == 0
    assert quota_used_s([Kept(T0 - 8 * day, T0 - 6 * day)], T0) == day
    assert quota_used_s([Kept(T0, T0 + day), Kept(T0 - day, T0)], T0) == 2 * day


def test_refusal_says_value_rule_and_remedy() -> None:
    assert refusal(RULES, for_s=4 * HOUR, left_s=4 * HOUR) == ""
    said = refusal(RULES, for_s=4 * HOUR, left_s=2 * HOUR)
    assert "4 hours are asked for; 2 hours are left of the 48 hours in seven days." in said
    assert "Ask for less" in said
    assert "24 hours at most" in refusal(RULES, for_s=30 * HOUR, left_s=48 * HOUR)


def test_warning_before_the_server_is_idle_is_no_setting() -> None:
    assert IdleSettings(after_s=901)
    with pytest.raises(ValueError, match="comes before it is idle"):
        IdleSettings(after_s=900)


class World:
    """A hub's servers and clock."""

    def __init__(self, session: Session) -> None:
        self.now = T0
        self.spawners: dict[str, Any] = {}
        self.records = Records(session)
        self.watch = self.hub()

    def hub(self) -> IdleWatch:
        """The hub, started anew."""
        return IdleWatch(
            RULES,
            self.records,
            running=lambda: iter([("marie", s) for s in self.spawners.values()]),
            clock=lambda: self.now,
        )

    def start(self, name: str = "") -> Any:
        moment = datetime.fromtimestamp(self.now, UTC).replace(tzinfo=None)
        orm = SimpleNamespace(started=moment, last_activity=moment)
        self.spawners[name] = SimpleNamespace(name=name, ready=True, orm_spawner=orm)
        return self.spawners[name]

    def report(self, idle_s: float, *, kind: str = "lab", name: str = "") -> State:
        activity = Activity(kind, name, idle_s)
        return self.watch.report("marie", self.spawners[""], Report(self.now, (activity,))).state

    def states(self) -> list[State]:
        return [judged.judgement.state for judged in self.watch.judge_all()]


@pytest.fixture
def world() -> Iterator[World]:
    with Session(sa.create_engine("sqlite://")) as session:
        yield World(session)


def test_a_hub_that_was_away_warns_before_it_ends(world: World) -> None:
    world.start()
    world.now += 5 * HOUR
    world.watch = world.hub()
    assert world.states() == [State.QUIET], "counted as used when the hub began"
    assert world.report(5 * HOUR) is State.WARNED
    world.now += 899
    assert world.report(5 * HOUR + 899) is State.WARNED
    world.now += 2
    assert world.states() == [State.OVER]


def test_a_server_that_falls_silent_is_judged_by_its_last_word(world: World) -> None:
    world.start()
    assert world.report(0, kind="cell", name="a.ipynb") is State.BUSY
    world.now += 590
    assert world.states() == [State.BUSY]
    world.now += 20
    assert world.states() == [State.QUIET]
    world.now += 2 * HOUR
    assert world.states() == [State.OVER]


def test_who_comes_back_in_time_is_told_of_no_end(world: World) -> None:
    spawner = world.start()
    world.report(0.1)
    world.now += 2 * HOUR
    world.report(2 * HOUR, kind="notebook", name="dark.ipynb")
    world.now += 901
    assert world.states() == [State.OVER]
    assert world.watch.endings("marie", world.spawners) == [], "it still runs"
    world.report(0.5)  # the culler was too slow
    assert world.states() == [State.QUIET]
    spawner.ready = False
    assert world.watch.endings("marie", world.spawners) == []


def test_who_does_not_is_told_what_was_stopped_and_why_until_they_have_read_it(
    world: World,
) -> None:
    world.start()
    world.report(2 * HOUR, kind="notebook", name="dark.ipynb")
    world.now += 2 * HOUR
    world.report(2 * HOUR, kind="notebook", name="dark.ipynb")
    world.now += 901
    assert world.states() == [State.OVER]
    world.spawners.clear()
    world.now += 3 * HOUR
    world.watch = world.hub()
    (ending,) = world.watch.endings("marie", {})
    assert ending.open_names == ("dark.ipynb",)
    assert ending.used_at == T0
    world.start()
    assert world.states() == [State.QUIET]
    assert len(world.watch.endings("marie", world.spawners)) == 1, "still to be told"
    world.records.forget_ending("marie", "")
    assert world.watch.endings("marie", world.spawners) == []


def test_keeping_and_giving_back(world: World) -> None:
    spawner = world.start()
    world.watch.keep("marie", spawner, 24 * HOUR)
    assert world.watch.quota_left_s("marie") == 24 * HOUR
    world.now += 4 * HOUR
    assert world.states() == [State.QUIET]
    world.watch.keep("marie", spawner, 0)
    assert world.watch.quota_left_s("marie") == 44 * HOUR, "what was not needed is given back"
    world.watch.keep("marie", spawner, 24 * HOUR)
    world.watch.keep("marie", spawner, 24 * HOUR)
    assert world.watch.quota_left_s("marie") == 20 * HOUR, "the same again is the same"
    other = world.start("second")
    with pytest.raises(IdleQuotaError, match="20 hours are left"):
        world.watch.keep("marie", other, 21 * HOUR)
    world.watch.keep("marie", other, 20 * HOUR)
    world.now += 8 * 24 * HOUR
    assert world.watch.quota_left_s("marie") == 48 * HOUR


def test_a_server_that_is_stopped_is_kept_no_longer(world: World) -> None:
    spawner = world.start()
    world.watch.keep("marie", spawner, 24 * HOUR)
    world.now += HOUR
    world.watch.stopped("marie", "")
    assert world.watch.quota_left_s("marie") == 47 * HOUR
    world.start()
    world.now += 3 * HOUR
    assert world.states() == [State.OVER], "the next server of that name is not kept"
    world.watch.stopped("marie", "second")  # never kept


def test_announcements_expire_and_are_withdrawn(world: World) -> None:
    records = world.records
    first = records.announce({"en": "a"}, level="info", now=T0, expires_at=T0 + 10)
    second = records.announce({"en": "b"}, level="warning", now=T0, expires_at=T0 + 20)
    assert [a.id for a in records.announcements(T0 + 5)] == [first, second]
    assert [a.id for a in records.announcements(T0 + 15)] == [second]
    assert records.withdraw(second) == 1
    assert records.announcements(T0 + 15) == []
