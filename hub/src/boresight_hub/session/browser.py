"""A person's browser at the hub: the provider's form is filled in, and an API token obtained."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import quote, urlsplit

import httpx

from boresight_hub.errors import SignInError
from boresight_hub.session.answers import AWAY, AwayError, place_of
from boresight_hub.settings import HubSettings

_MAX_FORMS = 5
_TOKEN_LIFE_S = 24 * 3600
_TIMEOUT_S = 30.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class ApiToken:
    """An API token, and whose it is."""

    username: str
    identity: str
    value: str = field(repr=False)


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


class HubBrowser:
    """Keeps cookies and follows redirects.

    Parameters
    ----------
    settings : HubSettings
    trust : ssl.SSLContext
        Whose certificates are believed.
    """

    def __init__(self, settings: HubSettings, trust: ssl.SSLContext) -> None:
        self._settings = settings
        self._hub = f"{settings.public_url}/hub"
        self.client = httpx.Client(
            timeout=_TIMEOUT_S,
            follow_redirects=True,
            trust_env=False,
            verify=trust,
            event_hooks={"response": [self._trust_loopback]},
        )

    def sign_in(self, username: str, password: str) -> ApiToken:
        """Sign in through the provider's form, trying once.

        Raises
        ------
        SignInError
            When name or password are wrong, or the hub does not admit this person.
        AwayError
            When hub or provider are out of reach, or one of them ended meanwhile.
        """
        # half a sign-in is of no use to the next try
        self.client.cookies.clear()
        page = self._page("GET", f"{self._hub}/login?next=/hub/home", {})
        for _ in range(_MAX_FORMS):
            if self._is_hub_page(page):
                break
            parsed = _Forms(page.text)
            form = next((f for f in parsed.forms if "password" in f[2] or "password" in f[0]), None)
            if form is None:
                raise AwayError(
                    f"The sign-in ended at {place_of(page.url)} with status {page.status_code}.",
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
                f"The hub does not admit {username!r} ({place_of(page.url)}).",
                remedy="Ask an administrator for a group that may use the hub.",
            )
        if not self._is_hub_page(page) or not page.is_success:
            # a code that a restarted provider has forgotten, for one
            raise AwayError(
                f"{username!r} got no further than {place_of(page.url)}, status "
                f"{page.status_code}.",
                remedy="See the log of the hub: boresight logs hub.",
            )
        return self._api_token()

    def sign_out(self) -> None:
        """Sign out at hub and provider."""
        page = self._page("GET", f"{self._hub}/logout", {})
        for _ in range(_MAX_FORMS):
            forms = _Forms(page.text).forms
            if not forms:
                return
            action, method, fields = forms[0]
            page = self._page(method.upper(), str(page.url.join(action)), fields)

    def _api_token(self) -> ApiToken:
        """Trade the browser's session for an API token, which needs no cookies."""
        cookies = self.client.cookies.jar
        xsrf = next((c.value for c in cookies if c.name == "_xsrf" and c.path == "/hub/"), "")
        self.client.headers["X-XSRFToken"] = xsrf or ""
        try:
            user = self.client.get(f"{self._hub}/api/user")
            name = user.json()["name"] if user.is_success else ""
            answer = self.client.post(
                f"{self._hub}/api/users/{quote(name, safe='')}/tokens",
                json={"note": "boresight command", "expires_in": _TOKEN_LIFE_S},
            )
        except httpx.HTTPError as exc:
            raise AwayError(
                f"The hub is out of reach ({type(exc).__name__}), so nobody can sign in.",
                remedy="See whether the environment runs: boresight status.",
            ) from exc
        if not name or answer.status_code != httpx.codes.CREATED:
            raise AwayError(
                f"The hub gives no token to who signed in (status {user.status_code}, "
                f"{answer.status_code}).",
                remedy="See the log of the hub: boresight logs hub.",
            )
        return ApiToken(name, answer.json()["id"], answer.json()["token"])

    def _is_hub_page(self, page: httpx.Response) -> bool:
        return str(page.url).startswith(f"{self._hub}/")

    def _page(self, method: str, url: str, fields: dict[str, str]) -> httpx.Response:
        try:
            if method == "POST":
                page = self.client.post(url, data=fields)
            else:
                page = self.client.get(url, params=fields or None)
        except httpx.HTTPError as exc:
            raise AwayError(
                f"{place_of(url)} is out of reach ({type(exc).__name__}), so nobody can sign in.",
                remedy="See whether the environment runs: boresight status.",
            ) from exc
        if page.status_code in AWAY or page.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
            raise AwayError(
                "Hub or identity provider are out of reach, so nobody can sign in "
                f"({place_of(page.url)} answers {page.status_code}).",
                remedy="See whether both run: boresight status.",
            )
        return page

    def _trust_loopback(self, _response: httpx.Response) -> None:
        # browsers send Secure cookies, which Keycloak sets, to the loopback interface over http
        if urlsplit(self._settings.public_url).hostname in _LOOPBACK:
            for cookie in self.client.cookies.jar:
                cookie.secure = False
