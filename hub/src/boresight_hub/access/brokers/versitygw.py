"""The broker that makes sessions itself: users of versitygw with one inline policy and one key."""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from datetime import UTC, datetime, timedelta

from boresight_hub.access import refusals
from boresight_hub.access.brokers.base import LedgerBroker, policy_too_long
from boresight_hub.access.brokers.interface import WebIdentity
from boresight_hub.access.database import engine_for
from boresight_hub.access.directory import CollectionDirectory
from boresight_hub.access.iam import IamClient, IamError
from boresight_hub.access.policy import MAX_POLICY_CHARS, Grants, PolicyTemplate
from boresight_hub.access.sessions import LEDGER_FILE, Ledger, Session
from boresight_hub.oidc import Claims
from boresight_hub.settings import HubSettings

#: Where the users of sessions stand among the users of the store; nobody else's are touched.
USER_PATH = "/boresight-session/"

# the end stands in the name, so that a sweep needs nothing but the store itself
_USER_NAME = re.compile(r"(?P<end>\d{10})-.+-[0-9a-f]{8}")

logger = logging.getLogger(__name__)


class VersitygwBroker(LedgerBroker):
    """A session is an IAM user of versitygw with one inline policy and one key.

    Whose it is stands in the user's path, in digests, so that a sign-out needs nothing but the
    store either: the store is the truth, whatever a ledger may have lost.

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
        super().__init__(settings, template=template, directory=directory, ledger=ledger)
        self._iam = iam

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
            ledger=Ledger(engine_for(settings, LEDGER_FILE), root_secret),
        )

    async def close(self) -> None:
        """See :class:`~boresight_hub.access.brokers.interface.Broker`."""
        await self._iam.close()
        await super().close()

    async def sweep(self) -> int:
        """Remove every session of ours that is over from the store; returns how many.

        What is over is read off the users' names in the store, so that this also removes what a
        service that died in the middle of something has left behind.
        """
        now = datetime.now(UTC)
        try:
            removed = await self._delete(USER_PATH, ended_before=now)
        except IamError as exc:
            raise refusals.unavailable(f"The S3 server refuses: {exc}.") from exc
        self._ledger.forget(now)
        return removed

    async def _end(self, subject: str, sign_in: str | None) -> int:
        try:
            return await self._delete(_path(subject, sign_in))
        except IamError as exc:
            logger.exception("the S3 server refuses to end sessions")
            raise refusals.unavailable("The S3 server refuses to end sessions.") from exc

    async def _delete(self, path: str, *, ended_before: datetime | None = None) -> int:
        names = [
            name
            async for name in self._iam.users(path)
            if (match := _USER_NAME.fullmatch(name))
            and (ended_before is None or int(match["end"]) < ended_before.timestamp())
        ]
        for name in names:
            await self._iam.delete_user(name)
        return len(names)

    async def _mint(
        self, claims: Claims, grants: Grants, life_s: int, web_identity: WebIdentity
    ) -> Session:
        # whole seconds, cut, as the policy and the answer have them
        now = datetime.now(UTC).replace(microsecond=0)
        expires_at = now + timedelta(seconds=life_s)
        policy = self._template.render(grants, self._settings.s3, expires_at)
        if len(policy) > MAX_POLICY_CHARS:
            raise policy_too_long(grants, policy, MAX_POLICY_CHARS)
        name = f"{int(expires_at.timestamp())}-{grants.username}-{secrets.token_hex(4)}"
        try:
            await self._iam.create_user(name, path=_path(grants.subject, claims.session_id))
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
            sign_in=claims.session_id,
        )


def _path(subject: str, sign_in: str | None) -> str:
    """Path of a person's users, or of those of one sign-in."""
    person = f"{USER_PATH}{_digest(subject)}/"
    return person if sign_in is None else f"{person}{_digest(sign_in)}/"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
