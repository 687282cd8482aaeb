"""A token for each audience, wherever one works; no service takes another's."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.people import TokenFiles, forget_environment, sign_in_here
from support.signing_stack import SigningStack

from boresight import access
from boresight.access import signinfile
from boresight.access.identity import AUDIENCES
from boresight.access.signin import connect
from boresight.errors import AccessError, ExpiredSessionError
from boresight_hub.config.sessions import OidcProvider
from boresight_hub.errors import CredentialError
from boresight_hub.gateway.auth import ProviderTokens

pytestmark = pytest.mark.slow

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


def get(url: str, token: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"}
    return httpx.get(url, headers=headers, timeout=30, trust_env=False)


def takes(stack: SigningStack, audience: str, token: str) -> bool:
    """Whether the service of ``audience`` takes ``token`` as marie's."""
    settings = stack.settings
    match audience:
        case "access":
            answer = stack.request("GET", "keys", headers={"authorization": f"Bearer {token}"})
            assert answer.status_code in (200, 401), answer.text
            return answer.status_code == 200
        case "s3":
            answer = get(settings.credentials_url, token)
            assert answer.status_code == 200 or "audience" in answer.json()["message"]
            return answer.status_code == 200
        case "stac":
            answer = get(f"{settings.stac_url}/collections", token)
            assert answer.status_code in (200, 401), answer.text
            return answer.status_code == 200 and "co3d-dsm" in answer.text
        case "dask":
            user = asyncio.run(ProviderTokens(settings).user(token))
            return user is not None and user.name == "marie"
        case _:
            try:
                claims = asyncio.run(OidcProvider(settings).verify(token))
            except CredentialError:
                return False
            return claims.username == "marie"


@pytest.mark.parametrize("audience", AUDIENCES)
def test_each_service_takes_its_own_and_no_other(
    stack: SigningStack, anywhere: str, audience: str
) -> None:
    tokens = {name: access.token(name) for name in AUDIENCES}
    assert {name: claims_of(token)["aud"] for name, token in tokens.items()} == {
        name: name for name in AUDIENCES
    }
    assert takes(stack, audience, tokens[audience])
    for other in AUDIENCES:
        if other != audience:
            assert not takes(stack, audience, tokens[other]), (anywhere, audience, other)


def test_tokens_are_kept_and_then_renewed(stack: SigningStack, anywhere: str) -> None:
    first = access.token("dask")
    assert access.token("dask") == first
    time.sleep(7)  # of 12
    second = access.token("dask")
    assert second != first
    assert claims_of(second)["exp"] > claims_of(first)["exp"]
    assert takes(stack, "dask", second)


def test_unknown_audience(anywhere: str) -> None:
    with pytest.raises(AccessError, match=r"no tokens for 'admin'.*hub, s3, stac"):
        access.token("admin")


def test_in_a_process_of_its_own(server: TokenFiles) -> None:
    """As a worker: nothing but the variables."""
    program = "from boresight import access; print(access.token('dask'))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert claims_of(done.stdout)["aud"] == "dask"
    assert claims_of(done.stdout)["preferred_username"] == "marie"


def exchange(stack: SigningStack, token: str, **changes: str) -> httpx.Response:
    form = {
        "grant_type": EXCHANGE,
        "subject_token": token,
        "subject_token_type": ACCESS_TOKEN,
        "audience": "s3",
    }
    return stack.request("POST", "token", data=form | changes)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"audience": "access"}, "invalid_target"),
        ({"audience": "admin"}, "invalid_target"),
        ({"audience": ""}, "invalid_target"),
        ({"audience": "urn:boresight:audience:s3"}, "invalid_target"),
        ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}, "invalid_request"),
        (
            {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
            "invalid_request",
        ),
        ({"subject_token": ""}, "invalid_request"),
        ({"subject_token": "a.b.c"}, "invalid_request"),
    ],
    ids=str,
)
def test_exchanges_that_are_refused(
    stack: SigningStack, laptop: Path, changes: dict[str, str], error: str
) -> None:
    token = access.token("access")
    good = exchange(stack, token)
    assert good.status_code == 200, good.text
    assert good.headers["cache-control"] == "no-store"
    answer = exchange(stack, token, **changes)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] == error
    assert token not in answer.text


def test_a_parameter_given_twice_is_refused(stack: SigningStack, laptop: Path) -> None:
    token = access.token("access")
    form = [
        ("grant_type", EXCHANGE),
        ("subject_token", token),
        ("subject_token_type", ACCESS_TOKEN),
        ("audience", "stac"),
    ]

    def send(pairs: list[tuple[str, str]]) -> httpx.Response:
        body = "&".join(f"{name}={value}" for name, value in pairs)
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return stack.request("POST", "token", content=body, headers=headers)

    assert send(form).status_code == 200
    refused = send([*form, ("audience", "s3")])
    assert refused.status_code == 400
    assert "given twice" in refused.json()["error_description"]
    long = send([*form, ("more", "x" * 40_000)])
    assert long.status_code == 413


@pytest.mark.parametrize("audience", ["s3", "stac", "hub", "dask"])
def test_only_tokens_for_the_access_service_are_exchanged(
    stack: SigningStack, laptop: Path, audience: str
) -> None:
    assert exchange(stack, access.token("access")).status_code == 200
    answer = exchange(stack, access.token(audience))
    assert answer.status_code == 400
    assert "not for the audience" in answer.json()["error_description"]


def test_tokens_of_other_programs_are_not_exchanged(stack: SigningStack, laptop: Path) -> None:
    """What the teledetection SDK gets signs addresses, and does nothing else."""
    assert exchange(stack, access.token("access")).status_code == 200
    form = {"client_id": "gdal", "scope": "openid"}
    url = stack.idp.endpoint("auth/device")
    begun = httpx.post(url, data=form, timeout=30, trust_env=False).json()
    stack.idp.accept_device(begun["verification_uri_complete"], "marie")
    time.sleep(begun["interval"])
    tokens = stack.idp.token(
        {
            **form,
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
            "device_code": begun["device_code"],
        },
        client=None,
    ).json()
    assert takes(stack, "access", tokens["access_token"])
    answer = exchange(stack, tokens["access_token"])
    assert answer.status_code == 400
    assert "issued to 'gdal'" in answer.json()["error_description"]


def test_no_token_stands_in_the_service_s_log(stack: SigningStack, laptop: Path) -> None:
    tokens = {name: access.token(name) for name in AUDIENCES}
    log = stack.access.log("access")
    assert "token for dask exchanged for marie" in log
    for token in tokens.values():
        assert token.rsplit(".", 1)[1] not in log


# the sign-in on a laptop


def state_of(folder: Path) -> Path:
    (file,) = folder.glob("*.json")
    return file


def test_the_sign_in_is_its_owners_alone(own_laptop: Path) -> None:
    file = state_of(own_laptop)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(own_laptop.stat().st_mode) == 0o700
    assert access.token("access")
    file.chmod(0o644)
    with pytest.raises(AccessError, match=r"mode 0644.*0600"):
        access.token("access")
    file.chmod(0o600)
    assert access.token("access")


def test_tokens_stay_out_of_words(laptop: Path) -> None:
    content = json.loads(state_of(laptop).read_text())
    state = signinfile.read(state_of(laptop))
    shown = repr(state) + str(state) + repr(connect()) + repr(vars(connect()))
    for name in ("access_token", "refresh_token"):
        assert len(content[name]) > 20
        assert content[name] not in shown


def test_processes_and_threads_take_turns(stack: SigningStack, laptop: Path) -> None:
    """A refresh token is good for one use; used twice, it would end the sign-in."""
    before = json.loads(state_of(laptop).read_text())["refresh_token"]
    program = """
import sys, time
from boresight.access.signin import connect
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    connect().token("access")
    time.sleep(0.05)
"""
    running = [
        subprocess.Popen([sys.executable, "-c", program, "16"], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    seen = set()
    end = time.monotonic() + 16
    with ThreadPoolExecutor(4) as pool:
        while time.monotonic() < end:
            seen |= set(pool.map(lambda _: access.token("access"), range(8)))
            time.sleep(0.1)
    for process in running:
        _, error = process.communicate(timeout=60)
        assert process.returncode == 0, error
    assert 2 <= len(seen) <= 6
    assert json.loads(state_of(laptop).read_text())["refresh_token"] != before
    assert takes(stack, "stac", access.token("stac"))


def test_a_refused_token_is_replaced_at_once(laptop: Path) -> None:
    identity = connect()
    first = identity.token("access")
    assert identity.token("access") == first
    assert identity.token("access", instead_of=first) != first


def test_sign_out_ends_it_at_the_provider_too(stack: SigningStack, own_laptop: Path) -> None:
    kept = json.loads(state_of(own_laptop).read_text())
    form = {
        "grant_type": "refresh_token",
        "refresh_token": kept["refresh_token"],
        "client_id": "boresight-cli",
    }
    fresh = stack.idp.token(form, client=None)
    assert fresh.status_code == 200, fresh.text
    content = kept | {"refresh_token": fresh.json()["refresh_token"]}
    state_of(own_laptop).write_text(json.dumps(content))
    access.sign_out()
    assert list(own_laptop.glob("*.json")) == []
    assert (
        stack.idp.token(form | {"refresh_token": content["refresh_token"]}, client=None).json()[
            "error"
        ]
        == "invalid_grant"
    )
    with pytest.raises(AccessError, match=r"nobody has signed in.*sign_in"):
        access.token("access")


def test_sign_out_everywhere(
    stack: SigningStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_environment(monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    # somebody nobody else here has signed in as
    assert sign_in_here(stack.idp, "lea") == "lea"

    def ask(method: str, path: str, **more: Any) -> httpx.Response:
        return stack.request(method, path, headers=bearer, **more)

    bearer = {"authorization": f"Bearer {access.token('access')}"}
    key = ask("POST", "keys", json={}).json()
    by_key = {"access-key": key["access_key"], "secret-key": key["secret_key"]}
    assert ask("POST", "batch-grants", json={}).status_code == 201
    home = {"hrefs": [f"{stack.settings.s3_url}/home/lea/a.txt"]}
    assert stack.request("POST", "sign", headers=by_key, json=home).status_code == 200

    ended = access.sign_out_everywhere()

    assert ended["api_keys"] >= 1
    assert ended["batch_grants"] >= 1
    assert ended["sessions"] >= 1
    assert list(tmp_path.rglob("*.json")) == []
    assert stack.request("POST", "sign", headers=by_key, json=home).status_code == 401
    assert ask("POST", "sign", json=home).json()["type"] == "urn:boresight:problem:signed-out"


def test_a_session_that_is_over_says_so(stack: SigningStack, own_laptop: Path) -> None:
    catalog = access.open_catalog()
    assert list(catalog.get_collections())
    content = json.loads(state_of(own_laptop).read_text())
    revoked = httpx.post(
        stack.idp.endpoint("revoke"),
        data={"token": content["refresh_token"], "client_id": "boresight-cli"},
        timeout=30,
        trust_env=False,
    )
    assert revoked.status_code == 200, revoked.text
    time.sleep(7)  # until the token is due
    for attempt in (
        lambda: access.token("access"),
        lambda: list(catalog.get_collections()),
    ):
        with pytest.raises(ExpiredSessionError, match=r"sign-in at .* is over.*sign_in"):
            attempt()


def test_someone_who_refuses_is_not_signed_in(
    stack: SigningStack, laptop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sign_in_here(stack.idp, "marie") == "marie"
    with pytest.raises(AccessError, match="Nobody signed in within 3 s"):
        access.sign_in(stack.settings.public_url, tell=lambda _: None, timeout_s=3)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://elsewhere.example", "tokens go to https://"),
        ("http://127.0.0.1.elsewhere.example", "tokens go to https://"),
        ("http://user@127.0.0.1:{port}", "tokens go to https://"),
        ("ftp://127.0.0.1", "tokens go to https://"),
        ("127.0.0.1", "tokens go to https://"),
        ("http://[", "tokens go to https://|Invalid"),
        ("http://localhost:{port}", "calls itself"),
        ("http://127.0.0.1:{s3}", "does not describe an environment"),
    ],
)
def test_addresses_nothing_is_sent_to(
    stack: SigningStack, laptop: Path, url: str, words: str
) -> None:
    port, s3 = stack.settings.port, stack.settings.port_of("s3")
    with pytest.raises(AccessError, match=words):
        access.sign_in(url.format(port=port, s3=s3), tell=lambda _: None)


def test_several_environments_are_told_apart(
    stack: SigningStack, own_laptop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = stack.settings.public_url
    other = json.loads(state_of(own_laptop).read_text()) | {"url": "https://other.example"}
    file = own_laptop / "https%3A%2F%2Fother.example.json"
    file.touch(0o600)
    file.write_text(json.dumps(other))
    with pytest.raises(AccessError, match=r"several environments: .*other.example"):
        access.open_catalog()
    assert access.open_catalog(url).id
    monkeypatch.setenv("BORESIGHT_URL", url)
    assert access.open_catalog().id
    with pytest.raises(AccessError, match=r"Nobody has signed in to https://third.example"):
        access.open_catalog("https://third.example")


def test_identity_server_that_restarts_is_waited_for(stack: SigningStack, laptop: Path) -> None:
    identity = connect()
    first = identity.token("access")
    stack.hub.stop("idp")
    later = threading.Timer(1.5, stack.hub.start, ["idp"])
    later.start()
    try:
        assert identity.token("access", instead_of=first) != first
    finally:
        later.join()
