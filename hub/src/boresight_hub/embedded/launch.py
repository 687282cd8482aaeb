"""Become a service: ties it to the supervisor, gives signals their defaults, runs the program.

``python -I -S launch.py <supervisor's pid> program argument…``; it replaces itself, so the pid is
the service's own. A separate program, because the supervisor has threads and so may not run
Python between fork and exec.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Run what the command line says."""
    supervisor, argv = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != supervisor:
        sys.exit(1)  # it died before the kernel knew what we want
    # started from a background shell we inherit an ignored SIGINT, and JupyterHub's services then
    # take half a minute to stop
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD", "SIGPIPE", "SIGQUIT"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    os.umask(0o077)
    os.setsid()  # a Ctrl-C at the terminal is the guard's business
    try:
        os.execvpe(argv[0], argv, os.environ)  # noqa: S606 - the plan's own argv
    except OSError as exc:
        sys.stderr.write(f"{argv[0]}: {exc.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()
