"""Pods of clusters: what a person cannot choose, which image they get, and words about waiting."""

from __future__ import annotations

from typing import Any

import pytest
from dask_gateway_server.backends.kubernetes.backend import KubeClusterConfig

from boresight_hub.gateway.kubernetes import backend, words
from boresight_hub.gateway.kubernetes.controller import cluster_policy
from boresight_hub.gateway.kubernetes.pods import cluster_config
from boresight_hub.gateway.kubernetes.routes import traefik_configuration
from boresight_hub.settings import HubSettings

DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def settings() -> HubSettings:
    return HubSettings(platform="kubernetes", origin="https://b.example.org")


def fixed(settings: HubSettings) -> KubeClusterConfig:
    config = KubeClusterConfig(worker_cores=4, worker_memory=2**33)
    platform = cluster_config(settings, username="marie", image="x:1", tokens_secret="tokens-1")
    backend._fix(config, platform, 0.25)
    return config


def test_worker_may_use_what_was_asked_for_and_waits_for_less(settings: HubSettings) -> None:
    config = fixed(settings)
    assert (config.worker_cores, config.worker_cores_limit) == (0.25, 4)
    assert config.worker_memory == config.worker_memory_limit == 2**33
    assert backend._size(config.to_dict()) == (4, 8.0)


def test_only_workers_have_the_persons_tokens(settings: HubSettings) -> None:
    config = fixed(settings)
    in_worker = {v["name"] for v in config.worker_extra_pod_config["volumes"]}
    in_scheduler = {v["name"] for v in config.scheduler_extra_pod_config["volumes"]}
    assert in_worker - in_scheduler == {"tokens"}
    names = {entry["name"] for entry in config.worker_extra_container_config["env"]}
    assert "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" in names
    assert "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" not in config.environment


def container(image_id: str, **state: Any) -> dict[str, Any]:
    return {"name": "notebook", "imageID": image_id, "state": state or {"running": {}}}


def server(owner: str, began_at: str, status: dict[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {
            "annotations": {"hub.jupyter.org/username": owner},
            "creationTimestamp": began_at,
        },
        "spec": {"containers": [{"name": "notebook", "image": "lab:2"}]},
        "status": {"containerStatuses": [status]},
    }


def test_workers_get_the_digest_of_the_newest_running_server() -> None:
    pods = [
        server("marie", "2026-11-01T10:00:00Z", container(f"reg/old@{DIGEST}")),
        server("marie", "2026-11-02T10:00:00Z", container(f"reg/lab@{DIGEST}")),
        server("marie", "2026-11-03T10:00:00Z", container("reg/no@sha256:1", waiting={})),
        server("tycho", "2026-11-04T10:00:00Z", container("reg/his@sha256:2")),
    ]
    assert backend.image_of_server(pods, "marie") == f"reg/lab@{DIGEST}"
    assert backend.image_of_server(pods, "nobody") == ""


def test_image_that_no_registry_gave_has_its_name() -> None:
    pods = [server("marie", "2026-11-01T10:00:00Z", container(DIGEST))]
    assert backend.image_of_server(pods, "marie") == "lab:2"


def worker(**status: Any) -> dict[str, Any]:
    return {"status": status}


RUNNING = worker(containerStatuses=[{"state": {"running": {}}}])
STARTING = worker(containerStatuses=[{"state": {"waiting": {"reason": "ContainerCreating"}}}])
NO_ROOM = worker(
    conditions=[
        {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: 1 Insufficient memory."}
    ]
)
KILLED = worker(
    containerStatuses=[
        {
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
        }
    ]
)


@pytest.mark.parametrize(
    ("pods", "wanted", "quota", "expected"),
    [
        ([RUNNING, RUNNING], 2, "", ""),
        ([RUNNING, STARTING], 2, "", "1 of the workers wait: they are starting."),
        ([RUNNING, NO_ROOM], 2, "", "no machine has room (memory)"),
        ([KILLED], 1, "", "needed more memory than they have"),
        ([], 2, "", "2 of the workers wait: they are being made."),
        ([], 2, "pods: 9 of 10", "used up (pods: 9 of 10)"),
    ],
    ids=["all", "starting", "room", "memory", "made", "quota"],
)
def test_why_workers_wait(
    pods: list[dict[str, Any]], wanted: int, quota: str, expected: str
) -> None:
    told = words.pending_reason(pods, wanted, quota)
    assert (told == "") if expected == "" else (expected in told)


def test_quota_that_is_used_up() -> None:
    quotas = [
        {
            "status": {
                "hard": {"requests.memory": "16Gi", "pods": "10", "requests.cpu": "2"},
                "used": {"requests.memory": "15Gi", "pods": "3", "requests.cpu": "1900m"},
            }
        }
    ]
    assert words.used_up(quotas) == "requests.cpu: 1900m of 2, requests.memory: 15Gi of 16Gi"


def test_routes_are_by_name_and_keep_the_tls() -> None:
    found = traefik_configuration([("ns.abc", "tls://dask-abc.ns:8786")])
    router = found["tcp"]["routers"]["ns-abc"]
    assert router["rule"] == "HostSNI(`daskgateway-ns.abc`)"
    assert router["tls"] == {"passthrough": True}
    assert found["tcp"]["services"]["ns-abc"]["loadBalancer"]["servers"] == [
        {"address": "dask-abc.ns:8786"}
    ]
    # Traefik refuses a section without anything in it
    assert traefik_configuration([]) == {}


def test_policy_of_a_cluster_is_about_itself_only() -> None:
    cluster = {
        "apiVersion": "gateway.dask.org/v1alpha1",
        "kind": "DaskCluster",
        "metadata": {"name": "abc", "uid": "1", "namespace": "ns"},
    }
    spec = cluster_policy(cluster)["spec"]
    own = {"matchLabels": {"gateway.dask.org/cluster": "abc"}}
    assert spec["podSelector"] == own
    assert spec["ingress"] == [{"from": [{"podSelector": own}]}]
    assert spec["egress"] == [{"to": [{"podSelector": own}]}]
