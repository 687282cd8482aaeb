"""Sign-in sessions: the one place where a person's tokens are renewed.

A refresh token may be good for one use only. Page requests and the token keeper both want fresh
tokens, so renewal happens under one lock a person, and the newest state is kept in memory as well:
JupyterHub writes back the state it read before, and that must not bring a used token back.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from boresight_hub import oidc
from boresight_hub.errors import CredentialError
from boresight_hub.settings import HubSettings

log = logging.getLogger(__name__)


class SessionUser(Protocol):
    """What is needed of JupyterHub's ``User``."""

    name: str

    async def get_auth_state(self) -> dict[str, object] | None:
        """Read and decrypt the stored state."""

    async def save_auth_state(self, auth_state: dict[str, object] | None) -> None:
        """Encrypt and store the state."""


class Provider(Protocol):
    """What sessions need of the identity provider; see :mod:`boresight_hub.oidc`."""

    async def refresh(self, refresh_token: str) -> oidc.Tokens:
        """Renew a sign-in."""

    async def exchange(self, access_token: str, audience: str) -> oidc.Tokens:
        """Trade a token for one of another audience."""

    async def verify(self, access_token: str) -> oidc.Claims:
        """Verify a token of the hub's own audience."""


class OidcProvider:
    """The provider the settings name."""

    def __init__(self, settings: HubSettings) -> None:
        self._settings = settings
        self._verifier = oidc.TokenVerifier(settings, "hub")

    async def refresh(self, refresh_token: str) -> oidc.Tokens:
        """Renew a sign-in."""
        return await oidc.refresh(self._settings, refresh_token)

    async def exchange(self, access_token: str, audience: str) -> oidc.Tokens:
        """Trade a token for one of another audience."""
        return await oidc.exchange(self._settings, access_token, audience)

    async def verify(self, access_token: str) -> oidc.Claims:
        """Verify a token of the hub's own audience."""
        return await self._verifier.verify(access_token)


@dataclass(frozen=True, slots=True)
class Session:
    """What the hub knows of one sign-in; stored encrypted.

    Attributes
    ----------
    subject, username, groups
        As in the verified access token.
    access_token, refresh_token, id_token : str
        The latter two may be empty.
    issued_at, expires_at : float
        Life of the access token [s since 1970].
    renewed_at : float
        When this state was made [s since 1970]; the later one of two is the true one.
    """

    subject: str
    username: str
    groups: tuple[str, ...]
    access_token: str
    refresh_token: str
    id_token: str
    issued_at: float
    expires_at: float
    renewed_at: float

    def __repr__(self) -> str:
        """Tokens stay out of logs and tracebacks."""
        return f"Session({self.username!r})"

    @classmethod
    def from_claims(
        cls, claims: oidc.Claims, *, access_token: str, refresh_token: str, id_token: str
    ) -> Session:
        """State of a sign-in whose access token has been verified."""
        if claims.is_service:
            raise CredentialError(
                "The token belongs to a service, not to a person.", remedy="Sign in as a person."
            )
        return cls(
            subject=claims.subject,
            username=claims.username,
            groups=claims.groups,
            access_token=access_token,
            refresh_token=refresh_token,
            id_token=id_token,
            issued_at=claims.issued_at.timestamp(),
            expires_at=claims.expires_at.timestamp(),
            renewed_at=time.time(),
        )

    @classmethod
    def from_auth_state(cls, state: dict[str, Any] | None) -> Session | None:
        """Read a stored state; None when there is none or it is not ours."""
        try:
            session = cls(**(state or {}))
        except TypeError:
            return None
        return cls(**{**asdict(session), "groups": tuple(session.groups)})

    def auth_state(self) -> dict[str, object]:
        """What JupyterHub stores."""
        return {**asdict(self), "groups": list(self.groups)}

    def life_left(self) -> float:
        """Part of the access token's life that is left, 1 when fresh, ≤ 0 when over."""
        return (self.expires_at - time.time()) / max(self.expires_at - self.issued_at, 1.0)


class Sessions:
    """Everybody's sign-in session.

    Parameters
    ----------
    provider : Provider
    """

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._latest: dict[str, Session] = {}
        # refresh tokens the provider has refused, as digests: it need not be asked twice
        self._refused: dict[str, str] = {}

    async def open(self, *, access_token: str, refresh_token: str, id_token: str) -> Session:
        """Begin a session with what the provider answered to a sign-in.

        Raises
        ------
        CredentialError
            When the access token is not for the hub, or not a person's.
        SignInError
            When the provider's keys cannot be fetched.
        """
        claims = await self.provider.verify(access_token)
        return Session.from_claims(
            claims, access_token=access_token, refresh_token=refresh_token, id_token=id_token
        )

    async def current(self, user: SessionUser, *, min_left: float, force: bool = False) -> Session:
        """Session of ``user`` with at least ``min_left`` of its token's life left.

        Parameters
        ----------
        user : SessionUser
        min_left : float
            Part of the access token's life, 0 to 1, below which it is renewed.
        force : bool
            Renew in any case.

        Raises
        ------
        CredentialError
            When nobody is signed in, or the provider has ended the session.
        SignInError
            When the provider is needed and out of reach.
        """
        async with self._locks[user.name]:
            session = await self._read(user)
            if session is None:
                raise CredentialError(f"{user.name} is not signed in.", remedy="Sign in again.")
            if not force and session.life_left() > min_left:
                return session
            return await self._renew(user, session)

    async def end(self, user: SessionUser) -> str:
        """Forget the session of ``user``; returns its id token, or an empty text."""
        async with self._locks[user.name]:
            session = await self._read(user)
            self._latest.pop(user.name, None)
            await user.save_auth_state(None)
            return session.id_token if session else ""

    async def _read(self, user: SessionUser) -> Session | None:
        stored = Session.from_auth_state(await user.get_auth_state())
        latest = self._latest.get(user.name)
        if stored is None:
            return None
        if latest and latest.renewed_at > stored.renewed_at:
            await user.save_auth_state(latest.auth_state())
            return latest
        return stored

    async def _renew(self, user: SessionUser, session: Session) -> Session:
        digest = hashlib.sha256(session.refresh_token.encode()).hexdigest()
        if not session.refresh_token or self._refused.get(user.name) == digest:
            raise CredentialError(f"The session of {user.name} is over.", remedy="Sign in again.")
        try:
            tokens = await self.provider.refresh(session.refresh_token)
        except CredentialError:
            self._refused[user.name] = digest
            raise
        claims = await self.provider.verify(tokens.access_token)
        fresh = Session.from_claims(
            claims,
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token or session.refresh_token,
            id_token=tokens.id_token or session.id_token,
        )
        if fresh.subject != session.subject:
            raise CredentialError(
                f"The provider answered for somebody else than {user.name}.",
                remedy="Sign in again.",
            )
        self._latest[user.name] = fresh
        self._refused.pop(user.name, None)
        await user.save_auth_state(fresh.auth_state())
        return fresh
