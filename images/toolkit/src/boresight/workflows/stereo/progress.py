"""From news of many tasks to one share, one sentence and the time left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

Progress = Callable[[float, str], None]

#: where the phases of a job begin and end, by what they take
_PHASES = {
    "check": (0.0, 0.03),
    "whole": (0.03, 0.95),
    "shared-volume": (0.03, 0.95),
    "once": (0.03, 0.20),
    "tiles": (0.20, 0.92),
    "finish": (0.92, 0.97),
    "publish": (0.97, 1.0),
}


class Teller:
    """Tells the caller how a job goes. News comes from other threads.

    Parameters
    ----------
    progress : callable, optional
        Told the share done (0 to 1) and what is being done.
    phases : mapping, optional
        Of another job: where its phases begin and end; the first one is where it starts.
    """

    def __init__(
        self,
        progress: Progress | None,
        phases: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        self._phases = phases or _PHASES
        self._progress = progress or (lambda _share, _what: None)
        self._lock = threading.Lock()
        self._shares: dict[str, tuple[float, str]] = {}
        self._phase, self._total, self._done = next(iter(self._phases)), 1, 0
        self._phase_began_s = self._began_s = time.monotonic()
        self._pace = ""
        self._told: tuple[float, str] = (-1.0, "")

    def begin(self, phase: str, total: int = 1, *, done: int = 0) -> None:
        """Begin a phase of ``total`` tasks."""
        with self._lock:
            self._phase, self._total, self._done = phase, max(total, 1), done
            self._phase_began_s = time.monotonic()
            self._pace = ""
            self._shares.clear()
        self.tell()

    def finished(self, key: str) -> None:
        """Count a task as done."""
        with self._lock:
            self._done += 1
            self._shares.pop(key, None)
            each_s = (time.monotonic() - self._phase_began_s) / self._done
            left = self._total - self._done
            if self._total > 1:
                self._pace = f", one every {each_s:.0f} s"
                if left:
                    self._pace += f", {left * each_s:.0f} s for the others"

    def news(self, event: tuple[Any, dict[str, Any]]) -> None:
        """Take an event of Dask: (time, news)."""
        news = event[1]
        if "share" in news:
            with self._lock:
                self._shares[str(news.get("key"))] = (float(news["share"]), str(news["what"]))

    def tell(self, what: str | None = None) -> None:
        """Tell the caller, if there is news."""
        share, words = self._state()
        state = (round(share, 3), what or words)
        if state != self._told:
            self._told = state
            self._progress(*state)

    @property
    def elapsed_s(self) -> float:
        """Since the job began [s]."""
        return time.monotonic() - self._began_s

    def _state(self) -> tuple[float, str]:
        with self._lock:
            running = list(self._shares.values())
            inside = min(self._total, self._done + sum(share for share, _ in running))
            inside /= self._total
            begin, end = self._phases[self._phase]
            words = running[-1][1] if running else ""
            if self._phase == "tiles":
                words = f"tiles: {self._done} of {self._total}{self._pace}"
            names = {
                "check": "checking the pair",
                "once": f"what is global: {words}" if words else "what is global",
                "whole": f"one task: {words}" if words else "one task",
                "shared-volume": f"shared volume: {words}" if words else "shared volume",
                "finish": "mosaic",
                "publish": "publishing",
            }
            if self._phases is not _PHASES:
                names = {}
                words = f"{self._phase}: {words}" if words else self._phase
            return begin + inside * (end - begin), names.get(self._phase, words)
