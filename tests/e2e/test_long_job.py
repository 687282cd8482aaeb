"""A job that outlives ten credential lifetimes: no read fails, in the kernel and in a worker.

Four clients read all the while, each made once and left to renew by itself. What ends them is the
end of the session, and that is told.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import boto3
import pytest
from support.environment import Environment, printed
from support.signin import form_of

from boresight_hub.session.kernel import KernelError

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

SESSION_LIFE_S = 10
LIFETIMES = 11

JOB = '''
def job(place, seconds):
    """Read by every client in turn; reads, failures, access keys, and a write at the end."""
    import io, time, warnings
    import boto3, numpy, obstore, rasterio, s3fs
    from obstore.store import S3Store
    warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
    session = boto3.session.Session()
    s3 = session.client("s3")
    fs = s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
    store = S3Store("home")
    key = "marie/long/tile.tif"
    def by_gdal(name):
        with rasterio.open(f"/vsis3/home/{name}") as image:
            return image.read().tobytes()
    readers = {
        "boto3": lambda name: s3.get_object(Bucket="home", Key=name)["Body"].read(),
        "s3fs": lambda name: fs.cat_file(f"home/{name}"),
        "obstore": lambda name: bytes(obstore.get(store, name).bytes()),
        "rasterio": by_gdal,
    }
    def write_gdal(name, content):
        with rasterio.open(f"/vsis3/home/{name}", "w", driver="GTiff", width=16, height=16,
                           count=1, dtype="uint8") as image:
            image.write(numpy.frombuffer(content, "uint8").reshape(1, 16, 16))
    writers = {
        "boto3": lambda name, content: s3.put_object(Bucket="home", Key=name, Body=content),
        "s3fs": lambda name, content: fs.pipe_file(f"home/{name}", content),
        "obstore": lambda name, content: obstore.put(store, name, content),
        "rasterio": write_gdal,
    }
    # every read goes to the store: GDAL keeps neither headers nor blocks
    nothing_kept = {"CPL_VSIL_CURL_NON_CACHED": "/vsis3/", "VSI_CACHE": "FALSE"}
    counts, failures, keys = dict.fromkeys(readers, 0), [], set()
    with rasterio.Env(**nothing_kept):
        first = {name: read(key) for name, read in readers.items()}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for name, read in readers.items():
                try:
                    if read(key) != first[name]:
                        failures.append(f"{name}: other content")
                    counts[name] += 1
                except Exception as error:
                    failures.append(f"{name}: {type(error).__name__}: {error}"[:300])
            keys.add(session.get_credentials().get_frozen_credentials().access_key)
            time.sleep(0.5)
        content = bytes(range(256))
        for name, write in writers.items():
            written = f"marie/long/{place}-{name}.tif"
            write(written, content)
            if readers[name](written) != content:
                failures.append(f"{name}: what was written is not there")
    return {"counts": counts, "failures": failures, "keys": sorted(keys)}
'''

RUN = """
import json
from boresight.compute import cluster
source = {job!r}
def on_worker():
    space = {{}}
    exec(source, space)
    return space["job"]("worker", {seconds})
exec(source)
with cluster(n_workers=1) as made:
    there = made.client.submit(on_worker)
    print("begun", flush=True)
    here = job("kernel", {seconds})
    print(json.dumps({{"kernel": here, "worker": there.result(timeout={seconds})}}))
"""

PREPARE = """
import boto3, numpy, rasterio
from rasterio.io import MemoryFile
with MemoryFile() as memory:
    with memory.open(driver="GTiff", width=64, height=64, count=1, dtype="uint16") as image:
        image.write(numpy.arange(4096, dtype="uint16").reshape(1, 64, 64))
    boto3.client("s3").put_object(Bucket="home", Key="marie/long/tile.tif", Body=memory.read())
"""


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    environment = Environment(
        tmp_path_factory.mktemp("short") / "state",
        BORESIGHT_OIDC__TOKEN_LIFE_S=str(SESSION_LIFE_S),
        BORESIGHT_ACCESS__SESSION_LIFE_S=str(SESSION_LIFE_S),
        BORESIGHT_ACCESS__SWEEP_INTERVAL_S="2",
        BORESIGHT_TOKENS__CHECK_INTERVAL_S="1",
    )
    environment.up()
    yield environment
    environment.down()


class StoreWatch(threading.Thread):
    """Who the store itself knows, looked at all the while."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(daemon=True)
        settings = environment.settings
        self._iam = boto3.client(
            "iam",
            endpoint_url=settings.url_of("s3_iam"),
            region_name="us-east-1",
            aws_access_key_id=settings.secret("s3-root-access-key"),
            aws_secret_access_key=settings.secret("s3-root-secret-key"),
        )
        self.over = threading.Event()
        self.seen: set[str] = set()
        self.most = 0

    def run(self) -> None:
        while not self.over.wait(1.0):
            users = self._iam.list_users(PathPrefix="/boresight-session/")["Users"]
            self.seen |= {user["UserName"] for user in users}
            self.most = max(self.most, len(users))


def test_no_read_fails_for_ten_lifetimes(short: Environment) -> None:
    watch = StoreWatch(short)
    seconds = SESSION_LIFE_S * LIFETIMES
    with short.session("marie") as session, session.kernel() as kernel:
        kernel.execute(PREPARE)
        watch.start()
        try:
            said = printed(kernel.execute(RUN.format(job=JOB, seconds=seconds)))
        finally:
            watch.over.set()
            watch.join(30)
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    for place, result in found.items():
        assert result["failures"] == [], place
        for client, count in result["counts"].items():
            assert count > 2 * LIFETIMES, f"{place}, {client}: {count} reads are too few"
        assert len(result["keys"]) >= 10, f"{place}: {result['keys']}"
    assert len(watch.seen) >= 10, "the store itself has seen that many sessions"
    assert watch.most <= 12, "and those that are over do not pile up"


def test_session_that_is_over(short: Environment) -> None:
    """The provider has ended it; the notebook is still open."""
    tokens = short.state / "run" / "tokens" / "lea" / "server-default"
    with short.session("lea") as session, session.kernel() as kernel:
        kernel.execute("from boresight import access\naccess.open_catalog()")
        kernel.execute("access.write_bytes(b'1', 's3://home/lea/note.txt')")
        page = session.browser.get(f"{short.settings.issuer}/protocol/openid-connect/logout")
        form = form_of(page)
        left = session.browser.post(
            urljoin(str(page.url), form.action), data=form.fields | form.buttons
        )
        assert left.is_success, left.text
        until = time.monotonic() + 6 * SESSION_LIFE_S
        while (tokens / "stac.jwt").exists():
            assert time.monotonic() < until, "the token file outlives the session"
            time.sleep(0.2)
        for action in ("open_catalog()", "write_bytes(b'2', 's3://home/lea/note.txt')"):
            with pytest.raises(KernelError, match=r"ExpiredSessionError: .*Sign in again"):
                kernel.execute(f"access.{action}")
    # and a new one sets it right
    with short.session("lea") as session, session.kernel() as kernel:
        kernel.execute("from boresight import access")
        assert printed(kernel.execute("print(access.read_bytes('s3://home/lea/note.txt'))")) == (
            "b'1'\n"
        )
