"""Traefik's dynamic configuration: TLS by name to schedulers.

Traefik asks for it every second. It holds names and addresses, no secret; a NetworkPolicy lets
nobody but Traefik ask.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

#: dask-gateway's client asks for this name and the cluster's.
SNI_PREFIX = "daskgateway-"


def traefik_configuration(schedulers: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Make the configuration.

    Parameters
    ----------
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
    # Traefik refuses a section that is there and empty
    return {"tcp": {"routers": routers, "services": services}} if routers else {}
