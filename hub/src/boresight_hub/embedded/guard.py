"""The guard: parent of the supervisor, and its undertaker.

``python -m boresight_hub.embedded.guard PLAN [PID]``. When the supervisor ends, however it ends,
the guard ends every process that is left below it. With ``PID`` (the terminal's `boresight up`)
it stops when that process dies. It does as little as possible, so that there is nothing in it that
could fail.

Exit code: the supervisor's; 128 + signal when that was killed.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from boresight_hub.embedded import processes

#: What is left after the supervisor's death gets so long to end by itself.
PATIENCE_S = 3.0

_SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD]


def main(argv: list[str]) -> int:
    """Run the supervisor on the plan ``argv[0]`` and clean up behind it."""
    # signals are fetched one by one below: nothing runs in a handler
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    processes.become_subreaper()
    if len(argv) > 1 and not processes.die_with_parent(int(argv[1])):
        return 1
    program = [sys.executable, "-m", "boresight_hub.embedded.supervisor", argv[0], str(os.getpid())]
    supervisor = os.posix_spawn(sys.executable, program, os.environ, setsigmask=[])
    requests = 0
    while (code := processes.reap().get(supervisor)) is None:
        received = signal.sigtimedwait(_SIGNALS, 5.0)
        if received is not None and received.si_signo != signal.SIGCHLD:
            requests += 1
            # a second request means it: what the supervisor leaves behind is ended below
            processes.send([supervisor], signal.SIGTERM if requests == 1 else signal.SIGKILL)
    processes.end_descendants(os.getpid(), patience_s=PATIENCE_S)
    if code < 0:
        _note_death(Path(argv[0]).parent, code)
    return code if code >= 0 else 128 - code


def _note_death(run_dir: Path, code: int) -> None:
    (run_dir / "supervisor.json").unlink(missing_ok=True)
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    with (run_dir.parent / "logs" / "supervisor.log").open("a") as log:
        log.write(f"{now}Z guard: the supervisor ended by signal {-code}; its services are ended\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
