"""Grants at a provider that takes a refresh token once, and two replicas that renew one grant."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from boresight_hub import oidc
from boresight_hub.access.brokers import Broker
from boresight_hub.access.database import sqlite_file
from boresight_hub.access.signing.grants import Grants
from boresight_hub.access.signing.keystore import ApiKey, KeyStore, new_key_id
from boresight_hub.access.signing.problems import SigningError
from boresight_hub.errors import CredentialError
from boresight_hub.oidc import Claims, TokenVerifier
from boresight_hub.settings import HubSettings

NOW = datetime.now(UTC)


class Rotating:
    """A provider as RFC 9700 wants it for public clients: a token that comes twice ends all."""

    def __init__(self) -> None:
        self.valid = "refresh-0"
        self.renewals = 0

    async def refresh(self, _: HubSettings, token: str, **__: Any) -> oidc.Tokens:
        await asyncio.sleep(0.02)
        if token != self.valid:
            self.valid = ""
            raise CredentialError("The grant has ended.")
        self.renewals += 1
        self.valid = f"refresh-{self.renewals}"
        await asyncio.sleep(0.02)  # the answer is on its way
        return oidc.Tokens("access", 300, self.valid, None)


class Verifier:
    async def verify(self, _: str) -> Claims:
        return Claims(
            subject="id-of-marie",
            username="marie",
            groups=(),
            audience="access",
            client_id="access",
            session_id="s",
            issued_at=NOW,
            expires_at=NOW + timedelta(hours=1),
            is_service=False,
        )


KEY = ApiKey(
    key_id=new_key_id(),
    subject="id-of-marie",
    username="marie",
    description="",
    can_read=True,
    can_write=True,
    prefix="",
    created_at=NOW,
    last_used_at=None,
)


async def renewed_by_two(tmp_path: Path, provider: Rotating, monkeypatch) -> None:
    monkeypatch.setattr(oidc, "refresh", provider.refresh)
    settings = HubSettings(state_dir=tmp_path)
    stores = [KeyStore(sqlite_file(tmp_path / "keys"), "secret") for _ in range(2)]
    stores[0].add(KEY, grant_session="s", grant_token=provider.valid)
    replicas = [
        Grants(settings, store, cast(TokenVerifier, Verifier()), cast(Broker, None))
        for store in stores
    ]
    try:
        for _ in range(5):
            owners = await asyncio.gather(*(each.owner(KEY) for each in replicas for _ in range(3)))
            assert {owner.token for owner in owners} == {"access"}
            for each in replicas:
                each._owners.clear()  # as if the access token had ended
    finally:
        for each in replicas:
            await each.close()


async def test_renewed_by_one_at_a_time(tmp_path: Path, monkeypatch) -> None:
    provider = Rotating()
    await renewed_by_two(tmp_path, provider, monkeypatch)
    assert provider.renewals == 10
    assert provider.valid


async def test_without_the_lease_the_grant_ends(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(KeyStore, "lease", lambda *_: True)
    with pytest.raises(SigningError, match="has ended"):
        await renewed_by_two(tmp_path, Rotating(), monkeypatch)
