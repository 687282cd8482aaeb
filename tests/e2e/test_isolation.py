"""Another group's user sees neither collection nor objects, neither cluster nor dashboard.

Every refusal stands beside the same request by somebody who may, which succeeds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from support.environment import Environment, printed

from boresight_hub.session import HubSession
from boresight_hub.session.kernel import Kernel

pytestmark = pytest.mark.e2e

_CATALOGUE = """
import os, httpx, json
token = open(os.environ["BORESIGHT_STAC_TOKEN_FILE"]).read()
root = os.environ["BORESIGHT_STAC_URL"]
name = {item!r}.rsplit("/", 1)[1]
ask = httpx.Client(headers={{"Authorization": f"Bearer {{token}}"}}, timeout=30)
get = lambda path: ask.get(root + path)
print(json.dumps({{
    "collections": [c["id"] for c in get("/collections").json()["collections"]],
    "collection": ask.get(root + "/collections/co3d-dsm").status_code,
    "item": ask.get({item!r}).status_code,
    "items": ask.get(root + "/collections/co3d-dsm/items").status_code,
    "by_collection": len(get("/search?collections=co3d-dsm").json().get("features", [])),
    "by_id": len(ask.post(root + "/search", json={{"ids": [name]}}).json()["features"]),
    "matched": ask.get(root + "/search").json().get("numberMatched", 0),
    "queryables": ask.get(root + "/collections/co3d-dsm/queryables").status_code,
}}))
"""

# each client reads and writes by the standard variables alone
_CLIENTS = {
    "boto3": """
import boto3
s3 = boto3.client("s3")
def read(): return s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
def write(): s3.put_object(Bucket=BUCKET, Key=NEW, Body=b"x")
""",
    "s3fs": """
import s3fs
fs = s3fs.S3FileSystem(skip_instance_cache=True)
def read(): return fs.cat(f"{BUCKET}/{KEY}")
def write(): fs.pipe(f"{BUCKET}/{NEW}", b"x")
""",
    "obstore": """
import obstore
from obstore.store import S3Store
store = S3Store(BUCKET)
def read(): return obstore.get(store, KEY).bytes()
def write(): obstore.put(store, NEW, b"x")
""",
    "rasterio": """
import numpy, rasterio
def read():
    with rasterio.open(f"/vsis3/{BUCKET}/{KEY}") as source: return source.read(1)
def write():
    shape = dict(width=16, height=16, count=1, dtype="uint8")
    with rasterio.open(f"/vsis3/{BUCKET}/{NEW}", "w", driver="GTiff", **shape) as out:
        out.write(numpy.ones((1, 16, 16), "uint8"))
""",
}

_TRY = """
def attempt(action):
    try:
        action()
        return "done"
    except Exception as error:
        return f"refused: {type(error).__name__}: {error}"[:300]
def both():
    return [attempt(read), attempt(write)]
"""

_LIST = """
import boto3
found = boto3.client("s3").list_objects_v2(Bucket="products", Prefix="co3d-dsm/probe/")
print([entry["Key"] for entry in found["Contents"]])
"""


@pytest.fixture(scope="module")
def people_at_work(
    environment: Environment, outcome: dict[str, Any]
) -> Iterator[dict[str, tuple[HubSession, Kernel]]]:
    """Marie, who may, and Paul, who may not: a kernel each."""
    with ExitStack() as stack:
        found = {}
        for username in ("marie", "paul"):
            session = stack.enter_context(environment.session(username))
            found[username] = (session, stack.enter_context(session.kernel()))
        yield found


def test_the_catalogue_shows_nothing_of_another_group(
    people_at_work: dict[str, tuple[HubSession, Kernel]], outcome: dict[str, Any]
) -> None:
    code = _CATALOGUE.format(item=outcome["item"])
    seen = {
        who: eval(printed(kernel.execute(code)))  # noqa: S307 - our own JSON
        for who, (_, kernel) in people_at_work.items()
    }
    assert seen["marie"]["collection"] == seen["marie"]["item"] == seen["marie"]["items"] == 200
    assert seen["marie"]["queryables"] == 200
    assert seen["marie"]["by_id"] == 1
    assert seen["marie"]["by_collection"] >= 1
    assert seen["marie"]["matched"] >= 3
    assert seen["paul"] == {
        "collections": ["sentinel2-l1"],
        "collection": 404,
        "item": 404,
        "items": 404,
        "by_collection": 0,
        "by_id": 0,
        "matched": 0,
        "queryables": 404,
    }


@pytest.mark.parametrize("place", ["kernel", "worker"])
@pytest.mark.parametrize("client", _CLIENTS)
def test_objects_are_read_and_written_within_policy_only(
    people_at_work: dict[str, tuple[HubSession, Kernel]],
    outcome: dict[str, Any],
    client: str,
    place: str,
) -> None:
    key = outcome["figures"]["href"].split("/", 4)[4]
    answers = {
        who: printed(kernel.execute(_probe(client, place, key, who), timeout_s=300))
        for who, (_, kernel) in people_at_work.items()
    }
    assert "['done', 'done']" in answers["marie"]
    assert answers["paul"].count("refused") == (1 if client == "rasterio" else 2)
    # rasterio says nothing when the upload at closing is refused: the store has the last word
    written = printed(people_at_work["marie"][1].execute(_LIST))
    assert f"marie-{client}-{place}" in written
    assert "paul" not in written


def _probe(client: str, place: str, key: str, who: str) -> str:
    new = f"co3d-dsm/probe/{who}-{client}-{place}"
    code = f"BUCKET, KEY, NEW = 'products', {key!r}, {new!r}\n{_CLIENTS[client]}{_TRY}"
    if place == "kernel":
        return f"{code}print(both())"
    return (
        f"def task():\n    space = {{}}\n    exec({code!r}, space)\n"
        "    return space['both']()\n"
        "from boresight.compute import cluster\n"
        "with cluster(n_workers=1) as c:\n    print(c.client.submit(task).result())"
    )


def test_a_cluster_and_its_dashboard_are_its_owners_alone(
    people_at_work: dict[str, tuple[HubSession, Kernel]], environment: Environment
) -> None:
    marie, hers = people_at_work["marie"]
    paul, his = people_at_work["paul"]
    hers.execute("from boresight.compute import cluster, clusters\nc = cluster(n_workers=1)")
    made = printed(hers.execute("c = c.__enter__(); print(c.name, c.dashboard_link)")).split()
    name, dashboard = made[-2:]
    listed = "print([info.name for info in clusters()])"
    join = (
        f"try:\n    connect({name!r})\n    print('in')\nexcept Exception as e:\n    print('no', e)"
    )
    try:
        assert name in printed(hers.execute(listed))
        his.execute("from boresight.compute import clusters, connect")
        assert name not in printed(his.execute(listed))
        assert printed(his.execute(join)).startswith("no")
        assert marie.browser.get(dashboard).status_code == 200
        assert paul.browser.get(dashboard).status_code in (403, 404)
        with httpx.Client(trust_env=False) as stranger:
            answer = stranger.get(dashboard)
        assert answer.status_code in (302, 303, 307)
        assert "/hub/" in answer.headers["location"]
    finally:
        hers.execute("c.__exit__(None, None, None)")


def test_another_persons_server_is_out_of_reach(
    people_at_work: dict[str, tuple[HubSession, Kernel]],
) -> None:
    marie, _ = people_at_work["marie"]
    paul, _ = people_at_work["paul"]
    url = f"{marie.server_url()}api/contents"
    mine = httpx.get(url, headers={"Authorization": f"token {marie.token}"}, trust_env=False)
    his = httpx.get(url, headers={"Authorization": f"token {paul.token}"}, trust_env=False)
    assert mine.status_code == 200
    assert his.status_code in (403, 404)
