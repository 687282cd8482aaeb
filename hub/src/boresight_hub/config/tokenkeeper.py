"""Keeps the token files of every holder fresh.

boto3, s3fs, obstore and GDAL read the file whenever they need new S3 credentials; somebody has to
see to it that what they read is young. That is done here, in the hub, because the refresh token
never leaves it. Files are replaced at a part of their life (``tokens.renew_at``).

While the identity provider is out of reach the old files stay and the next try comes later; when
it refuses, the files go, so that clients fail with a clear message and not with a stale token.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import jwt

from boresight_hub.config.holders import TOKEN_FILES, Holders, HolderStore
from boresight_hub.config.sessions import Sessions, SessionUser
from boresight_hub.environment import ACCESS_TOKEN_FILE, S3_TOKEN_FILE, STAC_TOKEN_FILE
from boresight_hub.errors import CredentialError, ServiceError, SignInError
from boresight_hub.settings import HubSettings

log = logging.getLogger(__name__)

# an exchanged token may not outlive the token it was exchanged for
_MIN_SESSION_LEFT = 0.5
# enough to be exchanged at once
_MIN_TOKEN_LEFT = 0.1
_MAX_BACKOFF_S = 30.0


class SessionEnder(Protocol):
    """What is needed of the access service."""

    async def end_sessions(self, username: str, access_token: str) -> bool:
        """End the S3 sessions of a sign-in that goes on."""


class TokenKeeper:
    """Writes, renews and removes token files.

    Parameters
    ----------
    settings : HubSettings
    sessions : Sessions
    access : SessionEnder
        The access service.
    find_user : callable
        Gives JupyterHub's user of a name, or None.
    is_orphan : callable
        Whether the holder of a user (two names) has nobody behind it any more.
    holders : HolderStore, optional
        Where the files are kept; default: folders below the state directory.
    """

    def __init__(
        self,
        settings: HubSettings,
        sessions: Sessions,
        *,
        access: SessionEnder,
        find_user: Callable[[str], SessionUser | None],
        is_orphan: Callable[[str, str], bool],
        holders: HolderStore | None = None,
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._provider = sessions.provider
        self._access = access
        self._find_user = find_user
        self._is_orphan = is_orphan
        self.holders: HolderStore = holders or Holders(settings.folder("run") / "tokens")
        self._audiences = {
            S3_TOKEN_FILE: settings.access.audience,
            STAC_TOKEN_FILE: settings.stac.audience,
            ACCESS_TOKEN_FILE: settings.access.signing.audience,
        }
        self._refused: set[str] = set()
        self._outage = False
        self._delay_s = settings.tokens.check_interval_s

    async def add(self, username: str, holder: str) -> Path:
        """Register a holder and write its files at once; returns its folder.

        Raises
        ------
        CredentialError
            When there is no such user, or the user has to sign in again.
        SignInError
            When the identity provider is out of reach.
        ServiceError
            When the files cannot be stored.
        """
        user = self._find_user(username)
        if user is None:
            raise CredentialError(f"There is no user {username!r}.", remedy="Sign in first.")
        known = self.holders.exists(username, holder)
        tokens = await self._tokens(user)
        path = self.holders.create(username, holder)
        self._write(username, [holder], tokens)
        if not await self.holders.flush():
            raise ServiceError(
                f"The token files of {username} cannot be stored just now.",
                remedy="Try again in a minute.",
            )
        if not known:
            log.info("token files of %s for %s are kept", holder, username)
        return path

    async def remove(self, username: str, holder: str) -> None:
        """Remove a holder and its files; the S3 sessions end with a person's last holder.

        All holders of a person share sessions, so that those of one are the others' as well.
        """
        was_there = self.holders.exists(username, holder)
        self.holders.remove(username, holder)
        await self.holders.flush()
        user = self._find_user(username)
        if not was_there or user is None or self.holders.of(username):
            return
        try:
            session = await self._sessions.current(user, min_left=_MIN_TOKEN_LEFT)
        except (CredentialError, SignInError) as exc:
            log.info("S3 sessions of %s go on to their own end: %s", username, exc)
            return
        await self._access.end_sessions(username, session.access_token)

    async def drop(self, username: str) -> None:
        """Remove all files of a person whose session is over; holders stay registered."""
        for holder in self.holders.of(username):
            self.holders.empty(username, holder)
        await self.holders.flush()

    async def run(self) -> None:
        """Check again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._delay_s)
            try:
                await self.check()
            except Exception:
                # a defect met once must not end the renewal for everybody
                log.exception("the token files could not be checked")

    async def check(self) -> None:
        """Renew what is due, remove what has nobody behind it."""
        await self.holders.load()
        due: list[tuple[SessionUser, list[str]]] = []
        for username in self.holders.users():
            user = self._find_user(username)
            for holder in self.holders.of(username):
                if user is None or self._is_orphan(username, holder):
                    log.info("the holder %s of %s is gone, its files go too", holder, username)
                    await self.remove(username, holder)
            holders = [h for h in self.holders.of(username) if self._is_due(username, h)]
            if user is not None and holders:
                due.append((user, holders))
        results = await asyncio.gather(*(self._renew(user, holders) for user, holders in due))
        self._note_outage([result for result in results if result is not None])

    async def _renew(self, user: SessionUser, holders: list[str]) -> SignInError | None:
        """Renew the files of one person; returns what was out of reach, if anything was."""
        try:
            tokens = await self._tokens(user)
        except SignInError as exc:
            return exc
        except CredentialError as exc:
            await self.drop(user.name)
            if user.name not in self._refused:
                self._refused.add(user.name)
                log.warning("the token files of %s are removed: %s", user.name, exc)
            return None
        self._refused.discard(user.name)
        self._write(user.name, holders, tokens)
        await self.holders.flush()
        return None

    async def _tokens(self, user: SessionUser) -> dict[str, str]:
        """One token a file, exchanged for the person's own."""
        session = await self._sessions.current(user, min_left=_MIN_SESSION_LEFT)
        try:
            return await self._exchange(session.access_token)
        except CredentialError:
            # a provider that was started anew may have forgotten a token that is not yet over
            session = await self._sessions.current(user, min_left=_MIN_SESSION_LEFT, force=True)
            return await self._exchange(session.access_token)

    async def _exchange(self, access_token: str) -> dict[str, str]:
        answers = await asyncio.gather(
            *(self._provider.exchange(access_token, a) for a in self._audiences.values())
        )
        return {
            name: answer.access_token for name, answer in zip(self._audiences, answers, strict=True)
        }

    def _write(self, username: str, holders: list[str], tokens: dict[str, str]) -> None:
        for holder in holders:
            # it may have been removed while the provider was asked
            if self.holders.exists(username, holder):
                for name, token in tokens.items():
                    self.holders.write(username, holder, name, token)

    def _is_due(self, username: str, holder: str) -> bool:
        files = (self.holders.read(username, holder, name) for name in TOKEN_FILES)
        return any(self._is_ageing(token) for token in files)

    def _is_ageing(self, token: str | None) -> bool:
        try:
            claims = jwt.decode(token or "", options={"verify_signature": False})
            issued_at, expires_at = float(claims["iat"]), float(claims["exp"])
        except (jwt.InvalidTokenError, KeyError, ValueError):
            return True
        renew_at = issued_at + self._settings.tokens.renew_at * (expires_at - issued_at)
        return time.time() >= renew_at

    def _note_outage(self, errors: list[SignInError]) -> None:
        interval_s = self._settings.tokens.check_interval_s
        if errors:
            if not self._outage:
                log.warning("token files cannot be renewed for now: %s", errors[0])
            self._delay_s = min(2 * self._delay_s, max(_MAX_BACKOFF_S, interval_s))
        else:
            if self._outage:
                log.info("token files are renewed again")
            self._delay_s = interval_s
        self._outage = bool(errors)
