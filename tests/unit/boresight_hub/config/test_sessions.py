"""One renewal at a time, and no used token comes back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from support.fake_provider import FakeProvider, FakeUser

from boresight_hub import oidc
from boresight_hub.config.sessions import Session, Sessions
from boresight_hub.errors import CredentialError, SignInError


async def test_young_session_is_used_as_it_is() -> None:
    provider, user = FakeProvider(), FakeUser(age_s=10)
    session = await Sessions(provider).current(user, min_left=0.5)
    assert session.refresh_token == "refresh-0"
    assert provider.refreshes == 0


async def test_many_askers_cause_one_renewal() -> None:
    provider, user = FakeProvider(), FakeUser(age_s=60)
    sessions = Sessions(provider)
    found = await asyncio.gather(*(sessions.current(user, min_left=0.5) for _ in range(20)))
    assert provider.refreshes == 1
    assert {s.refresh_token for s in found} == {"refresh-1"}
    assert user.state is not None
    assert user.state["refresh_token"] == "refresh-1"
    assert user.state["id_token"] == "id-0", "kept when the answer has none"


async def test_state_written_back_by_somebody_slow_is_repaired() -> None:
    provider, user = FakeProvider(), FakeUser(age_s=60)
    sessions = Sessions(provider)
    old = user.state
    await sessions.current(user, min_left=0.5)
    user.state = old  # JupyterHub saves what it read before
    session = await sessions.current(user, min_left=0.99, force=True)
    assert session.refresh_token == "refresh-2"


async def test_new_sign_in_wins_over_what_is_remembered() -> None:
    provider, user = FakeProvider(), FakeUser(age_s=60)
    sessions = Sessions(provider)
    await sessions.current(user, min_left=0.5)
    signed_in_again = Session.from_auth_state(FakeUser().state)
    assert signed_in_again is not None
    user.state = replace(signed_in_again, refresh_token="new").auth_state()
    assert (await sessions.current(user, min_left=0.5)).refresh_token == "new"


async def test_refused_renewal_is_not_asked_for_again() -> None:
    provider, user = FakeProvider(), FakeUser(age_s=60)
    provider.valid = set()
    sessions = Sessions(provider)
    with pytest.raises(CredentialError, match="refused"):
        await sessions.current(user, min_left=0.5)
    provider.valid = {"refresh-0"}
    with pytest.raises(CredentialError, match="is over"):
        await sessions.current(user, min_left=0.5)
    assert provider.refreshes == 0


async def test_outage_loses_nothing() -> None:
    provider, user = FakeProvider(), FakeUser(age_s=60)
    provider.down = True
    sessions = Sessions(provider)
    with pytest.raises(SignInError):
        await sessions.current(user, min_left=0.5)
    provider.down = False
    assert (await sessions.current(user, min_left=0.5)).refresh_token == "refresh-1"


async def test_answer_about_somebody_else_is_refused() -> None:
    provider, user = FakeProvider(), FakeUser(age_s=60)
    provider.subject = "subject-2"
    with pytest.raises(CredentialError, match="somebody else"):
        await Sessions(provider).current(user, min_left=0.5)


@pytest.mark.parametrize("state", [None, {}, {"access_token": "x"}, {"token_response": {}}])
async def test_foreign_state_is_no_session(state: dict[str, object] | None) -> None:
    user = FakeUser()
    user.state = state
    with pytest.raises(CredentialError, match="not signed in"):
        await Sessions(FakeProvider()).current(user, min_left=0.5)


async def test_end_forgets_and_gives_the_id_token() -> None:
    provider, user = FakeProvider(), FakeUser(age_s=60)
    sessions = Sessions(provider)
    await sessions.current(user, min_left=0.5)
    assert await sessions.end(user) == "id-0"
    assert user.state is None
    with pytest.raises(CredentialError):
        await sessions.current(user, min_left=0.5)
    assert await sessions.end(user) == ""


async def test_a_service_cannot_sign_in() -> None:
    provider = FakeProvider()

    async def verify(access_token: str) -> oidc.Claims:
        return replace(await FakeProvider.verify(provider, access_token), is_service=True)

    provider.verify = verify  # type: ignore[method-assign]
    user = FakeUser()
    assert user.state is not None
    with pytest.raises(CredentialError, match="service"):
        await Sessions(provider).open(
            access_token=str(user.state["access_token"]), refresh_token="", id_token=""
        )


def test_tokens_stay_out_of_representations() -> None:
    session = Session.from_auth_state(FakeUser().state)
    assert repr(session) == "Session('marie')"
