"""Traefik's dynamic configuration: HTTP to the gateway's API, TLS by name to schedulers.

Traefik asks for it every second. It holds names and addresses, no secret; a NetworkPolicy lets
nobody but Traefik ask.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from boresight_hub.gateway.dashboard import PREFIX

#: dask-gateway's client asks for this name and the cluster's.
SNI_PREFIX = "daskgateway-"


def traefik_configuration(api_url: str, schedulers: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Make the configuration.

    Parameters
    ----------
    api_url : str
        Address of the gateway's API.
    schedulers : iterable of (str, str)
        Name of each running cluster, and address of its scheduler (``tls://host:port``).
    """
    routers, services = {}, {}
    for name, address in schedulers:
        key = name.replace(".", "-")
        routers[key] = {
            "entryPoints": ["tcp"],
            "rule": f"HostSNI(`{SNI_PREFIX}{name}`)",
            "service": key,
            # the certificates are the cluster's own: who has none of them gets nowhere
            "tls": {"passthrough": True},
        }
        services[key] = {"loadBalancer": {"servers": [{"address": urlsplit(address).netloc}]}}
    configuration: dict[str, Any] = {
        "http": {
            "routers": {
                "api": {
                    "entryPoints": ["web"],
                    "rule": f"PathPrefix(`{PREFIX}`)",
                    "middlewares": ["without-prefix"],
                    "service": "api",
                }
            },
            "middlewares": {"without-prefix": {"stripPrefix": {"prefixes": [PREFIX]}}},
            "services": {
                "api": {"loadBalancer": {"servers": [{"url": api_url}], "passHostHeader": True}}
            },
        }
    }
    # Traefik refuses a section that is there and empty
    if routers:
        configuration["tcp"] = {"routers": routers, "services": services}
    return configuration
