"""The hub's part: the last server that stops, and a sign-out, end the S3 sessions in the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from support.data_sessions import credentials, held
from support.signing_stack import SigningStack

from boresight_hub.session import HubSession

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningStack]:
    made = SigningStack(tmp_path_factory.mktemp("hub") / "state")
    try:
        made.start()
        made.hub.start("hub")
        made.access.root().put_object(Bucket="home", Key="marie/a.txt", Body=b"at home")
        yield made
    finally:
        made.close()


@pytest.fixture
def marie(whole: SigningStack) -> Iterator[HubSession]:
    with HubSession(whole.settings) as session:
        session.sign_in("marie", whole.hub.password("marie"))
        yield session


def s3_token(whole: SigningStack) -> str:
    folder = whole.settings.state_dir / "run" / "tokens" / "marie" / "server-default"
    return (folder / "s3.jwt").read_text()


def soon(what: Callable[[], bool], bound_s: float = 10) -> None:
    deadline = time.monotonic() + bound_s
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_stop_of_the_last_server(whole: SigningStack, marie: HubSession) -> None:
    marie.start_server()
    token = s3_token(whole)
    mine = held(whole, token)
    assert mine.opens()
    marie.stop_server()
    soon(lambda: not mine.opens())
    # the sign-in goes on: the next server has credentials again
    marie.start_server()
    assert held(whole, s3_token(whole)).opens()
    marie.stop_server()


def test_sign_out(whole: SigningStack, marie: HubSession) -> None:
    marie.start_server()
    token = s3_token(whole)
    mine = held(whole, token)
    assert mine.opens()
    marie.sign_out()
    soon(lambda: not mine.opens())
    # what somebody has copied of the token file is over as well
    answer = credentials(whole, token)
    assert (answer.status_code, answer.json()["code"]) == (400, "ExpiredTokenException")


def test_sign_out_while_the_access_service_is_away(whole: SigningStack, marie: HubSession) -> None:
    marie.start_server()
    whole.access.stop("access")
    try:
        marie.sign_out()
    finally:
        whole.access.start("access")
    assert "go on to their own end" in whole.hub.log("hub")
