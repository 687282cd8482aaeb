"""How a start goes, as a person understands it: room on a machine, image, start; and how long.

What is usual is learnt from the starts this hub has seen.
"""

from __future__ import annotations

import statistics
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from boresight_hub.config.kubernetes import explain

_REMEMBERED = 20


@dataclass(frozen=True)
class Step:
    """Where a start is.

    Attributes
    ----------
    name : str
        ``room``, ``image`` or ``start``.
    percent : int
    message : str
    """

    name: str
    percent: int
    message: str


_MESSAGES = {
    "room": "Finding a machine with room for your server",
    "image": "Fetching the software onto the machine; the first time there it takes minutes",
    "start": "Starting your server",
}
_PERCENT = {"room": 10, "image": 35, "start": 70}


class History:
    """How long the steps of the latest starts took."""

    def __init__(self) -> None:
        self._durations_s: defaultdict[str, deque[float]] = defaultdict(
            lambda: deque(maxlen=_REMEMBERED)
        )

    def note(self, step: str, duration_s: float) -> None:
        """Remember that ``step`` took ``duration_s``."""
        self._durations_s[step].append(duration_s)

    def usual_s(self, step: str) -> float | None:
        """Median of what was remembered [s]; None before the first."""
        known = self._durations_s.get(step)
        return statistics.median(known) if known else None


def step_of(
    pod: explain.Pod | None,
    events: Sequence[Mapping[str, Any]],
    history: History,
) -> Step:
    """Say where a start is.

    Parameters
    ----------
    pod : mapping or None
        None before there is one.
    events : sequence of mapping
        Of this pod, the oldest first.
    history : History
    """
    name = _name(pod, events)
    finding = explain.of_pod(pod, events) if pod else None
    message = str(finding) if finding else _MESSAGES[name]
    usual_s = history.usual_s(name)
    if finding is None and usual_s is not None:
        message += f" (usually {_duration(usual_s)})"
    return Step(name, _PERCENT[name], message)


def _name(pod: explain.Pod | None, events: Sequence[Mapping[str, Any]]) -> str:
    if pod is None or not pod.get("spec", {}).get("nodeName"):
        return "room"
    reasons = {event.get("reason") for event in events}
    if reasons & {"Pulled", "Created", "Started"} or _is_running(pod):
        return "start"
    return "image" if "Pulling" in reasons else "start"


def _is_running(pod: explain.Pod) -> bool:
    states = pod.get("status", {}).get("containerStatuses") or ()
    return any("running" in (state.get("state") or {}) for state in states)


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"
