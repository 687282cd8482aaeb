"""Signing out of the data: what was handed out in a person's name ends.

Three routes, each for the person whose bearer token (audience ``access``) comes along:

- ``POST /sessions/end``: the S3 sessions of this sign-in end; its tokens stay good. The hub asks
  for it when the last server of a person has stopped.
- ``POST /sign-out``: and tokens of this sign-in that were given before are refused. The hub asks
  for it at every sign-out.
- ``POST /sign-out-everywhere``: all sessions, of whatever sign-in, all API keys and all batch
  grants end, and tokens of every sign-in from before are refused.

With versitygw the credentials themselves stop working at once; an STS calls no session back, so
with pass-through those that were handed out go on to their own end.
"""

from __future__ import annotations

import logging

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from boresight_hub.access.brokers import Broker
from boresight_hub.access.refusals import RefusalError
from boresight_hub.access.signing.callers import Callers
from boresight_hub.access.signing.problems import of_refusal

_HEADERS = {"cache-control": "no-store"}

audit = logging.getLogger("boresight_hub.access.audit")


class SignOuts:
    """Routes by which sessions, keys and grants of the person who asks end.

    Parameters
    ----------
    broker : Broker
    callers : Callers
    """

    def __init__(self, broker: Broker, callers: Callers) -> None:
        self._broker = broker
        self._callers = callers

    def install(self, router: APIRouter) -> None:
        """Add the routes to ``router``."""
        add = router.add_api_route
        add("/sessions/end", self.end_sessions, methods=["POST"])
        add("/sign-out", self.sign_out, methods=["POST"])
        add("/sign-out-everywhere", self.sign_out_everywhere, methods=["POST"])

    async def end_sessions(self, request: Request) -> Response:
        """End the S3 sessions of this sign-in."""
        claims = (await self._callers.person(request.headers)).claims
        ended = await self._end(claims.subject, claims.session_id)
        audit.info("sessions of a sign-in of %s ended: %d", claims.username, ended)
        return JSONResponse({"sessions": ended}, headers=_HEADERS)

    async def sign_out(self, request: Request) -> Response:
        """End this sign-in: its S3 sessions, and tokens that were given before."""
        claims = (await self._callers.person(request.headers)).claims
        ended = await self._end_and_refuse(claims.subject, claims.session_id)
        audit.info("%s signed out; sessions ended: %d", claims.username, ended)
        return JSONResponse({"sessions": ended}, headers=_HEADERS)

    async def sign_out_everywhere(self, request: Request) -> Response:
        """End every sign-in: S3 sessions, API keys, batch grants, tokens given before."""
        caller = await self._callers.person(request.headers)
        claims, grants = caller.claims, self._callers.grants
        ended = await self._end_and_refuse(claims.subject, None)
        keys, runs = grants.of(caller, "key"), grants.of(caller, "batch")
        for key in (*keys, *runs):
            await grants.remove(key)
        audit.info(
            "%s signed out everywhere; sessions ended: %d, API keys: %d, batch grants: %d",
            claims.username,
            ended,
            len(keys),
            len(runs),
        )
        counts = {"sessions": ended, "api_keys": len(keys), "batch_grants": len(runs)}
        return JSONResponse(counts, headers=_HEADERS)

    async def _end_and_refuse(self, subject: str, sign_in: str | None) -> int:
        # the first time so that a store that is away leaves the token good to try again; the
        # second for what was made between
        ended = await self._end(subject, sign_in)
        self._broker.sign_out(subject, sign_in)
        return ended + await self._end(subject, sign_in)

    async def _end(self, subject: str, sign_in: str | None) -> int:
        try:
            return await self._broker.end_sessions(subject, sign_in)
        except RefusalError as refusal:
            raise of_refusal(refusal) from refusal
