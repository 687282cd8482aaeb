"""What becomes of a signed-in person when their session is looked at again."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.fake_provider import FakeProvider, FakeUser
from traitlets.config import Config

from boresight_hub.config.auth import OidcAuthenticator
from boresight_hub.config.sessions import Sessions


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


def make(
    provider: FakeProvider, folder: Path, monkeypatch: pytest.MonkeyPatch, **traits: object
) -> OidcAuthenticator:
    monkeypatch.setenv("BORESIGHT_STATE_DIR", str(folder))
    config = Config({"OidcAuthenticator": {"manage_groups": True, **traits}})
    authenticator = OidcAuthenticator(config=config)
    authenticator.sessions = Sessions(provider)
    return authenticator


async def test_session_in_order(
    provider: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authenticator = make(provider, tmp_path, monkeypatch, allow_all=True)
    found = await authenticator.refresh_user(FakeUser(age_s=80))
    assert found == {"name": "marie", "groups": ["co3d-calibration"], "admin": False}
    assert provider.refreshes == 1


async def test_administration_follows_the_group(
    provider: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authenticator = make(provider, tmp_path, monkeypatch, admin_groups={"co3d-calibration"})
    found = await authenticator.refresh_user(FakeUser())
    assert isinstance(found, dict)
    assert found["admin"] is True


async def test_outage_keeps_the_user_and_refusal_asks_to_sign_in(
    provider: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authenticator = make(provider, tmp_path, monkeypatch, allow_all=True)
    provider.down = True
    assert await authenticator.refresh_user(FakeUser(age_s=80)) is True
    provider.down = False
    provider.valid = set()
    assert await authenticator.refresh_user(FakeUser(age_s=80)) is False


@pytest.mark.parametrize(("group", "stays"), [("co3d-calibration", True), ("others", False)])
async def test_who_leaves_the_allowed_groups_is_out(
    provider: FakeProvider,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    group: str,
    stays: bool,
) -> None:
    authenticator = make(provider, tmp_path, monkeypatch, allowed_groups={group})
    assert bool(await authenticator.refresh_user(FakeUser())) is stays
