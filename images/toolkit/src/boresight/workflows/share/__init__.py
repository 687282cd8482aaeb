"""Sharing: a notebook at one version by a link, or the whole server with somebody's consent."""

from boresight.workflows.share.notebooks import Shared, copy_shared, publish, withdraw
from boresight.workflows.share.servers import ServerShares

__all__ = ["ServerShares", "Shared", "copy_shared", "publish", "withdraw"]
