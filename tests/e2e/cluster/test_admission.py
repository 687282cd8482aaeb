"""What the API server itself says of the chart: objects it knows, Pod Security, arbitrary uids."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from support.cluster import Cluster
from support.helm import NAMESPACE, USERS, pods_of, template

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def restricted(node: Cluster) -> str:
    """A namespace that takes restricted pods only."""
    for name in (NAMESPACE, USERS):
        if name not in node.kubectl("get", "namespaces", "--output=name"):
            node.kubectl("create", "namespace", name)
        node.kubectl(
            "label",
            "namespace",
            name,
            "--overwrite",
            "pod-security.kubernetes.io/enforce=restricted",
        )
    return NAMESPACE


def apply(node: Cluster, objects: list[dict[str, Any]]) -> str:
    """Apply on the server, without effect; returns what it complained of."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    namespace = objects[0]["metadata"].get("namespace", NAMESPACE)
    done = node.attempt(
        *("kubectl", "apply", "--namespace", namespace, "--dry-run=server"),
        *("--validate=strict", "--filename=-"),
        stdin=text,
    )
    return done.stderr if done.returncode else ""


def as_pods(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each pod by itself: a Deployment is taken whatever its pods look like."""
    found = []
    for number, spec in enumerate(pods_of(objects).values()):
        spec = {"restartPolicy": "Always", **spec}
        # what admission would look up, and what is not made in a dry run
        spec.pop("priorityClassName", None)
        spec.pop("serviceAccountName", None)
        # a StatefulSet adds the volumes of its claims itself
        known = {volume["name"] for volume in spec.get("volumes", ())}
        mounted = {m["name"] for c in spec["containers"] for m in c.get("volumeMounts", ())}
        claims = [{"name": name, "emptyDir": {}} for name in sorted(mounted - known)]
        spec["volumes"] = [*spec.get("volumes", ()), *claims]
        metadata = {"name": f"pod-{number}"}
        found.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    return found


ENVIRONMENTS = {
    "as it is": {},
    "arbitrary uids": {"podSecurity": {"fsGroup": None, "runAsUser": None}},
}


@pytest.mark.parametrize("values", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_pods_are_admitted_as_restricted(
    node: Cluster, restricted: str, tmp_path: Path, values: dict[str, Any]
) -> None:
    pods = as_pods(template(tmp_path, values))
    loose = copy.deepcopy(pods[0])
    loose["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    assert "violates PodSecurity" in apply(node, [loose])
    for pod in pods:
        assert apply(node, [pod]) == "", pod["spec"]["containers"][0]["name"]


def test_every_object_is_one_the_server_knows(
    node: Cluster, restricted: str, tmp_path: Path
) -> None:
    assert "unknown field" in apply(
        node,
        [
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "a"},
                "spec": {"ports": [{"port": 1}], "nonsense": 1},
            }
        ],
    )
    for found in template(tmp_path):
        assert apply(node, [found]) == "", (found["kind"], found["metadata"]["name"])


def test_objects_of_kinds_nobody_made_are_refused_by_name(node: Cluster, restricted: str) -> None:
    definition = Path(__file__).parents[3] / "helm/charts/boresight/crds/daskclusters.yaml"
    cluster = {
        "apiVersion": "gateway.dask.org/v1alpha1",
        "kind": "DaskCluster",
        "metadata": {"name": "a"},
        "spec": {"username": "marie", "config": {"worker_cores": 1}},
    }
    node.kubectl("apply", f"--filename={definition}")
    node.kubectl(
        "wait", "--for=condition=Established", "crd/daskclusters.gateway.dask.org", "--timeout=30s"
    )
    assert apply(node, [cluster]) == ""
