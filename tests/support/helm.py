"""Helm, from the test cluster's folder; it renders without a node."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "charts" / "boresight"
LOCAL = ROOT / "helm" / "environments" / "local" / "values.yaml"
NAMESPACE = "centre"
USERS = "centre-users"


@functools.cache
def helm_command() -> tuple[str, ...]:
    """Command that runs Helm; the test is left out where there is none."""
    found = shutil.which("helm")
    if found:
        return (found,)
    default = ROOT.parent / "shared" / "cluster" / "cluster"
    cluster = Path(os.environ.get("BORESIGHT_TEST_CLUSTER", str(default)))
    reason = ""
    if not cluster.is_file():
        reason = f"no Helm: neither on the PATH nor with {cluster} (BORESIGHT_TEST_CLUSTER)"
    elif os.geteuid() != 0:
        reason = "the test cluster's Helm is unpacked by root; put one on the PATH"
    if reason and os.environ.get("BORESIGHT_REQUIRE_CLUSTER"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    return (str(cluster), "helm")


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Helm."""
    return subprocess.run(
        [*helm_command(), *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def template(tmp_path: Path, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Objects of the chart with ``values`` over those of the local environment."""
    done = try_template(tmp_path, values)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def try_template(
    tmp_path: Path, values: dict[str, Any] | None = None
) -> subprocess.CompletedProcess[str]:
    """Render, whether or not it succeeds."""
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(values or {}))
    return helm(
        "template",
        "boresight",
        str(CHART),
        f"--namespace={NAMESPACE}",
        "--kube-version=1.34.4",
        f"--values={LOCAL}",
        f"--values={path}",
    )


def environment(
    name: str, *options: str, values: str = "", namespace: str = "boresight"
) -> list[dict[str, Any]]:
    """Objects of the environment ``name``, with the values of ``values`` over its own."""
    folder = ROOT / "helm" / "environments"
    files = [folder / one / "values.yaml" for one in ("base", name, values) if one]
    done = helm(
        *("template", "boresight", str(CHART), f"--namespace={namespace}"),
        "--kube-version=1.34.4",
        *(f"--values={path}" for path in files),
        *options,
    )
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def pods_of(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Pod specifications by kind and name of what makes them."""
    return {
        f"{o['kind']}/{o['metadata']['name']}": o["spec"]["template"]["spec"]
        for o in objects
        if "template" in o.get("spec", {})
    }


def containers_of(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """All containers of a pod, those that come first included."""
    return [*pod.get("initContainers", []), *pod["containers"]]
