"""API keys with the real identity provider: made, used, limited, revoked, over with their grant."""

from __future__ import annotations

import asyncio
import concurrent.futures
import re
import time
from typing import Any

import httpx
import pytest
from support.signing_stack import SigningStack

from boresight_hub import oidc
from boresight_hub.access.database import sqlite_file
from boresight_hub.access.signing.keystore import KeyStore


def make(real: SigningStack, username: str = "marie", **wanted: Any) -> dict[str, Any]:
    answer = real.request("POST", "keys", json=wanted, headers=real.bearer(username))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def headers_of(key: dict[str, Any]) -> dict[str, str]:
    return {"access-key": key["access_key"], "secret-key": key["secret_key"]}


def sign(
    real: SigningStack, headers: dict[str, str], name: str = "home/marie/a.txt", **more: Any
) -> httpx.Response:
    hrefs = [f"{real.settings.s3_url}/{name}"]
    return real.request("POST", "sign", json={"hrefs": hrefs, **more}, headers=headers)


def refused(response: httpx.Response, status: int, kind: str) -> str:
    assert response.status_code == status, response.text
    assert response.json()["type"] == f"urn:boresight:problem:{kind}", response.text
    return str(response.json()["detail"])


def read(answer: httpx.Response) -> bytes:
    assert answer.status_code == 200, answer.text
    (url,) = answer.json()["hrefs"].values()
    return httpx.get(url, trust_env=False).content


@pytest.fixture(scope="module")
def key(real: SigningStack) -> dict[str, Any]:
    return make(real, description="for tests", scopes=["read", "write"])


def test_a_key_signs_with_its_owners_credentials(real: SigningStack, key: dict[str, Any]) -> None:
    assert read(sign(real, headers_of(key))) == b"at home"
    # what the owner may not, the key may not
    answer = sign(real, headers_of(key), "catalogue/sentinel2-l1/s/a.txt")
    assert "marie may not read" in refused(answer, 403, "policy")
    # planetary-computer's header says the same
    one = {"ocp-apim-subscription-key": f"{key['access_key']}:{key['secret_key']}"}
    assert read(sign(real, one)) == b"at home"


def test_it_goes_on_when_access_tokens_end(real: SigningStack, key: dict[str, Any]) -> None:
    assert read(sign(real, headers_of(key))) == b"at home"
    time.sleep(real.settings.oidc.token_life_s + 1)
    assert read(sign(real, headers_of(key))) == b"at home"


def test_it_survives_a_restart_of_the_service(real: SigningStack, key: dict[str, Any]) -> None:
    real.access.stop("access", kill=True)
    real.access.start("access")
    assert read(sign(real, headers_of(key))) == b"at home"


def test_without_the_provider_it_says_so(real: SigningStack) -> None:
    key = make(real)
    assert read(sign(real, headers_of(key))) == b"at home"
    real.hub.stop("idp")
    try:
        time.sleep(real.settings.oidc.token_life_s)
        answer = sign(real, headers_of(key))
        refused(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
    finally:
        real.hub.start("idp")
    assert read(sign(real, headers_of(key))) == b"at home"


def test_listed_without_secret(real: SigningStack, key: dict[str, Any]) -> None:
    read(sign(real, headers_of(key)))
    answer = real.request("GET", "keys", headers=real.bearer("marie"))
    listed = {entry["access_key"]: entry for entry in answer.json()["keys"]}
    mine = listed[key["access_key"]]
    assert mine["description"] == "for tests"
    assert mine["scopes"] == ["read", "write"]
    assert mine["last_used_at"] >= mine["created_at"]
    assert key["secret_key"] not in answer.text
    others = real.request("GET", "keys", headers=real.bearer("paul")).json()["keys"]
    assert key["access_key"] not in {entry["access_key"] for entry in others}


def test_scopes_and_prefix(real: SigningStack) -> None:
    reader = headers_of(make(real, scopes=["read"]))
    read(sign(real, reader))
    refused(sign(real, reader, op="put"), 403, "key-scope")
    writer = headers_of(make(real, scopes=["write"]))
    assert sign(real, writer, op="put").status_code == 200
    refused(sign(real, writer), 403, "key-scope")
    refused(sign(real, writer, op="head"), 403, "key-scope")
    narrow = headers_of(make(real, prefix="catalogue/co3d-l1"))
    assert sign(real, narrow, "catalogue/co3d-l1/scene/image.tif").status_code == 200
    refused(sign(real, narrow), 403, "key-prefix")
    # whole parts only
    refused(sign(real, narrow, "catalogue/co3d-l1-secret/a"), 403, "key-prefix")
    # a prefix gives nothing the owner does not have
    foreign = headers_of(make(real, prefix="catalogue/sentinel2-l1/"))
    refused(sign(real, foreign, "catalogue/sentinel2-l1/s/a.txt"), 403, "policy")


@pytest.mark.parametrize(
    "wanted",
    [
        {"prefix": "catalogue/../home"},
        {"prefix": "elsewhere/a"},
        {"prefix": "catalogue/%2e%2e/home"},
        {"scopes": []},
        {"scopes": ["admin"]},
        {"owner": "lea"},
    ],
)
def test_malformed_wish(real: SigningStack, wanted: dict[str, Any]) -> None:
    bearer = real.bearer("paul")
    answer = real.request("POST", "keys", json={"description": "x"}, headers=bearer)
    assert answer.status_code == 201, answer.text
    assert real.request("POST", "keys", json=wanted, headers=bearer).status_code == 400
    real.request("DELETE", "keys", headers=bearer)


# attacks ------------------------------------------------------------------------------------------


def test_wrong_secret_and_unknown_key_look_alike(real: SigningStack, key: dict[str, Any]) -> None:
    read(sign(real, headers_of(key)))
    wrong = sign(real, headers_of(key) | {"secret-key": "w" * 43})
    unknown = sign(real, {"access-key": "bsk-0123456789abcdef", "secret-key": "w" * 43})
    assert refused(wrong, 401, "credentials") == refused(unknown, 401, "credentials")
    for headers in (
        {"access-key": key["access_key"]},
        {"secret-key": key["secret_key"]},
        {"access-key": "", "secret-key": ""},
        {"ocp-apim-subscription-key": key["secret_key"]},
        {"access-key": "x" * 5000, "secret-key": "x"},
    ):
        assert sign(real, headers).status_code == 401, headers


def test_key_of_another(real: SigningStack, key: dict[str, Any]) -> None:
    theirs = make(real, "paul")
    mixed = headers_of(theirs) | {"secret-key": key["secret_key"]}
    refused(sign(real, mixed), 401, "credentials")
    # another's key is neither listed nor revoked, and nothing tells that it exists
    absent = real.request("DELETE", "keys/bsk-0", headers=real.bearer("paul"))
    answer = real.request("DELETE", f"keys/{key['access_key']}", headers=real.bearer("paul"))
    text = refused(answer, 404, "key-unknown")
    assert text.replace(key["access_key"], "bsk-0") == refused(absent, 404, "key-unknown")
    assert read(sign(real, headers_of(key))) == b"at home"


def test_key_after_revocation(real: SigningStack) -> None:
    key = make(real)
    assert read(sign(real, headers_of(key))) == b"at home"
    bearer = real.bearer("marie")
    assert real.request("DELETE", f"keys/{key['access_key']}", headers=bearer).status_code == 204
    # at once, though an access token of the grant is still good
    refused(sign(real, headers_of(key)), 401, "credentials")
    again = real.request("DELETE", f"keys/{key['access_key']}", headers=bearer)
    refused(again, 404, "key-unknown")


def test_key_dies_with_its_grant(real: SigningStack) -> None:
    key = make(real)
    assert read(sign(real, headers_of(key))) == b"at home"
    keys = KeyStore(
        sqlite_file(real.settings.state_dir / "access" / "keys.sqlite"),
        real.settings.secret("access-signing-key"),
    )
    grant = keys.grant(key["access_key"])
    keys.close()
    assert grant
    asyncio.run(oidc.revoke(real.settings, grant))
    deadline = time.monotonic() + real.settings.oidc.token_life_s + 2
    while sign(real, headers_of(key)).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    refused(sign(real, headers_of(key)), 401, "key-grant")


def test_a_key_makes_no_keys(real: SigningStack, key: dict[str, Any]) -> None:
    before = real.request("GET", "keys", headers=real.bearer("marie")).json()
    for method, path in (("POST", "keys"), ("GET", "keys"), ("DELETE", "keys")):
        answer = real.request(method, path, headers=headers_of(key))
        refused(answer, 401, "credentials-missing")
    after = real.request("GET", "keys", headers=real.bearer("marie")).json()
    assert [k["access_key"] for k in before["keys"]] == [k["access_key"] for k in after["keys"]]


def test_key_and_token_together(real: SigningStack, key: dict[str, Any]) -> None:
    both = headers_of(key) | real.bearer("paul")
    refused(sign(real, both), 401, "credentials")


def test_keys_have_a_limit(real: SigningStack) -> None:
    bearer = real.bearer("lea")
    limit = real.settings.access.signing.max_keys_per_user

    def ask(_: int) -> int:
        return real.request("POST", "keys", json={}, headers=bearer).status_code

    # many at once: none slips through beside another
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(ask, range(limit + 5)))
    assert sorted(statuses) == [201] * limit + [403] * 5
    bearer = real.bearer("lea")
    refused(real.request("POST", "keys", json={}, headers=bearer), 403, "key-count")
    assert real.request("DELETE", "keys", headers=bearer).json() == {"revoked": limit}
    assert real.request("POST", "keys", json={}, headers=bearer).status_code == 201


def test_no_key_from_a_token_of_another_audience(real: SigningStack) -> None:
    tokens = real.idp.sign_in("marie")
    for audience in ("s3", "stac", "dask"):
        exchanged = asyncio.run(oidc.exchange(real.settings, tokens["access_token"], audience))
        headers = {"authorization": f"Bearer {exchanged.access_token}"}
        refused(real.request("POST", "keys", json={}, headers=headers), 401, "token")
    headers = {"authorization": f"Bearer {real.access_token(tokens)}"}
    assert real.request("POST", "keys", json={}, headers=headers).status_code == 201


def test_nothing_secret_in_logs_and_files(real: SigningStack, key: dict[str, Any]) -> None:
    bearer = real.bearer("marie")
    answer = sign(real, headers_of(key))
    signature = re.search(r"X-Amz-Signature=(\w+)", answer.text)
    assert signature
    sign(real, bearer)
    sign(real, headers_of(key) | {"secret-key": "wrong-and-secret-all-the-same-000"})
    log = real.access.log("access")
    assert key["access_key"] in log  # it does log
    folder = real.settings.state_dir / "access"
    files = b"".join(path.read_bytes() for path in folder.iterdir())
    for secret in (
        key["secret_key"],
        signature[1],
        bearer["authorization"].rsplit(".", 1)[1],
        "wrong-and-secret-all-the-same-000",
    ):
        assert secret not in log
        assert secret.encode() not in files
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
