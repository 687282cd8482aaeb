"""Configuration file of JupyterHub: ``python -m jupyterhub -f <this file>``."""

from traitlets.config import get_config

from boresight_hub.config.auth import apply_auth
from boresight_hub.config.hub import apply_hub, apply_proxy, restrict_files
from boresight_hub.config.pages import apply_pages
from boresight_hub.config.servers import apply_servers
from boresight_hub.config.services import apply_roles, apply_services
from boresight_hub.settings import HubSettings

c = get_config()
settings = HubSettings()

restrict_files()
for apply in (
    apply_hub,
    apply_pages,
    apply_proxy,
    apply_auth,
    apply_servers,
    apply_services,
    apply_roles,
):
    apply(c, settings)
