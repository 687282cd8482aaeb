"""What the supervisor runs, as data: it reads a plan and knows nothing of Boresight's services.

A plan holds no secret: a command's environment names the secret *file* a value is read from at
the moment the command is started.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FORMAT = 1


@dataclass(frozen=True)
class Command:
    """A program to run.

    Parameters
    ----------
    argv : list of str
        Never holds a secret.
    env : dict
        The whole environment, but for what ``secret_env`` adds.
    secret_env : dict
        Variable to name of the secret file whose content it gets.
    cwd : str
        Folder to run in.
    """

    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)
    secret_env: dict[str, str] = field(default_factory=dict)
    cwd: str = "/"


@dataclass(frozen=True)
class Request:
    """An HTTP request to a service on this machine, with its token read from a secret file."""

    url: str
    method: str = "GET"
    token_secret: str = ""
    body: str = ""


@dataclass(frozen=True)
class Service:
    """One process that is kept running.

    Parameters
    ----------
    name : str
        As in ``boresight status``; its log is ``logs/<name>.log``.
    command : Command
    health_url : str
        Answers 2xx when the service is ready; empty: ready when it has lived for a second.
    url : str
        Shown to people.
    needs : list of str
        Services that have to be ready before this one starts.
    on_ready : list of Request
        Sent each time the service became healthy, before it counts as ready.
    on_restart : list of Request
        Sent after those when the service has been ready before; a failure is logged only.
    setup : Command or None
        Run once the service is healthy, before it counts as ready.
    setup_done : list of str
        Paths; when all exist, ``setup`` is left out.
    ready_timeout_s : float
        How long it may take to become ready.
    stop_timeout_s : float
        How long it may take to stop before it is killed.
    stop_stage : int
        Services stop stage by stage, the highest first.
    """

    name: str
    command: Command
    health_url: str = ""
    url: str = ""
    needs: list[str] = field(default_factory=list)
    on_ready: list[Request] = field(default_factory=list)
    on_restart: list[Request] = field(default_factory=list)
    setup: Command | None = None
    setup_done: list[str] = field(default_factory=list)
    ready_timeout_s: float = 60.0
    stop_timeout_s: float = 3.0
    stop_stage: int = 0


@dataclass(frozen=True)
class RestartRules:
    """When a service that ended is started again.

    The pause doubles from ``first_pause_s`` to ``longest_pause_s``; after ``healthy_after_s`` in
    health the count starts anew. After ``give_up_after`` ends in a row the service is left as
    failed, before the environment was ready once already after ``give_up_at_start``.
    """

    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0
    healthy_after_s: float = 60.0
    give_up_after: int = 10
    give_up_at_start: int = 3
    #: a service that gives no healthy answer for so long is ended and started again
    unresponsive_after_s: float = 90.0
    health_interval_s: float = 10.0


@dataclass(frozen=True)
class Plan:
    """Everything one supervisor needs to know."""

    state_dir: str
    secrets_dir: str
    url: str
    services: list[Service]
    rules: RestartRules = field(default_factory=RestartRules)
    log_bytes: int = 5_000_000
    log_files: int = 3

    def write(self, path: Path) -> None:
        """Write the plan to ``path``, atomically, for its owner alone."""
        write_private(path, json.dumps({"format": FORMAT, **asdict(self)}, indent=1))

    @classmethod
    def read(cls, path: Path) -> Plan:
        """Read what :meth:`write` wrote."""
        raw = json.loads(path.read_text())
        if raw.pop("format") != FORMAT:
            msg = f"{path} was written by another version"
            raise ValueError(msg)
        raw["services"] = [_service(entry) for entry in raw["services"]]
        raw["rules"] = RestartRules(**raw["rules"])
        return cls(**raw)


def _service(raw: dict[str, Any]) -> Service:
    values = dict(raw)
    values["command"] = Command(**raw["command"])
    values["setup"] = Command(**raw["setup"]) if raw["setup"] else None
    for key in ("on_ready", "on_restart"):
        values[key] = [Request(**request) for request in raw[key]]
    return Service(**values)


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` by ``text``, atomically, mode 0600."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    temporary.replace(path)
