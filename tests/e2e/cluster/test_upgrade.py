"""A new version of the chart is rolled out while somebody works."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.cluster import CHART, NAMESPACE, USERS, Cluster, Person, printed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

_BEGIN = """
import time, boto3
from boresight.compute import cluster
kept = "before the upgrade"
def work(i):
    import time, boto3
    time.sleep(2)
    # the worker's own credentials, asked for anew each time
    boto3.session.Session().client("s3").put_object(
        Bucket="home", Key=f"marie/upgrade/{i}", Body=str(i * i).encode()
    )
    return i * i
workers = cluster(n_workers=2, worker_memory_gib=1)
futures = workers.client.map(work, range(60), pure=False)
print(workers.name)
"""

_END = """
results = workers.client.gather(futures)
listed = boto3.client("s3").list_objects_v2(Bucket="home", Prefix="marie/upgrade/")["KeyCount"]
workers.close()
print(kept, sum(results), listed)
"""

_LEFT = "print(sum(not one.done() for one in futures))"


@pytest.fixture(scope="module")
def next_chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart under a later version: labels of everything change, and with them all objects."""
    chart = tmp_path_factory.mktemp("next") / "boresight"
    shutil.copytree(CHART, chart)
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    about["version"] = "99.0.0"
    (chart / "Chart.yaml").write_text(yaml.safe_dump(about))
    return chart


@pytest.fixture
def upgraded(cluster: Cluster) -> Iterator[None]:
    yield
    cluster.install("--wait")


def pods(cluster: Cluster, namespace: str) -> dict[str, str]:
    """Those that are to stay, by name: a front that is replaced lives on for its connections."""
    found = [one["metadata"] for one in cluster.get("pods", "--namespace", namespace)["items"]]
    return {one["name"]: one["uid"] for one in found if "deletionTimestamp" not in one}


def known_secrets(cluster: Cluster) -> dict[str, str]:
    """Content of all Secrets, by name and key; short words that are no secret are left out."""
    found = {}
    for namespace in (NAMESPACE, USERS):
        for one in cluster.get("secrets", "--namespace", namespace)["items"]:
            for key, value in (one.get("data") or {}).items():
                text = base64.b64decode(value).decode(errors="replace").strip()
                if len(text) >= 16 and not key.endswith((".crt", "username")):
                    found[f"{one['metadata']['name']}/{key}"] = text
    return found


def said_of(cluster: Cluster, secrets: dict[str, str]) -> list[str]:
    """Pods whose logs, at debug level, have a secret, as it is or as the API server writes it."""
    tellers = []
    for name in pods(cluster, NAMESPACE):
        told = cluster.attempt("kubectl", "-n", NAMESPACE, "logs", name, "--all-containers").stdout
        for label, secret in secrets.items():
            line = max(secret.splitlines(), key=len)
            written = base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]
            if line in told or written in told:
                tellers.append(f"{name}: {label}")
    return tellers


def test_servers_and_jobs_outlive_an_upgrade(
    cluster: Cluster, person: Person, next_chart: Path, upgraded: None
) -> None:
    with person("marie") as session, session.kernel() as kernel:
        kernel.execute(_BEGIN, timeout_s=300)
        people, platform = pods(cluster, USERS), pods(cluster, NAMESPACE)
        # settings of all services change, so all are replaced
        cluster.install("--set=debug.enabled=true", chart=next_chart)
        cluster.wait_ready()
        replaced = set(platform) - set(pods(cluster, NAMESPACE))
        for component in ("hub", "access", "stac", "dask-gateway", "proxy", "front"):
            assert any(name.startswith(f"{component}-") for name in replaced), (component, replaced)
        left = int(printed(kernel.execute(_LEFT)))
        print(f"{left} of 60 tasks were left when the upgrade was through")
        end = printed(kernel.execute(_END, timeout_s=400)).split()
        assert " ".join(end[:3]) == "before the upgrade"
        assert int(end[3]) == sum(i * i for i in range(60))
        assert int(end[4]) == 60
        after = pods(cluster, USERS)
        assert {name: after.get(name) for name in people if name.startswith("jupyter-")} == {
            name: uid for name, uid in people.items() if name.startswith("jupyter-")
        }
        secrets = known_secrets(cluster)  # the person's and their cluster's among them
        session.stop_server()
    assert said_of(cluster, secrets) == []
    listed = json.loads(cluster.run("helm", "list", f"--namespace={NAMESPACE}", "--output=json"))
    assert listed[0]["chart"] == "boresight-99.0.0"
