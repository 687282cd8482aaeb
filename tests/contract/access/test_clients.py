"""boto3, s3fs, obstore and GDAL, each in a process of its own with nothing but the environment.

The same operations are run by each: what the policy allows first, so that a refusal below is one
of the policy and not of a broken set-up.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from support.access_stack import AccessStack, image_bytes

# read, write, list and delete in the words of each client; a refusal is an exception
CLIENTS = {
    "boto3": """
import boto3
from botocore.config import Config
s3 = boto3.client("s3", config=Config(retries={"total_max_attempts": 2}))
def read(bucket, key):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
def write(bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=DATA)
def names(bucket, prefix):
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for entry in found.get("Contents", [])]
def delete(bucket, key):
    s3.delete_object(Bucket=bucket, Key=key)
def big(bucket, key):
    import io
    from boto3.s3.transfer import TransferConfig
    size = 12 * 2**20
    config = TransferConfig(multipart_threshold=5 * 2**20, multipart_chunksize=5 * 2**20)
    s3.upload_fileobj(io.BytesIO(bytes(size)), bucket, key, Config=config)
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == size
""",
    "s3fs": """
import s3fs
fs = s3fs.S3FileSystem(
    config_kwargs={"retries": {"total_max_attempts": 2}}, use_listings_cache=False
)
def read(bucket, key):
    return fs.cat_file(f"{bucket}/{key}")
def write(bucket, key):
    fs.pipe_file(f"{bucket}/{key}", DATA)
def names(bucket, prefix):
    return [name.partition("/")[2] for name in fs.find(f"{bucket}/{prefix}".rstrip("/"))]
def delete(bucket, key):
    fs.rm_file(f"{bucket}/{key}")
def big(bucket, key):
    with fs.open(f"{bucket}/{key}", "wb", block_size=5 * 2**20) as stream:
        for _ in range(12):
            stream.write(bytes(2**20))
    assert fs.info(f"{bucket}/{key}")["size"] == 12 * 2**20
""",
    "obstore": """
import obstore
from obstore.store import S3Store
def store(bucket):
    return S3Store(bucket, retry_config={"max_retries": 1})
def read(bucket, key):
    return bytes(obstore.get(store(bucket), key).bytes())
def write(bucket, key):
    obstore.put(store(bucket), key, DATA)
def names(bucket, prefix):
    pages = obstore.list(store(bucket), prefix.rstrip("/"))
    return [entry["path"] for page in pages for entry in page]
def delete(bucket, key):
    obstore.delete(store(bucket), key)
def big(bucket, key):
    obstore.put(store(bucket), key, bytes(12 * 2**20), use_multipart=True, chunk_size=5 * 2**20)
    assert obstore.head(store(bucket), key)["size"] == 12 * 2**20
""",
    "gdal": """
import warnings
import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning
warnings.simplefilter("ignore", NotGeoreferencedWarning)
ROWS = {"width": 20, "height": 10, "count": 1, "dtype": "uint8", "driver": "GTiff"}
def read(bucket, key):
    with rasterio.open(f"/vsis3/{bucket}/{key}") as image:
        assert image.read(1).sum() == 200
    return DATA
def write(bucket, key):
    with rasterio.open(f"/vsis3/{bucket}/{key}", "w", **ROWS) as image:
        image.write(np.ones((1, 10, 20), "uint8"))
    # GDAL tells of a refused upload when the file is closed, and rasterio may only log it
    read(bucket, key)
def names(bucket, prefix):
    # rasterio has no listing of its own; GDAL lists the folder to open a file in it
    raise NotImplementedError
def delete(bucket, key):
    from rasterio.shutil import delete
    delete(f"/vsis3/{bucket}/{key}", driver="GTiff")
def big(bucket, key):
    size = {"width": 12000, "height": 10000}
    with rasterio.open(f"/vsis3/{bucket}/{key}", "w", **(ROWS | size)) as image:
        image.write(np.ones((1, 10000, 12000), "uint8"))
    with rasterio.open(f"/vsis3/{bucket}/{key}") as image:
        assert image.read(1, window=((5000, 5001), (0, 12000))).sum() == 12000
""",
}

HEAD = """
import json, sys
DATA = b"x" * 300
"""
MAIN = """
results = []
for verb, bucket, key in json.loads(sys.stdin.read()):
    try:
        answer = globals()[verb](bucket, key)
        results.append(["fine", answer.decode("latin1") if isinstance(answer, bytes) else answer])
    except BaseException as exc:
        results.append(["refused", f"{type(exc).__name__}: {exc}"])
print(json.dumps(results))
"""

Steps = list[tuple[str, str, str]]


def run(stack: AccessStack, client: str, username: str, steps: Steps) -> list[list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", HEAD + CLIENTS[client] + MAIN],
        env=stack.holder(username),
        input=json.dumps(steps),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results: list[list[str]] = json.loads(done.stdout)
    assert len(results) == len(steps)
    return results


@pytest.fixture(scope="module")
def objects(stack: AccessStack) -> None:
    """One image in every place there is."""
    root, content = stack.root(), image_bytes()
    for bucket, key in PLACES:
        root.put_object(Bucket=bucket, Key=key, Body=content)


PLACES = [
    ("home", "marie/there.tif"),
    ("home", "paul/there.tif"),
    *(
        (bucket, f"{collection}/item/there.tif")
        for bucket in ("catalogue", "products")
        for collection in ("co3d-l1", "co3d-dsm", "sentinel2-l1")
    ),
]
OWN = {
    "marie": ("marie/", "co3d-"),
    "paul": ("paul/", "sentinel2-"),
    "lea": ("lea/", "co3d-", "sentinel2-"),
}


@pytest.mark.usefixtures("objects")
@pytest.mark.parametrize("username", ["marie", "paul", "lea"])
@pytest.mark.parametrize("client", CLIENTS)
def test_reads_and_writes_what_is_theirs_and_nothing_else(
    stack: AccessStack, client: str, username: str
) -> None:
    steps: Steps = []
    expected: list[str] = []
    own = f"{username}/{client}-{username}.tif"
    for verb in ("write", "read", "delete"):
        steps.append((verb, "home", own))
        expected.append("fine")
    for bucket, key in PLACES:
        # an admin leads, and reads no homes
        fate = "fine" if key.startswith(OWN[username]) else "refused"
        folder = key.rpartition("/")[0]
        made = f"{folder}/{client}-{username}.tif"
        steps += [("read", bucket, key), ("write", bucket, made)]
        expected += [fate, fate]
        if client != "gdal":
            steps.append(("names", bucket, f"{folder}/"))
            expected.append(fate)
        if fate == "refused":
            steps.append(("delete", bucket, key))
            expected.append("refused")
    results = run(stack, client, username, steps)
    wrong = [
        (step, fate, result)
        for step, fate, result in zip(steps, expected, results, strict=True)
        if result[0] != fate
    ]
    assert not wrong
    root = stack.root()
    for bucket, key in PLACES:
        root.head_object(Bucket=bucket, Key=key)  # nothing was deleted
        if not key.startswith(OWN[username]):
            made = f"{key.rpartition('/')[0]}/{client}-{username}.tif"
            found = root.list_objects_v2(Bucket=bucket, Prefix=made)["KeyCount"]
            assert found == 0, made


@pytest.mark.parametrize("client", CLIENTS)
def test_large_objects(stack: AccessStack, client: str) -> None:
    """By parts, where the client does so."""
    assert run(stack, client, "marie", [("big", "home", f"marie/big-{client}.tif")])[0][0] == "fine"
    (refused,) = run(stack, client, "marie", [("big", "home", f"paul/big-{client}.tif")])
    assert refused[0] == "refused"
    assert stack.root().list_objects_v2(Bucket="home", Prefix="paul/big")["KeyCount"] == 0


@pytest.mark.parametrize("client", ["boto3", "s3fs", "obstore"])
def test_listing_ends_at_the_folder(stack: AccessStack, client: str) -> None:
    root = stack.root()
    root.put_object(Bucket="home", Key="mariella/secret", Body=b"1")
    root.put_object(Bucket="home", Key="marie/mine", Body=b"1")
    results = run(
        stack,
        client,
        "marie",
        [("names", "home", "marie/"), ("names", "home", "mariella/"), ("names", "home", "")],
    )
    assert [fate for fate, _ in results] == ["fine", "refused", "refused"]
    assert "marie/mine" in results[0][1]
    assert not [name for name in results[0][1] if name.startswith("mariella")]
