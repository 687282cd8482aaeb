"""A real identity provider behind the real proxy, as in an environment on one machine."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from boresight_hub import oidc
from boresight_hub.embedded import keycloak, nodejs, people, provider
from boresight_hub.settings import HubSettings, OidcSettings
from support.machine import link_node_packages
from support.ports import START_TIMEOUT_S, free_base_port
from support.signin import Browser, Pkce, answer_of, form_of


@dataclass
class Environment:
    """One provider with its proxy."""

    settings: HubSettings
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    proxy_token: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def kind(self) -> str:
        return self.settings.oidc.kind

    @property
    def callback(self) -> str:
        return f"{self.settings.public_url}/hub/oauth_callback"

    def endpoint(self, name: str) -> str:
        return f"{self.settings.issuer}/protocol/openid-connect/{name}"

    def start(self) -> None:
        settings = self.settings
        if "proxy" not in self.processes:
            self._run(
                "proxy",
                [
                    *nodejs.node_command(),
                    str(nodejs.proxy_script(settings)),
                    *("--ip", settings.host, "--port", str(settings.port)),
                    *("--api-ip", settings.host, "--api-port", str(settings.port_of("proxy_api"))),
                    *("--default-target", settings.url_of("idp")),
                ],
                {"CONFIGPROXY_AUTH_TOKEN": self.proxy_token},
            )
        if self.kind == "keycloak":
            hidden = {
                variable: settings.secret(name)
                for variable, name in keycloak.secret_environment().items()
            }
            self._run("idp", keycloak.command(settings), keycloak.environment(settings) | hidden)
            health = keycloak.health_url(settings)
        else:
            self._run("idp", provider.command(), provider.environment(settings))
            health = provider.health_url(settings)
        deadline = time.monotonic() + START_TIMEOUT_S
        discovery = f"{settings.issuer}/.well-known/openid-configuration"
        for url in (health, discovery):
            while not _answers(url):
                assert self.processes["idp"].poll() is None, self.log()
                assert time.monotonic() < deadline, f"{url} is silent: {self.log()}"
                time.sleep(0.1)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Send the provider a signal and return how long it took to end [s]."""
        process = self.processes.pop("idp")
        begun = time.monotonic()
        process.send_signal(number)
        process.wait(30)
        return time.monotonic() - begun

    def stop_all(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(30)
        self.processes.clear()

    def log(self) -> str:
        return (self.settings.state_dir / "idp.log").read_text()[-4000:]

    def _run(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        with (self.settings.state_dir / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def browser(self) -> Browser:
        return Browser(stop_at=f"{self.settings.public_url}/hub/")

    def ask(self, browser: Browser, pkce: Pkce | None = None, **changes: str) -> httpx.Response:
        """Open the provider's sign-in page the way the hub sends people there."""
        parameters = {
            "response_type": "code",
            "client_id": "hub",
            "redirect_uri": self.callback,
            "scope": "openid",
            "state": "state-of-the-hub",
        }
        if pkce:
            parameters |= {"code_challenge": pkce.challenge, "code_challenge_method": "S256"}
        return browser.get(self.endpoint("auth"), parameters | changes)

    def credentials(self, username: str) -> dict[str, str]:
        person = people.find(self.settings, username)
        return {"username": username, "password": person.password}

    def code(self, browser: Browser, pkce: Pkce, username: str = "marie") -> str:
        """Sign in through the form; the code that goes to the hub."""
        page = self.ask(browser, pkce)
        done = browser.submit(page, self.credentials(username))
        answer = answer_of(done)
        assert answer["state"] == "state-of-the-hub"
        return answer["code"]

    def token(
        self, form: dict[str, str], *, client: str | None = "hub", **more: str
    ) -> httpx.Response:
        """Ask the token endpoint; as a confidential client, or with ``client=None`` as given."""
        auth = None
        if client:
            auth = httpx.BasicAuth(client, self.settings.secret(f"{client}-client-secret"))
        return httpx.post(
            self.endpoint("token"), data=form | more, auth=auth, timeout=30, trust_env=False
        )

    def redeem(self, code: str, verifier: str | None) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.callback,
        }
        return self.token(form | ({"code_verifier": verifier} if verifier else {}))

    def sign_in(self, username: str = "marie", browser: Browser | None = None) -> dict[str, Any]:
        """Tokens of a fresh sign-in."""
        pkce = Pkce()
        if browser is not None:
            return ok(self.redeem(self.code(browser, pkce, username), pkce.verifier))
        with self.browser() as own:
            return ok(self.redeem(self.code(own, pkce, username), pkce.verifier))

    def route(self, path: str, target: str) -> None:
        """Have the proxy pass on what lies below ``path``."""
        httpx.post(
            f"{self.settings.url_of('proxy_api')}/api/routes/{path}",
            json={"target": target},
            headers={"authorization": f"token {self.proxy_token}"},
            timeout=10,
            trust_env=False,
        ).raise_for_status()

    def accept_device(self, link: str, username: str) -> None:
        """Sign a device in, in a browser, as somebody does who opens the link it shows."""
        with self.browser() as browser:
            page = browser.get(link)
            for _ in range(4):  # the providers ask for code, sign-in and consent in different order
                found = form_of(page)
                values = self.credentials(username) if "password" in found.fields else {}
                yes = next((name for name in ("confirm", "accept") if name in found.buttons), None)
                page = browser.submit(page, values, button=yes)
                if "<form" not in page.text:
                    return
        raise AssertionError(f"the sign-in of the device does not end: {page.text[:2000]}")

    def verify(self, token: str, audience: str) -> oidc.Claims:
        return asyncio.run(oidc.TokenVerifier(self.settings, audience).verify(token))


def ok(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, f"{response.status_code}: {response.text}"
    answer: dict[str, Any] = response.json()
    return answer


def refused(response: httpx.Response, *errors: str) -> None:
    assert response.status_code in (400, 401, 403), f"{response.status_code}: {response.text}"
    assert response.json()["error"] in errors, response.text


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def make_settings(
    state_dir: Path, kind: str = "oidc-provider", **oidc_settings: Any
) -> HubSettings:
    return HubSettings(
        state_dir=state_dir,
        port=free_base_port(),
        oidc=OidcSettings(kind=kind, **oidc_settings),
    )


def prepare(settings: HubSettings) -> None:
    """What the first start of an environment does for the identity provider."""
    settings.state_dir.mkdir(mode=0o700, exist_ok=True)
    link_node_packages(settings)
    people.ensure_people(settings)
    provider.make_idp_secrets(settings)
    keycloak.make_keycloak_secrets(settings)
    for name in ("hub-client-secret", "access-client-secret"):
        people.write_private(settings.secrets_dir / name, secrets.token_urlsafe(32) + "\n")
