"""The process of a run: started with its owner's environment, found again, ended.

It leads a session of its own, so that nothing that happens to this service happens to it. Its
kernel has left that session; both are found by a mark in their environment, never by a stored
process id alone, since an id may belong to somebody else by the time it is used.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from boresight_hub.batch.records import Process, Run, Runs
from boresight_hub.config.holders import folder_name
from boresight_hub.environment import blas_threads, user_environment
from boresight_hub.settings import HubSettings

#: Names the run a process belongs to, by its folder.
MARK = "BORESIGHT_BATCH_RUN"
_RUNNER = "boresight.workflows.batch.runner"
_KEPT = ("LANG", "LC_ALL", "TZ", "TMPDIR", "MALLOC_ARENA_MAX")


class RunProcesses:
    """Starts and ends the processes of runs.

    Parameters
    ----------
    settings : HubSettings
    runs : Runs
    """

    def __init__(self, settings: HubSettings, runs: Runs) -> None:
        self._settings = settings
        self._runs = runs
        # of those this process has started itself: it is their parent and takes note of their end
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def home(self, user: str) -> Path:
        """Home of a person on this machine."""
        return self._settings.state_dir / "homes" / folder_name(user)

    def start(self, run: Run) -> Process:
        """Start the process of ``run``; what it prints goes to the run's log.

        Raises
        ------
        OSError
            When it cannot be started.
        """
        folder = self._runs.folder(run)
        home = self.home(run.user)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", _RUNNER, str(folder)],
                env=self._environment(run, home, folder),
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o077,
            )
        self._children[run.run_id] = child
        return Process(pid=child.pid, started=psutil.Process(child.pid).create_time())

    def lives(self, run: Run) -> bool:
        """Whether the process of ``run`` is at work."""
        child = self._children.get(run.run_id)
        if child is not None:
            if child.poll() is None:
                return True
            del self._children[run.run_id]
            return False
        if run.process is None:
            return False
        try:
            process = psutil.Process(run.process.pid)
            same = bool(process.create_time() == run.process.started)
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def ask_to_end(self, run: Run) -> None:
        """Have the process end by itself: it still writes down how far it came."""
        if self.lives(run) and run.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(run.process.pid, signal.SIGTERM)

    def sweep(self, run: Run) -> int:
        """Kill whatever still bears the run's mark; returns how many there were."""
        marker = str(self._runs.folder(run))
        uid, found = os.geteuid(), 0
        for process in psutil.process_iter():
            try:
                if process.uids().effective == uid and process.environ().get(MARK) == marker:
                    process.kill()
                    found += 1
            except (psutil.Error, OSError):
                continue
        return found

    def _environment(self, run: Run, home: Path, folder: Path) -> dict[str, str]:
        programs = str(Path(sys.executable).parent)
        variables = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {
            "LANG": "C.UTF-8",
            **variables,
            **blas_threads(1),
            **user_environment(self._settings, username=run.user, token_dir=folder),
            # S3 clients show the grant's credential itself, which outlives every token
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(folder / "credential"),
            # a run trades nothing for tokens that could make grants
            "BORESIGHT_ACCESS_TOKEN_FILE": "",
            "BORESIGHT_BATCH_OUTPUTS": str(folder / "outputs"),
            "PATH": os.pathsep.join((programs, os.environ.get("PATH", os.defpath))),
            "HOME": str(home),
            "USER": run.user,
            "LOGNAME": run.user,
            "SHELL": shutil.which("bash") or "/bin/sh",
            "PYTHONUNBUFFERED": "1",
            # the home may be full, and what a kernel says of itself is nobody's work
            "IPYTHONDIR": str(folder / "ipython"),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "XDG_CACHE_HOME": f"{home}/.cache",
            "NUMBA_CACHE_DIR": f"{home}/.cache/numba",
            MARK: str(folder),
        }
