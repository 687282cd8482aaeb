"""The API server, asked as the service account of the pod we are in."""

from __future__ import annotations

from kubernetes_asyncio import client, config
from kubernetes_asyncio.config.config_exception import ConfigException

from boresight_hub.errors import SettingsError


def core_api() -> client.CoreV1Api:
    """Make a client for pods and Secrets. Called in a running event loop; close its ``api_client``.

    Raises
    ------
    SettingsError
        When this is no pod, or one without a service account.
    """
    try:
        config.load_incluster_config()
    except ConfigException as exc:
        raise SettingsError(
            f"The API server cannot be asked: {exc}.",
            remedy="Run this in a pod with a service account (automountServiceAccountToken).",
        ) from exc
    return client.CoreV1Api(client.ApiClient())
