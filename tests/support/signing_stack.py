"""The access service behind the real proxy, with the real identity provider: for API keys."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx

from boresight_hub import oidc
from support.access_stack import AccessStack
from support.hub_stack import HubStack, remove_state
from support.idp import Environment

_LINK = re.compile(r"(http\S+/device\?user_code=\S+)")


class SigningStack:
    """Store, catalogue, access service, proxy and identity provider; no hub."""

    def __init__(self, state_dir: Path, *, token_life_s: int = 300, **more: Any) -> None:
        self.access = AccessStack(
            state_dir, origin=False, oidc={"token_life_s": token_life_s}, **more
        )
        self.settings = self.access.settings
        self.hub = HubStack(self.settings)
        self.idp = Environment(self.settings)

    def start(self, *names: str) -> None:
        """Start proxy, provider and routes, then parts of the access stack: all, or ``names``."""
        self.start_provider()
        self.access.start(*names)

    def start_provider(self) -> None:
        self.hub.start("proxy", "idp")
        for path, service in {
            "idp": "idp",
            "services/access": "access",
            "services/stac": "stac",
        }.items():
            httpx.post(
                f"{self.settings.url_of('proxy_api')}/api/routes/{path}",
                json={"target": self.settings.url_of(service)},
                headers={"authorization": f"token {self.settings.secret('proxy-auth-token')}"},
                trust_env=False,
            ).raise_for_status()

    def close(self) -> None:
        self.access.close()
        self.hub.close()
        remove_state(self.settings)

    def url(self, path: str) -> str:
        return f"{self.settings.public_url}/services/access/{path}"

    def access_token(self, tokens: dict[str, Any]) -> str:
        """Token for the access service from a sign-in at the hub."""
        exchanged = oidc.exchange(self.settings, tokens["access_token"], "access")
        return asyncio.run(exchanged).access_token

    def bearer(self, username: str) -> dict[str, str]:
        """Header of somebody who has just signed in."""
        token = self.access_token(self.idp.sign_in(username))
        return {"authorization": f"Bearer {token}"}

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return httpx.request(method, self.url(path), timeout=30, trust_env=False, **more)

    def accept_device(self, link: str, username: str) -> None:
        """Sign a device in, in a browser, as somebody does who opens the link it shows."""
        self.idp.accept_device(link, username)


class Program:
    """A Python program of a user: a process with nothing but the settings it is given."""

    def __init__(self, source: str | list[str], environment: dict[str, str]) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        command = [sys.executable, "-c", source] if isinstance(source, str) else source
        self.lines: list[str] = []
        self._ended = False
        self._process = subprocess.Popen(
            command,
            env=kept | {"PYTHONUNBUFFERED": "1", "NO_PROXY": "*"} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def link(self, timeout_s: float = 30.0) -> str:
        """Address the device sign-in shows."""
        with self._changed:
            self._changed.wait_for(lambda: self._link() or self._ended, timeout_s)
        link = self._link()
        if link is None:
            self.close()
            raise AssertionError(f"no device sign-in was begun: {self.output}")
        return link

    def close(self) -> None:
        """End it, if it still runs."""
        self._process.kill()
        self._process.wait(10)
        self._reader.join(5)

    def result(self, timeout_s: float = 60.0) -> Any:
        """What the program printed last, as JSON."""
        self.wait(timeout_s)
        return json.loads(self.lines[-1])

    def wait(self, timeout_s: float = 60.0) -> str:
        """Wait for the end; what was printed."""
        try:
            code = self._process.wait(timeout_s)
        finally:
            self.close()
        assert code == 0, self.output
        return self.output

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def _link(self) -> str | None:
        found = _LINK.search(self.output)
        return found[1] if found else None

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        self._process.stdout.close()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
