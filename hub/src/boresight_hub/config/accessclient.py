"""Tells the access service when what was handed out in a person's name has to end.

It is asked with a token of that very person, exchanged for its audience: the hub has no power of
its own over anybody's credentials. That the service is away stops nobody from signing out; what was
handed out then goes on to its own end, as the documentation states.
"""

from __future__ import annotations

import logging

import httpx

from boresight_hub.config.sessions import Provider
from boresight_hub.errors import CredentialError, SignInError
from boresight_hub.settings import HubSettings

# a person waits for it while signing out
_TIMEOUT_S = 5.0

log = logging.getLogger(__name__)


class AccessClient:
    """The routes of the access service by which sessions end.

    Parameters
    ----------
    settings : HubSettings
    provider : Provider
    """

    def __init__(self, settings: HubSettings, provider: Provider) -> None:
        self._url = f"{settings.url_of('access')}/services/access"
        self._audience = settings.access.signing.audience
        self._provider = provider

    async def end_sessions(self, username: str, access_token: str) -> bool:
        """End the S3 sessions of a sign-in that goes on; returns whether they have ended.

        Parameters
        ----------
        username : str
            For the log.
        access_token : str
            Of the person, for the hub.
        """
        return await self._ask("sessions/end", username, access_token)

    async def sign_out(self, username: str, access_token: str) -> bool:
        """End the S3 sessions of a sign-in and have its tokens refused; returns whether that is so.

        Parameters are those of :meth:`end_sessions`.
        """
        return await self._ask("sign-out", username, access_token)

    async def _ask(self, route: str, username: str, access_token: str) -> bool:
        try:
            tokens = await self._provider.exchange(access_token, self._audience)
            async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as http:
                response = await http.post(
                    f"{self._url}/{route}",
                    headers={"authorization": f"Bearer {tokens.access_token}"},
                )
            response.raise_for_status()
        except (CredentialError, SignInError, httpx.HTTPError) as exc:
            # the text of a refused token exchange holds no token
            log.warning(
                "S3 sessions of %s go on to their own end (%s: %s)",
                username,
                type(exc).__name__,
                exc,
            )
            return False
        return True
