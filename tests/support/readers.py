"""Programs of users that read one object again and again, each by an unmodified client.

A reader is a process with nothing but the environment of a user server. It reads until its time is
over and then says how many reads there were, which failed, and with which access keys it read, as
far as the client tells.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

PROGRAMS = {
    "boto3": """
import boto3
session = boto3.session.Session()
s3 = session.client("s3")
def read():
    content = s3.get_object(Bucket="home", Key=name)["Body"].read()
    return content, session.get_credentials().get_frozen_credentials().access_key
""",
    "s3fs": """
import s3fs
fs = s3fs.S3FileSystem()
def read():
    return fs.cat_file(f"home/{name}"), None
""",
    "obstore": """
import obstore
from obstore.store import S3Store
store = S3Store("home")
def read():
    return bytes(obstore.get(store, name).bytes()), None
""",
    "gdal": """
import rasterio, warnings
warnings.simplefilter("ignore")
from rasterio.env import Env
def read():
    # no cache of files, so that each read goes to the store
    with Env(CPL_VSIL_CURL_NON_CACHED="/vsis3/home"):
        with rasterio.open(f"/vsis3/home/{name}") as image:
            return bytes(image.read()), None
""",
}
_HEAD = """
import json, sys, time
name = sys.argv[2]
"""
_MAIN = """
end = time.monotonic() + float(sys.argv[1])
reads, failures, keys, longest = 0, [], set(), 0.0
first = None
while time.monotonic() < end:
    begun = time.monotonic()
    try:
        content, key = read()
        first = first or content
        assert content == first
        reads += 1
        keys.add(key)
    except Exception as exc:
        failures.append(repr(exc)[:300])
    longest = max(longest, time.monotonic() - begun)
    time.sleep(0.2)
print(json.dumps([reads, failures, sorted(filter(None, keys)), longest]))
"""


@dataclass(frozen=True)
class Reads:
    """What a reader says at its end."""

    count: int
    failures: list[str]
    access_keys: list[str]
    longest_s: float


class Reader:
    """A program that reads ``home/{name}`` for some time."""

    def __init__(self, client: str, env: dict[str, str], name: str, seconds: float) -> None:
        self._client = client
        self._process = subprocess.Popen(
            [sys.executable, "-c", _HEAD + PROGRAMS[client] + _MAIN, str(seconds), name],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def result(self, timeout_s: float) -> Reads:
        """Wait for the end."""
        try:
            out, err = self._process.communicate(timeout=timeout_s)
        finally:
            self._process.kill()
        assert self._process.returncode == 0, f"{self._client}: {err}"
        said: list[Any] = json.loads(out)
        return Reads(*said)
