"""Rates: by person, by class, and when to come again."""

from __future__ import annotations

import pytest

from boresight_hub.access.signing.problems import SigningError
from boresight_hub.access.signing.rates import RateLimiter
from boresight_hub.settings_access import RateClass

SLOW, FAST = RateClass(urls_per_s=10, burst=100), RateClass(urls_per_s=1000, burst=2000)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(clock: Clock) -> RateLimiter:
    return RateLimiter(SLOW, {"operators": FAST}, clock=clock)


def wait_s(limiter: RateLimiter, who: str, count: int, *groups: str) -> int:
    """How long ``who`` is told to wait; 0 when the addresses are given."""
    try:
        limiter.take(who, groups, count)
    except SigningError as error:
        return int(error.headers["retry-after"]) if error.status == 429 else -1
    return 0


def test_burst_then_rate(limiter: RateLimiter, clock: Clock) -> None:
    assert wait_s(limiter, "marie", 64) == 0
    assert wait_s(limiter, "marie", 36) == 0
    assert wait_s(limiter, "marie", 64) == 7  # 64 at 10 a second
    # a refusal costs nothing
    clock.now = 6.3
    assert wait_s(limiter, "marie", 64) == 1
    clock.now = 6.4
    assert wait_s(limiter, "marie", 64) == 0


def test_waiting_as_told_is_enough(limiter: RateLimiter, clock: Clock) -> None:
    for count in (64, 64, 1, 17, 64, 64):
        told = wait_s(limiter, "marie", count)
        clock.now += told
        if told:
            assert wait_s(limiter, "marie", count) == 0


def test_people_do_not_share(limiter: RateLimiter) -> None:
    assert wait_s(limiter, "marie", 100) == 0
    assert wait_s(limiter, "marie", 1) == 1
    assert wait_s(limiter, "paul", 100) == 0


def test_the_most_generous_class_counts(limiter: RateLimiter) -> None:
    assert limiter.class_of(()) is SLOW
    assert limiter.class_of(("others", "operators")) is FAST
    assert wait_s(limiter, "lea", 2000, "operators") == 0
    assert wait_s(limiter, "lea", 64, "operators") == 1


def test_a_pause_fills_to_the_burst_only(limiter: RateLimiter, clock: Clock) -> None:
    wait_s(limiter, "marie", 100)
    clock.now = 1e6
    assert wait_s(limiter, "marie", 100) == 0
    assert wait_s(limiter, "marie", 1) == 1
