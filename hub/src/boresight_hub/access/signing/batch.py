"""Grants of batch runs: what goes on without anybody signed in, listed and revocable.

A batch run is given one text, its *credential* (``id:secret``), in a file of its own. With it

- S3 clients renew by themselves, unmodified: the file's name in
  ``AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE``, the address of ``/credentials`` in
  ``AWS_CONTAINER_CREDENTIALS_FULL_URI``;
- ``POST /batch-grants/token`` gives tokens for the other services (RFC 8693 behind it);
- ``DELETE /batch-grants`` ends the grant itself, when the run is over.

The grant is made by an exchange from its owner's token, has the owner's groups of the moment, ends
at a time that is said when it is made, and at once when its owner revokes it or signs out
everywhere. A plain sign-out leaves it.
"""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from boresight_hub.access.signing.callers import Callers
from boresight_hub.access.signing.grants import Wish
from boresight_hub.access.signing.keystore import ApiKey
from boresight_hub.access.signing.native import bearer_token, body_of, read_body
from boresight_hub.access.signing.problems import SigningError
from boresight_hub.settings import HubSettings

_HEADERS = {"cache-control": "no-store"}


class BatchGrantRequest(BaseModel):
    """Body of ``POST /batch-grants``."""

    model_config = ConfigDict(extra="forbid")

    description: str = Field("", description="which run it is for")
    life_s: int | None = Field(None, strict=True, description="life asked for [s]")


class BatchTokenRequest(BaseModel):
    """Body of ``POST /batch-grants/token``."""

    model_config = ConfigDict(extra="forbid")

    audience: Literal["s3", "stac"]


class BatchGrants:
    """Routes below ``/batch-grants``.

    Parameters
    ----------
    settings : HubSettings
    callers : Callers
    """

    def __init__(self, settings: HubSettings, callers: Callers) -> None:
        self._settings = settings
        self._rules = settings.access.batch_grants
        self._callers = callers
        self._audiences = {"s3": settings.access.audience, "stac": settings.stac.audience}

    def install(self, router: APIRouter) -> None:
        """Add the routes to ``router``."""
        add = router.add_api_route
        add("/batch-grants", self.make, methods=["POST"], openapi_extra=body_of(BatchGrantRequest))
        add("/batch-grants", self.list_mine, methods=["GET"])
        add("/batch-grants", self.end, methods=["DELETE"])
        add(
            "/batch-grants/token",
            self.token,
            methods=["POST"],
            openapi_extra=body_of(BatchTokenRequest),
        )
        add("/batch-grants/{grant_id}", self.revoke, methods=["DELETE"])

    async def make(self, request: Request) -> Response:
        """Make a grant for a batch run; its credential is told once, here."""
        caller = await self._callers.person(request.headers)
        wanted = await read_body(request, BatchGrantRequest)
        life_s = self._rules.default_life_s if wanted.life_s is None else wanted.life_s
        if not 1 <= life_s <= self._rules.max_life_s:
            raise SigningError(
                "batch-life",
                f"A life of {str(life_s)[:20]} s was asked for: 1 to {self._rules.max_life_s} s "
                "are given.",
                status=400,
                remedy="Ask for less, and make another grant when it ends.",
                value=str(life_s),
            )
        wish = Wish(wanted.description, kind="batch", life_s=life_s)
        grant, secret = await self._callers.grants.make(caller, bearer_token(request), wish)
        answer = _told(grant) | {
            "credential": f"{grant.key_id}:{secret}",
            "credentials_url": self._settings.credentials_url,
        }
        return JSONResponse(answer, 201, _HEADERS)

    async def list_mine(self, request: Request) -> Response:
        """List one's own batch grants, without their credentials."""
        caller = await self._callers.person(request.headers)
        grants = [_told(grant) for grant in self._callers.grants.of(caller, "batch")]
        return JSONResponse({"grants": grants}, headers=_HEADERS)

    async def revoke(self, request: Request, grant_id: str) -> Response:
        """Revoke one of one's own batch grants; its S3 sessions end with it."""
        caller = await self._callers.person(request.headers)
        await self._callers.grants.revoke(caller, grant_id, "batch")
        return Response(status_code=204, headers=_HEADERS)

    async def end(self, request: Request) -> Response:
        """End the grant whose credential is shown: its run is over."""
        await self._callers.end_batch_run(bearer_token(request))
        return Response(status_code=204, headers=_HEADERS)

    async def token(self, request: Request) -> Response:
        """Give a batch run a token for one service."""
        caller = await self._callers.batch_run(bearer_token(request))
        wanted = await read_body(request, BatchTokenRequest)
        tokens = await self._callers.token_for(caller, self._audiences[wanted.audience])
        answer = {
            "access_token": tokens.access_token,
            "token_type": "Bearer",
            "expires_in": int(tokens.expires_in_s),
        }
        return JSONResponse(answer, headers=_HEADERS)


def _told(grant: ApiKey) -> dict[str, str | None]:
    return {
        "grant": grant.key_id,
        "description": grant.description,
        "created_at": grant.created_at.isoformat(),
        "last_used_at": grant.last_used_at.isoformat() if grant.last_used_at else None,
        "ends_at": grant.ends_at.isoformat() if grant.ends_at else None,
    }
