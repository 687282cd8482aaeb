"""The whole environment, brought up by its own command, for end-to-end tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from boresight_hub.embedded import people
from boresight_hub.embedded.state import load_settings
from boresight_hub.session import HubSession
from support.ports import free_base_port

COMMAND = Path(sys.executable).with_name("boresight")
_TIMEOUT_S = 900.0


class Environment:
    """An environment in ``state``; the provider is ``BORESIGHT_TEST_IDP``, as in CI.

    Parameters
    ----------
    state : Path
    overrides : str
        ``BORESIGHT_*`` settings of this environment.
    """

    def __init__(self, state: Path, **overrides: str) -> None:
        self.state = state
        self.port = free_base_port()
        self.overrides = overrides
        self.idp = os.environ.get("BORESIGHT_TEST_IDP", "oidc-provider")

    def command(
        self, *arguments: str, check: bool = True, timeout_s: float = _TIMEOUT_S
    ) -> subprocess.CompletedProcess[str]:
        """Run ``boresight`` on this environment."""
        done = subprocess.run(
            [COMMAND, *arguments, "--state", str(self.state)],
            env=os.environ | self.overrides,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"boresight {' '.join(arguments)} ended with {done.returncode}:\n"
                f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            )
        return done

    def up(self) -> None:
        self.command("up", "--detach", "--port", str(self.port), "--idp", self.idp)

    def down(self) -> None:
        self.command("down")
        left = self.processes()
        assert not left, f"left behind: {left}"

    def demo(self, *arguments: str) -> dict[str, Any]:
        """Run the main job; its outcome."""
        done = self.command("demo", "--json", *arguments)
        return json.loads(done.stdout)

    def begin_demo(self, *arguments: str) -> RunningDemo:
        """Start the main job, and look on."""
        return RunningDemo(self, *arguments)

    def status(self) -> dict[str, Any]:
        return json.loads(self.command("status", "--json").stdout)

    @property
    def settings(self) -> Any:
        # what the processes of this environment were given must hold for its settings here too
        kept = {name: os.environ.get(name) for name in self.overrides}
        os.environ.update(self.overrides)
        try:
            return load_settings(self.state)
        finally:
            for name, value in kept.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def password(self, username: str) -> str:
        return people.find(self.settings, username).password

    @contextmanager
    def session(self, username: str) -> Iterator[HubSession]:
        """``username`` signed in, with a running server."""
        with HubSession(self.settings) as session:
            session.sign_in(username, self.password(username))
            session.start_server()
            yield session

    def processes(self) -> list[str]:
        """Processes of this account that belong to this environment."""
        found = []
        for process in psutil.process_iter():
            try:
                marker = process.environ().get("BORESIGHT_STATE_DIR")
                if marker == str(self.state) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{process.pid} {' '.join(process.cmdline())[:120]}")
            except (psutil.Error, OSError):
                continue
        return found


class RunningDemo:
    """The main job in a process of its own.

    Parameters
    ----------
    environment : Environment
    arguments : str
        Of ``boresight demo``.
    """

    def __init__(self, environment: Environment, *arguments: str) -> None:
        # open for as long as the job runs
        self._files = [tempfile.TemporaryFile("w+") for _ in range(2)]  # noqa: SIM115
        self._process = subprocess.Popen(
            [COMMAND, "demo", "--json", *arguments, "--state", str(environment.state)],
            env=os.environ | environment.overrides,
            stdin=subprocess.DEVNULL,
            stdout=self._files[0],
            stderr=self._files[1],
        )

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def stderr(self) -> str:
        self._files[1].seek(0)
        return self._files[1].read()

    def join(self, timeout_s: float = _TIMEOUT_S) -> subprocess.CompletedProcess[str]:
        """Wait for its end."""
        try:
            code = self._process.wait(timeout_s)
        finally:
            self._process.kill()
        self._files[0].seek(0)
        done = subprocess.CompletedProcess(
            self._process.args, code, self._files[0].read(), self.stderr
        )
        for file in self._files:
            file.close()
        return done


def printed(outputs: list[dict[str, Any]]) -> str:
    """What a cell printed."""
    return "".join(o.get("text", "") for o in outputs)
