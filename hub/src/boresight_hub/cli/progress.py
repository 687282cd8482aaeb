"""Progress of a start: one line a phase, with its time."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text


class StartProgress:
    """Shows phases as they go; in a terminal they move, elsewhere a line is printed at each end.

    Implements :class:`boresight_hub.reporting.Reporter`; any thread may call it.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._phases: dict[str, tuple[float, float | None, str]] = {}
        self._live = Live(
            get_renderable=self._render,
            console=console,
            refresh_per_second=8,
            transient=False,
        )

    def __enter__(self) -> StartProgress:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    @property
    def times(self) -> dict[str, float]:
        """Seconds of each phase that is done [s]."""
        with self._lock:
            return {name: end for name, (_, end, _) in self._phases.items() if end is not None}

    def begin(self, phase: str) -> None:
        """``phase`` begins."""
        with self._lock:
            self._phases[phase] = (time.monotonic(), None, "")

    def say(self, phase: str, text: str) -> None:
        """Something new about ``phase``."""
        with self._lock:
            begun, end, _ = self._phases[phase]
            self._phases[phase] = (begun, end, text)

    def end(self, phase: str, seconds: float) -> None:
        """``phase`` is done, after ``seconds`` [s]."""
        with self._lock:
            begun, _, text = self._phases[phase]
            self._phases[phase] = (begun, seconds, text)
        if not self._console.is_terminal:
            self._console.print(f"{phase}: {seconds:.1f} s", highlight=False)

    def _render(self) -> Table:
        table = Table.grid(padding=(0, 2))
        now = time.monotonic()
        with self._lock:
            for name, (begun, end, text) in self._phases.items():
                if end is None:
                    mark: Spinner | Text = Spinner("dots")
                    table.add_row(mark, name, f"{now - begun:5.1f} s", Text(text, style="dim"))
                else:
                    table.add_row(Text("✓", style="green"), name, f"{end:5.1f} s", "")
        return table
