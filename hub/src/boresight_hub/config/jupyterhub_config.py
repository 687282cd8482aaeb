"""Configuration file of JupyterHub: ``python -m jupyterhub -f <this file>``."""

from traitlets.config import get_config

from boresight_hub.config.auth import apply_auth
from boresight_hub.config.hub import apply_hub, apply_proxy, restrict_files
from boresight_hub.config.services import apply_roles, apply_services
from boresight_hub.config.spawner import apply_spawner, write_lab_config
from boresight_hub.settings import HubSettings

c = get_config()
settings = HubSettings()

restrict_files()
write_lab_config(settings)
for apply in (apply_hub, apply_proxy, apply_auth, apply_spawner, apply_services, apply_roles):
    apply(c, settings)
