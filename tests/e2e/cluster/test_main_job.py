"""The main job on the cluster, and its result against the one of one machine."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from support.cluster import ORIGIN, Cluster, Person

from boresight.compute import cluster as dask_cluster
from boresight.compute.local import LocalBackend
from boresight.workflows.ingest import find_pair, ingest_pair
from boresight.workflows.stereo import stereo
from boresight.workflows.targets import FolderTarget

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
COMMAND = Path(sys.executable).with_name("boresight")

_FETCH = """
from pathlib import Path
from boresight import access
item = access.get_item({collection!r}, {item!r})
access.download(item.assets["dsm"].href, Path("/home/jovyan/dsm.tif"))
"""


@pytest.fixture(scope="module")
def outcome(cluster: Cluster, authorities: Path, real_data: Path) -> dict[str, Any]:
    """What `boresight demo` prints of a real pair; server and workers are pods."""
    done = subprocess.run(
        [
            *(str(COMMAND), "demo", "--json", "--origin", ORIGIN, "--user", "marie"),
            *("--authorities", str(authorities), "--pair", str(real_data / "ventoux")),
        ],
        env=os.environ | {"BORESIGHT_PASSWORD": cluster.password("marie")},
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr[-4000:]}\n{cluster.state()}"
    print(done.stdout)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def read(content: bytes) -> tuple[np.ndarray[Any, Any], Any]:
    with rasterio.open(io.BytesIO(content)) as dsm:
        return dsm.read(1, masked=True).filled(np.nan), dsm.transform


def test_the_dsm_is_that_of_one_machine(
    outcome: dict[str, Any], person: Person, real_data: Path, tmp_path: Path
) -> None:
    figures = outcome["figures"]
    with person("marie") as session, session.kernel() as kernel:
        kernel.execute(_FETCH.format(collection=figures["collection"], item=figures["item"]))
        model = session.server_api("GET", "contents/dsm.tif?format=base64&content=1").json()
    heights, transform = read(base64.b64decode(model["content"]))

    target = FolderTarget(tmp_path)
    pair = ingest_pair(*find_pair(real_data / "ventoux"), collection="l1", target=target)
    with dask_cluster(1, worker_memory_gib=4, backend=LocalBackend(), timeout_s=120) as workers:
        made = stereo(*pair, compute=workers, target=target)
    expected, expected_transform = read(Path(made.item.assets["dsm"].href).read_bytes())

    assert transform == expected_transform
    assert heights.shape == expected.shape
    np.testing.assert_array_equal(np.isfinite(heights), np.isfinite(expected))
    difference = (heights - expected)[np.isfinite(expected)]
    assert difference.size > 50_000
    assert np.median(difference) == 0
    nmad_m = 1.4826 * np.median(np.abs(difference - np.median(difference)))
    assert nmad_m <= 0.001
    print(f"n {difference.size}, largest difference {np.abs(difference).max()} m")


def test_the_item_is_in_pgstac(cluster: Cluster, outcome: dict[str, Any]) -> None:
    item = outcome["figures"]["item"]
    sql = f"SELECT count(*) FROM pgstac.items WHERE id = '{item}'"
    said = cluster.kubectl(
        *("--namespace=boresight", "exec", "statefulset/postgresql", "--"),
        *("psql", "--tuples-only", "--username=postgres", "--dbname=boresight", f"--command={sql}"),
    )
    assert said.strip() == "1"
