"""A job outlives many sessions: every client renews by itself, and no read fails."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from support.access_stack import AccessStack, image_bytes

from boresight_hub.embedded.people import write_private

LIFE_S = 6
LIFETIMES = 10.5

PROGRAMS = {
    "boto3": """
import boto3
session = boto3.session.Session()
s3 = session.client("s3")
def read():
    content = s3.get_object(Bucket="home", Key="marie/tile.tif")["Body"].read()
    return content, session.get_credentials().get_frozen_credentials().access_key
""",
    "s3fs": """
import s3fs
fs = s3fs.S3FileSystem()
def read():
    return fs.cat_file("home/marie/tile.tif"), None
""",
    "obstore": """
import obstore
from obstore.store import S3Store
store = S3Store("home")
def read():
    return bytes(obstore.get(store, "marie/tile.tif").bytes()), None
""",
    "gdal": """
import rasterio, warnings
warnings.simplefilter("ignore")
from rasterio.env import Env
def read():
    # no cache of files, so that each read goes to the store
    with Env(CPL_VSIL_CURL_NON_CACHED="/vsis3/home"):
        with rasterio.open("/vsis3/home/marie/tile.tif") as image:
            return bytes(image.read()), None
""",
}
MAIN = """
import json, sys, time
end = time.monotonic() + float(sys.argv[1])
reads, failures, keys = 0, [], set()
first = None
while time.monotonic() < end:
    try:
        content, key = read()
        first = first or content
        assert content == first
        reads += 1
        keys.add(key)
    except Exception as exc:
        failures.append(repr(exc)[:300])
    time.sleep(0.2)
print(json.dumps([reads, failures, sorted(filter(None, keys))]))
"""


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessStack]:
    made = AccessStack(
        tmp_path_factory.mktemp("short") / "state", session_life_s=LIFE_S, sweep_interval_s=1
    )
    try:
        made.start()
        yield made
    finally:
        made.close()


def test_ten_lifetimes_without_a_failed_read(short: AccessStack) -> None:
    short.root().put_object(Bucket="home", Key="marie/tile.tif", Body=image_bytes())

    env = short.holder("marie")
    folder = short.settings.state_dir / "tokens" / "marie"
    over = threading.Event()
    most_users = 0

    def keep() -> None:
        """The hub's part: tokens that live as long as a session, renewed in place."""
        nonlocal most_users
        while not over.wait(LIFE_S / 2):
            exp = int(time.time()) + LIFE_S
            write_private(folder / "s3.jwt", short.origin.token("marie", exp=exp))
            most_users = max(most_users, len(short.session_users()))

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        running = {
            name: subprocess.Popen(
                [sys.executable, "-c", program + MAIN, str(LIFE_S * LIFETIMES)],
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for name, program in PROGRAMS.items()
        }
        ends = {name: process.communicate(timeout=120) for name, process in running.items()}
    finally:
        over.set()
        keeper.join()
    for name, (out, err) in ends.items():
        assert running[name].returncode == 0, f"{name}: {err}"
        reads, failures, keys = json.loads(out)
        assert failures == [], name
        assert reads > 5 * LIFETIMES, name
        if name == "boto3":
            assert len(keys) >= 10
    # the sweep keeps up: what is over is removed, so only the youngest sessions are there
    assert most_users <= 5
    deadline = time.monotonic() + LIFE_S + 5
    while short.session_users():
        assert time.monotonic() < deadline, short.session_users()
        time.sleep(0.5)
