"""Every environment and overlay, as the API server itself judges it (server-side dry run)."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.cluster import Cluster
from support.helm import ROOT, environment, helm_command

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

#: kinds of operators that the test cluster has not; tests/contract/gitops checks them
_OTHERS = {"Route", "ExternalSecret"}
#: nothing is in them: what is applied is not merged with an environment that runs
_TRIAL, _PEOPLE = "trial", "trial-people"
_NAMESPACES = (_TRIAL, _PEOPLE, "boresight-staging", "boresight-staging-people")
_OF_NO_NAMESPACE = {"CustomResourceDefinition", "Namespace", "PriorityClass"}


@pytest.fixture(scope="module")
def namespaces(cluster: Cluster) -> Iterator[None]:
    """Those of the environments, for objects in them."""
    for name in _NAMESPACES:
        cluster.attempt("kubectl", "create", "namespace", name)
    yield
    for name in _NAMESPACES:
        cluster.kubectl("delete", "namespace", name, "--wait=false")


def judged(cluster: Cluster, objects: list[dict[str, Any]], namespace: str) -> str:
    known = [one for one in objects if one["kind"] not in _OTHERS]
    for one in known:
        if one["kind"] not in _OF_NO_NAMESPACE:
            one["metadata"].setdefault("namespace", namespace)
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": known})
    done = cluster.attempt(
        *("kubectl", "apply", "--dry-run=server", "--server-side"),
        *("--force-conflicts", "--validate=strict", "--filename=-"),
        stdin=text,
    )
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize(
    ("name", "over"), [("local", ""), ("staging", ""), ("production", ""), ("production", "okd")]
)
def test_the_server_takes_every_environment(
    cluster: Cluster, namespaces: None, name: str, over: str
) -> None:
    people = f"--set=singleuser.namespace.name={_PEOPLE}"
    objects = environment(name, people, values=over, namespace=_TRIAL)
    assert judged(cluster, objects, _TRIAL) == ""
    # and would say if it did not
    deployment = next(one for one in objects if one["kind"] == "Deployment")
    deployment["spec"]["replicaz"] = 1
    assert "replicaz" in judged(cluster, [deployment], _TRIAL)


def test_the_overlay_of_kustomize(cluster: Cluster, namespaces: None, tmp_path: Path) -> None:
    wrapper = tmp_path / "helm"
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(helm_command())} "$@"\n')
    wrapper.chmod(0o755)
    text = cluster.kubectl(
        *("kustomize", "--enable-helm", f"--helm-command={wrapper}"),
        *("--load-restrictor=LoadRestrictionsNone", "--helm-kube-version=1.34.4"),
        str(ROOT / "helm" / "kustomize" / "overlays" / "staging"),
    )
    objects = [one for one in yaml.safe_load_all(text) if one]
    named = {(one["kind"], one["metadata"]["name"]): one for one in objects}
    hub = named["Deployment", "hub"]
    assert hub["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 60
    assert {one["metadata"]["labels"].get("centre.example/cost-centre") for one in objects} == {
        "calibration"
    }
    kinds = {one["kind"] for one in environment("staging")} | {"CustomResourceDefinition"}
    assert {one["kind"] for one in objects} == kinds
    assert judged(cluster, objects, "boresight-staging") == ""
