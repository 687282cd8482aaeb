"""What one person's pod cannot reach of another's, and of the platform.

Every refusal stands beside the same attempt with the rule removed, or by somebody who may, which
succeeds.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from support.cluster import NAMESPACE, ORIGIN, USERS, Cluster, Person, printed
from support.neighbour import API_PORT, API_SERVER, METADATA, neighbour

from boresight_hub.errors import ServiceError
from boresight_hub.session import HubSession
from boresight_hub.session.kernel import Kernel

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

_KNOCK = """
import json, socket
def knock(host, port):
    try:
        socket.create_connection((host, port), timeout=4).close()
        return True
    except OSError:
        return False
print(json.dumps({{name: knock(*place) for name, place in {places!r}.items()}}))
"""

_STORE = """
import boto3, json
from botocore.exceptions import ClientError
s3 = boto3.client("s3")
def attempt(action, **place):
    try:
        getattr(s3, action)(**place)
        return "done"
    except ClientError as error:
        return error.response["Error"]["Code"]
home = dict(Bucket="home", Key="tycho/letter.txt")
data = dict(Bucket="catalogue", Key="sentinel2-l1/letter.txt")
print(json.dumps([
    attempt(action, **place, **({{"Body": b"x"}} if action == "put_object" else {{}}))
    for place in (home, data) for action in ("put_object", "get_object")
]))
"""

_CATALOGUE = """
import json
from boresight import access
print(json.dumps(sorted(one.id for one in access.open_catalog().get_collections())))
"""


@pytest.fixture(scope="module")
def at_work(cluster: Cluster, person: Person) -> Iterator[dict[str, tuple[HubSession, Kernel]]]:
    """Marie and Tycho, of two groups: a server and a kernel each."""
    with ExitStack() as stack:
        found = {}
        for username in ("marie", "tycho"):
            session = stack.enter_context(person(username))
            found[username] = (session, stack.enter_context(session.kernel()))
        yield found
        for session, _ in found.values():
            session.stop_server()


@pytest.fixture(scope="module")
def his_cluster(at_work: dict[str, tuple[HubSession, Kernel]]) -> Iterator[dict[str, str]]:
    """A Dask cluster of Tycho's."""
    _, kernel = at_work["tycho"]
    code = (
        "from boresight.compute import cluster\n"
        "made = cluster(n_workers=1, worker_memory_gib=1)\n"
        "print(made.name, made.dashboard_link, *made.client.scheduler_info()['workers'])"
    )
    name, dashboard, worker = printed(kernel.execute(code, timeout_s=300)).split()[-3:]
    yield {"name": name, "dashboard": dashboard, "worker": worker}
    kernel.execute("made.close()")


@pytest.fixture(scope="module")
def places(
    cluster: Cluster,
    at_work: dict[str, tuple[HubSession, Kernel]],
    his_cluster: dict[str, str],
) -> Iterator[dict[str, tuple[str, int]]]:
    """Where nobody's pod may connect to; somebody listens at each."""
    server = _address(cluster, "component=singleuser-server,hub.jupyter.org/username=tycho")
    scheduler = _address(cluster, "app.kubernetes.io/component=dask-scheduler")
    worker, port = his_cluster["worker"].rpartition("/")[2].split(":")
    inside = f"{NAMESPACE}.svc.cluster.local"
    endpoint = cluster.get("endpointslices", "kubernetes", "--namespace", "default")
    api_server = (endpoint["endpoints"][0]["addresses"][0], endpoint["ports"][0]["port"])
    with neighbour(api_server):
        yield {
            "another's server": (server, 8888),
            "another's scheduler": (scheduler, 8786),
            "another's dashboard": (scheduler, 8787),
            "another's worker": (worker, int(port)),
            "database": (f"postgresql.{inside}", 5432),
            "identity provider, past the proxy": (f"keycloak.{inside}", 8080),
            "the proxy's routes": (f"proxy-api.{inside}", 8002),
            "the gateway, past the proxy": (f"dask-gateway.{inside}", 8009),
            "users of the store": (f"s3-iam.{inside}", 8010),
            "API server": (API_SERVER, API_PORT),
            "cloud metadata": (METADATA, 80),
        }


def _address(cluster: Cluster, selector: str) -> str:
    found = cluster.get("pods", "--namespace", USERS, f"--selector={selector}")["items"]
    return str(found[0]["status"]["podIP"])


def test_pods_reach_what_policies_name_and_nothing_else(
    cluster: Cluster,
    at_work: dict[str, tuple[HubSession, Kernel]],
    places: dict[str, tuple[str, int]],
) -> None:
    _, kernel = at_work["marie"]
    origin = ORIGIN.removeprefix("https://")
    asked = {**places, "the origin": (origin, 443)}
    code = _KNOCK.format(places=asked)

    def knock() -> dict[str, bool]:
        found: dict[str, bool] = json.loads(printed(kernel.execute(code, timeout_s=120)))
        return found

    cluster.install("--set=networkPolicy.enabled=false", "--wait")
    try:
        # Dask's own policy of each cluster, which the controller writes, is a rule too
        with _without_policies(cluster):
            open_to_all = knock()
    finally:
        cluster.install("--wait")
    assert open_to_all == dict.fromkeys(asked, True)
    assert knock() == {**dict.fromkeys(places, False), "the origin": True}


@contextlib.contextmanager
def _without_policies(cluster: Cluster) -> Iterator[None]:
    """Without the NetworkPolicies that are left in people's namespace; they are put back."""
    kept = cluster.get("networkpolicies", "--namespace", USERS)
    names = [one["metadata"]["name"] for one in kept["items"]]
    if names:
        cluster.kubectl("--namespace", USERS, "delete", "networkpolicies", *names)
    for one in kept["items"]:
        one["metadata"] = {
            key: value
            for key, value in one["metadata"].items()
            if key in ("name", "namespace", "labels", "ownerReferences", "annotations")
        }
    try:
        yield
    finally:
        if names:
            cluster.kubectl("apply", "--filename=-", stdin=json.dumps(kept))


def test_servers_have_no_account_at_the_api_server(
    at_work: dict[str, tuple[HubSession, Kernel]],
) -> None:
    _, kernel = at_work["marie"]
    code = "import os; print(os.path.exists('/var/run/secrets/kubernetes.io'), os.getuid() != 0)"
    assert printed(kernel.execute(code)) == "False True\n"


def test_another_persons_server_answers_its_owner_alone(
    at_work: dict[str, tuple[HubSession, Kernel]],
) -> None:
    marie, tycho = at_work["marie"][0], at_work["tycho"][0]
    url = f"{tycho.server_url()}api/contents"
    answers = []
    for who in (tycho, marie):
        with httpx.Client(verify=who.trust, timeout=30) as client:
            answer = client.get(url, headers={"Authorization": f"token {who.token}"})
        answers.append(answer.status_code)
    assert answers[0] == 200
    assert answers[1] in (403, 404)


def test_nobody_asks_for_another_home(
    cluster: Cluster, person: Person, at_work: dict[str, tuple[HubSession, Kernel]]
) -> None:
    marie = at_work["marie"][0]
    wish: dict[str, Any] = {"profile": "standard", "volumes": ["home-tycho"]}
    with pytest.raises(ServiceError, match="volumes"):
        marie.start_server(name="other", options=wish)
    pod = cluster.get(
        *("pods", "--namespace", USERS),
        "--selector=component=singleuser-server,hub.jupyter.org/username=marie",
    )["items"][0]
    claims = [
        one["persistentVolumeClaim"]["claimName"]
        for one in pod["spec"]["volumes"]
        if "persistentVolumeClaim" in one
    ]
    assert claims == ["home-marie"]


def test_objects_of_another_person_and_group(
    at_work: dict[str, tuple[HubSession, Kernel]],
) -> None:
    # Tycho may write to his home; data of his group he may read and, as calibrator, write
    his = json.loads(printed(at_work["tycho"][1].execute(_STORE.format())))
    hers = json.loads(printed(at_work["marie"][1].execute(_STORE.format())))
    assert his == ["done"] * 4
    assert hers == ["AccessDenied"] * 4


def test_collections_of_another_group(at_work: dict[str, tuple[HubSession, Kernel]]) -> None:
    seen = {
        who: json.loads(printed(kernel.execute(_CATALOGUE))) for who, (_, kernel) in at_work.items()
    }
    assert "sentinel2-l1" in seen["tycho"]
    assert "co3d-l1" in seen["marie"]
    assert not set(seen["tycho"]) & set(seen["marie"])


def test_another_persons_cluster_and_dashboard(
    at_work: dict[str, tuple[HubSession, Kernel]], his_cluster: dict[str, str]
) -> None:
    (marie, hers), (tycho, his) = at_work["marie"], at_work["tycho"]
    join = (
        "from boresight.compute import connect, clusters\n"
        f"try:\n    connect({his_cluster['name']!r})\n    print('in')\n"
        "except Exception as error:\n    print('no', error)\n"
        f"print({his_cluster['name']!r} in [one.name for one in clusters()])"
    )
    assert printed(his.execute(join)).split() == ["in", "True"]
    refused = printed(hers.execute(join))
    assert refused.startswith("no")
    assert refused.split()[-1] == "False"
    dashboard = his_cluster["dashboard"]
    assert tycho.browser.get(dashboard).status_code == 200
    assert marie.browser.get(dashboard).status_code in (403, 404)
