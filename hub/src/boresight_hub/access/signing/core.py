"""What all dialects have in common: from hrefs to signed addresses, for one person."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from boresight_hub.access.brokers import Broker, WebIdentity
from boresight_hub.access.refusals import RefusalError
from boresight_hub.access.sessions import Session
from boresight_hub.access.signing.hrefs import HrefChecker, Target
from boresight_hub.access.signing.presign import Presigner
from boresight_hub.access.signing.problems import SigningError, of_refusal, shown
from boresight_hub.access.signing.rates import RateLimiter
from boresight_hub.access.signing.rules import LocalPolicy, Op, local_policy
from boresight_hub.oidc import Claims
from boresight_hub.settings import HubSettings

audit = logging.getLogger("boresight_hub.access.audit")

# an audit line stays a line
_MAX_PREFIXES = 20
_METHODS: dict[Op, str] = {"get": "GET", "head": "HEAD", "put": "PUT"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What an API key may do at most, beside what its owner may.

    Attributes
    ----------
    key_id : str
        Public part of the key.
    can_read, can_write : bool
    prefix : str
        ``bucket/part/of/a/key/``, at the end of a part; empty: no further limit.
    """

    key_id: str
    can_read: bool
    can_write: bool
    prefix: str = ""

    def covers(self, target: Target) -> bool:
        """Whether ``target`` lies below the prefix."""
        return f"{target.bucket}/{target.key}".startswith(self.prefix)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes
    ----------
    claims : Claims
        Of the person, verified: from the bearer token, or from the grant behind an API key.
    token : str
        Access token of the person for this service; never the caller's to see.
    web_identity : WebIdentity
        Trades it for a token the store may see.
    limits : Limits or None
        None for a bearer token.
    """

    claims: Claims
    token: str = field(repr=False)
    web_identity: WebIdentity
    limits: Limits | None = None

    @property
    def way(self) -> str:
        """How the caller identified itself, for the audit."""
        if self.limits:
            return f"API key {self.limits.key_id}"
        return f"client {self.claims.client_id or '?'}"


@dataclass(frozen=True, slots=True)
class Signed:
    """Signed addresses.

    Attributes
    ----------
    urls : dict of str to str
        From each href, as it was given, to its address.
    expires_at : datetime
        Aware, UTC: until when all of them work.
    """

    urls: dict[str, str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ContainerGrant:
    """What a container token stands on.

    Attributes
    ----------
    session_key : str
        Access key of the session.
    ends_at : datetime
        Aware, UTC.
    """

    session_key: str
    ends_at: datetime


class Signer:
    """Signs hrefs for people.

    Parameters
    ----------
    settings : HubSettings
    broker : Broker
        Gives the session of a person and its policy.
    rates : RateLimiter, optional
    """

    def __init__(
        self, settings: HubSettings, broker: Broker, *, rates: RateLimiter | None = None
    ) -> None:
        self._settings = settings
        self._rules = settings.access.signing
        self._broker = broker
        self._rates = rates or RateLimiter(self._rules.rate, self._rules.rate_by_group)
        self._presigner = Presigner(settings.s3_url, settings.s3.region)
        # the address of our S3 comes first: messages name it
        origins = (settings.s3_url, settings.front_url, *self._rules.host_aliases)
        self._hrefs = HrefChecker(origins, settings.buckets)

    async def sign(
        self, caller: Caller, hrefs: Sequence[str], op: Op, ttl_s: int | None = None
    ) -> Signed:
        """Sign ``hrefs``: all of them, or none.

        Parameters
        ----------
        caller : Caller
        hrefs : sequence of str
            At most ``settings.access.signing.max_hrefs``.
        op : {"get", "head", "put"}
            The one thing the addresses can be used for.
        ttl_s : int, optional
            Life asked for [s]. It is cut to what is left of the session.

        Raises
        ------
        SigningError
            Names the first href that is refused.
        """
        wanted_s = self._wanted_life_s(ttl_s)
        if not 1 <= len(hrefs) <= self._rules.max_hrefs:
            raise SigningError(
                "count",
                f"{len(hrefs)} hrefs were given: a request has 1 to {self._rules.max_hrefs}.",
                status=413 if hrefs else 400,
                remedy="Send several requests.",
            )
        claims = caller.claims
        self._rates.take(claims.subject, claims.groups, len(hrefs))
        targets = [self._hrefs.check(href, index) for index, href in enumerate(hrefs)]
        policy = await self.policy_of(caller)
        for index, (href, target) in enumerate(zip(hrefs, targets, strict=True)):
            _check_limits(caller.limits, target, op, href, index)
            if not policy.allows(op, *target):
                raise _not_allowed(claims.username, op, target, href, index)
        session = await self.session_of(caller)
        return self._signed(caller, session, dict(zip(hrefs, targets, strict=True)), op, wanted_s)

    async def session_of(self, caller: Caller) -> Session:
        """Session the caller's addresses are signed with.

        Raises
        ------
        SigningError
        """
        life_s = self._settings.access.session_life_s
        try:
            return await self._broker.session_for(
                caller.claims, duration_s=life_s, web_identity=caller.web_identity
            )
        except RefusalError as refusal:
            raise of_refusal(refusal) from refusal

    async def policy_of(self, caller: Caller) -> LocalPolicy:
        """What the caller's session allows.

        Raises
        ------
        SigningError
        """
        try:
            return local_policy(await self._broker.policy_for(caller.claims))
        except RefusalError as refusal:
            raise of_refusal(refusal) from refusal

    async def container_grant(self, caller: Caller, bucket: str) -> ContainerGrant:
        """Let ``caller`` read in ``bucket`` for a while, through the front.

        Raises
        ------
        SigningError
            When there is nothing in the bucket that the caller could read.
        """
        claims = caller.claims
        self._rates.take(claims.subject, claims.groups, 1)
        if caller.limits and not caller.limits.can_read:
            raise _no_scope(caller.limits, "get")
        if not (await self.policy_of(caller)).touches("get", bucket):
            raise SigningError(
                "policy",
                f"{claims.username} may read nothing in {bucket}.",
                status=403,
                remedy="Ask an administrator to open a collection to one of your groups.",
                value=bucket,
            )
        session = await self.session_of(caller)
        end = datetime.now(UTC) + timedelta(seconds=self._rules.container_token_life_s)
        ends_at = min(end, session.expires_at).replace(microsecond=0)
        audit.info(
            "container token for %s by %s until %s: %s/",
            claims.username,
            caller.way,
            ends_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            bucket,
        )
        return ContainerGrant(session.access_key, ends_at)

    async def redirection(
        self, session_key: str, path: str, op: Op, prefix: str, until: datetime
    ) -> str:
        """Address that a request with a container token is sent on to.

        Parameters
        ----------
        session_key : str
            Access key of the session the token was made with.
        path : str
            Quoted path of the request: ``/bucket/key``.
        op : {"get", "head"}
        prefix : str
            ``bucket/…/`` the token is limited to.
        until : datetime
            End of the token.

        Raises
        ------
        SigningError
            When the session is over, or the path is none of the token's container.
        """
        target = self._hrefs.check(f"{self._settings.s3_url}{path}")
        if not f"{target.bucket}/{target.key}".startswith(prefix):
            raise SigningError(
                "token-container",
                f"The token is for {shown(prefix)}, which the object "
                f"{shown(f'{target.bucket}/{target.key}')} is not in.",
                status=403,
                remedy="Ask for a token of the object's own container.",
            )
        session = await self._broker.find(session_key)
        now = datetime.now(UTC)
        left_s = _left_s(session, now, until) if session else 0
        if session is None or left_s < 1:
            raise SigningError(
                "token-over",
                "The token is over: the session it was made with has ended.",
                status=403,
                remedy="Ask for another token.",
            )
        # whose groups they are is not known here, so the usual rate holds
        self._rates.take(session.subject, (), 1)
        ttl_s = min(self._rules.redirect_life_s, left_s)
        batch = self._presigner.batch(session, _METHODS[op], at=now, ttl_s=ttl_s)
        expires_at = now + timedelta(seconds=ttl_s)
        _write_audit(session.username, "container token", op, [target], expires_at)
        return batch.url(*target)

    def _wanted_life_s(self, ttl_s: int | None) -> int:
        if ttl_s is None:
            return self._rules.default_ttl_s
        if not 1 <= ttl_s <= self._rules.max_ttl_s:
            raise SigningError(
                "ttl",
                f"A life of {str(ttl_s)[:20]} s was asked for: 1 to {self._rules.max_ttl_s} s are "
                "given.",
                status=400,
                remedy="Ask for less, and sign again when you need it.",
                value=str(ttl_s),
            )
        return ttl_s

    def _signed(
        self, caller: Caller, session: Session, targets: dict[str, Target], op: Op, wanted_s: int
    ) -> Signed:
        now = datetime.now(UTC).replace(microsecond=0)
        ttl_s = min(wanted_s, _left_s(session, now))
        if ttl_s < 1:
            raise of_refusal(RefusalError("Expired", "The session has just ended.", status=503))
        batch = self._presigner.batch(session, _METHODS[op], at=now, ttl_s=ttl_s)
        urls = {href: batch.url(*target) for href, target in targets.items()}
        expires_at = now + timedelta(seconds=ttl_s)
        _write_audit(caller.claims.username, caller.way, op, targets.values(), expires_at)
        return Signed(urls, expires_at)


def _left_s(session: Session, now: datetime, *ends: datetime) -> int:
    return int((min((session.expires_at, *ends)) - now).total_seconds())


def _check_limits(limits: Limits | None, target: Target, op: Op, href: str, index: int) -> None:
    if limits is None:
        return
    if not (limits.can_write if op == "put" else limits.can_read):
        raise _no_scope(limits, op)
    if not limits.covers(target):
        raise SigningError(
            "key-prefix",
            f"The API key {limits.key_id} is for objects below {limits.prefix} only, "
            f"not for {shown(f'{target.bucket}/{target.key}')}.",
            status=403,
            remedy="Make another key for that prefix.",
            value=href.partition("?")[0],
            index=index,
        )


def _no_scope(limits: Limits, op: Op) -> SigningError:
    return SigningError(
        "key-scope",
        f"The API key {limits.key_id} was made without the scope "
        f"{'write' if op == 'put' else 'read'}, which {op} needs.",
        status=403,
        remedy="Make another key with that scope.",
    )


def _not_allowed(username: str, op: Op, target: Target, href: str, index: int) -> SigningError:
    """Whether the object exists plays no part, so nothing is told of that."""
    return SigningError(
        "policy",
        f"{username} may not {'write' if op == 'put' else 'read'} "
        f"{shown(f'{target.bucket}/{target.key}')}: the groups of the collection decide, "
        "and in home the name.",
        status=403,
        remedy="Ask an administrator to open the collection to one of your groups.",
        value=href.partition("?")[0],
        index=index,
    )


def _write_audit(
    username: str, way: str, op: Op, targets: Iterable[Target], expires_at: datetime
) -> None:
    counts = Counter(f"{bucket}/{key.partition('/')[0]}/" for bucket, key in targets)
    named = ", ".join(f"{prefix} {n}" for prefix, n in counts.most_common(_MAX_PREFIXES))
    audit.info(
        "signed %d %s for %s by %s until %s: %s%s",
        counts.total(),
        op,
        username,
        way,
        expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        named,
        ", …" if len(counts) > _MAX_PREFIXES else "",
    )
