"""What goes wrong on a cluster, made to go wrong: what people are told, and what goes on."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.cluster import NAMESPACE, USERS, Cluster, ClusterError, Person, printed

from boresight_hub.errors import ServiceError
from boresight_hub.session import HubSession

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
VALUES = Path(__file__).with_name("faults.yaml")
SERVERS = "component=singleuser-server"
_PASSWORD = "a long enough password 1"
NAMES = ["zoé@example.org", "a.b@c", "a_b_c", "a-b-c", "n" * 80]


@pytest.fixture(scope="module")
def faulty(cluster: Cluster) -> Iterator[Cluster]:
    """The environment with profiles that cannot start."""
    cluster.install(f"--values={VALUES}", "--wait")
    yield cluster
    cluster.install("--wait")


@pytest.fixture(autouse=True)
def nobodys_server(cluster: Cluster, person: Person) -> Iterator[None]:
    """One test that fails leaves no server to the next."""
    yield
    for pod in cluster.get("pods", "--namespace", USERS, f"--selector={SERVERS}")["items"]:
        username = pod["metadata"]["annotations"]["hub.jupyter.org/username"]
        password = _PASSWORD if username in NAMES else ""
        with person(username, start=False, password=password) as session:
            session.stop_server()


def said_of_start(session: HubSession, **options: Any) -> tuple[str, list[str]]:
    """What a start that fails says at its end, and on the way."""
    told: list[str] = []
    with pytest.raises(ServiceError) as caught:
        session.start_server(told.append, options=options)
    return str(caught.value), told


def delete_pod(cluster: Cluster, component: str, *, one: bool = False) -> str:
    """Kill the pod of a component at once; of several only one if ``one``."""
    names = pods_of(cluster, component)
    assert names, component
    for name in names[:1] if one else names:
        cluster.kubectl(
            *("--namespace", NAMESPACE, "delete", "pod", name),
            *("--grace-period=0", "--force", "--wait=false"),
        )
    return names[0]


def pods_of(cluster: Cluster, component: str) -> list[str]:
    found = cluster.get(
        "pods", "--namespace", NAMESPACE, f"--selector=app.kubernetes.io/component={component}"
    )
    return [one["metadata"]["name"] for one in found["items"]]


@contextmanager
def meanwhile(work: Callable[[], Any]) -> Iterator[list[Any]]:
    """Run ``work`` beside; its result, or what it raised, is in the list at the end."""
    ended: list[Any] = []

    def run() -> None:
        try:
            ended.append(work())
        except BaseException as exc:  # noqa: BLE001 - judged by the test
            ended.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield ended
    finally:
        thread.join(timeout=300)
    assert ended, "it did not end"


# mistakes of the operator


def test_missing_secret_is_named_before_anything_is_changed(cluster: Cluster) -> None:
    with pytest.raises(ClusterError, match="There is no Secret of-the-centre in boresight"):
        cluster.install("--set=secrets.existingSecret=of-the-centre")


def test_unknown_key_is_refused_by_name(cluster: Cluster) -> None:
    with pytest.raises(ClusterError, match="additional properties 'ram'"):
        cluster.install("--set=singleuser.ram=4")


# starts that cannot succeed


def test_image_that_cannot_be_pulled(faulty: Cluster, person: Person) -> None:
    with person("tycho", start=False) as session:
        said, _ = said_of_start(session, profile="no-image")
    assert "The image registry.invalid/nothing:1 cannot be fetched" in said
    assert "Choose another profile" in said


def test_profile_for_which_no_machine_has_room(faulty: Cluster, person: Person) -> None:
    with person("tycho", start=False) as session:
        said, told = said_of_start(session, profile="enormous")
    assert "memory is short" in said
    assert any("room" in words for words in told), told


def test_quota_that_is_used_up(faulty: Cluster, person: Person) -> None:
    faulty.kubectl("--namespace", USERS, "create", "quota", "few", "--hard=pods=0")
    try:
        with person("tycho", start=False) as session:
            said, _ = said_of_start(session, profile="standard")
    finally:
        faulty.kubectl("--namespace", USERS, "delete", "quota", "few")
    assert "quota few" in said
    assert "stop a server or cluster of yours" in said


def test_machine_short_of_memory_takes_nobody_new(faulty: Cluster, person: Person) -> None:
    """By the taint that a cluster gives such a machine."""
    taint = "node.kubernetes.io/memory-pressure:NoSchedule"
    faulty.kubectl("taint", "nodes", "--all", taint, "--overwrite")
    lifted = threading.Timer(
        12, lambda: faulty.attempt("kubectl", "taint", "nodes", "--all", f"{taint}-")
    )
    lifted.start()
    told: list[str] = []
    try:
        with person("tycho", start=False) as session:
            session.start_server(told.append, options={"profile": "standard"})
            session.stop_server()
    finally:
        lifted.join()
        faulty.attempt("kubectl", "taint", "nodes", "--all", f"{taint}-")
    assert told


def test_memory_beyond_the_profile_is_explained_at_the_next_start(
    faulty: Cluster, person: Person
) -> None:
    with person("tycho", profile="small") as session, session.kernel() as kernel:
        with suppress(ServiceError):
            # all processes of a container go at once where the kernel is told so; else the kernel
            kernel.execute("held = []\nwhile True: held.append(bytearray(b'x' * 2**24))")
        seen = _restarts_or_end(faulty)
    assert seen
    with person("tycho", start=False) as session:
        page = session.browser.get(f"{session._hub}/spawn/tycho")
        session.start_server(options={"profile": "standard"})
        session.stop_server()
    if seen == "server":
        assert "more memory than its profile allows" in page.text


def _restarts_or_end(cluster: Cluster) -> str:
    """Whose end the kernel of the machine chose: the server's, or one process in it."""
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        pods = cluster.get("pods", "--namespace", USERS, f"--selector={SERVERS}")["items"]
        if not pods:
            return "server"
        for pod in pods:
            for state in pod["status"].get("containerStatuses", ()):
                if state["state"].get("terminated", {}).get("reason") == "OOMKilled":
                    return "server"
        events = cluster.kubectl("get", "events", "--all-namespaces", "--output=json")
        if "OOMKilling" in events:
            return "process"
        time.sleep(2)
    return "process"


# what is killed while people work


def test_hub_killed_during_a_start(faulty: Cluster, person: Person) -> None:
    with person("tycho", start=False) as session:
        with meanwhile(lambda: session.start_server(options={"profile": "standard"})) as ended:
            _until(lambda: faulty.get("pods", "-n", USERS, f"--selector={SERVERS}")["items"])
            delete_pod(faulty, "hub")
        assert ended == [None]
        with session.kernel() as kernel:
            assert printed(kernel.execute("print(6 * 7)")) == "42\n"
        session.stop_server()


def test_proxy_killed_with_a_session_open(faulty: Cluster, person: Person) -> None:
    with person("tycho") as session, session.kernel() as kernel:
        code = f"{_BEGIN}\nimport time\nprint('begun', flush=True)\ntime.sleep(20)\nprint('done')"
        with meanwhile(lambda: printed(kernel.execute(code, timeout_s=240))) as ended:
            _until(lambda: _has_begun(session))
            assert not ended
            delete_pod(faulty, "proxy")
        assert ended == ["begun\ndone\n"]
        session.stop_server()


def test_access_killed_in_mid_job(faulty: Cluster, person: Person) -> None:
    code = f"""{_BEGIN}
import time, boto3
count, until = 0, time.monotonic() + 25
while time.monotonic() < until:
    s3 = boto3.session.Session().client("s3")  # a session of its own asks for credentials anew
    s3.put_object(Bucket="home", Key="tycho/again.txt", Body=b"x")
    count += 1
print(count > 5)
"""
    with person("tycho") as session, session.kernel() as kernel:
        with meanwhile(lambda: printed(kernel.execute(code, timeout_s=240))) as ended:
            _until(lambda: _has_begun(session))
            assert not ended
            assert len(pods_of(faulty, "access")) == 2
            delete_pod(faulty, "access", one=True)
        assert ended == ["True\n"]
        session.stop_server()
    faulty.wait_ready()


def test_postgresql_restarted(faulty: Cluster, person: Person) -> None:
    with person("tycho") as session, session.kernel() as kernel:
        kernel.execute("kept = 42")
        delete_pod(faulty, "postgresql")
        faulty.wait_ready()
        code = (
            "from boresight import access\n"
            "print(kept, len(list(access.open_catalog().get_collections())))"
        )
        _until(lambda: _is_done(lambda: kernel.execute(code)))
        assert printed(kernel.execute(code)).startswith("42 ")
        session.stop_server()
    # and who signs in afterwards: hub and provider have their databases again
    with person("marie") as session:
        session.stop_server()


_BEGIN = "from pathlib import Path; Path('/home/jovyan/begun').touch()"


def _has_begun(session: HubSession) -> bool:
    """Whether the cell is at work; once only."""
    found = session.server_api("GET", "contents/begun?content=0", expect=(200, 404))
    if found.status_code == 200:
        session.server_api("DELETE", "contents/begun", expect=(204,))
    return found.status_code == 200


def _is_done(action: Callable[[], Any]) -> bool:
    with suppress(ServiceError):
        action()
        return True
    return False


def _until(true: Callable[[], Any], timeout_s: float = 90.0) -> None:
    until_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < until_s, "it did not come about"
        time.sleep(0.5)


# homes


@pytest.fixture
def small_home(faulty: Cluster) -> Iterator[None]:
    """Ada's home is on a disk of 4 MiB."""
    path = "/var/boresight-small"
    faulty.on_node("mkdir", "--parents", path)
    faulty.on_node(
        "mount", "-t", "tmpfs", "-o", "size=4m,mode=2775,uid=1000,gid=1000", "small", path
    )
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "small"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "",
            "claimRef": {"namespace": USERS, "name": "home-admin"},
            "hostPath": {"path": path},
        },
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "home-admin", "namespace": USERS},
        "spec": {
            "storageClassName": "",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "volumeName": "small",
        },
    }
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [volume, claim]})
    faulty.kubectl("apply", "--filename=-", stdin=text)
    yield
    # a claim goes when nobody has it any more
    whose = "hub.jupyter.org/username=admin"
    faulty.kubectl("--namespace", USERS, "delete", "pods", f"--selector={whose}", "--wait")
    faulty.kubectl("--namespace", USERS, "delete", "pvc", "home-admin")
    faulty.kubectl("delete", "pv", "small")
    faulty.on_node("umount", path)


def test_full_home_is_tidied_up_from_the_rescue_profile(
    faulty: Cluster, person: Person, small_home: None
) -> None:
    fill = "dd if=/dev/zero of=/home/jovyan/large bs=1M count=64 2>&1 | tail -1"
    with person("admin") as session, session.kernel() as kernel:
        kernel.execute(f"import subprocess; subprocess.run({fill!r}, shell=True)")
        free = "import shutil; print('free', shutil.disk_usage('/home/jovyan').free, flush=True)"
        # the kernel complains in between that it cannot keep its history
        assert _number(printed(kernel.execute(free))) < 2**16
        session.stop_server()
        session.start_server(options={"profile": "rescue"})
        with session.kernel() as rescue:
            rescue.execute("import os; os.remove('/home/jovyan/large')")
            assert _number(printed(rescue.execute(free))) > 2**20
        session.stop_server()
        session.start_server(options={"profile": "standard"})
        with session.kernel() as again:
            again.execute("open('/home/jovyan/new', 'w').write('x')")
        session.stop_server()


def _number(text: str) -> int:
    found = re.search(r"free (\d+)", text)
    assert found, text
    return int(found[1])


# people


@pytest.fixture(scope="module")
def nasty(cluster: Cluster) -> dict[str, str]:
    """People with names that are no names of pods, by the provider's own administration."""
    with cluster.keycloak_admin() as admin:
        return {name: _make(admin, name) for name in NAMES}


def _make(admin: httpx.Client, name: str) -> str:
    address = hashlib.sha256(name.encode()).hexdigest()[:12]
    answer = admin.post(
        "users",
        json={
            "username": name,
            "email": f"{address}@boresight.invalid",
            "emailVerified": True,
            "enabled": True,
            "firstName": "N",
            "lastName": "N",
            "groups": ["/sentinel2-calibration"],
            "credentials": [{"type": "password", "value": _PASSWORD, "temporary": False}],
        },
    )
    assert answer.status_code in (201, 409), answer.text
    user = admin.get("users", params={"username": name, "exact": "true"}).json()[0]
    role = admin.get("roles/person").json()
    answer = admin.post(f"users/{user['id']}/role-mappings/realm", json=[role])
    assert answer.status_code == 204, answer.text
    return _PASSWORD


def test_names_that_are_no_names_of_pods(
    cluster: Cluster, person: Person, nasty: dict[str, str]
) -> None:
    code = """
import os, json, boto3
from pathlib import Path
me = {me!r}
Path("/home/jovyan/mine-" + str(len(me))).write_text(me)
try:
    boto3.client("s3").put_object(Bucket="home", Key=f"{{me}}/mine", Body=me.encode())
    said = "stored"
except Exception as error:
    said = str(error)
print(json.dumps([said, sorted(one for one in os.listdir("/home/jovyan") if "mine" in one)]))
"""
    rule = "has to be 1 to 40 lower-case letters, digits or ._@+-"
    pods: dict[str, str] = {}
    claims: dict[str, str] = {}
    for name, password in nasty.items():
        with person(name, password=password) as session, session.kernel() as kernel:
            said, files = json.loads(printed(kernel.execute(code.format(me=name))))
            # a name that cannot stand in a policy of the store has no prefix in it, and says so
            is_plain = name.isascii() and len(name) <= 40
            assert said == "stored" if is_plain else rule in said
            assert files == [f"mine-{len(name)}"], "a home of their own"
            found = cluster.get("pods", "--namespace", USERS, f"--selector={SERVERS}")["items"]
            (pod,) = found
            pods[name] = pod["metadata"]["name"]
            claims[name] = pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
            session.stop_server()
    assert len(set(pods.values())) == len(set(claims.values())) == len(NAMES)
    assert max(map(len, pods.values())) <= 63
