"""Proxy, identity provider and hub as real processes, for contract tests."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

import boresight_hub.config
from boresight_hub.embedded import nodejs, people, provider
from boresight_hub.settings import HubSettings
from support.machine import link_node_packages
from support.ports import START_TIMEOUT_S

_SECRETS = (
    "proxy-auth-token",
    "auth-state-key",
    "hub-client-secret",
    "access-client-secret",
    "gateway-api-token",
    "culler-api-token",
    "supervisor-api-token",
    "hub-cookie-secret",
)
_CONFIG = Path(boresight_hub.config.__file__).with_name("jupyterhub_config.py")


class HubStack:
    """The three processes, started and stopped one by one."""

    def __init__(self, settings: HubSettings) -> None:
        self.settings = settings
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._prepare()

    def _prepare(self) -> None:
        folder = self.settings.folder("secrets")
        for name in _SECRETS:
            if not (folder / name).exists():
                people.write_private(folder / name, secrets.token_hex(32))
        provider.make_idp_secrets(self.settings)
        self.people = {p.username: p for p in people.ensure_people(self.settings)}
        link_node_packages(self.settings)

    def password(self, username: str) -> str:
        return self.people[username].password

    def start(self, *names: str) -> None:
        for name in names or ("proxy", "idp", "hub"):
            getattr(self, f"_start_{name}")()

    def stop(self, name: str, sig: int = signal.SIGTERM) -> None:
        process = self.processes.pop(name, None)
        if process is None:
            return
        process.send_signal(sig)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        for name in ("hub", "idp", "proxy"):
            self.stop(name)

    def log(self, name: str) -> str:
        return (self.settings.folder("logs") / f"{name}.log").read_text(errors="replace")

    def hub_api(self, method: str, path: str, *, token: str, **kwargs: object) -> httpx.Response:
        return httpx.request(
            method,
            f"{self.settings.public_url}/hub/api/{path}",
            headers={"Authorization": f"token {token}"},
            timeout=20,
            **kwargs,  # type: ignore[arg-type]
        )

    def _environment(self) -> dict[str, str]:
        changed = self.settings.model_dump(mode="json", exclude_defaults=True)
        variables = {"PATH": os.environ["PATH"], "HOME": str(self.settings.state_dir)}
        for name, value in changed.items():
            if isinstance(value, dict):
                for inner, setting in value.items():
                    text = json.dumps(setting) if isinstance(setting, list) else str(setting)
                    variables[f"BORESIGHT_{name}__{inner}".upper()] = text
            else:
                variables[f"BORESIGHT_{name}".upper()] = str(value)
        return variables

    def _spawn(
        self, name: str, command: list[str], extra: dict[str, str], ready: str, *, status: int = 0
    ) -> None:
        with (self.settings.folder("logs") / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                env=self._environment() | extra,
                cwd=self.settings.state_dir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait_for(name, ready, status=status)

    def _wait_for(self, name: str, ready: str, *, status: int = 0) -> None:
        process = self.processes[name]
        until = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < until:
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended:\n{self.log(name)[-3000:]}")
            try:
                answer = httpx.get(ready, timeout=2).status_code
                if answer == status or (not status and answer < 500):
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"{name} did not become ready:\n{self.log(name)[-3000:]}")

    def _start_proxy(self) -> None:
        part = self.settings
        command = [
            *nodejs.node_command(),
            str(nodejs.proxy_script(part)),
            *("--ip", part.host, "--port", str(part.port)),
            *("--api-ip", part.host, "--api-port", str(part.port_of("proxy_api"))),
            *("--default-target", part.url_of("hub")),
            *("--error-target", f"{part.url_of('hub')}/hub/error"),
        ]
        token = {"CONFIGPROXY_AUTH_TOKEN": part.secret("proxy-auth-token")}
        self._spawn("proxy", command, token, f"{part.url_of('proxy_api')}/api/routes")

    def _start_idp(self) -> None:
        environment = provider.environment(self.settings)
        self._spawn("idp", provider.command(), environment, provider.health_url(self.settings))

    def _start_hub(self) -> None:
        command = [sys.executable, "-m", "jupyterhub", "-f", str(_CONFIG)]
        # A proxy that lived on still has the routes of the hub before: ask this hub first.
        self._spawn("hub", command, {}, f"{self.settings.url_of('hub')}/hub/health", status=200)
        self._wait_for("hub", f"{self.settings.public_url}/idp/health", status=200)  # its routes


def remove_state(settings: HubSettings) -> None:
    """Unlink the shared Node packages before the temporary folder is removed."""
    node = nodejs.node_directory(settings)
    if node.is_symlink():
        node.unlink()
    shutil.rmtree(settings.state_dir / "homes", ignore_errors=True)
