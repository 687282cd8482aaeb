"""Working in the environment as a person does: sign in, start a server, run code, stop it.

The real way is taken: the provider's own login form is filled in, whichever provider it is.
Afterwards a short-lived API token of that person is used, which is revoked at the end::

    with HubSession(settings) as session:
        session.sign_in("marie", password)
        session.start_server(progress=print)
        with session.kernel() as kernel:
            outputs = kernel.execute("1 + 1")
        session.stop_server()
"""

from __future__ import annotations

import contextlib
import json
import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from html.parser import HTMLParser
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx
from websockets.sync.client import ClientConnection, connect

from boresight_hub.errors import ServiceError, SignInError
from boresight_hub.kernel import Kernel
from boresight_hub.settings import HubSettings

_MAX_FORMS = 5
_TOKEN_LIFE_S = 24 * 3600
_HTTP_TIMEOUT_S = 30.0
_PAUSE_S = 0.5
#: What is only tidying up is not waited for long [s].
_LAST_PATIENCE_S = 5.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
# 424 is the hub's for a server that does not run, also while it has yet to learn that it does
_AWAY = (424, 502, 503, 504)
# outputs of a cell come as one message, and a picture may be large
_MAX_MESSAGE_BYTES = 256 * 2**20


class _Forms(HTMLParser):
    """The forms of a page, each with its target, method and fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[tuple[str, str, dict[str, str]]] = []
        self.kinds: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect forms and their fields."""
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((found.get("action", ""), found.get("method", "get").lower(), {}))
        elif tag == "input" and self.forms:
            self.kinds.add(found.get("type", "text"))
            if found.get("name") and found.get("type") not in ("submit", "checkbox"):
                self.forms[-1][2][found["name"]] = found.get("value", "")


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
        self.browser = httpx.Client(
            timeout=_HTTP_TIMEOUT_S,
            follow_redirects=True,
            trust_env=False,
            verify=self.trust,
            event_hooks={"response": [self._trust_loopback]},
        )
        self._api = httpx.Client(timeout=_HTTP_TIMEOUT_S, trust_env=False, verify=self.trust)
        self._token_id = ""
        self.token = ""
        self.username = ""

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
                self._walk_in(username, password)
                self._open_api()
                return
            except _AwayError as exc:
                if time.monotonic() > until:
                    raise SignInError(exc.message, remedy=exc.remedy) from exc
            time.sleep(_PAUSE_S)
            # half a sign-in is of no use to the next try
            self.browser.cookies.clear()

    def _walk_in(self, username: str, password: str) -> None:
        page = self._get_page(f"{self._hub}/login?next=/hub/home")
        for _ in range(_MAX_FORMS):
            if self._is_hub_page(page):
                break
            parsed = _Forms(page.text)
            form = next((f for f in parsed.forms if "password" in f[2] or "password" in f[0]), None)
            if form is None:
                raise _AwayError(
                    f"The sign-in ended at {_place(page)} with status {page.status_code}.",
                    remedy="See `boresight logs hub` and `boresight logs idp`.",
                )
            action, _, fields = form
            fields |= {"username": username, "password": password}
            page = self._page("POST", str(page.url.join(action)), fields)
            if "password" in _Forms(page.text).kinds and not self._is_hub_page(page):
                raise SignInError(
                    f"The identity provider refuses {username!r}: name or password is wrong, or "
                    "there were too many attempts.",
                    remedy="`boresight users show` tells the passwords of the demo people.",
                )
        if page.status_code == httpx.codes.FORBIDDEN:
            raise SignInError(
                f"The hub does not admit {username!r} ({_place(page)}).",
                remedy="Ask an administrator for a group that may use the hub.",
            )
        if not self._is_hub_page(page) or not page.is_success:
            # a code that a restarted provider has forgotten, for one
            raise _AwayError(
                f"{username!r} got no further than {_place(page)}, status {page.status_code}.",
                remedy="See the log of the hub: boresight logs hub.",
            )

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
                "POST", self._server_path(name), expect=(201, 202, 400), json=options
            )
            if response.status_code == 400 and not _is_under_way(response):
                raise ServiceError(
                    f"The server of {self.username} cannot be started: {_reason(response)}.",
                    remedy="See the log of the hub: boresight logs hub.",
                )
            if self._follow_start(name, progress):
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
                        remedy="See its log in the state directory, logs/server-….log.",
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
        path = f"{quote(self.username, safe='')}/" + (f"{quote(name, safe='')}/" if name else "")
        return f"{self._settings.public_url}/user/{path}"

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
            kernel = Kernel(_Route(self, model["kernel"]["id"], name), patience_s=self._patience_s)
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

    def sign_out(self) -> None:
        """Sign out at hub and provider, as the browser does."""
        page = self._get_page(f"{self._hub}/logout")
        for _ in range(_MAX_FORMS):
            forms = _Forms(page.text).forms
            if not forms:
                return
            action, method, fields = forms[0]
            page = self._page(method.upper(), str(page.url.join(action)), fields)

    def close(self) -> None:
        """Revoke the API token and forget the cookies; the server goes on."""
        if self._token_id:
            with contextlib.suppress(ServiceError):
                user = quote(self.username, safe="")
                self.api(
                    "DELETE",
                    f"users/{user}/tokens/{self._token_id}",
                    expect=(204, 403, 404),
                    patience_s=_LAST_PATIENCE_S,
                )
        self._token_id = self.token = ""
        self._api.close()
        self.browser.close()

    def _open_api(self) -> None:
        """Trade the browser's session for an API token, which needs no cookies."""
        xsrf = next(
            (c.value for c in self.browser.cookies.jar if c.name == "_xsrf" and c.path == "/hub/"),
            "",
        )
        self.browser.headers["X-XSRFToken"] = xsrf or ""
        try:
            user = self.browser.get(f"{self._hub}/api/user")
            name = user.json()["name"] if user.is_success else ""
            answer = self.browser.post(
                f"{self._hub}/api/users/{quote(name, safe='')}/tokens",
                json={"note": "boresight command", "expires_in": _TOKEN_LIFE_S},
            )
        except httpx.HTTPError as exc:
            raise _AwayError(
                f"The hub is out of reach ({type(exc).__name__}), so nobody can sign in.",
                remedy="See whether the environment runs: boresight status.",
            ) from exc
        if not name or answer.status_code != httpx.codes.CREATED:
            raise _AwayError(
                f"The hub gives no token to who signed in (status {user.status_code}, "
                f"{answer.status_code}).",
                remedy="See the log of the hub: boresight logs hub.",
            )
        self.username = name
        self._token_id, self.token = answer.json()["id"], answer.json()["token"]
        self._api.headers["Authorization"] = f"token {self.token}"

    def _server_path(self, name: str) -> str:
        user = quote(self.username, safe="")
        return f"users/{user}/servers/{quote(name, safe='')}" if name else f"users/{user}/server"

    def _is_hub_page(self, page: httpx.Response) -> bool:
        return str(page.url).startswith(f"{self._hub}/")

    def _get_page(self, url: str) -> httpx.Response:
        return self._page("GET", url, {})

    def _page(self, method: str, url: str, fields: dict[str, str]) -> httpx.Response:
        try:
            if method == "POST":
                page = self.browser.post(url, data=fields)
            else:
                page = self.browser.get(url, params=fields or None)
        except httpx.HTTPError as exc:
            place = urlsplit(url)
            raise _AwayError(
                f"{place.scheme}://{place.netloc}{place.path} is out of reach "
                f"({type(exc).__name__}), so nobody can sign in.",
                remedy="See whether the environment runs: boresight status.",
            ) from exc
        if page.status_code in _AWAY or page.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
            raise _AwayError(
                "Hub or identity provider are out of reach, so nobody can sign in "
                f"({_place(page)} answers {page.status_code}).",
                remedy="See whether both run: boresight status.",
            )
        return page

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
        while True:
            try:
                response = self._api.request(method, url, json=json)
            except httpx.HTTPError as exc:
                if time.monotonic() > until:
                    raise _out_of_reach(url, exc) from exc
            else:
                if response.status_code in expect and not _is_away(response):
                    return response
                if not _is_away(response) or time.monotonic() > until:
                    raise ServiceError(
                        f"{method} {url} answers {response.status_code}: {_reason(response)}.",
                        remedy="See the log of the hub: boresight logs hub.",
                    )
            still_there()
            time.sleep(_PAUSE_S)

    def _trust_loopback(self, _response: httpx.Response) -> None:
        # browsers send Secure cookies, which Keycloak sets, to the loopback interface over http
        if urlsplit(self._settings.public_url).hostname in _LOOPBACK:
            for cookie in self.browser.cookies.jar:
                cookie.secure = False


class _AwayError(ServiceError):
    """Somebody on the way is being restarted, or is down."""


class _Route:
    """The way to one kernel of a person's server."""

    def __init__(self, session: HubSession, kernel_id: str, server_name: str) -> None:
        self._session, self._kernel_id, self._server_name = session, kernel_id, server_name

    def open(self, session_id: str) -> AbstractContextManager[ClientConnection]:
        """Open the kernel's websocket."""
        address = f"{self._session.server_url(self._server_name)}api/kernels/{self._kernel_id}"
        return connect(
            f"{address.replace('http', 'ws', 1)}/channels?session_id={session_id}",
            ssl=self._session.trust if address.startswith("https:") else None,
            additional_headers={"Authorization": f"token {self._session.token}"},
            open_timeout=_HTTP_TIMEOUT_S,
            max_size=_MAX_MESSAGE_BYTES,
            proxy=None,
        )

    def state(self) -> str:
        """Ask for the kernel's state; empty when nobody answers."""
        try:
            answer = self._session.server_api(
                "GET",
                f"kernels/{self._kernel_id}",
                expect=(200, 404),
                name=self._server_name,
                patience_s=0.0,
            )
        except ServiceError:
            self._session.check_runs(self._server_name)
            return ""
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise ServiceError(
                "The kernel is gone: its server was started anew, or somebody shut it down.",
                remedy="Run the notebook again.",
            )
        return str(answer.json().get("execution_state", ""))


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


def _place(page: httpx.Response) -> str:
    """Address without its query, which may hold codes."""
    return f"{page.url.scheme}://{page.url.netloc.decode()}{page.url.path}"


def _is_away(response: httpx.Response) -> bool:
    """Whether somebody on the way answers in place of the one that was asked."""
    if response.status_code in (httpx.codes.NOT_FOUND, httpx.codes.FORBIDDEN):
        # in the words of an API it is JSON; a proxy without routes answers otherwise, and so
        # do the hub's pages, which a proxy that has yet to learn its routes asks instead
        return "json" not in response.headers.get("content-type", "")
    # an API redirects nobody: the hub does, in the place of a server the proxy has yet to learn of
    return response.status_code in _AWAY or response.is_redirect


def _is_under_way(response: httpx.Response) -> bool:
    reason = response.text
    return "already running" in reason or "pending" in reason


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json().get("message", ""))[:300].rstrip(".")
    except (ValueError, AttributeError):
        return response.reason_phrase


def _out_of_reach(url: str, exc: Exception) -> ServiceError:
    place = urlsplit(url)
    return ServiceError(
        f"{place.scheme}://{place.netloc}{place.path} is out of reach ({type(exc).__name__}).",
        remedy="See whether the environment runs: boresight status.",
    )
