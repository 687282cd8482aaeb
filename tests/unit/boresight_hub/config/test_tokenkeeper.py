"""What the keeper does when tokens age, when the provider is away, and when it refuses."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from support.fake_provider import FakeAccess, FakeProvider, FakeUser, claims_of, make_token

from boresight_hub.config.sessions import Sessions
from boresight_hub.config.tokenkeeper import TokenKeeper
from boresight_hub.errors import CredentialError, SignInError
from boresight_hub.settings import HubSettings


class Bench:
    def __init__(self, folder: Path) -> None:
        self.settings = HubSettings(state_dir=folder)
        self.provider = FakeProvider()
        self.users = {"marie": FakeUser("marie", age_s=10)}
        self.access = FakeAccess()
        self.orphans: set[tuple[str, str]] = set()
        self.keeper = self.make_keeper()

    def make_keeper(self) -> TokenKeeper:
        return TokenKeeper(
            self.settings,
            Sessions(self.provider),
            access=self.access,
            find_user=self.users.get,
            is_orphan=lambda user, holder: (user, holder) in self.orphans,
        )

    def path(self, holder: str, name: str) -> Path:
        return self.keeper.holders.path("marie", holder) / name

    def age(self, holder: str, age_s: float) -> None:
        for name in ("s3", "stac", "access"):
            self.keeper.holders.write("marie", holder, f"{name}.jwt", make_token(name, age_s=age_s))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_add_writes_one_token_an_audience(bench: Bench) -> None:
    folder = await bench.keeper.add("marie", "worker-1")
    assert folder == bench.settings.state_dir / "run" / "tokens" / "marie" / "worker-1"
    for audience in ("s3", "stac", "access"):
        assert claims_of((folder / f"{audience}.jwt").read_text())["aud"] == audience


async def test_add_for_nobody_leaves_nothing(bench: Bench) -> None:
    with pytest.raises(CredentialError, match="no user 'eve'"):
        await bench.keeper.add("eve", "worker-1")
    bench.provider.down = True
    with pytest.raises(SignInError):
        await bench.keeper.add("marie", "worker-1")
    assert list(bench.keeper.holders.root.iterdir()) == []


@pytest.mark.parametrize(("age_s", "renewed"), [(0, False), (49, False), (51, True), (200, True)])
async def test_files_are_renewed_at_half_their_life(
    bench: Bench, age_s: float, renewed: bool
) -> None:
    await bench.keeper.add("marie", "worker-1")
    bench.age("worker-1", age_s)
    before = bench.path("worker-1", "s3.jwt").read_text()
    await bench.keeper.check()
    assert (bench.path("worker-1", "s3.jwt").read_text() != before) == renewed


async def test_one_exchange_serves_all_holders_of_a_person(bench: Bench) -> None:
    for number in range(5):
        await bench.keeper.add("marie", f"worker-{number}")
        bench.age(f"worker-{number}", 60)
    bench.provider.exchanges.clear()
    await bench.keeper.check()
    assert sorted(bench.provider.exchanges) == ["access", "s3", "stac"]


async def test_broken_file_is_replaced(bench: Bench) -> None:
    await bench.keeper.add("marie", "worker-1")
    bench.path("worker-1", "s3.jwt").write_text("rubbish")
    bench.path("worker-1", "stac.jwt").unlink()
    await bench.keeper.check()
    assert claims_of(bench.path("worker-1", "s3.jwt").read_text())["aud"] == "s3"
    assert claims_of(bench.path("worker-1", "stac.jwt").read_text())["aud"] == "stac"


async def test_outage_keeps_files_backs_off_and_is_told_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await bench.keeper.add("marie", "worker-1")
    bench.age("worker-1", 60)
    before = bench.path("worker-1", "s3.jwt").read_text()
    bench.provider.down = True
    delays = []
    for _ in range(5):
        await bench.keeper.check()
        delays.append(bench.keeper._delay_s)
    assert bench.path("worker-1", "s3.jwt").read_text() == before
    assert delays == [10.0, 20.0, 30.0, 30.0, 30.0]
    assert len([r for r in caplog.records if "cannot be renewed" in r.message]) == 1
    bench.provider.down = False
    await bench.keeper.check()
    assert bench.path("worker-1", "s3.jwt").read_text() != before
    assert bench.keeper._delay_s == bench.settings.tokens.check_interval_s
    assert len([r for r in caplog.records if "renewed again" in r.message]) == 1


async def test_refusal_removes_files_is_told_once_and_ends_with_a_new_sign_in(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.keeper.add("marie", "worker-1")
    bench.age("worker-1", 60)
    bench.users["marie"].state = FakeUser("marie", age_s=60).state
    bench.provider.valid = set()
    for _ in range(3):
        await bench.keeper.check()
    assert list(bench.path("worker-1", "").iterdir()) == []
    assert len([r for r in caplog.records if "are removed" in r.message]) == 1
    bench.users["marie"].state = FakeUser("marie").state
    await bench.keeper.check()
    assert bench.path("worker-1", "s3.jwt").exists()


async def test_refused_exchange_is_tried_again_with_a_fresh_session(bench: Bench) -> None:
    await bench.keeper.add("marie", "worker-1")
    bench.age("worker-1", 60)
    bench.provider.refuse_exchange = 2
    await bench.keeper.check()
    assert bench.provider.refreshes == 1
    assert bench.path("worker-1", "s3.jwt").exists()


async def test_holders_with_nobody_behind_them_go(bench: Bench) -> None:
    await bench.keeper.add("marie", "server-default")
    await bench.keeper.add("marie", "worker-1")
    bench.orphans.add(("marie", "server-default"))
    await bench.keeper.check()
    assert bench.keeper.holders.of("marie") == ["worker-1"]
    del bench.users["marie"]
    await bench.keeper.check()
    assert bench.keeper.holders.users() == []


async def test_another_hub_process_goes_on(bench: Bench) -> None:
    await bench.keeper.add("marie", "worker-1")
    bench.age("worker-1", 60)
    before = bench.path("worker-1", "s3.jwt").read_text()
    await bench.make_keeper().check()
    assert bench.path("worker-1", "s3.jwt").read_text() != before


async def test_one_person_refused_stops_nobody_else(bench: Bench) -> None:
    bench.users["lea"] = FakeUser("lea", age_s=10)
    for user in ("marie", "lea"):
        await bench.keeper.add(user, "worker-1")
        path = bench.keeper.holders.path(user, "worker-1") / "s3.jwt"
        path.write_text(make_token("s3", age_s=60))
    bench.users["marie"].state = None
    await bench.keeper.check()
    assert not bench.path("worker-1", "s3.jwt").exists()
    fresh = (bench.keeper.holders.path("lea", "worker-1") / "s3.jwt").read_text()
    assert claims_of(fresh)["jti"] != "s3-0"


async def test_sessions_end_with_the_last_holder(bench: Bench) -> None:
    for holder in ("server-default", "worker-1"):
        await bench.keeper.add("marie", holder)
    await bench.keeper.remove("marie", "server-default")
    assert bench.access.ended == []
    await bench.keeper.remove("marie", "worker-1")
    assert bench.access.ended == ["marie"]
    # what is gone already ends nothing a second time
    await bench.keeper.remove("marie", "worker-1")
    assert bench.access.ended == ["marie"]


async def test_sessions_of_somebody_signed_out_are_left_alone(bench: Bench) -> None:
    await bench.keeper.add("marie", "worker-1")
    bench.users["marie"].state = None
    await bench.keeper.remove("marie", "worker-1")
    assert bench.access.ended == []
    assert bench.keeper.holders.of("marie") == []
