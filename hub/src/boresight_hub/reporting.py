"""Who is told how long work goes: phases, and what is new in each."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Is told how the phases of something go."""

    def begin(self, phase: str) -> None:
        """``phase`` begins."""

    def say(self, phase: str, text: str) -> None:
        """Something new about ``phase``."""

    def end(self, phase: str, seconds: float) -> None:
        """``phase`` is done, after ``seconds`` [s]."""
