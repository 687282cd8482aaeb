"""A provider and a user in memory, with the protocols the hub's parts ask for."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import jwt

from boresight_hub import oidc
from boresight_hub.config.sessions import Session
from boresight_hub.errors import CredentialError, SignInError

KEY = "k" * 32
LIFE_S = 100.0


def make_token(
    audience: str, *, age_s: float = 0.0, life_s: float = LIFE_S, serial: int = 0
) -> str:
    now = time.time()
    claims = {
        "aud": audience,
        "iat": now - age_s,
        "exp": now - age_s + life_s,
        "jti": f"{audience}-{serial}",
    }
    return jwt.encode(claims, KEY)


def claims_of(token: str) -> dict[str, object]:
    return jwt.decode(token, options={"verify_signature": False})


class FakeAccess:
    """Remembers whose sessions were to end."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    async def end_sessions(self, username: str, access_token: str) -> bool:
        assert claims_of(access_token)["aud"] == "hub"
        self.ended.append(username)
        return True


class FakeProvider:
    """Rotates refresh tokens: each is good for one use."""

    def __init__(self) -> None:
        self.valid = {"refresh-0"}
        self.subject = "subject-1"
        self.refreshes = 0
        self.exchanges: list[str] = []
        self.down = False
        self.refuse_exchange = 0

    async def refresh(self, refresh_token: str) -> oidc.Tokens:
        await asyncio.sleep(0)
        self._answer()
        if refresh_token not in self.valid:
            raise CredentialError("refused")
        self.refreshes += 1
        self.valid = {f"refresh-{self.refreshes}"}
        return oidc.Tokens(
            access_token=make_token("hub", serial=self.refreshes),
            expires_in_s=LIFE_S,
            refresh_token=f"refresh-{self.refreshes}",
            id_token=None,
        )

    async def exchange(self, access_token: str, audience: str) -> oidc.Tokens:
        await asyncio.sleep(0)
        self._answer()
        if self.refuse_exchange:
            self.refuse_exchange -= 1
            raise CredentialError("refused")
        self.exchanges.append(audience)
        return oidc.Tokens(make_token(audience, serial=len(self.exchanges)), LIFE_S)

    async def verify(self, access_token: str) -> oidc.Claims:
        claims = claims_of(access_token)
        return oidc.Claims(
            subject=self.subject,
            username="marie",
            groups=("co3d-calibration",),
            audience="hub",
            client_id="hub",
            session_id="",
            issued_at=datetime.fromtimestamp(float(str(claims["iat"])), UTC),
            expires_at=datetime.fromtimestamp(float(str(claims["exp"])), UTC),
            is_service=False,
        )

    def _answer(self) -> None:
        if self.down:
            raise SignInError("out of reach")


class FakeUser:
    def __init__(self, name: str = "marie", *, age_s: float = 0.0) -> None:
        self.name = name
        self.spawners: dict[str, object] = {}
        now = time.time()
        self.state: dict[str, object] | None = Session(
            subject="subject-1",
            username=name,
            groups=("co3d-calibration",),
            access_token=make_token("hub", age_s=age_s),
            refresh_token="refresh-0",
            id_token="id-0",
            issued_at=now - age_s,
            expires_at=now - age_s + LIFE_S,
            renewed_at=now - age_s,
        ).auth_state()

    async def get_auth_state(self) -> dict[str, object] | None:
        await asyncio.sleep(0)
        return self.state

    async def save_auth_state(self, auth_state: dict[str, object] | None) -> None:
        await asyncio.sleep(0)
        self.state = auth_state
