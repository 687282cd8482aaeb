"""What the rest of the service knows of a broker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from boresight_hub.access.sessions import Session
from boresight_hub.oidc import Claims

#: Gives a token of the person for the audience of S3. It is asked only when a session has to be
#: made by somebody who wants to see one.
WebIdentity = Callable[[], Awaitable[str]]


class Broker(Protocol):
    """Makes sessions in one kind of S3 server."""

    async def session_for(
        self, claims: Claims, *, duration_s: int, web_identity: WebIdentity
    ) -> Session:
        """Credentials for the person behind ``claims``.

        Parameters
        ----------
        claims : Claims
            Verified.
        duration_s : int
            Life asked for [s]; it may be cut to what the settings allow.
        web_identity : WebIdentity

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

    async def end_sessions(self, subject: str, sign_in: str | None) -> int:
        """End the sessions of one sign-in of a person, or with None all of them.

        Returns
        -------
        int
            How many credentials work no more from now on. What the store cannot be told to end goes
            on to its own end, and is handed out no more.

        Raises
        ------
        RefusalError
            When the store is out of reach: nothing is sure then.
        """

    def sign_out(self, subject: str, sign_in: str | None) -> None:
        """Refuse, from now on, tokens from before; see :meth:`has_signed_out`."""

    def has_signed_out(self, claims: Claims) -> bool:
        """Whether a token, good as it is, was given before its owner signed out."""

    async def housekeeping(self) -> None:
        """Run as long as the service does."""

    async def close(self) -> None:
        """Let go of connections and files."""
