"""Hub, proxy, provider, gateway and culler, with an idle policy of seconds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest
from support.gateway_stack import GatewayStack

from boresight_hub.session import HubSession
from boresight_hub.settings import IdleSettings

#: Two hours, a quarter of an hour and a minute, some hundred times as fast.
AFTER_S, WARN_BEFORE_S, REPORT_EVERY_S = 30, 15, 3
RULES = IdleSettings(
    after_s=AFTER_S,
    warn_before_s=WARN_BEFORE_S,
    every_s=1,
    report_every_s=REPORT_EVERY_S,
    keep_longest_s=600,
    keep_per_week_s=900,
)
#: What a server that is over may take to be gone [s].
GONE_S = AFTER_S + WARN_BEFORE_S + 60


class IdleStack(GatewayStack):
    """The gateway's stack, with a culler."""

    culler: subprocess.Popen[bytes] | None = None

    def start_culler(self) -> None:
        part = self.settings
        with (part.folder("logs") / "culler.log").open("ab") as log:
            self.culler = subprocess.Popen(
                [
                    *(sys.executable, "-m", "boresight_hub.config.culler"),
                    *(f"--url={part.url_of('hub')}/hub/api", "--every=1"),
                ],
                env={
                    "PATH": os.environ["PATH"],
                    "JUPYTERHUB_API_TOKEN": part.secret("culler-api-token"),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def stop_culler(self) -> None:
        if self.culler is not None:
            self.culler.terminate()
            self.culler.wait(10)
            self.culler = None

    def close(self) -> None:
        self.stop_culler()
        super().close()


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdleStack]:
    made = IdleStack(tmp_path_factory.mktemp("idle") / "state", idle=RULES)
    try:
        made.start()
        made.start_culler()
        yield made
    finally:
        made.close()


@pytest.fixture
def marie(stack: IdleStack) -> Iterator[HubSession]:
    session = stack.sessions["marie"]
    yield session
    session.stop_server()


def until_gone(session: HubSession, timeout_s: float = GONE_S) -> float:
    """Wait for the end of somebody's server; returns how long that took [s]."""
    begun = time.monotonic()
    while time.monotonic() < begun + timeout_s:
        if "" not in session.api("GET", f"users/{session.username}").json()["servers"]:
            return time.monotonic() - begun
        time.sleep(0.3)
    raise AssertionError(f"the server of {session.username} still runs after {timeout_s} s")


def stays(session: HubSession, for_s: float) -> None:
    """See that somebody's server does not end for a time."""
    until = time.monotonic() + for_s
    while time.monotonic() < until:
        user = session.api("GET", f"users/{session.username}").json()
        assert "" in user["servers"], f"ended {until - time.monotonic():.0f} s too soon"
        time.sleep(0.5)


def state_of(session: HubSession) -> dict[str, object]:
    """What the server's own route says, after a look of now."""
    answer = httpx.get(
        f"{session.server_url()}boresight/api/idle?now=1",
        headers={"Authorization": f"token {session.token}"},
        timeout=30,
    )
    found: dict[str, object] = answer.raise_for_status().json()
    return found
