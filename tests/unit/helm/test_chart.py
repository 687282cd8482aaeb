"""The chart, rendered: what every pod has, who may do what, what is refused with which words."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.x509 import (
    DNSName,
    SubjectAlternativeName,
    load_pem_x509_certificate,
)
from support.helm import (
    CHART,
    NAMESPACE,
    USERS,
    containers_of,
    helm,
    pods_of,
    template,
    try_template,
)

from boresight_hub.settings import HubSettings

Objects = list[dict[str, Any]]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    return template(
        tmp_path_factory.mktemp("helm"), {"prePuller": {"continuous": {"enabled": True}}}
    )


def test_lint_has_nothing_to_say() -> None:
    local = CHART.parents[1] / "environments" / "local" / "values.yaml"
    done = helm("lint", "--strict", "--kube-version=1.34.4", str(CHART), f"--values={local}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_two_objects_share_a_name(rendered: Objects) -> None:
    names = [
        (o["kind"], o["metadata"].get("namespace", NAMESPACE), o["metadata"]["name"])
        for o in rendered
    ]
    assert len(names) == len(set(names))


def test_no_key_is_given_twice(tmp_path: Path) -> None:
    class Strict(yaml.SafeLoader):
        pass

    def no_twins(loader: Strict, node: yaml.MappingNode) -> dict[Any, Any]:
        keys = [loader.construct_object(key) for key, _ in node.value]
        twins = {key for key in keys if keys.count(key) > 1}
        assert not twins, f"{twins} at {node.start_mark}"
        return {loader.construct_object(k): loader.construct_object(v, True) for k, v in node.value}

    Strict.add_constructor("tag:yaml.org,2002:map", no_twins)
    assert list(yaml.load_all(try_template(tmp_path).stdout, Strict))


# The Pod Security Standard "restricted" is judged by the API server in tests/e2e/cluster; this
# names the field that is wrong, without a cluster.
def test_every_pod_is_restricted(rendered: Objects) -> None:
    pods = pods_of(rendered)
    assert len(pods) >= 13
    for name, pod in pods.items():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in containers_of(pod):
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False, (name, container["name"])
            assert security["capabilities"] == {"drop": ["ALL"]}, (name, container["name"])
            assert security["readOnlyRootFilesystem"] is True, (name, container["name"])


def test_with_arbitrary_uids_nobody_asks_for_one(tmp_path: Path) -> None:
    objects = template(tmp_path, {"podSecurity": {"fsGroup": None, "runAsUser": None}})
    for name, pod in pods_of(objects).items():
        assert "runAsUser" not in pod["securityContext"], name
        assert "fsGroup" not in pod["securityContext"], name


def test_every_container_says_what_it_needs(rendered: Objects) -> None:
    for name, pod in pods_of(rendered).items():
        for container in containers_of(pod):
            resources = container["resources"]
            where = (name, container["name"])
            assert "memory" in resources["limits"], where
            assert {"cpu", "memory"} <= set(resources["requests"]), where


def test_no_pod_gets_addresses_of_services_as_variables(rendered: Objects) -> None:
    # a Service named like us would give BORESIGHT_PORT=tcp://…
    for name, pod in pods_of(rendered).items():
        assert pod["enableServiceLinks"] is False, name


def test_long_lived_containers_are_probed(rendered: Objects) -> None:
    unprobed = {
        f"{name}/{container['name']}"
        for name, pod in pods_of(rendered).items()
        for container in pod["containers"]
        if "readinessProbe" not in container
    }
    # neither of these is asked by anybody, and a job ends
    assert unprobed == {
        "Deployment/culler/culler",
        "Job/s3-buckets-1/buckets",
        "DaemonSet/image-puller/keep",
    }


def test_only_three_accounts_ask_the_api_server(rendered: Objects) -> None:
    with_token = {
        name: pod["serviceAccountName"]
        for name, pod in pods_of(rendered).items()
        if pod["automountServiceAccountToken"]
    }
    assert with_token == {
        "Deployment/hub": "hub",
        "Deployment/dask-gateway": "dask-gateway",
        "Deployment/dask-gateway-controller": "dask-gateway-controller",
    }


def test_rights_are_those_of_one_namespace(rendered: Objects) -> None:
    kinds = {o["kind"] for o in rendered}
    assert not kinds & {"ClusterRole", "ClusterRoleBinding"}
    roles = [o for o in rendered if o["kind"] == "Role"]
    assert {o["metadata"]["namespace"] for o in roles} == {USERS}
    for role in roles:
        for rule in role["rules"]:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]


def test_nobody_reads_secrets_in_the_platforms_own_namespace(rendered: Objects) -> None:
    # a service has those keys as files that it needs, and no others
    secret = next(o for o in rendered if o["metadata"]["name"] == "boresight-secrets")
    mounted = {
        name: {item["key"] for v in pod["volumes"] for item in v.get("secret", {}).get("items", [])}
        for name, pod in pods_of(rendered).items()
        if "volumes" in pod
    }
    assert mounted["Deployment/stac"] == {"pgstac-password", "postgres-password"}
    assert "access-database-password" in mounted["Deployment/access"]
    assert "hub-cookie-secret" not in mounted["Deployment/access"]
    assert set().union(*mounted.values()) <= set(secret["data"])


def test_settings_are_ones_the_services_take(
    rendered: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = next(o for o in rendered if o["metadata"]["name"] == "boresight-settings")
    for name, value in found["data"].items():
        monkeypatch.setenv(name, value)
    settings = HubSettings()
    assert settings.platform == "kubernetes"
    assert settings.public_url == f"https://proxy-public.{NAMESPACE}.svc.cluster.local"
    assert settings.kubernetes.namespace == USERS
    assert [p.slug for p in settings.kubernetes.profiles] == ["standard", "large", "rescue"]
    assert settings.url_of("gateway_api").endswith(":8009")


def test_realm_has_the_people_and_no_password(rendered: Objects) -> None:
    found = next(o for o in rendered if o["metadata"]["name"] == "keycloak-realm")
    realm = json.loads(found["data"]["boresight-realm.json"])
    marie = next(user for user in realm["users"] if user["username"] == "marie")
    assert marie["groups"] == ["/co3d-calibration"]
    assert marie["credentials"][0]["value"] == "${BORESIGHT_PERSON_0}"
    assert "BORESIGHT_PUBLIC_URL" not in found["data"]["boresight-realm.json"]


def test_both_namespaces_begin_with_nothing(rendered: Objects) -> None:
    policies = [o for o in rendered if o["kind"] == "NetworkPolicy"]
    nothing = [o for o in policies if o["metadata"]["name"] == "nothing"]
    assert {o["metadata"].get("namespace") for o in nothing} == {NAMESPACE, USERS}
    for policy in nothing:
        assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_each_edge_has_a_way_out_and_a_way_in(rendered: Objects) -> None:
    names = {o["metadata"]["name"] for o in rendered if o["kind"] == "NetworkPolicy"}
    ways_out = {tuple(n.split("-to-", 1)) for n in names if "-to-" in n and n[-1].isdigit()}
    assert ("proxy", "hub-8003") in ways_out
    for source, target in ways_out:
        where, _, port = target.rpartition("-")
        assert f"{where}-from-{source}-{port}" in names


def test_policies_can_be_left_to_somebody_else(tmp_path: Path, rendered: Objects) -> None:
    assert any(o["kind"] == "NetworkPolicy" for o in rendered)
    objects = template(tmp_path, {"networkPolicy": {"enabled": False}})
    assert not any(o["kind"] == "NetworkPolicy" for o in objects)


FRONTS = {
    "ingress": (
        {
            "ingress": {
                "enabled": True,
                "hosts": ["b.example.org"],
                "s3Host": "s3.example.org",
                "tls": [{"secretName": "front", "hosts": ["b.example.org"]}],
            }
        },
        "Ingress",
    ),
    "gateway-api": (
        {
            "origin": "https://b.example.org",
            "httpRoute": {
                "enabled": True,
                "hostnames": ["b.example.org"],
                "gateway": [{"name": "centre"}],
            },
        },
        "HTTPRoute",
    ),
    "okd": (
        {"origin": "https://b.example.org", "route": {"enabled": True, "host": "b.example.org"}},
        "Route",
    ),
}


@pytest.mark.parametrize(("values", "kind"), FRONTS.values(), ids=FRONTS)
def test_origin_is_that_of_the_front(tmp_path: Path, values: dict[str, Any], kind: str) -> None:
    objects = template(tmp_path, {"proxy": {"https": {"type": "offload"}}, **values})
    assert any(o["kind"] == kind for o in objects)
    settings = next(o for o in objects if o["metadata"]["name"] == "boresight-settings")
    assert settings["data"]["BORESIGHT_ORIGIN"] == "https://b.example.org"


def test_generated_certificate_is_of_the_origin_and_trusted(tmp_path: Path) -> None:
    objects = template(tmp_path, {"origin": "https://b.example.org"})
    data = next(o for o in objects if o["metadata"]["name"] == "boresight-tls")["data"]
    leaf = load_pem_x509_certificate(base64.b64decode(data["tls.crt"]))
    names = leaf.extensions.get_extension_for_class(SubjectAlternativeName).value
    assert set(names.get_values_for_type(DNSName)) >= {
        "b.example.org",
        f"proxy-public.{NAMESPACE}.svc.cluster.local",
    }
    bundles = [o for o in objects if o["metadata"]["name"] == "boresight-ca"]
    assert {o["metadata"]["namespace"] for o in bundles} == {NAMESPACE, USERS}
    for bundle in bundles:
        leaf.verify_directly_issued_by(load_pem_x509_certificate(bundle["data"]["ca.crt"].encode()))


def test_authorities_of_a_centre_are_joined_to_it(tmp_path: Path) -> None:
    objects = template(tmp_path, {"certificateAuthorities": "of the centre"})
    bundle = next(o for o in objects if o["metadata"]["name"] == "boresight-ca")
    assert bundle["data"]["ca.crt"].startswith("of the centre\n-----BEGIN CERTIFICATE-----")
    for name, pod in pods_of(objects).items():
        mounts = {m["name"] for c in pod["containers"] for m in c.get("volumeMounts", ())}
        assert ("trust" in mounts) == ("ca" in mounts), name
        if name.split("/")[1] in ("hub", "access", "stac", "dask-gateway"):
            assert "trust" in mounts, name


# value that is wrong, what is changed for it to be right, words of the refusal
MISTAKES = {
    "no provider": ({"keycloak": {"enabled": False}}, "there is no identity provider"),
    "two providers": ({"oidc": {"issuer": "https://sso.example.org/realms/x"}}, "one identity"),
    "warned too early": ({"cull": {"timeout": 600}}, "cull.warnBefore is not below"),
    "no store": ({"s3": {"enabled": False}}, "There is no object store"),
    "no database": ({"postgresql": {"enabled": False}}, "There is no database"),
    "two databases": ({"database": {"host": "db.example.org"}}, "there is one server"),
    "certificate": ({"database": {"sslmode": "verify-full"}}, "has no certificate"),
    "two fronts": (
        {
            "origin": "https://b.example.org",
            "ingress": {"enabled": True, "hosts": ["b.example.org"]},
            "route": {"enabled": True, "host": "b.example.org"},
        },
        "ingress and route are enabled",
    ),
    "route without origin": ({"route": {"enabled": True, "host": "b"}}, "set origin"),
    "TLS at two places": (
        {"ingress": {"enabled": True, "hosts": ["b.example.org"]}},
        "TLS ends at one place",
    ),
    "origin without TLS": ({"origin": "http://b.example.org"}, "answers at https"),
    "certificate of nobody": ({"proxy": {"https": {"type": "secret"}}}, "set proxy.https.secret"),
    "secrets of two places": (
        {"secrets": {"existingSecret": "a", "externalSecret": {"enabled": True}}},
        "come from one place",
    ),
    "secrets of no store": ({"secrets": {"externalSecret": {"enabled": True}}}, "needs a store"),
    "ingress without name": ({"ingress": {"enabled": True}}, "set ingress.hosts"),
    "short tokens": ({"tokens": {"life": 120}}, "60 s left then"),
    "one namespace": ({"singleuser": {"namespace": {"name": NAMESPACE}}}, "of their own"),
    "guarantee over limit": (
        {
            "singleuser": {
                "profileList": [
                    {
                        "slug": "a",
                        "display_name": "A",
                        "cpu": {"guarantee": 3, "limit": 2},
                        "memory": {"guarantee": 1, "limit": 2},
                    }
                ]
            }
        },
        "guarantees 3 cores and allows 2",
    ),
}


@pytest.mark.parametrize(("values", "words"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_told_with_its_remedy(
    tmp_path: Path, rendered: Objects, values: dict[str, Any], words: str
) -> None:
    assert rendered  # the same without the mistake
    done = try_template(tmp_path, values)
    assert done.returncode != 0
    assert words in done.stderr


def _entries() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((CHART / "files" / "removed.json").read_text())
    return entries


@pytest.mark.parametrize("entry", _entries(), ids=lambda e: ".".join([*e["path"], e["key"]]))
def test_removed_key_is_told_with_its_remedy(tmp_path: Path, entry: dict[str, Any]) -> None:
    values: dict[str, Any] = {entry["key"]: "x"}
    for name in reversed(entry["path"]):
        values = {name: values}
    done = try_template(tmp_path, values)
    assert done.returncode != 0
    assert entry["remedy"] in done.stderr


@pytest.mark.parametrize(
    "path", ["foo", "hub.foo", "singleuser.storage.foo", "s3.buckets.foo"], ids=str
)
def test_unknown_key_is_refused(tmp_path: Path, path: str) -> None:
    *parents, key = path.split(".")
    values: dict[str, Any] = {key: 1}
    for name in reversed(parents):
        values = {name: values}
    done = try_template(tmp_path, values)
    assert done.returncode != 0
    assert f"additional properties '{key}' not allowed" in done.stderr
