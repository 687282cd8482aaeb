"""What pods of schedulers and workers look like. Nothing in it comes from what a person has chosen.

The person's choice is the size of workers; it has been checked before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from boresight_hub.environment import POD_TOKEN_DIR, user_environment
from boresight_hub.gateway.environments import NUMERICS
from boresight_hub.gateway.names import SECRET_FILE_VARIABLE
from boresight_hub.settings import HubSettings

#: Where the controller's Secret of a cluster is mounted; dask-gateway's own choice.
CREDENTIALS = Path("/etc/dask-credentials")
DASHBOARD_SECRET = "dashboard-secret"  # noqa: S105 - the name of a file
PRELOAD = "boresight_hub.gateway.http_guard"
#: Label of the pods that mount a Secret with token files.
TOKENS_LABEL = "boresight.io/tokens"

_PRELOAD_PATH = "/opt/preload"
_SCRATCH = "/scratch"
_GIB = 2**30
_SECURITY = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def cluster_config(
    settings: HubSettings, *, username: str, image: str, tokens_secret: str
) -> dict[str, Any]:
    """Values of dask-gateway's ``KubeClusterConfig`` that are the platform's.

    Parameters
    ----------
    settings : HubSettings
    username : str
        Whose cluster it is.
    image : str
        The image of the person's own server, by digest where there is one.
    tokens_secret : str
        Secret with the token files of the workers.
    """
    pods = settings.kubernetes
    dask = pods.dask
    worker_env = {
        **NUMERICS,
        **user_environment(settings, username=username, token_dir=POD_TOKEN_DIR),
        "NUMBA_CACHE_DIR": f"{_SCRATCH}/numba",
        "BORESIGHT_COMPILE_CACHE": f"{_SCRATCH}/compiled",
    }
    platform: dict[str, Any] = {
        "namespace": pods.namespace,
        "image": image,
        "image_pull_policy": pods.image_pull_policy,
        "image_pull_secrets": [{"name": name} for name in pods.image_pull_secrets],
        "scheduler_cmd": ["dask", "scheduler"],
        "worker_cmd": ["dask", "worker"],
        "environment": _common_environment(username),
        "scheduler_cores": dask.scheduler_cores,
        "scheduler_cores_limit": dask.scheduler_cores_limit,
        "scheduler_memory": int(dask.scheduler_memory_gib * _GIB),
        "scheduler_extra_pod_config": _pod(settings, ()),
        "scheduler_extra_container_config": _container(settings, ()),
        "worker_extra_pod_config": _pod(
            settings,
            (
                {
                    "name": "tokens",
                    "secret": {"secretName": tokens_secret, "defaultMode": 0o440},
                },
            ),
        ),
        "worker_extra_container_config": {
            **_container(
                settings,
                ({"name": "tokens", "mountPath": str(POD_TOKEN_DIR), "readOnly": True},),
            ),
            "env": [{"name": name, "value": value} for name, value in worker_env.items()],
        },
        "worker_extra_pod_labels": {TOKENS_LABEL: tokens_secret},
    }
    return platform


def _common_environment(username: str) -> dict[str, str]:
    tls = "DASK_DISTRIBUTED__COMM__TLS__CLIENT__"
    return {
        "PYTHONPATH": _PRELOAD_PATH,
        SECRET_FILE_VARIABLE: str(CREDENTIALS / DASHBOARD_SECRET),
        "HOME": _SCRATCH,
        "USER": username,
        "LOGNAME": username,
        "TMPDIR": _SCRATCH,
        "DASK_TEMPORARY_DIRECTORY": _SCRATCH,
        "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True",
        # workers that connect to each other and to the scheduler as clients, too
        f"{tls}CERT": str(CREDENTIALS / "dask.crt"),
        f"{tls}KEY": str(CREDENTIALS / "dask.pem"),
    }


def _pod(settings: HubSettings, volumes: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    pods = settings.kubernetes
    scratch = {"sizeLimit": str(int(pods.dask.scratch_gib * _GIB))}
    spec: dict[str, Any] = {
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
            **({"fsGroup": pods.group_id} if pods.group_id is not None else {}),
        },
        "volumes": [
            {"name": "scratch", "emptyDir": scratch},
            {"name": "tmp", "emptyDir": {}},
            *pods.authorities()[0],
            *volumes,
        ],
        "terminationGracePeriodSeconds": 5,
    }
    if pods.dask_priority_class:
        spec["priorityClassName"] = pods.dask_priority_class
    if pods.node_selector:
        spec["nodeSelector"] = dict(pods.node_selector)
    if pods.tolerations:
        spec["tolerations"] = [dict(toleration) for toleration in pods.tolerations]
    return spec


def _container(settings: HubSettings, mounts: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {
        "securityContext": _SECURITY,
        "workingDir": _SCRATCH,
        "volumeMounts": [
            {"name": "scratch", "mountPath": _SCRATCH},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - in the pod, nobody else's
            *settings.kubernetes.authorities()[1],
            *mounts,
        ],
    }
