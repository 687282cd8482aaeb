"""What a user server holds of its person's on every platform: token files, rights at the hub."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from boresight_hub.config.tokenkeeper import TokenKeeper
    from boresight_hub.settings import HubSettings

log = logging.getLogger(__name__)

#: What a server may do at the hub with its own token.
SERVER_TOKEN_SCOPES = [
    "users:activity!user",
    "access:servers!server",
    "access:services!service=dask-gateway",
    "access:services!service=batch",
    # dask-gateway asks with this token who its owner is
    "read:users:name!user",
    "read:users:groups!user",
]
#: Lets people share their servers; the hub asks whoever is invited.
SHARING_SCOPE = "shares!user"
_DEFAULT_HOLDER = "server-default"
_NAMED_HOLDER = "server-name-"


def server_token_scopes(settings: HubSettings) -> list[str]:
    """Scopes of the token that a user server has."""
    sharing = ["shares!server"] if settings.server.sharing else []
    return [*SERVER_TOKEN_SCOPES, *sharing]


def holder_of_server(server_name: str) -> str:
    """Holder of a user server; the default server has no name."""
    return f"{_NAMED_HOLDER}{server_name}" if server_name else _DEFAULT_HOLDER


def server_of_holder(holder: str) -> str | None:
    """Name of the user server behind ``holder``; None when it is no user server."""
    if holder == _DEFAULT_HOLDER:
        return ""
    if holder.startswith(_NAMED_HOLDER):
        return holder.removeprefix(_NAMED_HOLDER)
    # nobody else may take names that look like a server's
    return holder if holder.startswith("server-") else None


class HoldsTokens:
    """A spawner whose server finds token files that the hub's keeper renews."""

    # of JupyterHub's Spawner
    name: str
    user: Any
    authenticator: Any

    @property
    def holder(self) -> str:
        """Holder of this server's token files."""
        return holder_of_server(self.name)

    @property
    def keeper(self) -> TokenKeeper:
        """The hub's token keeper."""
        keeper: TokenKeeper = self.authenticator.keeper
        return keeper

    def give_back_kept_time(self) -> None:
        """Whoever kept this server has the rest of that time back; called when it has ended."""
        watch = self.authenticator.watch
        try:
            if watch is not None:
                watch.stopped(self.user.name, self.name)
        except SQLAlchemyError as exc:
            log.warning("kept time is not given back: %s", type(exc).__name__)
