"""Objects of kinds that no test cluster has, against the schemas their projects publish."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from support.helm import CHART, ROOT, environment

HERE = Path(__file__).parent
NODE = Path(sys.executable).parent
Check = Callable[[list[dict[str, Any]]], list[str]]

#: as the API reference of OpenShift 4 has it: route.openshift.io/v1
ROUTE = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["to"],
            "properties": {
                "alternateBackends": {"type": "array"},
                "host": {"type": "string", "maxLength": 253},
                "path": {"type": "string", "pattern": "^/"},
                "port": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["targetPort"],
                    "properties": {"targetPort": {"type": ["string", "integer"]}},
                },
                "tls": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["termination"],
                    "properties": {
                        "termination": {"enum": ["edge", "reencrypt", "passthrough"]},
                        "insecureEdgeTerminationPolicy": {
                            "enum": ["Allow", "None", "Redirect", ""]
                        },
                        "certificate": {"type": "string"},
                        "key": {"type": "string"},
                        "caCertificate": {"type": "string"},
                        "destinationCACertificate": {"type": "string"},
                    },
                },
                "to": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["kind", "name"],
                    "properties": {
                        "kind": {"enum": ["Service", ""]},
                        "name": {"type": "string", "minLength": 1},
                        "weight": {"type": "integer", "minimum": 0, "maximum": 256},
                    },
                },
                "wildcardPolicy": {"enum": ["None", "Subdomain", ""]},
            },
        }
    },
}


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """What the published schemas find wrong."""
    folder = tmp_path_factory.mktemp("schemas")
    for name in ("check.mjs", "package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    command = [str(NODE / "npm"), "ci", "--ignore-scripts", "--no-fund", "--no-audit"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=240)

    def of(objects: list[dict[str, Any]]) -> list[str]:
        done = subprocess.run(
            [str(NODE / "node"), "check.mjs"],
            cwd=folder,
            input=json.dumps(objects),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        found: list[str] = json.loads(done.stdout)
        return found

    return of


def applications() -> list[dict[str, Any]]:
    files = sorted((ROOT / "helm" / "argocd").glob("*.yaml"))
    return [one for path in files for one in yaml.safe_load_all(path.read_text())]


def test_applications_of_argo_cd(check: Check) -> None:
    found = applications()
    assert {one["kind"] for one in found} == {"AppProject", "Application"}
    assert check(found) == []
    del found[0]["spec"], found[1]["spec"]
    assert len(check(found[:2])) == 2


def test_applications_point_at_what_is_there() -> None:
    for one in applications():
        if one["kind"] != "Application":
            continue
        source = one["spec"]["source"]
        assert (ROOT / source["path"]).resolve() == CHART
        for name in source["helm"]["valueFiles"]:
            assert (CHART / name).is_file(), name


def test_the_secret_from_a_store(check: Check) -> None:
    found = [one for one in environment("production") if one["kind"] == "ExternalSecret"]
    assert len(found) == 1
    assert check(found) == []
    found[0]["spec"]["secretStoreRef"] = "vault"
    assert len(check(found)) == 1


def test_routes_of_the_gateway_api(check: Check) -> None:
    found = [
        one
        for one in environment(
            "production",
            *("--set=ingress.enabled=false", "--set=httpRoute.enabled=true"),
            '--set-json=httpRoute.hostnames=["boresight.centre.example"]',
            '--set-json=httpRoute.gateway=[{"name": "centre"}]',
        )
        if one["kind"] == "HTTPRoute"
    ]
    assert len(found) == 1
    assert check(found) == []
    found[0]["spec"]["hostnames"] = "boresight.centre.example"
    assert len(check(found)) == 1


def test_the_route_of_okd() -> None:
    found = [one for one in environment("production", values="okd") if one["kind"] == "Route"]
    assert [one["metadata"]["name"] for one in found] == ["boresight"]
    jsonschema.validate(found[0], ROUTE)
    found[0]["spec"]["tls"]["terminaton"] = "edge"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found[0], ROUTE)
