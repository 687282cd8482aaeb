"""Grants of batch runs: they go on without anybody signed in, and end when their owner says so."""

from __future__ import annotations

import concurrent.futures
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.data_sessions import SignIn, credentials, held
from support.signing_stack import SigningStack

from boresight_hub.embedded.people import write_private


@pytest.fixture
def marie(real: SigningStack) -> SignIn:
    return SignIn(real)


def make(real: SigningStack, who: SignIn, **wanted: Any) -> dict[str, Any]:
    answer = real.request("POST", "batch-grants", json=wanted, headers=who.bearer)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    made: dict[str, Any] = answer.json()
    return made


def listed(real: SigningStack, who: SignIn) -> dict[str, dict[str, Any]]:
    answer = real.request("GET", "batch-grants", headers=who.bearer)
    return {grant["grant"]: grant for grant in answer.json()["grants"]}


def revoke(real: SigningStack, who: SignIn, grant: str) -> httpx.Response:
    return real.request("DELETE", f"batch-grants/{grant}", headers=who.bearer)


def token(real: SigningStack, credential: str, audience: str = "stac") -> httpx.Response:
    headers = {"authorization": f"Bearer {credential}"}
    return real.request("POST", "batch-grants/token", json={"audience": audience}, headers=headers)


RUN = """
import boto3, obstore, rasterio, s3fs, warnings
from obstore.store import S3Store
warnings.simplefilter("ignore")
body = boto3.client("s3").get_object(Bucket="home", Key="marie/a.txt")["Body"].read()
assert body == b"at home"
assert s3fs.S3FileSystem().cat_file("home/marie/a.txt") == body
assert bytes(obstore.get(S3Store("home"), "marie/a.txt").bytes()) == body
with rasterio.open("/vsis3/catalogue/co3d-l1/scene/image.tif") as image:
    assert image.shape == (10, 20)
"""


def test_ordinary_clients_run_on_it(real: SigningStack, marie: SignIn, tmp_path: Path) -> None:
    """With no token of anybody: only the credential, in a file."""
    grant = make(real, marie, description="nightly stereo")
    file = tmp_path / "credential"
    write_private(file, grant["credential"])
    env = {
        name: value
        for name, value in real.access.environment("marie", tmp_path).items()
        if not name.startswith("BORESIGHT_")
    }
    env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(file)
    assert env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == grant["credentials_url"]
    done = subprocess.run(
        [sys.executable, "-c", RUN], env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert listed(real, marie)[grant["grant"]]["last_used_at"] is not None


def test_it_outlives_the_sign_out(real: SigningStack) -> None:
    with real.idp.browser() as browser:
        tokens = real.idp.sign_in("marie", browser)
        bearer = {"authorization": f"Bearer {real.access_token(tokens)}"}
        grant = real.request("POST", "batch-grants", json={}, headers=bearer).json()
        running = held(real, grant["credential"])
        assert running.opens()
        assert real.request("POST", "sign-out", headers=bearer).status_code == 200
        browser.get(real.idp.endpoint("logout"), {"id_token_hint": tokens["id_token"]})
    # what the run holds goes on, and so does what it asks for
    assert running.opens()
    real.access.stop("access")
    real.access.start("access")
    assert held(real, grant["credential"]).opens()
    assert token(real, grant["credential"]).status_code == 200


def test_listed_without_its_credential(real: SigningStack, marie: SignIn) -> None:
    grant = make(real, marie, description="nightly\r\nstereo", life_s=3600)
    answer = real.request("GET", "batch-grants", headers=marie.bearer)
    mine = listed(real, marie)[grant["grant"]]
    assert mine["description"] == "nightlystereo"
    assert mine["ends_at"] > mine["created_at"]
    assert grant["credential"].partition(":")[2] not in answer.text
    assert grant["grant"] not in listed(real, SignIn(real, "paul"))
    # it is no API key
    keys = real.request("GET", "keys", headers=marie.bearer).json()["keys"]
    assert grant["grant"] not in {key["access_key"] for key in keys}


def test_revoked_it_opens_nothing_at_once(real: SigningStack, marie: SignIn) -> None:
    grant, other = make(real, marie), make(real, marie)
    running, beside, signed_in = (
        held(real, grant["credential"]),
        held(real, other["credential"]),
        marie.held(),
    )
    assert running.opens()
    assert revoke(real, marie, grant["grant"]).status_code == 204
    assert not running.opens()
    answer = credentials(real, grant["credential"])
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidIdentityToken")
    assert token(real, grant["credential"]).status_code == 401
    assert revoke(real, marie, grant["grant"]).status_code == 404
    assert beside.opens()
    assert signed_in.opens()


def test_a_run_that_is_over_ends_its_own_grant(real: SigningStack, marie: SignIn) -> None:
    grant, other = make(real, marie), make(real, marie)
    running, beside = held(real, grant["credential"]), held(real, other["credential"])
    assert running.opens()

    def end(credential: str) -> int:
        headers = {"authorization": f"Bearer {credential}"}
        return real.request("DELETE", "batch-grants", headers=headers).status_code

    secret = other["credential"].partition(":")[2]
    for wrong in ("nothing", grant["grant"], f"{grant['grant']}:{secret}", marie.held().secret_key):
        assert end(wrong) == 401, wrong
    assert running.opens()
    assert end(grant["credential"]) == 204
    assert not running.opens()
    assert end(grant["credential"]) == 401
    assert grant["grant"] not in listed(real, marie)
    assert beside.opens()


def test_it_ends_by_itself(real: SigningStack, marie: SignIn) -> None:
    lasting, short = make(real, marie, life_s=60), make(real, marie, life_s=2)
    assert held(real, short["credential"]).opens()
    time.sleep(2.1)
    assert credentials(real, short["credential"]).status_code == 400
    assert short["grant"] not in listed(real, marie)
    assert credentials(real, lasting["credential"]).status_code == 200


def test_life_has_bounds(real: SigningStack, marie: SignIn) -> None:
    longest = real.settings.access.batch_grants.max_life_s
    make(real, marie, life_s=longest)
    for life_s in (0, -1, longest + 1, 1.5, "60", True):
        answer = real.request("POST", "batch-grants", json={"life_s": life_s}, headers=marie.bearer)
        assert answer.status_code == 400, life_s


def test_tokens_for_the_other_services(real: SigningStack, marie: SignIn) -> None:
    grant = make(real, marie)
    given = token(real, grant["credential"]).json()
    assert real.idp.verify(given["access_token"], "stac").username == "marie"
    answer = httpx.get(
        f"{real.settings.stac_url}/collections",
        headers={"authorization": f"Bearer {given['access_token']}"},
        timeout=30,
        trust_env=False,
    )
    names = {collection["id"] for collection in answer.json()["collections"]}
    assert "co3d-l1" in names
    assert "sentinel2-l1" not in names
    assert token(real, grant["credential"], "s3").status_code == 200
    for audience in ("access", "hub", "dask", ""):
        # with which it could make grants of its own, or sign its owner out
        assert token(real, grant["credential"], audience).status_code == 400


def test_wrong_credentials(real: SigningStack, marie: SignIn) -> None:
    grant = make(real, marie)
    theirs = make(real, SignIn(real, "paul"))
    key = real.request("POST", "keys", json={}, headers=marie.bearer).json()
    name, _, secret = grant["credential"].partition(":")
    assert credentials(real, grant["credential"]).status_code == 200
    wrong = {
        "another's secret": f"{name}:{theirs['credential'].partition(':')[2]}",
        "secret cut": grant["credential"][:-1],
        "no secret": name,
        "empty secret": f"{name}:",
        "unknown": f"bsb-0123456789abcdef:{secret}",
        "an API key": f"{key['access_key']}:{key['secret_key']}",
        "an API key as a grant": f"{key['access_key'].replace('bsk', 'bsb')}:{key['secret_key']}",
        "very long": f"bsb-{'x' * 5000}:{secret}",
    }
    texts = set()
    for case, credential in wrong.items():
        answer = credentials(real, credential)
        assert (answer.status_code, answer.json()["code"]) == (400, "InvalidIdentityToken"), case
        if credential.startswith("bsb-"):
            texts.add(answer.json()["message"])
        assert token(real, credential).status_code == 401, case
    # unknown, wrong and of another look alike
    assert len(texts) == 1
    # and it signs nothing: that is what API keys are for
    as_key = {"access-key": name, "secret-key": secret}
    href = f"{real.settings.s3_url}/home/marie/a.txt"
    body = {"hrefs": [href]}
    assert real.request("POST", "sign", json=body, headers=as_key).status_code == 401
    # an STS request carries tokens only
    assert real.access.sts(grant["credential"]).status_code == 400


def test_of_another(real: SigningStack, marie: SignIn) -> None:
    grant, paul = make(real, marie), SignIn(real, "paul")
    assert revoke(real, paul, grant["grant"]).status_code == 404
    assert credentials(real, grant["credential"]).status_code == 200
    key = real.request("POST", "keys", json={}, headers=marie.bearer).json()
    # kinds are kept apart
    assert revoke(real, marie, key["access_key"]).status_code == 404
    answer = real.request("DELETE", f"keys/{grant['grant']}", headers=marie.bearer)
    assert answer.status_code == 404


def test_a_grant_makes_no_grants(real: SigningStack, marie: SignIn) -> None:
    grant = make(real, marie)
    headers = {"authorization": f"Bearer {grant['credential']}"}
    for method, path in (
        ("POST", "batch-grants"),
        ("GET", "batch-grants"),
        ("DELETE", f"batch-grants/{grant['grant']}"),
        ("POST", "keys"),
    ):
        assert real.request(method, path, headers=headers, json={}).status_code == 401, path


def test_they_have_a_limit(real: SigningStack) -> None:
    lea = SignIn(real, "lea")
    limit = real.settings.access.batch_grants.max_per_user
    bearer = lea.bearer

    def ask(_: int) -> int:
        return real.request("POST", "batch-grants", json={}, headers=bearer).status_code

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(ask, range(limit + 4)))
    assert sorted(statuses) == [201] * limit + [403] * 4


def test_nothing_secret_in_logs_and_files(real: SigningStack, marie: SignIn) -> None:
    grant = make(real, marie)
    secret = grant["credential"].partition(":")[2]
    found = held(real, grant["credential"])
    credentials(real, f"{grant['grant']}:wrong-and-secret-all-the-same")
    log = real.access.log("access")
    assert grant["grant"] in log  # it does log
    kept = real.access.ledger()
    assert grant["grant"].encode() in kept
    for hidden in (secret, found.secret_key, "wrong-and-secret-all-the-same"):
        assert hidden not in log
        assert hidden.encode() not in kept
