"""Watches in one namespace: the stock ones look at the whole cluster, and would need its rights."""

from __future__ import annotations

from typing import Any

from dask_gateway_server.backends.kubernetes import backend as stock_backend
from dask_gateway_server.backends.kubernetes import controller as stock_controller
from dask_gateway_server.backends.kubernetes.utils import Informer

_NAMESPACED = {
    "list_cluster_custom_object": "list_namespaced_custom_object",
    "list_pod_for_all_namespaces": "list_namespaced_pod",
    "list_endpoints_for_all_namespaces": "list_namespaced_endpoints",
}


def watch_only(namespace: str) -> None:
    """Have every watch that is made from now on look at ``namespace`` only."""

    class NamespacedInformer(Informer):  # type: ignore[misc]  # the server has no types
        def __init__(self, *, method: str, method_kwargs: dict[str, Any], **kwargs: Any) -> None:
            super().__init__(
                method=_NAMESPACED[method],
                method_kwargs={**method_kwargs, "namespace": namespace},
                **kwargs,
            )

    stock_backend.Informer = NamespacedInformer
    stock_controller.Informer = NamespacedInformer
