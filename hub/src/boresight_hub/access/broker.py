"""Brokers make sessions in an S3 server. Here: :class:`VersitygwBroker`."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol
from weakref import WeakValueDictionary

from boresight_hub.access import refusals
from boresight_hub.access.directory import CollectionDirectory
from boresight_hub.access.iam import IamClient, IamError
from boresight_hub.access.policy import (
    MAX_POLICY_CHARS,
    CollectionAccess,
    Grants,
    PolicyTemplate,
    grants_of,
)
from boresight_hub.access.refusals import RefusalError
from boresight_hub.access.sessions import Ledger, Session
from boresight_hub.oidc import Claims
from boresight_hub.settings import HubSettings

#: Where the users of sessions stand among the users of the store; nobody else's are touched.
USER_PATH = "/boresight-session/"

# the end stands in the name, so that a sweep needs nothing but the store itself
_USER_NAME = re.compile(r"(?P<end>\d{10})-.+-[0-9a-f]{8}")

# policies are kept as long as the groups of the collections are the same; signing asks often
_MAX_RENDERED = 1024
_Rendered = tuple[Mapping[str, CollectionAccess], Grants, str]

logger = logging.getLogger(__name__)


class Broker(Protocol):
    """Makes sessions in one kind of S3 server."""

    async def session_for(self, claims: Claims, *, duration_s: int) -> Session:
        """Credentials for the person behind ``claims``.

        Parameters
        ----------
        claims : Claims
            Verified.
        duration_s : int
            Life asked for [s]; it may be cut to what the settings allow.

        Raises
        ------
        RefusalError
        """

    async def policy_for(self, claims: Claims) -> str:
        """Policy (JSON) of the sessions :meth:`session_for` makes now, without their end.

        Raises
        ------
        RefusalError
        """

    async def find(self, access_key: str) -> Session | None:
        """Session with ``access_key``, if there is one, ended or not."""

    async def housekeeping(self) -> None:
        """Run as long as the service does."""

    async def close(self) -> None:
        """Let go of connections and files."""


class VersitygwBroker:
    """A session is an IAM user of versitygw with one inline policy and one key.

    A session is handed out again until half its life is over: botocore asks at every request when
    less than ten minutes remain, object_store below five and GDAL below one, and none of them may
    be given credentials that are about to end. Requests for the same session at the same time
    mint once.

    Whoever asks for something that ended in another policy (groups changed, a collection was
    opened) gets a new session; the old one lives to its end, as with AWS.

    Parameters
    ----------
    settings : HubSettings
    template : PolicyTemplate
    iam : IamClient
    directory : CollectionDirectory
    ledger : Ledger
    """

    def __init__(
        self,
        settings: HubSettings,
        *,
        template: PolicyTemplate,
        iam: IamClient,
        directory: CollectionDirectory,
        ledger: Ledger,
    ) -> None:
        self._settings = settings
        self._template = template
        self._iam = iam
        self._directory = directory
        self._ledger = ledger
        self._minting: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._rendered: dict[tuple[str, str, tuple[str, ...]], _Rendered] = {}

    @classmethod
    def from_settings(cls, settings: HubSettings) -> VersitygwBroker:
        """Broker for the S3 server of ``settings``, with its ledger in the state directory."""
        root_secret = settings.secret("s3-root-secret-key")
        return cls(
            settings,
            template=PolicyTemplate.load(),
            iam=IamClient(
                settings.url_of("s3_iam"), settings.secret("s3-root-access-key"), root_secret
            ),
            directory=CollectionDirectory(settings),
            ledger=Ledger(settings.folder("access") / "sessions.sqlite", root_secret),
        )

    async def session_for(self, claims: Claims, *, duration_s: int) -> Session:
        """See :class:`Broker`."""
        grants, policy = await self._rights(claims)
        life_s = min(duration_s, self._settings.access.session_life_s)
        reuse_key = self._reuse_key(claims, policy, life_s)
        lock = self._minting.setdefault(reuse_key, asyncio.Lock())
        async with lock:
            known = self._ledger.young(reuse_key, datetime.now(UTC))
            if known is not None:
                return known
            session = await self._mint(grants, life_s)
            self._ledger.add(session, reuse_key)
        logger.info(
            "session of %s: key %s, ends %s",
            session.username,
            session.access_key,
            session.expires_at.isoformat(),
        )
        return session

    async def policy_for(self, claims: Claims) -> str:
        """See :class:`Broker`."""
        _, policy = await self._rights(claims)
        return policy

    async def find(self, access_key: str) -> Session | None:
        """See :class:`Broker`."""
        return self._ledger.find(access_key)

    async def housekeeping(self) -> None:
        """Sweep what is over, and keep the groups of collections fresh."""
        await asyncio.gather(self._sweep_for_ever(), self._directory.keep_fresh())

    async def close(self) -> None:
        """See :class:`Broker`."""
        await self._iam.close()
        await self._directory.close()
        self._ledger.close()

    async def sweep(self) -> int:
        """Remove every session of ours that is over from the store; returns how many.

        What is over is read off the users' names in the store, so that this also removes what a
        service that died in the middle of something has left behind.
        """
        now = datetime.now(UTC)
        over = [
            name
            async for name in self._iam.users(USER_PATH)
            if (match := _USER_NAME.fullmatch(name)) and int(match["end"]) < now.timestamp()
        ]
        for name in over:
            await self._iam.delete_user(name)
        self._ledger.forget(now)
        return len(over)

    async def _sweep_for_ever(self) -> None:
        while True:
            try:
                removed = await self.sweep()
                if removed:
                    logger.info("%d sessions that were over are removed", removed)
            except (IamError, RefusalError) as exc:
                logger.warning("sessions that are over cannot be removed now: %s", exc)
            await asyncio.sleep(self._settings.access.sweep_interval_s)

    async def _rights(self, claims: Claims) -> tuple[Grants, str]:
        """What somebody may do, and the policy that says so, without its end."""
        collections = await self._directory.current()
        who = (claims.subject, claims.username, claims.groups)
        known = self._rendered.get(who)
        if known is not None and known[0] is collections:
            return known[1:]
        try:
            grants = grants_of(
                username=claims.username,
                subject=claims.subject,
                groups=claims.groups,
                collections=collections,
                admin_group=self._settings.oidc.admin_group,
            )
        except ValueError as exc:
            raise refusals.access_denied(f"Not authorized: {exc}.") from exc
        policy = self._template.render(grants, self._settings.s3, None)
        if len(self._rendered) >= _MAX_RENDERED:
            self._rendered.clear()
        self._rendered[who] = (collections, grants, policy)
        return grants, policy

    def _reuse_key(self, claims: Claims, policy: str, life_s: int) -> str:
        parts = (claims.subject, self._settings.access.role_arn, str(life_s), policy)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    async def _mint(self, grants: Grants, life_s: int) -> Session:
        # whole seconds, cut, as the policy and the answer have them
        now = datetime.now(UTC).replace(microsecond=0)
        expires_at = now + timedelta(seconds=life_s)
        policy = self._template.render(grants, self._settings.s3, expires_at)
        if len(policy) > MAX_POLICY_CHARS:
            raise RefusalError(
                "PackedPolicyTooLarge",
                f"The policy of {grants.username} has {len(policy)} characters, at most "
                f"{MAX_POLICY_CHARS} are allowed; too many collections are open to their groups.",
                status=400,
            )
        name = f"{int(expires_at.timestamp())}-{grants.username}-{secrets.token_hex(4)}"
        try:
            await self._iam.create_user(name, path=USER_PATH)
            await self._iam.put_policy(name, policy)
            access_key, secret_key = await self._iam.create_access_key(name)
        except IamError as exc:
            # what was made already has its end in its name, and the sweep finds it
            logger.exception("the S3 server refuses to make a session")
            raise refusals.unavailable("The S3 server refuses to make a session.") from exc
        return Session(
            subject=grants.subject,
            username=grants.username,
            access_key=access_key,
            secret_key=secret_key,
            created_at=now,
            expires_at=expires_at,
        )
