"""User servers: processes of one machine, or pods; and where their token files are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boresight_hub.config.spawner import apply_spawner, write_lab_config
from boresight_hub.settings import HubSettings

if TYPE_CHECKING:
    from traitlets.config import Config

    from boresight_hub.config.holders import HolderStore


def apply_servers(c: Config, settings: HubSettings) -> None:
    """Configure user servers."""
    if settings.platform == "kubernetes":
        from boresight_hub.config.kubernetes.spawner import apply_pods

        apply_pods(c, settings)
    else:
        write_lab_config(settings)
        apply_spawner(c, settings)


def make_holders(settings: HubSettings) -> HolderStore | None:
    """Keeper of token files on this platform; None: folders. Called in a running event loop."""
    if settings.platform != "kubernetes":
        return None
    from boresight_hub.config.kubernetes.secretholders import SecretHolders
    from boresight_hub.kubeclient import core_api

    return SecretHolders(core_api(), settings.kubernetes.namespace)
