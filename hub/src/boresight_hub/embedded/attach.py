"""What `boresight up` turns into once everything is ready: it waits, and passes Ctrl-C on.

``python -m boresight_hub.embedded.attach GUARD-PID``, in the process that is the guard's parent.
It exists so that the terminal's process needs a tenth of the memory that the command needed.
"""

from __future__ import annotations

import signal
import sys

from boresight_hub.embedded import processes

#: What wakes it; whoever turns into it blocks them first, so that none is lost between.
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD]


def main(argv: list[str]) -> int:
    """Wait for the guard; exit code: the guard's, 0 after an orderly stop."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    guard = int(argv[0])
    requests = 0
    while (code := processes.reap().get(guard)) is None:
        received = signal.sigtimedwait(SIGNALS, 5.0)
        if received is None or received.si_signo == signal.SIGCHLD:
            continue
        requests += 1
        text = "Stopping…" if requests == 1 else "Killing what is left…"
        sys.stderr.write(f"\n{text}\n")
        processes.send([guard], signal.SIGTERM)
    if code != 0:
        sys.stderr.write(
            f"The environment ended unexpectedly (code {code}); see `boresight logs supervisor`.\n"
        )
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
