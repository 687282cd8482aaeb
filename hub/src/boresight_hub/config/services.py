"""Services beside the hub: routes to them, what they may do, and what people may do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boresight_hub.config import idlehandlers
from boresight_hub.config.handlers import CUSTOM_SCOPES, TOKEN_FILES_SCOPE
from boresight_hub.config.serverholders import SHARING_SCOPE
from boresight_hub.settings import HubSettings

if TYPE_CHECKING:
    from traitlets.config import Config

GATEWAY = "dask-gateway"
BATCH = "batch"
CULLER = "idle-culler"
SUPERVISOR = "supervisor"

# on Kubernetes the kubelet supervises, and the hub restores routes by itself
_SUPERVISOR_ROLE = {
    "name": "boresight-supervisor",
    "description": "Restore routes after a restart of the proxy; end the hub; announce",
    "scopes": ["proxy", "read:hub", "shutdown", idlehandlers.ANNOUNCE_SCOPE],
    "services": [SUPERVISOR],
}


def apply_services(c: Config, settings: HubSettings) -> None:
    """Configure routes and the services that speak to the hub; all run on their own."""
    # on Kubernetes the front knows the way to services, whatever becomes of hub and proxy
    if settings.platform == "one-machine":
        # routes are given here and not with the services: the hub would wait for each of those in
        # turn, and set no route at all before
        own_idp = {} if settings.oidc.issuer_url else {"/idp/": settings.url_of("idp")}
        c.ConfigurableHTTPProxy.extra_routes = {
            **own_idp,
            "/services/stac/": settings.url_of("stac"),
            "/services/access/": settings.url_of("access"),
            f"/services/{GATEWAY}/": settings.url_of("gateway"),
            f"/services/{BATCH}/": settings.url_of("batch"),
        }
    c.JupyterHub.services = [
        {
            "name": GATEWAY,
            "api_token": settings.secret("gateway-api-token"),
            "oauth_client_id": f"service-{GATEWAY}",
            # the dashboards' guard signs people in by the hub, without a page of its own
            "oauth_redirect_uri": f"/services/{GATEWAY}/oauth_callback",
            "oauth_no_confirm": True,
            "display": False,
        },
        {"name": CULLER, "api_token": settings.secret("culler-api-token")},
        *(
            [{"name": SUPERVISOR, "api_token": settings.secret("supervisor-api-token")}]
            if settings.platform == "one-machine"
            else []
        ),
    ]


def apply_roles(c: Config, settings: HubSettings) -> None:
    """Configure what each service may do: what it needs, and no more."""
    c.JupyterHub.custom_scopes = CUSTOM_SCOPES | idlehandlers.CUSTOM_SCOPES
    c.JupyterHub.extra_user_scopes = {
        f"access:services!service={GATEWAY}",
        f"access:services!service={BATCH}",
        *([SHARING_SCOPE] if settings.server.sharing else []),
    }
    c.JupyterHub.load_roles = [
        {
            "name": "boresight-gateway",
            "description": "Know users, and have token files for their clusters and workers",
            "scopes": [TOKEN_FILES_SCOPE, "read:users:name", "read:users:groups"],
            "services": [GATEWAY],
        },
        {
            "name": "boresight-culler",
            "description": "Have servers judged, and stop those that nobody uses",
            "scopes": [idlehandlers.JUDGE_SCOPE, "delete:servers"],
            "services": [CULLER],
        },
        *([_SUPERVISOR_ROLE] if settings.platform == "one-machine" else []),
    ]
