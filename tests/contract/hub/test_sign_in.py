"""The one way in: through the provider's form, and back out of both."""

from __future__ import annotations

import httpx
import pytest
from support.hub_stack import HubStack

from boresight_hub.errors import SignInError
from boresight_hub.session import HubSession
from boresight_hub.settings import HubSettings


@pytest.mark.parametrize(
    ("username", "groups", "admin"),
    [
        ("marie", ["co3d-calibration"], False),
        ("paul", ["sentinel2-calibration"], False),
        ("lea", ["boresight-admins", "co3d-calibration"], True),
    ],
)
def test_name_groups_and_administration_come_from_the_provider(
    stack: HubStack, username: str, groups: list[str], admin: bool
) -> None:
    with HubSession(stack.settings) as session:
        session.sign_in(username, stack.password(username))
        user = session.api("GET", "user").json()
        assert (user["name"], sorted(user["groups"]), user["admin"]) == (username, groups, admin)


@pytest.mark.parametrize("username", ["marie", "nobody"])
def test_wrong_password(settings: HubSettings, username: str) -> None:
    with HubSession(settings) as session:
        with pytest.raises(SignInError, match=f"refuses '{username}'"):
            session.sign_in(username, "certainly-wrong")
        assert session.browser.get(f"{settings.public_url}/hub/api/user").status_code == 403


def test_no_other_way_in(stack: HubStack) -> None:
    """Every route of the hub that could sign somebody in refuses all but the real thing."""
    base = stack.settings.public_url
    forged = {"code": "x", "state": "eyJzdGF0ZV9pZCI6ICJ4In0="}
    form = {"username": "marie", "password": stack.password("marie")}
    with httpx.Client(base_url=base, timeout=20) as browser:
        browser.get("/hub/home")
        assert "/hub/login" in browser.get("/hub/home").headers["location"]
        assert "/hub/oauth_login" in browser.get("/hub/login").headers["location"]
        xsrf = next((c.value for c in browser.cookies.jar if c.name == "_xsrf"), "") or ""
        headers = {"X-XSRFToken": xsrf}
        refused = {
            "form": browser.post("/hub/login", data=form, headers=headers),
            "form with a code": browser.post("/hub/login", data=form | forged, headers=headers),
            "sign-up": browser.get("/hub/signup"),
            "sign-up form": browser.post("/hub/signup", data=form, headers=headers),
            "bare callback": browser.get("/hub/oauth_callback"),
            "callback out of nothing": browser.get("/hub/oauth_callback", params=forged),
            "callback by POST": browser.post("/hub/oauth_callback", data=forged, headers=headers),
            "token by password": browser.post(
                "/hub/api/authorizations/token", json=form, headers=headers
            ),
            "token of a user": browser.post("/hub/api/users/marie/tokens", json={"auth": form}),
        }
        statuses = {name: answer.status_code for name, answer in refused.items()}
        assert all(400 <= status < 500 for status in statuses.values()), statuses
        assert not [c.name for c in browser.cookies.jar if c.name.startswith("jupyterhub-hub")]
        assert browser.get("/hub/api/user").status_code == 403


def test_a_code_is_of_no_use_in_another_browser(stack: HubStack) -> None:
    """A callback address caught on its way to marie signs nobody else in as marie."""
    base = stack.settings.public_url
    with HubSession(stack.settings) as session:
        caught: list[str] = []
        session.browser.event_hooks["response"] = [
            lambda response: caught.append(response.headers.get("location", ""))
        ]
        session.sign_in("marie", stack.password("marie"))
        callback = next(url for url in caught if "/hub/oauth_callback?" in url)
    with httpx.Client(follow_redirects=False, timeout=20) as thief:
        thief.get(f"{base}/hub/oauth_login")  # has a state of its own
        answer = thief.get(callback)
        assert answer.status_code == 400
        assert "state" in answer.text
        assert thief.get(f"{base}/hub/api/user").status_code == 403


def test_request_to_the_provider_has_pkce_nonce_and_state(settings: HubSettings) -> None:
    answer = httpx.get(f"{settings.public_url}/hub/oauth_login", timeout=20)
    query = dict(httpx.URL(answer.headers["location"]).params)
    assert query["response_type"] == "code"
    assert query["code_challenge_method"] == "S256"
    assert len(query["code_challenge"]) == len(query["nonce"]) == 43
    assert query["nonce"] != query["code_challenge"]
    assert query["redirect_uri"] == f"{settings.public_url}/hub/oauth_callback"
    assert set(query["scope"].split()) >= {"openid", "profile"}


def test_sign_out_ends_both_sessions(stack: HubStack, marie: HubSession) -> None:
    public = stack.settings.public_url
    tokens = stack.settings.state_dir / "run" / "tokens" / "marie"
    marie.start_server()
    assert [p.name for p in tokens.iterdir()] == ["server-default"]
    # as long as the provider's session lasts, nobody asks for the password a second time
    assert marie.browser.get(f"{public}/hub/oauth_login?next=/hub/home").url.path == "/hub/home"

    marie.sign_out()

    assert "Sign in again" in marie.browser.get(f"{public}/hub/logout").text
    page = marie.browser.get(f"{public}/hub/home")
    assert page.url.path.startswith("/idp/"), "the provider asks for the password"
    assert 'type="password"' in page.text
    assert not tokens.exists()
    users = stack.hub_api("GET", "users/marie", token=marie.token)
    assert users.json()["servers"] == {}
    assert "id_token_hint=ey" not in stack.log("hub")


def test_no_secret_in_the_log(stack: HubStack) -> None:
    with HubSession(stack.settings) as session:
        session.sign_in("paul", stack.password("paul"))
        token = session.token
    log = stack.log("hub")
    assert log.count("\n") > 20
    secrets = [p.read_text() for p in stack.settings.secrets_dir.iterdir() if p.is_file()]
    for secret in [*secrets, token, stack.password("paul"), stack.password("marie"), "eyJhbGci"]:
        assert secret not in log
