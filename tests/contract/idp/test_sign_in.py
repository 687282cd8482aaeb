"""Signing in, staying signed in, signing out: the same for both providers."""

from __future__ import annotations

import signal
import time
from typing import Any

import httpx
import pytest
from support.idp import Environment, ok, refused
from support.signin import Pkce, answer_of, form_of

from boresight_hub import oidc
from boresight_hub.embedded import people
from boresight_hub.errors import CredentialError, SignInError


def test_discovery_names_the_one_origin(idp: Environment) -> None:
    document = httpx.get(
        f"{idp.settings.issuer}/.well-known/openid-configuration",
        headers={"x-forwarded-host": "evil.example", "host": f"127.0.0.1:{idp.settings.port}"},
        trust_env=False,
    ).json()
    assert document["issuer"] == idp.settings.issuer
    for name, end in {
        "authorization_endpoint": "auth",
        "token_endpoint": "token",
        "jwks_uri": "certs",
        "userinfo_endpoint": "userinfo",
        "end_session_endpoint": "logout",
        "device_authorization_endpoint": "auth/device",
        "introspection_endpoint": "token/introspect",
        "revocation_endpoint": "revoke",
    }.items():
        assert document[name] == idp.endpoint(end)
    assert "S256" in document["code_challenge_methods_supported"]


@pytest.mark.parametrize("username", ["marie", "paul", "lea"])
def test_sign_in_through_the_form(idp: Environment, username: str) -> None:
    tokens = idp.sign_in(username)
    claims = idp.verify(tokens["access_token"], "hub")
    person = people.find(idp.settings, username)
    assert (claims.username, claims.subject) == (username, person.subject)
    assert sorted(claims.groups) == sorted(person.groups)
    assert (claims.client_id, claims.audience, claims.is_service) == ("hub", "hub", False)
    assert claims.session_id
    life_s = (claims.expires_at - claims.issued_at).total_seconds()
    assert life_s == idp.settings.oidc.token_life_s == tokens["expires_in"]

    userinfo = ok(
        httpx.get(
            idp.endpoint("userinfo"),
            headers={"authorization": f"Bearer {tokens['access_token']}"},
            trust_env=False,
        )
    )
    assert userinfo["sub"] == person.subject
    assert userinfo["preferred_username"] == username
    assert sorted(userinfo["groups"]) == sorted(person.groups)


def test_second_sign_in_of_the_same_browser_asks_nothing(idp: Environment) -> None:
    with idp.browser() as browser:
        idp.sign_in("marie", browser)
        pkce = Pkce()
        answer = answer_of(idp.ask(browser, pkce))
        again = ok(idp.redeem(answer["code"], pkce.verifier))
    assert idp.verify(again["access_token"], "hub").username == "marie"


def test_sign_in_without_pkce_is_refused(idp: Environment) -> None:
    with idp.browser() as browser:
        assert answer_of(idp.ask(browser, None))["error"] == "invalid_request"
        plain = idp.ask(browser, None, code_challenge="a" * 43, code_challenge_method="plain")
        assert answer_of(plain)["error"] == "invalid_request"
        # and with it the form comes
        assert "password" in form_of(idp.ask(browser, Pkce())).fields


@pytest.mark.parametrize("verifier", [None, "b" * 43], ids=["missing", "bad"])
def test_code_without_the_right_verifier_is_refused(idp: Environment, verifier: str | None) -> None:
    with idp.browser() as browser:
        refused(idp.redeem(idp.code(browser, Pkce()), verifier), "invalid_grant")


def test_code_works_once(idp: Environment) -> None:
    with idp.browser() as browser:
        pkce = Pkce()
        code = idp.code(browser, pkce)
    ok(idp.redeem(code, pkce.verifier))
    refused(idp.redeem(code, pkce.verifier), "invalid_grant")


def test_foreign_redirect_is_refused(idp: Environment) -> None:
    with idp.browser() as browser:
        page = idp.ask(browser, Pkce(), redirect_uri="http://127.0.0.1:9/hub/oauth_callback")
    assert page.status_code == 400
    assert "location" not in page.headers


def test_wrong_password_says_so_and_lets_try_again(idp: Environment) -> None:
    with idp.browser() as browser:
        pkce = Pkce()
        page = idp.ask(browser, pkce)
        page = browser.submit(page, {"username": "paul", "password": "not-the-password"})
        assert not page.is_redirect
        assert "wrong" in page.text.lower() or "invalid username or password" in page.text.lower()
        done = browser.submit(page, idp.credentials("paul"))
        ok(idp.redeem(answer_of(done)["code"], pkce.verifier))


def test_wrong_client_secret_is_refused(idp: Environment) -> None:
    tokens = idp.sign_in()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    ok(idp.token(form))
    answer = httpx.post(
        idp.endpoint("token"), data=form, auth=("hub", "wrong"), timeout=30, trust_env=False
    )
    refused(answer, "invalid_client", "unauthorized_client")


async def test_refresh(idp: Environment) -> None:
    first = idp.sign_in("lea")
    second = await oidc.refresh(idp.settings, first["refresh_token"])
    claims = await oidc.TokenVerifier(idp.settings, "hub").verify(second.access_token)
    assert claims.username == "lea"
    # a hub that lost the answer may ask once more with what it had
    third = await oidc.refresh(idp.settings, first["refresh_token"])
    assert third.access_token != second.access_token
    with pytest.raises(CredentialError, match="Sign in again"):
        await oidc.refresh(idp.settings, "no-refresh-token")


def test_refresh_token_of_another_client_is_refused(idp: Environment) -> None:
    tokens = idp.sign_in()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    refused(
        idp.token(form, client=None, client_id="boresight-cli"),
        "invalid_grant",
        "unauthorized_client",
    )


def sign_out(idp: Environment, browser: Any, tokens: dict[str, Any]) -> httpx.Response:
    target = f"{idp.settings.public_url}/hub/login"
    return browser.get(
        idp.endpoint("logout"),
        {
            "id_token_hint": tokens["id_token"],
            "post_logout_redirect_uri": target,
            "state": "over",
        },
    )


async def test_sign_out_ends_everything_that_came_from_the_sign_in(idp: Environment) -> None:
    with idp.browser() as browser:
        tokens = idp.sign_in("marie", browser)
        other = idp.sign_in("marie")
        await oidc.exchange(idp.settings, tokens["access_token"], "s3")

        back = sign_out(idp, browser, tokens)
        assert back.headers["location"].startswith(f"{idp.settings.public_url}/hub/login?state=")

        assert "password" in form_of(idp.ask(browser, Pkce())).fields
    with pytest.raises(CredentialError):
        await oidc.refresh(idp.settings, tokens["refresh_token"])
    with pytest.raises(CredentialError):
        await oidc.exchange(idp.settings, tokens["access_token"], "s3")
    # another sign-in of the same person goes on
    await oidc.exchange(idp.settings, other["access_token"], "s3")
    await oidc.refresh(idp.settings, other["refresh_token"])


async def test_sign_out_from_elsewhere_ends_the_sign_in(idp: Environment) -> None:
    tokens = idp.sign_in("marie")
    with idp.browser() as stranger:
        sign_out(idp, stranger, tokens)
    with pytest.raises(CredentialError):
        await oidc.exchange(idp.settings, tokens["access_token"], "s3")


def test_sign_out_goes_back_to_known_places_only(idp: Environment) -> None:
    with idp.browser() as browser:
        tokens = idp.sign_in("marie", browser)
        page = browser.get(
            idp.endpoint("logout"),
            {
                "id_token_hint": tokens["id_token"],
                "post_logout_redirect_uri": "http://127.0.0.1:9/stolen",
            },
        )
    assert not page.is_redirect
    assert "127.0.0.1:9/" not in page.text


def test_device_sign_in(idp: Environment) -> None:
    started = ok(
        httpx.post(
            idp.endpoint("auth/device"),
            data={"client_id": "boresight-cli", "scope": "openid"},
            timeout=30,
            trust_env=False,
        )
    )
    poll = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": started["device_code"],
    }

    def ask() -> httpx.Response:
        return idp.token(poll, client=None, client_id="boresight-cli")

    refused(ask(), "authorization_pending")
    with idp.browser() as browser:
        page = browser.get(started["verification_uri_complete"])
        for _ in range(4):  # the providers ask for code, sign-in and consent in different order
            fields = form_of(page).fields
            values = idp.credentials("lea") if "password" in fields else {}
            buttons = form_of(page).buttons
            yes = next((name for name in ("confirm", "accept") if name in buttons), None)
            page = browser.submit(page, values, button=yes)
            if "<form" not in page.text:
                break
    time.sleep(started.get("interval", 5))
    tokens = ok(ask())
    claims = idp.verify(tokens["access_token"], "access")
    assert (claims.username, claims.client_id) == ("lea", "boresight-cli")
    refreshed = ok(
        idp.token(
            {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
            client=None,
            client_id="boresight-cli",
        )
    )
    assert idp.verify(refreshed["access_token"], "access").username == "lea"


async def test_sign_in_survives_a_killed_provider(idp: Environment) -> None:
    with idp.browser() as browser:
        tokens = idp.sign_in("marie", browser)
        idp.stop(signal.SIGKILL)
        with pytest.raises(SignInError, match=r"Try again|boresight status"):
            await oidc.refresh(idp.settings, tokens["refresh_token"])
        idp.start()

        refreshed = await oidc.refresh(idp.settings, tokens["refresh_token"])
        claims = await oidc.TokenVerifier(idp.settings, "hub").verify(refreshed.access_token)
        assert claims.username == "marie"
        await oidc.exchange(idp.settings, tokens["access_token"], "s3")
        # the browser's own session lives on as well
        assert "code" in answer_of(idp.ask(browser, Pkce()))
