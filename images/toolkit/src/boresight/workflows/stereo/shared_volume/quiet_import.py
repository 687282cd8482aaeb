"""Import CARS' orchestrator in a process that is not CARS'.

Dask's scheduler and workers load CARS wherever they first meet its objects, and any process that
imports CARS loads our plugin. That must change nothing for them, and work in any thread.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_TOUCHES_SIGNALS = "dask_jobqueue"


@contextmanager
def quiet_import() -> Iterator[None]:
    """Undo what importing ``cars`` and ``cars.orchestrator.cluster`` does to the process.

    * ``dask_jobqueue`` (for clusters of PBS and Slurm) takes SIGINT at import: Ctrl-C would end a
      kernel, and the import fails in every thread but the first.
    * CARS 1.3.0 sets ``DASK_CONFIG`` to a folder of its own: for all that this process starts.
    """
    set_signal, config = signal.signal, os.environ.get("DASK_CONFIG")

    def signal_unless_jobqueue(number: Any, handler: Any) -> Any:
        caller = str(sys._getframe(1).f_globals.get("__name__"))
        if caller.partition(".")[0] == _TOUCHES_SIGNALS:
            return signal.getsignal(number)
        return set_signal(number, handler)

    signal.signal = signal_unless_jobqueue  # type: ignore[assignment]
    try:
        yield
    finally:
        signal.signal = set_signal
        if config is None or config.startswith(_folder_of_cars()):
            os.environ.pop("DASK_CONFIG", None)
        else:
            os.environ["DASK_CONFIG"] = config


def _folder_of_cars() -> str:
    cars = sys.modules.get("cars")
    return os.path.join(os.path.dirname(str(cars.__file__)), "") if cars else "\0"  # noqa: PTH118, PTH120 - a prefix
