"""Two replicas of the access service on one PostgreSQL database: what one knows both know."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from support.data_sessions import SignIn, credentials
from support.postgres import Postgres
from support.signing_stack import SigningStack

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(300)]

# short, so that a grant is renewed often
_TOKEN_LIFE_S = 12
_RENEWALS = 3


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[SigningStack]:
    state_dir = tmp_path_factory.mktemp("replicas") / "state"
    made = SigningStack(
        state_dir,
        token_life_s=_TOKEN_LIFE_S,
        replicas=2,
        ledger=postgres.make_ledger(state_dir),
        session_life_s=60,
    )
    try:
        made.start()
        made.access.root().put_object(Bucket="home", Key="marie/a.txt", Body=b"at home")
        yield made
    finally:
        made.close()


def served(real: SigningStack) -> list[int]:
    """Requests to sign that each replica has answered or refused so far, by its own log."""
    logs = [real.access.log_of(name) for name in ("access", "access#2")]
    return [log.count("signed") + log.count("refused: ") for log in logs]


def by_both(real: SigningStack, headers: dict[str, str]) -> list[httpx.Response]:
    """Have an address signed until each replica has been asked a few times."""
    before, answers = served(real), []
    while True:
        answers.append(sign(real, headers))
        new = [now - then for now, then in zip(served(real), before, strict=True)]
        if min(new) >= 3:
            return answers
        assert len(answers) < 200, new


def statuses(answers: list[httpx.Response]) -> set[int]:
    return {answer.status_code for answer in answers}


def sign(real: SigningStack, headers: dict[str, str]) -> httpx.Response:
    # past the proxy, which keeps its connection: the kernel deals new ones out to the replicas
    return httpx.post(
        f"{real.settings.url_of('access')}/services/access/sign",
        headers=headers,
        json={"hrefs": [f"{real.settings.s3_url}/home/marie/a.txt"]},
        timeout=30,
        trust_env=False,
    )


def make_key(real: SigningStack, marie: SignIn) -> dict[str, str]:
    made = real.request("POST", "keys", headers=marie.bearer, json={}).json()
    return {"access-key": made["access_key"], "secret-key": made["secret_key"]}


def test_a_key_is_good_and_revoked_at_both(real: SigningStack) -> None:
    marie = SignIn(real)
    key = make_key(real, marie)
    assert statuses(by_both(real, key)) == {200}
    gone = real.request("DELETE", f"keys/{key['access-key']}", headers=marie.bearer)
    assert gone.status_code == 204
    assert statuses(by_both(real, key)) == {401}


def test_a_session_is_handed_out_again_by_both(real: SigningStack) -> None:
    answers = by_both(real, SignIn(real).bearer)
    urls = [url for answer in answers for url in answer.json()["hrefs"].values()]
    assert len({re.search(r"X-Amz-Credential=(\w+)", url)[1] for url in urls}) == 1


def test_a_sign_out_is_known_to_both(real: SigningStack) -> None:
    bearer = SignIn(real).bearer
    assert statuses(by_both(real, bearer)) == {200}
    assert real.request("POST", "sign-out", headers=bearer).status_code == 200
    after = by_both(real, bearer)
    assert statuses(after) == {401}
    assert {answer.json()["type"] for answer in after} == {"urn:boresight:problem:signed-out"}


def test_a_grant_is_renewed_under_load(real: SigningStack) -> None:
    """While a grant is renewed again and again, nobody who asks either replica is refused."""
    key = make_key(real, SignIn(real))
    end = time.monotonic() + _RENEWALS * _TOKEN_LIFE_S
    start = threading.Barrier(8)
    before = served(real)

    def client() -> set[int]:
        start.wait()
        seen = set()
        while time.monotonic() < end:
            seen.add(sign(real, key).status_code)
        return seen

    with ThreadPoolExecutor(8) as pool:
        seen = set().union(*pool.map(lambda _: client(), range(8)))
    assert seen == {200}
    new = [now - then for now, then in zip(served(real), before, strict=True)]
    assert min(new) > 10, "both replicas were at work"


def test_one_that_is_killed_is_not_missed(real: SigningStack) -> None:
    marie = SignIn(real)
    key = make_key(real, marie)
    by_both(real, key)  # the victim is at work
    victim = real.access.processes["access#2"]
    victim.kill()
    victim.wait(10)
    assert {sign(real, key).status_code for _ in range(20)} == {200}
    real.access.stop("access")
    real.access.start("access")


def test_a_database_that_is_away_is_said(real: SigningStack, postgres: Postgres) -> None:
    token = SignIn(real).token("s3")
    key = make_key(real, SignIn(real))
    assert credentials(real, token).status_code == 200
    postgres.stop()
    try:
        answer = credentials(real, token)
        assert (answer.status_code, answer.json()["code"]) == (503, "ServiceUnavailable")
        assert real.access.sts(token).status_code == 503
        answer = sign(real, key)
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "database is out of reach" in answer.json()["detail"]
    finally:
        postgres.start()
    assert credentials(real, token).status_code == 200
    assert sign(real, key).status_code == 200
