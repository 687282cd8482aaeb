"""Each part is destroyed and brought back by one command, and afterwards all of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.cluster import NAMESPACE, USERS, Cluster, Person, printed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]
COMMAND = Path(sys.executable).with_name("boresight")

_LEAVE = """
import json, os, boto3
from pathlib import Path
from boresight import access
Path("/home/jovyan/kept").mkdir(exist_ok=True)
Path("/home/jovyan/kept/note.txt").write_text("written before")
os.utime("/home/jovyan/kept/note.txt", (1e9, 1e9))
boto3.client("s3").put_object(
    Bucket="home", Key="marie/kept.txt", Body=b"stored before", ContentType="text/x-note",
    Metadata={"instrument": "co3d"},
)
print(json.dumps(sorted(one.id for one in access.open_catalog().get_collections())))
"""

_LOOK = """
import json, boto3
from pathlib import Path
from boresight import access
found = boto3.client("s3").get_object(Bucket="home", Key="marie/kept.txt")
print(json.dumps({
    "note": Path("/home/jovyan/kept/note.txt").read_text(),
    "written": Path("/home/jovyan/kept/note.txt").stat().st_mtime,
    "object": found["Body"].read().decode(),
    "type": found["ContentType"], "metadata": found["Metadata"],
    "collections": sorted(one.id for one in access.open_catalog().get_collections()),
}))
"""


def boresight(*arguments: str) -> str:
    """Run the operator's command, and print what it says: the times are of interest."""
    cluster = Cluster()
    done = subprocess.run(
        [str(COMMAND), "cluster", *arguments],
        env=os.environ | {"BORESIGHT_KUBECTL": f"{cluster.program} kubectl"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{cluster.state()}"
    print(done.stdout)
    return done.stdout


@pytest.fixture(scope="module")
def state(cluster: Cluster, person: Person) -> dict[str, object]:
    """What marie has, and what the environment must still know afterwards."""
    with person("marie") as session, session.kernel() as kernel:
        collections = json.loads(printed(kernel.execute(_LEAVE)))
        assert collections
        session.stop_server()
    return {
        "note": "written before",
        "written": 1e9,
        "object": "stored before",
        "type": "text/x-note",
        "metadata": {"instrument": "co3d"},
        "collections": collections,
    }


@pytest.fixture(scope="module")
def saved(state: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backup") / "of-today"
    said = boresight("backup", str(folder), "--namespace", NAMESPACE)
    for part in ("secrets", "hub", "catalogue", "store", "homes"):
        assert re.search(rf"^{part}: done: .*, [0-9.]+ s$", said, re.MULTILINE), part
    assert (folder / "secrets" / "secrets.json").stat().st_mode & 0o077 == 0
    return folder


def check(person: Person, state: dict[str, object]) -> None:
    with person("marie") as session, session.kernel() as kernel:
        assert json.loads(printed(kernel.execute(_LOOK))) == state
        session.stop_server()


def psql(cluster: Cluster, sql: str, database: str = "postgres") -> str:
    return cluster.kubectl(
        *("--namespace", NAMESPACE, "exec", "statefulset/postgresql", "--", "psql"),
        *("--tuples-only", "--no-align", "--username=postgres"),
        *(f"--dbname={database}", f"--command={sql}"),
    )


def test_accounts_and_sessions(
    cluster: Cluster, person: Person, state: dict[str, object], saved: Path
) -> None:
    """The databases of hub, access service and identity provider."""
    users = "SELECT count(*) FROM users"
    before = psql(cluster, users, "jupyterhub")
    assert int(before) >= 1
    for name in ("hub", "access", "keycloak"):
        cluster.kubectl("--namespace", NAMESPACE, "scale", f"deployment/{name}", "--replicas=0")
    for name in ("jupyterhub", "boresight_access", "keycloak"):
        psql(cluster, f"DROP DATABASE {name} WITH (FORCE)")
    boresight("restore", str(saved), "--namespace", NAMESPACE, "--only", "hub", "--yes")
    cluster.wait_ready()
    assert psql(cluster, users, "jupyterhub") == before
    check(person, state)


def test_catalogue(cluster: Cluster, person: Person, state: dict[str, object], saved: Path) -> None:
    psql(cluster, "DROP DATABASE boresight WITH (FORCE)")
    boresight("restore", str(saved), "--namespace", NAMESPACE, "--only", "catalogue", "--yes")
    cluster.wait_ready()
    check(person, state)


def test_store_and_homes(
    cluster: Cluster, person: Person, state: dict[str, object], saved: Path
) -> None:
    cluster.kubectl(
        *("--namespace", NAMESPACE, "exec", "statefulset/s3", "--container=s3", "--"),
        *("sh", "-c", "rm -rf /data/objects/* /data/meta/*"),
    )
    names = cluster.kubectl("--namespace", USERS, "get", "pvc", "--output=name").split()
    homes = [name for name in names if "/home-" in name]
    assert homes
    cluster.kubectl("--namespace", USERS, "delete", *homes)
    boresight("restore", str(saved), "--namespace", NAMESPACE, "--only", "store,homes", "--yes")
    check(person, state)


def test_everything_lost(
    cluster: Cluster, person: Person, state: dict[str, object], saved: Path
) -> None:
    """Both namespaces are gone with all volumes; the chart anew has other secrets."""
    began_s = time.monotonic()
    password = cluster.password("marie")
    cluster.run("helm", "uninstall", "boresight", f"--namespace={NAMESPACE}", "--wait")
    cluster.kubectl("delete", "namespace", USERS, NAMESPACE, "--wait", timeout_s=300)
    cluster.install()
    cluster.wait_ready()
    assert cluster.password("marie") != password
    boresight("restore", str(saved), "--namespace", NAMESPACE, "--yes")
    cluster.wait_ready()
    print(f"from nothing: {time.monotonic() - began_s:.0f} s")
    assert cluster.password("marie") == password
    check(person, state)


def test_a_changed_backup_is_refused(saved: Path, cluster: Cluster) -> None:
    archive = saved / "store" / "objects.tar"
    content = archive.read_bytes()
    archive.write_bytes(content[:-1] + b"x")
    with pytest.raises(AssertionError, match="is not what was saved"):
        boresight("restore", str(saved), "--only", "store", "--yes")
    archive.write_bytes(content)
