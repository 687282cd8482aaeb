"""One person at work in the environment."""

from __future__ import annotations

import contextlib
import json
import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from boresight_hub.errors import ServiceError, SignInError
from boresight_hub.session.answers import (
    AwayError,
    failed,
    is_away,
    is_end_of_the_hub,
    is_under_way,
    out_of_reach,
    reason_of,
)
from boresight_hub.session.browser import ApiToken, HubBrowser
from boresight_hub.session.kernel import Kernel
from boresight_hub.session.websocket import KernelRoute
from boresight_hub.settings import HubSettings

_HTTP_TIMEOUT_S = 30.0
_PAUSE_S = 0.5
_WHERE_STARTS_ARE_TOLD = {
    "one-machine": "See its log in the state directory, logs/server-….log.",
    "kubernetes": "Whoever runs the environment sees more in the events of people's namespace.",
}
#: What is only tidying up is not waited for long [s].
_LAST_PATIENCE_S = 5.0


class HubSession:
    """One person at work.

    Parameters
    ----------
    settings : HubSettings
    patience_s : float
        How long a service that is being restarted is waited for [s].
    """

    def __init__(self, settings: HubSettings, *, patience_s: float = 60.0) -> None:
        self._settings = settings
        self._hub = f"{settings.public_url}/hub"
        self._patience_s = patience_s
        self.trust = _trust(settings)
        self._at_hub = HubBrowser(settings, self.trust)
        self.browser = self._at_hub.client
        self._api = httpx.Client(timeout=_HTTP_TIMEOUT_S, trust_env=False, verify=self.trust)
        self._token: ApiToken | None = None
        self.username = ""

    @property
    def token(self) -> str:
        """The person's API token; empty before they signed in, and after the end."""
        return "" if self._token is None else self._token.value

    def __enter__(self) -> Self:
        """Use as a context manager: :meth:`close` at its end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def sign_in(self, username: str, password: str) -> None:
        """Sign in through the provider's form.

        Raises
        ------
        SignInError
            When name or password are wrong, or hub or provider are out of reach.
        """
        until = time.monotonic() + self._patience_s
        while True:
            try:
                found = self._at_hub.sign_in(username, password)
            except AwayError as exc:
                if time.monotonic() > until:
                    raise SignInError(exc.message, remedy=exc.remedy) from exc
                time.sleep(_PAUSE_S)
            else:
                self.username, self._token = found.username, found
                self._api.headers["Authorization"] = f"token {found.value}"
                return

    def sign_out(self) -> None:
        """Sign out at hub and provider, as a person does."""
        self._at_hub.sign_out()

    def start_server(
        self,
        progress: Callable[[str], None] | None = None,
        *,
        name: str = "",
        options: dict[str, object] | None = None,
    ) -> None:
        """Start the person's server and wait until it answers.

        Parameters
        ----------
        progress : callable, optional
            Called with the hub's words for each step.
        name : str
            Name of the server; the default server has none.
        options : dict, optional
            What the form of a start asks for, such as ``{"profile": "large"}``.

        Raises
        ------
        ServiceError
            When it does not start, with the hub's reason.
        """
        until = time.monotonic() + self._settings.server.start_timeout_s + self._patience_s
        while True:
            response = self.api(
                "POST", self._server_path(name), expect=(201, 202, 400, 500), json=options
            )
            if response.status_code == 500 and not is_end_of_the_hub(response):
                raise failed("POST", str(response.url), response)
            if response.status_code == 400 and not is_under_way(response):
                raise ServiceError(
                    f"The server of {self.username} cannot be started: {reason_of(response)}.",
                    remedy="See the log of the hub: boresight logs hub.",
                )
            if response.status_code != 500 and self._follow_start(name, progress):
                return
            # the hub, or the proxy before it, ended in mid-start: asked again, as a person would
            if time.monotonic() > until:
                raise ServiceError(
                    f"The server of {self.username} did not become ready.",
                    remedy="See the log of the hub: boresight logs hub.",
                )
            time.sleep(_PAUSE_S)

    def _follow_start(self, name: str, progress: Callable[[str], None] | None) -> bool:
        """Follow a start; whether it ended, and not just the news of it."""
        url = f"{self._hub}/api/{self._server_path(name)}/progress"
        timeout = httpx.Timeout(_HTTP_TIMEOUT_S, read=self._settings.server.start_timeout_s + 10.0)
        with (
            contextlib.suppress(httpx.HTTPError),
            self._api.stream("GET", url, timeout=timeout) as stream,
        ):
            for line in stream.iter_lines():
                if not line.startswith("data:"):
                    continue
                event = json.loads(line.removeprefix("data:"))
                if progress:
                    progress(str(event.get("message", "")))
                if event.get("failed"):
                    raise ServiceError(
                        f"The server of {self.username} did not start: {event['message']}",
                        remedy=_WHERE_STARTS_ARE_TOLD[self._settings.platform],
                    )
                if event.get("ready"):
                    return True
        return False

    def stop_server(self, *, name: str = "", timeout_s: float = 30.0) -> None:
        """Stop the server and wait until it is gone."""
        path = self._server_path(name)
        self.api("DELETE", path, expect=(202, 204, 400, 404))
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            user = self.api("GET", f"users/{quote(self.username, safe='')}").json()
            if name not in user.get("servers", {}):
                return
            time.sleep(0.2)
        raise ServiceError(
            f"The server of {self.username} did not stop within {timeout_s:.0f} s.",
            remedy="See the log of the hub: boresight logs hub.",
        )

    def server_url(self, name: str = "") -> str:
        """Address of the person's server, ending with a slash."""
        # spelled as the hub spells it: servers know themselves by no other
        path = "/".join(quote(part, safe="@~") for part in (self.username, name) if part)
        return f"{self._settings.public_url}/user/{path}/"

    def api(
        self,
        method: str,
        path: str,
        *,
        expect: tuple[int, ...] = (200,),
        json: object = None,
        patience_s: float | None = None,
    ) -> httpx.Response:
        """Ask the hub's API in this person's name; repeated while hub or proxy are away.

        Raises
        ------
        ServiceError
            When the answer's status is not in ``expect``.
        """
        url = f"{self._hub}/api/{path}"
        return self._ask(method, url, expect=expect, json=json, patience_s=patience_s)

    def server_api(
        self,
        method: str,
        path: str,
        *,
        expect: tuple[int, ...] = (200,),
        json: object = None,
        name: str = "",
        patience_s: float | None = None,
    ) -> httpx.Response:
        """Ask the API of the person's server, as ``contents/notebook.ipynb``.

        Raises
        ------
        ServiceError
            When the answer's status is not in ``expect``, or the server does not run.
        """
        url = f"{self.server_url(name)}api/{path}"
        return self._ask(
            method,
            url,
            expect=expect,
            json=json,
            patience_s=patience_s,
            still_there=lambda: self.check_runs(name),
        )

    def check_runs(self, name: str) -> None:
        """Raise ServiceError when the hub says that the server does not run.

        A hub that does not answer says nothing.
        """
        user = quote(self.username, safe="")
        try:
            answer = self._api.get(f"{self._hub}/api/users/{user}")
        except httpx.HTTPError:
            return
        if answer.is_success and name not in answer.json().get("servers", {}):
            raise ServiceError(
                f"The server of {self.username} does not run any more.",
                remedy="See its log in the state directory, logs/server-….log; then start it "
                "again.",
            )

    def read_file(self, path: str, *, name: str = "") -> Any:
        """Content of a file of the home: text, or a notebook as a dictionary."""
        answer = self.server_api("GET", f"contents/{quote(path)}?content=1", name=name)
        return answer.json()["content"]

    def write_file(self, path: str, content: object, *, name: str = "") -> None:
        """Write a text, or a notebook given as a dictionary, into the home."""
        kind = "file" if isinstance(content, str) else "notebook"
        body = {
            "type": kind,
            "format": "text" if kind == "file" else "json",
            "content": content,
        }
        self.server_api("PUT", f"contents/{quote(path)}", expect=(200, 201), json=body, name=name)

    @contextlib.contextmanager
    def kernel(self, *, path: str = "", name: str = "") -> Iterator[Kernel]:
        """Kernel of the person's server, started in the folder ``path`` of the home."""
        # a session has a name of ours, so that a repeated request makes no second kernel
        label = f"boresight-{uuid.uuid4().hex}"
        body = {
            "path": f"{path}/{label}".lstrip("/"),
            "name": label,
            "type": "console",
            "kernel": {"name": "python3"},
        }
        model = self.server_api("POST", "sessions", expect=(200, 201), json=body, name=name).json()
        kernel = None
        try:
            kernel = Kernel(
                KernelRoute(self, model["kernel"]["id"], name), patience_s=self._patience_s
            )
            yield kernel
        finally:
            if kernel is not None:
                kernel.close()
            # a server that has been stopped, or died, took its kernels along
            with contextlib.suppress(ServiceError):
                self.server_api(
                    "DELETE",
                    f"sessions/{model['id']}",
                    expect=(204, 404, 410),
                    name=name,
                    patience_s=_LAST_PATIENCE_S,
                )

    def close(self) -> None:
        """Revoke the API token and forget the cookies; the server goes on."""
        if self._token is not None:
            with contextlib.suppress(ServiceError):
                user = quote(self.username, safe="")
                self.api(
                    "DELETE",
                    f"users/{user}/tokens/{self._token.identity}",
                    expect=(204, 403, 404),
                    patience_s=_LAST_PATIENCE_S,
                )
        self._token = None
        self._api.close()
        self.browser.close()

    def _server_path(self, name: str) -> str:
        user = quote(self.username, safe="")
        return f"users/{user}/servers/{quote(name, safe='')}" if name else f"users/{user}/server"

    def _ask(
        self,
        method: str,
        url: str,
        *,
        expect: tuple[int, ...],
        json: object,
        patience_s: float | None,
        still_there: Callable[[], None] = lambda: None,
    ) -> httpx.Response:
        patience_s = self._patience_s if patience_s is None else patience_s
        until = time.monotonic() + patience_s
        doubted = False
        while True:
            try:
                response = self._api.request(method, url, json=json)
            except httpx.HTTPError as exc:
                if time.monotonic() > until:
                    raise out_of_reach(url, exc) from exc
            else:
                if response.status_code in expect and not is_away(response):
                    return response
                # a hub that has just lost its database knows nobody, for one request
                is_unknown = reason_of(response) == "Missing or invalid credentials"
                is_final = not is_away(response) and (doubted or not is_unknown)
                doubted = doubted or is_unknown
                if is_final or time.monotonic() > until:
                    raise failed(method, url, response)
            still_there()
            time.sleep(_PAUSE_S)


def _trust(settings: HubSettings) -> ssl.SSLContext:
    """Authorities of the system, and those of the settings."""
    trust = ssl.create_default_context()
    if settings.authorities_path is not None:
        try:
            trust.load_verify_locations(cafile=settings.authorities_path)
        except OSError as exc:  # also what is no certificate
            raise ServiceError(
                f"{settings.authorities_path} holds no certificates ({exc}).",
                remedy="Name a PEM file with the authority of the environment's certificate.",
            ) from exc
    return trust
