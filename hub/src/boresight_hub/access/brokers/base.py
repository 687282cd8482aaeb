"""What both brokers have in common: rights, sessions that are handed out again, sign-outs."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from weakref import WeakValueDictionary

from boresight_hub.access import refusals
from boresight_hub.access.brokers.interface import WebIdentity
from boresight_hub.access.directory import CollectionDirectory
from boresight_hub.access.policy import CollectionAccess, Grants, PolicyTemplate, grants_of
from boresight_hub.access.sessions import Ledger, Session
from boresight_hub.oidc import Claims
from boresight_hub.settings import HubSettings

# policies are kept as long as the groups of the collections are the same; signing asks often
_MAX_RENDERED = 1024
_Rendered = tuple[Mapping[str, CollectionAccess], Grants, str]

logger = logging.getLogger(__name__)


class LedgerBroker(ABC):
    """Hands a session out again until half its life is over.

    botocore asks at every request when less than ten minutes remain, object_store below five and
    GDAL below one, and none of them may be given credentials that are about to end. Requests for
    the same session at the same time make one.

    Each sign-in and each grant of a person has sessions of its own, so that to end one leaves what
    runs under another alone. Whoever asks for something that ended in another policy (groups
    changed, a collection was opened) gets a new session; the old one lives to its end, as with AWS.

    Parameters
    ----------
    settings : HubSettings
    template : PolicyTemplate
    directory : CollectionDirectory
    ledger : Ledger
    """

    def __init__(
        self,
        settings: HubSettings,
        *,
        template: PolicyTemplate,
        directory: CollectionDirectory,
        ledger: Ledger,
    ) -> None:
        self._settings = settings
        self._template = template
        self._directory = directory
        self._ledger = ledger
        self._minting: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._rendered: dict[tuple[str, str, tuple[str, ...]], _Rendered] = {}

    @abstractmethod
    async def _mint(
        self, claims: Claims, grants: Grants, life_s: int, web_identity: WebIdentity
    ) -> Session:
        """Make a session in the store."""

    @abstractmethod
    async def _end(self, subject: str, sign_in: str | None) -> int:
        """End sessions in the store, as far as it can; returns how many."""

    @abstractmethod
    async def sweep(self) -> int:
        """Remove what is over; returns how many sessions were removed from the store."""

    async def session_for(
        self, claims: Claims, *, duration_s: int, web_identity: WebIdentity
    ) -> Session:
        """See :class:`~boresight_hub.access.brokers.interface.Broker`."""
        grants, policy = await self._rights(claims)
        life_s = min(duration_s, self._settings.access.session_life_s)
        reuse_key = self._reuse_key(claims, policy, life_s)
        lock = self._minting.setdefault(reuse_key, asyncio.Lock())
        async with lock:
            known = self._ledger.young(reuse_key, datetime.now(UTC))
            if known is not None:
                return known
            session = await self._mint(claims, grants, life_s, web_identity)
            self._ledger.add(session, reuse_key)
        if self._ledger.has_signed_out(claims):
            # while the store was making it: whoever ended the others could not know of this one
            await self.end_sessions(claims.subject, claims.session_id)
            raise refusals.signed_out(claims.username)
        logger.info(
            "session of %s: key %s, ends %s",
            session.username,
            session.access_key,
            session.expires_at.isoformat(),
        )
        return session

    async def policy_for(self, claims: Claims) -> str:
        """See :class:`~boresight_hub.access.brokers.interface.Broker`."""
        _, policy = await self._rights(claims)
        return policy

    async def find(self, access_key: str) -> Session | None:
        """See :class:`~boresight_hub.access.brokers.interface.Broker`."""
        return self._ledger.find(access_key)

    async def end_sessions(self, subject: str, sign_in: str | None) -> int:
        """See :class:`~boresight_hub.access.brokers.interface.Broker`."""
        # first, so that nobody is given again what is about to end
        self._ledger.drop(subject, sign_in)
        return await self._end(subject, sign_in)

    def sign_out(self, subject: str, sign_in: str | None) -> None:
        """See :class:`~boresight_hub.access.brokers.interface.Broker`."""
        self._ledger.sign_out(subject, sign_in, datetime.now(UTC))

    def has_signed_out(self, claims: Claims) -> bool:
        """See :class:`~boresight_hub.access.brokers.interface.Broker`."""
        return self._ledger.has_signed_out(claims)

    async def housekeeping(self) -> None:
        """Sweep what is over, and keep the groups of collections fresh."""
        await asyncio.gather(self._sweep_for_ever(), self._directory.keep_fresh())

    async def close(self) -> None:
        """See :class:`~boresight_hub.access.brokers.interface.Broker`."""
        await self._directory.close()
        self._ledger.close()

    async def _sweep_for_ever(self) -> None:
        while True:
            try:
                removed = await self.sweep()
                if removed:
                    logger.info("%d sessions that were over are removed", removed)
            except refusals.RefusalError as exc:
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
        role_arn = self._settings.access.role_arn
        parts = (claims.subject, claims.session_id, role_arn, str(life_s), policy)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def policy_too_long(grants: Grants, policy: str, limit: int) -> refusals.RefusalError:
    """Refusal of a policy the store would not take."""
    return refusals.RefusalError(
        "PackedPolicyTooLarge",
        f"The policy of {grants.username} has {len(policy)} characters, at most {limit} are "
        "allowed; too many collections are open to their groups.",
        status=400,
    )
