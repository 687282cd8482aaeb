"""The broker for a store with an STS of its own (AWS, Ceph RGW): it has sessions made there.

What a person may do is the rights of the role *and* the policy rendered from our template, which
goes along as session policy: it can only narrow. The store has to know our identity provider and
to trust it for the role.

References
----------
AssumeRoleWithWebIdentity, AWS Security Token Service API Reference.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from datetime import UTC, datetime
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import httpx

from boresight_hub.access import refusals
from boresight_hub.access.brokers.base import LedgerBroker, policy_too_long
from boresight_hub.access.brokers.interface import WebIdentity
from boresight_hub.access.database import engine_for
from boresight_hub.access.directory import CollectionDirectory
from boresight_hub.access.policy import STS_TEMPLATE, Grants, PolicyTemplate
from boresight_hub.access.query import VERSION
from boresight_hub.access.refusals import RefusalError
from boresight_hub.access.sessions import LEDGER_FILE, Ledger, Session
from boresight_hub.errors import CredentialError, SettingsError, SignInError
from boresight_hub.oidc import Claims
from boresight_hub.settings import HubSettings

_RETRY_AFTER_S = (0.2, 0.5)
_MAX_ANSWER_BYTES = 262_144
# what the person can do something about is told in the store's own word; the rest is our business
_TOLD = {
    "ExpiredTokenException": refusals.expired_token,
    "ExpiredToken": refusals.expired_token,
    "InvalidIdentityToken": refusals.invalid_token,
    "AccessDenied": refusals.access_denied,
    "IDPCommunicationError": refusals.idp_unreachable,
    "IDPRejectedClaim": refusals.access_denied,
}

logger = logging.getLogger(__name__)


class PassThroughBroker(LedgerBroker):
    """A session is one that the store's own STS has made of the person's web identity.

    No session can be called back from an STS: a sign-out ends what is handed out here, and what was
    handed out goes on to its own end.

    Parameters
    ----------
    settings : HubSettings
    template : PolicyTemplate
    directory : CollectionDirectory
    ledger : Ledger
    http : httpx.AsyncClient
        Becomes the broker's own.
    """

    def __init__(
        self,
        settings: HubSettings,
        *,
        template: PolicyTemplate,
        directory: CollectionDirectory,
        ledger: Ledger,
        http: httpx.AsyncClient,
    ) -> None:
        super().__init__(settings, template=template, directory=directory, ledger=ledger)
        self._upstream = settings.access.upstream
        self._http = http

    @classmethod
    def from_settings(cls, settings: HubSettings) -> PassThroughBroker:
        """Broker for the STS of ``settings``, with its ledger in the state directory."""
        upstream = settings.access.upstream
        try:
            trusted = ssl.create_default_context(cafile=upstream.ca_path)
        except (OSError, ssl.SSLError) as exc:
            raise SettingsError(
                f"The authorities in {upstream.ca_path} cannot be read: {exc}.",
                remedy="Give a PEM file in access.upstream.ca_path, or leave it out.",
            ) from exc
        return cls(
            settings,
            template=PolicyTemplate.load(STS_TEMPLATE),
            directory=CollectionDirectory(settings),
            ledger=Ledger(engine_for(settings, LEDGER_FILE), settings.secret("access-signing-key")),
            http=httpx.AsyncClient(timeout=upstream.timeout_s, verify=trusted, trust_env=False),
        )

    async def close(self) -> None:
        """See :class:`~boresight_hub.access.brokers.interface.Broker`."""
        await self._http.aclose()
        await super().close()

    async def sweep(self) -> int:
        """Forget what is over; in the store nothing is left of it."""
        self._ledger.forget(datetime.now(UTC))
        return 0

    async def _end(self, subject: str, sign_in: str | None) -> int:
        return 0

    async def _mint(
        self, claims: Claims, grants: Grants, life_s: int, web_identity: WebIdentity
    ) -> Session:
        # the store itself ends the session, so its end needs no room in the policy
        policy = self._template.render(grants, self._settings.s3, None)
        if len(policy) > self._upstream.max_policy_chars:
            raise policy_too_long(grants, policy, self._upstream.max_policy_chars)
        form = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": VERSION,
            "RoleArn": self._upstream.role_arn or self._settings.access.role_arn,
            "RoleSessionName": grants.username,
            "WebIdentityToken": await _token(web_identity),
            "DurationSeconds": str(max(life_s, self._upstream.min_duration_s)),
            "Policy": policy,
        }
        now = datetime.now(UTC).replace(microsecond=0)
        answer = _parsed(await self._asked(form))
        values = {name: _value(answer, name) for name in _WANTED}
        expires_at = _instant(values["Expiration"])
        return Session(
            subject=grants.subject,
            username=grants.username,
            access_key=values["AccessKeyId"],
            secret_key=values["SecretAccessKey"],
            created_at=now,
            expires_at=expires_at,
            session_token=values["SessionToken"],
            sign_in=claims.session_id,
        )

    async def _asked(self, form: dict[str, str]) -> httpx.Response:
        body = urlencode(form).encode()
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        for wait_s in (*_RETRY_AFTER_S, None):
            try:
                response = await self._http.post(
                    self._upstream.sts_url, content=body, headers=headers
                )
            except httpx.HTTPError as exc:
                error = type(exc).__name__
            else:
                if response.status_code < 500:
                    return response
                error = f"status {response.status_code}"
            if wait_s is not None:
                await asyncio.sleep(wait_s)
        logger.error("the store's STS does not answer: %s", error)
        raise refusals.unavailable("The store's STS is out of reach; try again.")


_WANTED = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")


async def _token(web_identity: WebIdentity) -> str:
    try:
        return await web_identity()
    except CredentialError as exc:
        raise refusals.invalid_token(exc.message) from exc
    except SignInError as exc:
        raise refusals.idp_unreachable(exc.message) from exc


def _parsed(response: httpx.Response) -> ET.Element:
    """Answer of the STS; a refusal is told as far as it concerns the person."""
    try:
        if len(response.content) > _MAX_ANSWER_BYTES:
            raise ValueError("too long")
        answer = ET.fromstring(response.content)  # noqa: S314 - from the store we are set up for
    except (ET.ParseError, ValueError) as exc:
        raise _nonsense(f"status {response.status_code} and no XML") from exc
    if response.is_success:
        return answer
    code = _found(answer, "Code")
    message = _found(answer, "Message")
    logger.warning("the store's STS refuses: %s (%s)", code, message[:300])
    kind = _TOLD.get(code)
    if kind is not None:
        raise kind("The store's STS does not accept this identity.")
    raise _nonsense(f"refuses with {code[:60]!r}")


def _value(answer: ET.Element, name: str) -> str:
    value = _found(answer, name)
    if not value:
        raise _nonsense(f"no {name}")
    return value


def _found(answer: ET.Element, name: str) -> str:
    # namespaces differ from store to store
    return next(
        (e.text or "" for e in answer.iter() if e.tag.rpartition("}")[2] == name),
        "",
    )


def _instant(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError as exc:
        raise _nonsense("an Expiration that is no time") from exc
    if when.tzinfo is None:
        raise _nonsense("an Expiration without a zone")
    return when.astimezone(UTC).replace(microsecond=0)


def _nonsense(what: str) -> RefusalError:
    logger.error("the store's STS: %s", what)
    return refusals.unavailable("The store's STS makes no session now; an administrator can help.")
