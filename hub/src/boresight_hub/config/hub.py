"""The hub itself: addresses, database, cookies, proxy, pages."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from sqlalchemy.engine import URL

from boresight_hub.settings import HubSettings

if TYPE_CHECKING:
    from traitlets.config import Config

_MAX_NAMED_SERVERS = 3
_LOOK_AFTER_ROUTES_S = 10


def apply_hub(c: Config, settings: HubSettings) -> None:
    """Configure addresses, database, cookies and pages."""
    hub = c.JupyterHub
    if settings.platform == "kubernetes":
        # the proxy listens elsewhere; people know it by another address
        hub.bind_url = f"http://{settings.host}:{settings.port_of('proxy')}"
        hub.public_url = f"{settings.public_url}/"
        hub.hub_bind_url = f"http://{settings.host}:{settings.port_of('hub')}"
        hub.hub_connect_url = settings.url_of("hub")
    else:
        hub.bind_url = settings.public_url
        hub.hub_bind_url = settings.url_of("hub")
    hub.db_url = database_url(settings)
    hub.upgrade_db = True  # SQLite files are backed up by JupyterHub before
    hub.cookie_secret = hashlib.sha256(settings.secret("hub-cookie-secret").encode()).digest()
    hub.log_level = settings.log_level
    # one JSON line a record, secrets taken out, for JupyterHub's records as well as for ours
    hub.logging_config = {
        "formatters": {"console": {"class": "boresight_hub.logs.JsonFormatter"}},
        "loggers": {"boresight_hub": {"level": settings.log_level, "handlers": ["console"]}},
    }
    # the way back of a browser shows no page of somebody who has signed out
    hub.tornado_settings = {"headers": {"Cache-Control": "no-store"}}
    hub.allow_named_servers = True
    hub.named_server_limit_per_user = _MAX_NAMED_SERVERS
    # a sign-out ends the session at the provider, and with it the right to renew credentials
    hub.shutdown_on_logout = True
    # pods go on while the hub is replaced
    hub.cleanup_servers = settings.platform == "one-machine"


def apply_proxy(c: Config, settings: HubSettings) -> None:
    """Configure the proxy, which is started by others."""
    proxy = c.ConfigurableHTTPProxy
    proxy.should_start = False
    proxy.api_url = settings.url_of("proxy_api")
    proxy.auth_token = settings.secret("proxy-auth-token")
    c.JupyterHub.cleanup_proxy = False
    if settings.platform == "kubernetes":
        # a proxy pod that was replaced has no routes, and nobody but us gives them back
        c.JupyterHub.last_activity_interval = _LOOK_AFTER_ROUTES_S


def database_url(settings: HubSettings) -> str:
    """Address of the hub's database, with its password, which JupyterHub keeps out of its log."""
    database = settings.database
    if database.kind == "sqlite":
        return f"sqlite:///{settings.folder('hub') / 'hub.sqlite'}"
    query: dict[str, str] = {"sslmode": database.sslmode}
    if database.sslmode.startswith("verify"):
        query["sslrootcert"] = str(database.ca_path or "system")
    url = URL.create(
        "postgresql+psycopg",
        username=database.user,
        password=settings.secret(database.password_secret),
        host=database.host,
        port=database.port,
        database=database.database,
        query=query,
    )
    return url.render_as_string(hide_password=False)


def restrict_files() -> None:
    """Let nobody else read what this process writes."""
    os.umask(0o077)
