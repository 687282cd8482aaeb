"""Who asks: a person with a bearer token, or a program with a key or a grant of a person.

A bearer token is judged as in every service, for the audience ``access``. Behind an API key and
behind a batch run stands an offline grant of its owner, see
:mod:`~boresight_hub.access.signing.grants`.
"""

from __future__ import annotations

from collections.abc import Mapping

from boresight_hub import oidc
from boresight_hub.access.brokers import Broker, WebIdentity
from boresight_hub.access.signing.core import Caller
from boresight_hub.access.signing.grants import Grants
from boresight_hub.access.signing.keystore import ApiKey, KeyStore, Kind
from boresight_hub.access.signing.problems import SigningError
from boresight_hub.oidc import TokenVerifier
from boresight_hub.settings import HubSettings

_MAX_SECRET_CHARS = 200


class Callers:
    """Tells who asks.

    Parameters
    ----------
    settings : HubSettings
    keys : KeyStore
        Becomes this object's own.
    broker : Broker
        Knows who has signed out.
    """

    def __init__(self, settings: HubSettings, keys: KeyStore, broker: Broker) -> None:
        self._audience = settings.access.audience
        self._broker = broker
        verifier = TokenVerifier(settings, settings.access.signing.audience)
        self.grants = Grants(settings, keys, verifier, broker)

    async def close(self) -> None:
        """Close connections and files."""
        await self.grants.close()

    async def anybody(self, headers: Mapping[str, str]) -> Caller:
        """Person or API key behind a request.

        Parameters
        ----------
        headers : mapping of str to str
            Names in lower case.

        Raises
        ------
        SigningError
        """
        key_id, secret = headers.get("access-key", ""), headers.get("secret-key", "")
        # planetary-computer has room for one text
        subscription = headers.get("ocp-apim-subscription-key", "")
        if subscription and not key_id:
            key_id, _, secret = subscription.partition(":")
        if not key_id and not secret and not subscription:
            return await self.person(headers)
        if headers.get("authorization"):
            raise _bad_credentials("Both a bearer token and an API key were sent: one is enough.")
        key = self._authentic(key_id, secret, "key")
        if key is None:
            raise _bad_credentials("The API key is unknown, was revoked, or its secret is wrong.")
        return await self._of_grant(key)

    async def person(self, headers: Mapping[str, str]) -> Caller:
        """Person behind a request: a bearer token is asked for.

        Raises
        ------
        SigningError
        """
        scheme, _, token = headers.get("authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise SigningError(
                "credentials-missing",
                "There is no bearer token in the header Authorization.",
                status=401,
                remedy="Sign in, or send an API key where one is taken.",
            )
        claims = await self.grants.verified(token)
        if claims.is_service or not claims.username:
            raise SigningError(
                "not-a-person",
                "The token belongs to a service, not to a person.",
                status=403,
                remedy="Use a token of the person the objects are for.",
            )
        if self._broker.has_signed_out(claims):
            raise SigningError(
                "signed-out",
                f"{claims.username} has signed out since the token was given.",
                status=401,
                remedy="Sign in again.",
            )
        return Caller(claims, token, self._web_identity(token))

    async def batch_run(self, credential: str) -> Caller:
        """Person behind a batch run.

        Parameters
        ----------
        credential : str
            Id and secret part of its grant, with a colon between.

        Raises
        ------
        SigningError
        """
        return await self._of_grant(self._batch_grant(credential))

    async def end_batch_run(self, credential: str) -> None:
        """End the grant of a batch run and its sessions; nothing else of its owner's.

        Raises
        ------
        SigningError
        """
        await self.grants.remove(self._batch_grant(credential))

    async def token_for(self, caller: Caller, audience: str) -> oidc.Tokens:
        """Token of the person behind a batch run for another service.

        Raises
        ------
        SigningError
        """
        return await self.grants.asked(self.grants.exchanged(caller.token, audience))

    def _batch_grant(self, credential: str) -> ApiKey:
        key_id, _, secret = credential.partition(":")
        key = self._authentic(key_id, secret, "batch")
        if key is None:
            raise _bad_credentials(
                "The batch grant is unknown, was revoked, has ended, or its secret is wrong."
            )
        return key

    def _authentic(self, key_id: str, secret: str, kind: Kind) -> ApiKey | None:
        if len(key_id) > _MAX_SECRET_CHARS or len(secret) > _MAX_SECRET_CHARS:
            return None
        return self.grants.authentic(key_id, secret, kind)

    async def _of_grant(self, key: ApiKey) -> Caller:
        owner = await self.grants.owner(key)
        self.grants.used(key)
        # a batch run is its owner, whom nothing limits but the owner's own policy
        limits = key.limits if key.kind == "key" else None
        return Caller(owner.claims, owner.token, self._web_identity(owner.token), limits)

    def _web_identity(self, token: str) -> WebIdentity:
        async def exchanged() -> str:
            return (await self.grants.exchanged(token, self._audience)).access_token

        return exchanged


def _bad_credentials(message: str) -> SigningError:
    return SigningError("credentials", message, status=401, remedy="Make a key anew, or sign in.")
