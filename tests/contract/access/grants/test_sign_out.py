"""Sign-outs end what was handed out: sessions in the store at once, tokens, keys and grants."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from support.data_sessions import SignIn, credentials, held, next_second
from support.signing_stack import SigningStack


def ask(
    real: SigningStack, path: str, headers: dict[str, str], method: str = "POST", **more: Any
) -> httpx.Response:
    return real.request(method, path, headers=headers, **more)


def refused(answer: httpx.Response, status: int, kind: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["type"] == f"urn:boresight:problem:{kind}", answer.text


def signed(real: SigningStack, headers: dict[str, str], username: str = "marie") -> httpx.Response:
    href = f"{real.settings.s3_url}/home/{username}/a.txt"
    return ask(real, "sign", headers, json={"hrefs": [href]})


def test_end_of_sessions_leaves_the_sign_in(real: SigningStack) -> None:
    """What the hub asks for when the last server of somebody has stopped."""
    marie, elsewhere, paul = SignIn(real), SignIn(real), SignIn(real, "paul")
    mine, other, pauls = marie.held(), elsewhere.held(), paul.held()
    token = marie.token("s3")
    assert mine.opens()
    assert mine.access_key != other.access_key

    answer = ask(real, "sessions/end", marie.bearer)

    assert answer.json() == {"sessions": 1}
    assert not mine.opens()
    # another sign-in of the same person, and other people, are left alone
    assert other.opens()
    assert pauls.opens()
    # a server that starts again finds tokens that open
    again = held(real, token)
    assert again.opens()
    assert again.access_key != mine.access_key


def test_sign_out_ends_sessions_addresses_and_tokens(real: SigningStack) -> None:
    marie, elsewhere = SignIn(real), SignIn(real)
    mine, other = marie.held(), elsewhere.held()
    for_s3, bearer = marie.token("s3"), marie.bearer
    (url,) = signed(real, bearer).json()["hrefs"].values()
    assert httpx.get(url, trust_env=False).content == b"at home"
    assert mine.opens()
    assert credentials(real, for_s3).status_code == 200

    assert ask(real, "sign-out", bearer).json()["sessions"] >= 1

    assert not mine.opens()
    assert httpx.get(url, trust_env=False).status_code == 403
    # a token that somebody has kept, and that has not ended, makes nothing new
    answer = credentials(real, for_s3)
    assert (answer.status_code, answer.json()["code"]) == (400, "ExpiredTokenException")
    assert "signed out" in answer.json()["message"]
    assert real.access.sts(for_s3).status_code == 400
    refused(signed(real, bearer), 401, "signed-out")
    refused(ask(real, "batch-grants", bearer, json={}), 401, "signed-out")
    assert other.opens()
    assert signed(real, elsewhere.bearer).status_code == 200
    # and who signs in again works again, also with the sign-in that the provider still knows
    next_second()
    assert marie.held().opens()


def test_it_is_remembered_over_a_restart(real: SigningStack) -> None:
    marie = SignIn(real)
    token = marie.token("s3")
    assert credentials(real, token).status_code == 200
    assert ask(real, "sign-out", marie.bearer).status_code == 200
    real.access.stop("access", kill=True)
    real.access.start("access")
    assert credentials(real, token).status_code == 400


def test_everywhere(real: SigningStack) -> None:
    marie, elsewhere, paul = SignIn(real), SignIn(real), SignIn(real, "paul")
    key = ask(real, "keys", marie.bearer, json={"description": "laptop"}).json()
    by_key = {"access-key": key["access_key"], "secret-key": key["secret_key"]}
    grant = ask(real, "batch-grants", marie.bearer, json={"description": "run 7"}).json()
    theirs = ask(real, "batch-grants", paul.bearer, json={}).json()
    (url,) = signed(real, by_key).json()["hrefs"].values()
    all_mine = [marie.held(), elsewhere.held(), held(real, grant["credential"])]
    of_paul = [paul.held(), held(real, theirs["credential"], "paul")]
    for_s3, bearer = elsewhere.token("s3"), elsewhere.bearer
    assert all(each.opens() for each in (*all_mine, *of_paul))
    assert len({each.access_key for each in all_mine}) == 3
    assert httpx.get(url, trust_env=False).status_code == 200

    next_second()
    answer = ask(real, "sign-out-everywhere", marie.bearer)

    assert answer.status_code == 200, answer.text
    assert answer.json()["api_keys"] >= 1
    assert answer.json()["batch_grants"] >= 1
    assert answer.json()["sessions"] >= 3
    assert not any(each.opens() for each in all_mine)
    assert httpx.get(url, trust_env=False).status_code == 403
    refused(signed(real, by_key), 401, "credentials")
    assert credentials(real, grant["credential"]).status_code == 400
    assert credentials(real, for_s3).status_code == 400
    refused(signed(real, bearer), 401, "signed-out")
    # sign-ins from before stay out, though the provider goes on renewing their tokens
    next_second()
    assert credentials(real, elsewhere.token("s3")).status_code == 400
    refused(signed(real, marie.bearer), 401, "signed-out")
    # nobody else's
    assert all(each.opens() for each in of_paul)
    again = SignIn(real)
    assert again.held().opens()
    assert ask(real, "keys", again.bearer, "GET").json() == {"keys": []}
    assert ask(real, "batch-grants", again.bearer, "GET").json() == {"grants": []}


@pytest.mark.parametrize("route", ["sessions/end", "sign-out", "sign-out-everywhere"])
def test_only_by_a_token_of_ones_own(real: SigningStack, route: str) -> None:
    marie = SignIn(real)
    mine = marie.held()
    key = ask(real, "keys", marie.bearer, json={}).json()
    grant = ask(real, "batch-grants", marie.bearer, json={}).json()
    wrong = [
        {},
        {"access-key": key["access_key"], "secret-key": key["secret_key"]},
        {"authorization": f"Bearer {grant['credential']}"},
        *({"authorization": f"Bearer {marie.token(audience)}"} for audience in ("s3", "stac")),
        {"authorization": f"Bearer {marie.tokens['access_token']}"},
    ]
    for headers in wrong:
        assert ask(real, route, headers).status_code == 401, headers
    assert mine.opens()
    assert ask(real, route, marie.bearer).status_code == 200
    assert not mine.opens()
    next_second()  # the tests after this one sign in


def test_a_store_that_is_away_is_told_and_can_be_asked_again(real: SigningStack) -> None:
    marie = SignIn(real)
    mine, bearer = marie.held(), marie.bearer
    real.access.stop("s3-iam", kill=True)
    try:
        refused(ask(real, "sign-out", bearer), 503, "unavailable")
    finally:
        real.access.start("s3-iam")
    assert mine.opens()
    assert ask(real, "sign-out", bearer).json()["sessions"] >= 1
    assert not mine.opens()


def test_key_revoked_address_dead(real: SigningStack) -> None:
    marie = SignIn(real)
    mine = marie.held()
    key = ask(real, "keys", marie.bearer, json={}).json()
    by_key = {"access-key": key["access_key"], "secret-key": key["secret_key"]}
    (url,) = signed(real, by_key).json()["hrefs"].values()
    assert httpx.get(url, trust_env=False).status_code == 200
    answer = ask(real, f"keys/{key['access_key']}", marie.bearer, "DELETE")
    assert answer.status_code == 204
    assert httpx.get(url, trust_env=False).status_code == 403
    assert mine.opens()
