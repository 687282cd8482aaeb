"""Proxy, identity provider, hub and gateway as real processes."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from boresight_hub.embedded.people import write_private
from boresight_hub.session import HubSession
from boresight_hub.settings import GatewaySettings, HubSettings
from support.hub_stack import HubStack, remove_state
from support.ports import START_TIMEOUT_S, free_base_port

LIMITS = GatewaySettings(
    max_clusters_per_user=2,
    max_cores_per_user=3,
    max_memory_per_user_gib=4.0,
    max_cores_per_cluster=3,
    max_worker_cores=2,
    max_worker_memory_gib=2.0,
    default_worker_memory_gib=0.5,
    idle_timeout_s=600,
)


class GatewayStack:
    """The real gateway before the real hub; people are signed in through the real form."""

    def __init__(self, state_dir: Path, **settings: Any) -> None:
        state_dir.mkdir(mode=0o700, parents=True)
        self.settings = HubSettings(
            state_dir=state_dir, port=free_base_port(), gateway=LIMITS, **settings
        )
        self.hub = HubStack(self.settings)
        write_private(self.settings.secrets_dir / "dashboard-key", secrets.token_hex(32))
        self.gateway: subprocess.Popen[bytes] | None = None
        self.sessions: dict[str, HubSession] = {}

    def start(self) -> None:
        self.hub.start()
        for name in self.hub.people:
            self.sessions[name] = HubSession(self.settings)
            self.sessions[name].sign_in(name, self.hub.password(name))
        self.start_gateway()

    def start_gateway(self) -> float:
        """Start the gateway; returns how long it took to answer [s]."""
        begun = time.monotonic()
        part = self.settings
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(part.state_dir),
            "BORESIGHT_STATE_DIR": str(part.state_dir),
            "BORESIGHT_PORT": str(part.port),
            "BORESIGHT_GATEWAY": part.gateway.model_dump_json(),
        }
        with (part.folder("logs") / "gateway.log").open("ab") as log:
            self.gateway = subprocess.Popen(
                [sys.executable, "-m", "boresight_hub.gateway"],
                env=environment,
                cwd=part.state_dir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        while time.monotonic() < begun + START_TIMEOUT_S:
            assert self.gateway.poll() is None, self.log()[-3000:]
            try:
                if httpx.get(f"{part.gateway_url}/api/health", timeout=2).status_code == 200:
                    return time.monotonic() - begun
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"the gateway did not become ready:\n{self.log()[-3000:]}")

    def stop_gateway(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Send a signal; returns how long the gateway took to end [s]."""
        assert self.gateway is not None
        begun = time.monotonic()
        self.gateway.send_signal(number)
        self.gateway.wait(30)
        self.gateway = None
        return time.monotonic() - begun

    def close(self) -> None:
        if self.gateway is not None:
            self.stop_gateway()
        for session in self.sessions.values():
            session.close()
        self.hub.close()
        remove_state(self.settings)

    def log(self) -> str:
        return (self.settings.folder("logs") / "gateway.log").read_text(errors="replace")

    def token(self, username: str) -> str:
        return self.sessions[username].token

    def api(self, username: str, method: str, path: str, body: object = None) -> httpx.Response:
        """Ask the gateway as ``username``."""
        return httpx.request(
            method,
            f"{self.settings.gateway_url}/api/{path}",
            headers={"Authorization": f"jupyterhub {self.token(username)}"},
            json=body,
            timeout=30,
            trust_env=False,
        )

    def report(self, username: str, name: str) -> dict[str, Any]:
        answer = self.api(username, "GET", f"boresight/clusters/{name}")
        assert answer.status_code == 200, answer.text
        report: dict[str, Any] = answer.json()
        return report

    def processes(self, *words: str) -> list[psutil.Process]:
        """Living processes of this environment whose command line has all ``words``."""
        found = []
        for process in psutil.process_iter():
            try:
                line = " ".join(process.cmdline())
                belongs = str(self.settings.state_dir) in line + json.dumps(process.environ())
                if belongs and all(word in line for word in words):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def cluster_processes(self) -> list[psutil.Process]:
        """Every living process of any cluster of this environment."""
        found = []
        for process in self.processes():
            try:
                alive = process.status() != psutil.STATUS_ZOMBIE
                if alive and "BORESIGHT_CLUSTER" in process.environ():
                    found.append(process)
            except psutil.Error:
                continue
        return found
