"""A browser without a screen: follows redirects, keeps cookies, fills in forms."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

MAX_REDIRECTS = 15


@dataclass
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", "")))
        elif self.forms and (name := given.get("name")):
            kind = given.get("type", "text")
            if tag == "button" or (tag == "input" and kind == "submit"):
                self.forms[-1].buttons[name] = given.get("value", "")
            elif tag == "input" and kind != "checkbox":
                self.forms[-1].fields[name] = given.get("value", "")


class Browser:
    """Cookies are sent as a browser does to loopback, where http counts as secure."""

    def __init__(self, *, stop_at: str) -> None:
        self.stop_at = stop_at
        self.http = httpx.Client(
            timeout=30, trust_env=False, event_hooks={"response": [self._trust_loopback]}
        )

    def _trust_loopback(self, _response: httpx.Response) -> None:
        for cookie in self.http.cookies.jar:
            cookie.secure = False

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.http.close()

    def get(self, url: str, params: dict[str, str] | None = None) -> httpx.Response:
        return self._follow(self.http.get(url, params=params))

    def submit(
        self, page: httpx.Response, values: dict[str, str], *, button: str | None = None
    ) -> httpx.Response:
        """Fill in the page's only form and send it."""
        form = form_of(page)
        data = form.fields | values
        if button:
            data[button] = form.buttons[button]
        assert set(values) <= set(form.fields), f"the form has no such field: {form.fields}"
        return self._follow(self.http.post(urljoin(str(page.url), form.action), data=data))

    def _follow(self, response: httpx.Response) -> httpx.Response:
        for _ in range(MAX_REDIRECTS):
            if not response.is_redirect:
                return response
            target = urljoin(str(response.url), response.headers["location"])
            if target.startswith(self.stop_at):
                return response
            response = self.http.get(target)
        raise AssertionError(f"more than {MAX_REDIRECTS} redirects, last to {response.url}")


def form_of(page: httpx.Response) -> Form:
    forms = _Forms()
    forms.feed(page.text)
    assert len(forms.forms) == 1, f"{page.status_code} {page.url}: {page.text[:2000]}"
    return forms.forms[0]


def answer_of(response: httpx.Response) -> dict[str, str]:
    """What a redirect to a client's callback carries."""
    assert response.is_redirect, f"{response.status_code} {response.url}: {response.text[:2000]}"
    query = parse_qs(urlsplit(response.headers["location"]).query)
    return {name: values[0] for name, values in query.items()}


@dataclass(frozen=True)
class Pkce:
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
