"""The hub's own API for token files; the dask-gateway service uses it for clusters and workers.

``POST /hub/api/boresight/token-files`` with ``{"user": …, "holder": …}`` writes the files at once
and answers ``{"directory": …}``; from then on the hub keeps them fresh. ``DELETE`` with the same
body removes them. Both need the scope ``custom:boresight:token-files``.
"""

from __future__ import annotations

import json

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.scopes import define_custom_scopes, needs_scope
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tornado import web

from boresight_hub.config.holders import HolderNameError, check_holder, folder_name
from boresight_hub.config.serverholders import server_of_holder
from boresight_hub.config.tokenkeeper import TokenKeeper
from boresight_hub.errors import CredentialError, ServiceError, SignInError

TOKEN_FILES_SCOPE = "custom:boresight:token-files"  # noqa: S105 - the name of a scope
CUSTOM_SCOPES = {
    TOKEN_FILES_SCOPE: {"description": "Have token files written for clusters and workers."}
}

# the decorators below look the scope up, which is before JupyterHub defines it
define_custom_scopes(CUSTOM_SCOPES)


class TokenFilesRequest(BaseModel):
    """Whose files, and who holds them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    user: str = Field(min_length=1, max_length=200)
    holder: str = Field(min_length=1, max_length=100)


class TokenFilesHandler(APIHandler):
    """Adds and removes holders."""

    def initialize(self, keeper: TokenKeeper) -> None:
        """Take the keeper of this hub."""
        self.keeper = keeper

    @needs_scope(TOKEN_FILES_SCOPE)
    async def post(self) -> None:
        """Write the files of a holder and keep them fresh."""
        request = self._request()
        try:
            directory = await self.keeper.add(request.user, request.holder)
        except CredentialError as exc:
            raise web.HTTPError(409, str(exc)) from exc
        except (SignInError, ServiceError) as exc:
            raise web.HTTPError(503, str(exc)) from exc
        self.set_status(201)
        self.finish(json.dumps({"directory": str(directory)}))

    @needs_scope(TOKEN_FILES_SCOPE)
    async def delete(self) -> None:
        """Remove a holder with its files."""
        request = self._request()
        await self.keeper.remove(request.user, request.holder)
        self.set_status(204)
        self.finish()

    def _request(self) -> TokenFilesRequest:
        try:
            request = TokenFilesRequest.model_validate_json(self.request.body)
            check_holder(request.holder)
            folder_name(request.user)
        except ValidationError as exc:
            problems = "; ".join(
                f"{'.'.join(map(str, error['loc'])) or 'body'}: {error['msg']}"
                for error in exc.errors(include_input=False, include_url=False)
            )
            raise web.HTTPError(400, f'Wanted is {{"user": …, "holder": …}}: {problems}') from exc
        except HolderNameError as exc:
            raise web.HTTPError(400, str(exc)) from exc
        if server_of_holder(request.holder) is not None:
            raise web.HTTPError(400, "Holders named server-… are those of user servers.")
        return request


def api_handlers(keeper: TokenKeeper) -> list[tuple[object, ...]]:
    """Routes of this module."""
    return [(r"/api/boresight/token-files", TokenFilesHandler, {"keeper": keeper})]
