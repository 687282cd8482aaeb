"""What only the embedded provider promises: restarts, throttling, its directory of people."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.idp import Environment, make_settings, ok, prepare, refused
from support.signin import Pkce, answer_of, form_of

from boresight_hub import oidc
from boresight_hub.embedded import people, provider
from boresight_hub.errors import CredentialError


async def test_sign_out_survives_a_restart(node_idp: Environment) -> None:
    with node_idp.browser() as browser:
        tokens = node_idp.sign_in("marie", browser)
        browser.get(node_idp.endpoint("logout"), {"id_token_hint": tokens["id_token"]})
    node_idp.stop(signal.SIGKILL)
    node_idp.start()
    with pytest.raises(CredentialError):
        await oidc.exchange(node_idp.settings, tokens["access_token"], "s3")


def test_stops_within_a_second_even_with_open_connections(node_idp: Environment) -> None:
    address = (node_idp.settings.host, node_idp.settings.port_of("idp"))
    with socket.create_connection(address) as idle, socket.create_connection(address) as half:
        half.sendall(b"POST /idp/realms/boresight/login/x HTTP/1.1\r\nhost: x\r\n")
        process = node_idp.processes["idp"]
        assert node_idp.stop() < 1.0
        assert process.returncode == 0
        assert idle.recv(1) == b""


def test_everything_it_keeps_is_private(node_idp: Environment) -> None:
    node_idp.sign_in()
    kept = [*(node_idp.settings.state_dir / "idp").iterdir()]
    assert any(path.name == "sessions.sqlite" for path in kept)
    for path in kept:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_its_command_and_environment_hold_no_secret(node_idp: Environment) -> None:
    pid = node_idp.processes["idp"].pid
    shown = b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
    assert b"BORESIGHT_IDP" in shown
    for name in ("hub-client-secret", "access-client-secret", "idp-cookie-key"):
        assert node_idp.settings.secret(name).encode() not in shown
    for person in people.load_people(node_idp.settings):
        assert person.password.encode() not in shown


def test_repeated_failures_are_slowed_down_per_account(node_idp: Environment) -> None:
    with node_idp.browser() as browser:
        page = node_idp.ask(browser, Pkce())
        for _ in range(5):
            page = browser.submit(page, {"username": "marie", "password": "wrong"})
            assert (page.status_code, "wrong" in page.text) == (401, True)
        # now even the right password has to wait
        page = browser.submit(page, node_idp.credentials("marie"))
        assert page.status_code == 429
        assert "Too many failed attempts" in page.text
        wait_s = int(page.headers["retry-after"])
        assert 1 <= wait_s <= 2
        # others do not
        assert "code" in answer_of(browser.submit(page, node_idp.credentials("paul")))
    with node_idp.browser() as browser:
        page = node_idp.ask(browser, Pkce())
        time.sleep(wait_s + 0.1)
        assert "code" in answer_of(browser.submit(page, node_idp.credentials("marie")))


def test_unknown_name_and_wrong_password_look_alike(node_idp: Environment) -> None:
    def attempt(username: str) -> tuple[int, str]:
        with node_idp.browser() as browser:
            page = node_idp.ask(browser, Pkce())
            page = browser.submit(page, {"username": username, "password": "x"})
            action = form_of(page).action
            return page.status_code, page.text.replace(username, "").replace(action, "")

    assert attempt("marie") == attempt("nobody")
    for _ in range(4):
        attempt("nobody")
    assert attempt("nobody")[0] == 429


def test_pages_are_self_contained_and_escaped(node_idp: Environment) -> None:
    with node_idp.browser() as browser:
        page = node_idp.ask(browser, Pkce())
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["cache-control"] == "no-store"
        for foreign in ("<script", "src=", "@import", "url("):
            assert foreign not in page.text
        assert '<html lang="en">' in page.text
        assert '<label for="username">' in page.text
        assert '<label for="password">' in page.text
        page = browser.submit(page, {"username": '"><img src=x>', "password": "x"})
        assert "<img" not in page.text
        assert 'role="alert"' in page.text


def test_form_of_another_browser_is_refused(node_idp: Environment) -> None:
    with node_idp.browser() as one, node_idp.browser() as other:
        page = node_idp.ask(one, Pkce())
        answer = other.http.post(str(page.url), data=node_idp.credentials("marie"))
        assert answer.status_code == 400
        assert "too old" in answer.text
        assert "code" in answer_of(one.submit(page, node_idp.credentials("marie")))


def test_request_cannot_choose_the_addresses_in_answers(node_idp: Environment) -> None:
    answer = httpx.get(
        f"{node_idp.settings.url_of('idp')}/idp/realms/boresight/.well-known/openid-configuration",
        headers={
            "host": "evil.example",
            "x-forwarded-host": "evil.example",
            "x-forwarded-proto": "https",
        },
        trust_env=False,
    )
    assert "evil" not in answer.text
    assert answer.json()["issuer"] == node_idp.settings.issuer


async def test_change_of_people_is_seen_at_once(node_idp: Environment) -> None:
    settings = node_idp.settings
    with node_idp.browser() as browser:
        tokens = node_idp.sign_in("paul", browser)
        marie, paul, lea = people.load_people(settings)
        promoted = paul.model_copy(update={"groups": ("co3d-calibration",)})
        people.save_people(settings, (marie, promoted, lea))
        exchanged = await oidc.exchange(settings, tokens["access_token"], "s3")
        claims = await oidc.TokenVerifier(settings, "s3").verify(exchanged.access_token)
        assert claims.groups == ("co3d-calibration",)

        people.save_people(settings, (marie, lea))
        with pytest.raises(CredentialError):
            await oidc.exchange(settings, tokens["access_token"], "s3")
        with pytest.raises(CredentialError):
            await oidc.refresh(settings, tokens["refresh_token"])
        # the browser that was signed in is asked again, and paul is not let in
        page = node_idp.ask(browser, Pkce())
        credentials = {"username": "paul", "password": paul.password}
        assert browser.submit(page, credentials).status_code == 401


def test_broken_directory_lets_nobody_in(node_idp: Environment) -> None:
    settings = node_idp.settings
    credentials = node_idp.credentials("marie")
    good = people.load_people(settings)
    with node_idp.browser() as browser:
        page = node_idp.ask(browser, Pkce())
        people.write_private(people.people_file(settings), "{")
        answer = browser.http.post(str(page.url), data=credentials)
        assert answer.status_code == 500
        assert credentials["password"] not in answer.text
        people.save_people(settings, good)
        assert "code" in answer_of(browser.submit(page, credentials))


@pytest.fixture
def short_lived(tmp_path: Path) -> Iterator[Environment]:
    settings = make_settings(tmp_path / "state", token_life_s=5)
    prepare(settings)
    environment = Environment(settings)
    try:
        environment.start()
        yield environment
    finally:
        environment.stop_all()


async def test_expired_token_is_refused(short_lived: Environment) -> None:
    settings = short_lived.settings
    tokens = short_lived.sign_in()
    verifier = oidc.TokenVerifier(settings, "hub")
    claims = await verifier.verify(tokens["access_token"])
    await oidc.exchange(settings, tokens["access_token"], "s3")
    time.sleep(claims.expires_at.timestamp() - time.time() + 0.2)
    with pytest.raises(CredentialError, match="has expired"):
        await verifier.verify(tokens["access_token"])
    with pytest.raises(CredentialError):
        await oidc.exchange(settings, tokens["access_token"], "s3")
    renewed = await oidc.refresh(settings, tokens["refresh_token"])
    await oidc.exchange(settings, renewed.access_token, "s3")


def test_command_s_refresh_token_rotates_and_reuse_ends_the_sign_in(
    node_idp: Environment,
) -> None:
    started = ok(
        httpx.post(
            node_idp.endpoint("auth/device"), data={"client_id": "boresight-cli"}, trust_env=False
        )
    )
    with node_idp.browser() as browser:
        page = browser.get(started["verification_uri_complete"])
        assert started["user_code"] in page.text
        page = browser.submit(page, {})
        page = browser.submit(page, {}, button="confirm")
        page = browser.submit(page, node_idp.credentials("lea"))
        assert "Connected" in page.text

    def ask(**form: str) -> httpx.Response:
        return node_idp.token(form, client=None, client_id="boresight-cli")

    grant = "urn:ietf:params:oauth:grant-type:device_code"
    first = ok(ask(grant_type=grant, device_code=started["device_code"]))
    second = ok(ask(grant_type="refresh_token", refresh_token=first["refresh_token"]))
    assert second["refresh_token"] != first["refresh_token"]
    refused(ask(grant_type="refresh_token", refresh_token=first["refresh_token"]), "invalid_grant")
    refused(ask(grant_type="refresh_token", refresh_token=second["refresh_token"]), "invalid_grant")


def test_refused_device_gets_nothing(node_idp: Environment) -> None:
    started = ok(
        httpx.post(
            node_idp.endpoint("auth/device"),
            data={"client_id": "boresight-cli", "scope": "openid"},
            trust_env=False,
        )
    )
    with node_idp.browser() as browser:
        page = browser.get(started["verification_uri"])
        page = browser.submit(page, {"user_code": "XXXX-XXXX"})
        assert "No device shows this code" in page.text
        page = browser.submit(page, {"user_code": started["user_code"]})
        page = browser.submit(page, {}, button="abort")
        assert "Refused" in page.text
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": started["device_code"],
    }
    refused(node_idp.token(form, client=None, client_id="boresight-cli"), "access_denied")


def test_sign_out_without_a_hint_asks_first(node_idp: Environment) -> None:
    with node_idp.browser() as browser:
        node_idp.sign_in("marie", browser)
        page = browser.get(node_idp.endpoint("logout"))
        assert "Sign out?" in page.text
        # nothing has happened yet
        assert "code" in answer_of(node_idp.ask(browser, Pkce()))
        page = browser.get(node_idp.endpoint("logout"))
        page = browser.submit(page, {}, button="logout")
        assert "Signed out" in page.text
        assert "password" in form_of(node_idp.ask(browser, Pkce())).fields
        # and with nobody signed in there is nothing to ask
        assert "Signed out" in browser.get(node_idp.endpoint("logout")).text


def start_once(environment: Environment) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        provider.command(),
        env=os.environ | provider.environment(environment.settings),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("rm secrets/idp-jwks.json", "idp-jwks.json cannot be read (ENOENT)"),
        ("echo '{}' > secrets/idp-jwks.json", "holds no RS256 signing key"),
        ("rm secrets/idp-cookie-key", "idp-cookie-key cannot be read"),
        (": > secrets/hub-client-secret", "hub-client-secret is empty"),
        ("chmod 644 secrets/access-client-secret", "has mode 0644"),
        ("chmod 640 people.json", "has mode 0640"),
        ("rm people.json", "people.json cannot be read"),
        ("rm node && mkdir node", "oidc-provider cannot be loaded"),
    ],
)
def test_start_says_what_is_wrong(tmp_path: Path, damage: str, words: str) -> None:
    settings = make_settings(tmp_path / "state")
    prepare(settings)
    subprocess.run(["/bin/sh", "-ec", damage], cwd=settings.state_dir, check=True)
    done = start_once(Environment(settings))
    assert done.returncode == 1
    assert words in done.stderr


def test_port_in_use_is_said(node_idp: Environment) -> None:
    done = start_once(node_idp)
    assert done.returncode == 1
    assert f"port {node_idp.settings.port_of('idp')} is in use" in done.stderr
