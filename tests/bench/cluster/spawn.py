"""Starts on the test cluster: servers, a first result on Dask, memory of the platform at rest.

Runs in the node's network, with the environment installed; prints one JSON record.

uv run --no-sync python tests/bench/cluster/spawn.py [--starts 20] [--record DIR]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import httpx
from support.cluster import NAMESPACE, USERS, Cluster, printed

_FIRST_RESULT = """
import time
began = time.monotonic()
from boresight.compute import cluster
with cluster(n_workers=2, worker_memory_gib=1) as made:
    assert made.client.submit(sum, [1, 2]).result() == 3
    print(time.monotonic() - began)
"""
_SETTLE_S = 30.0


def percentile(times_s: list[float], share: float) -> float:
    """Value below which ``share`` of the times are [s]."""
    ordered = sorted(times_s)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)


def bare_pod_s(cluster: Cluster) -> float:
    """Time to start Lab in a pod of the same image, without a hub [s]."""
    settings = cluster.get("configmap", "boresight-settings", f"--namespace={NAMESPACE}")["data"]
    image = json.loads(settings["BORESIGHT_KUBERNETES"])["image"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bare", "namespace": "default"},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "lab",
                    "image": image,
                    "args": ["jupyter", "lab", "--ip=0.0.0.0", "--ServerApp.base_url=/bare"],
                    # a home is a volume, which a pod without a hub has not
                    "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 - in the pod
                    "resources": {"requests": {"cpu": "50m", "memory": "512Mi"}},
                }
            ],
        },
    }
    began_s = time.monotonic()
    cluster.kubectl("apply", "--filename=-", stdin=json.dumps(pod))
    try:
        while True:
            found = cluster.get("pod", "bare", "--namespace=default")
            address = found["status"].get("podIP")
            if address and _answers(f"http://{address}:8888/bare/api"):
                return time.monotonic() - began_s
            if time.monotonic() - began_s > 180:
                raise TimeoutError("the bare pod does not answer")
            time.sleep(0.1)
    finally:
        cluster.kubectl("delete", "pod", "bare", "--namespace=default", "--wait")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False


def memory_mib(cluster: Cluster) -> dict[str, float]:
    """Working set of each of the platform's pods, as the kubelet counts it [MiB]."""
    node = cluster.get("nodes")["items"][0]["metadata"]["name"]
    summary = json.loads(
        cluster.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/stats/summary")
    )
    return {
        pod["podRef"]["name"]: round(pod["memory"]["workingSetBytes"] / 2**20, 1)
        for pod in summary["pods"]
        if pod["podRef"]["namespace"] == NAMESPACE
    }


def measure(starts: int) -> dict[str, Any]:
    """All of it."""
    cluster = Cluster()
    record: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "starts": starts,
    }
    time.sleep(_SETTLE_S)
    memory = memory_mib(cluster)
    record["memory_at_rest_mib"] = {"all": round(sum(memory.values()), 1), **memory}
    hub_s, bare_s = [], []
    with tempfile.TemporaryDirectory() as name:
        authorities = Path(name) / "ca.crt"
        authorities.write_text(cluster.authorities())
        with cluster.session("tycho", authorities) as session:  # warm: image and home are there
            session.stop_server()
            for _ in range(starts):
                began_s = time.monotonic()
                session.start_server()
                hub_s.append(time.monotonic() - began_s)
                session.stop_server()
                bare_s.append(bare_pod_s(cluster))
            session.start_server()
            with session.kernel() as kernel:
                results = [
                    float(printed(kernel.execute(_FIRST_RESULT, timeout_s=300))) for _ in range(3)
                ]
            session.stop_server()
    record["server_s"] = {"p50": percentile(hub_s, 0.5), "p95": percentile(hub_s, 0.95)}
    record["bare_pod_s"] = {"p50": percentile(bare_s, 0.5), "p95": percentile(bare_s, 0.95)}
    record["server_to_bare_pod"] = round(statistics.median(hub_s) / statistics.median(bare_s), 2)
    record["cluster_to_first_result_s"] = {
        "first": round(results[0], 2),
        "median": round(statistics.median(results), 2),
    }
    listed = cluster.run("images").splitlines()
    record["images"] = [line for line in listed if "/boresight-" in line]
    assert not cluster.get("pods", "--namespace", USERS)["items"]
    return record


def main() -> int:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--record", type=Path, help="folder to keep the dated record in")
    arguments = parser.parse_args()
    record = measure(arguments.starts)
    text = json.dumps(record, indent=1)
    sys.stdout.write(text + "\n")
    if arguments.record:
        path = arguments.record / f"cluster_spawn-{record['date'][:10]}.json"
        path.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
