"""Limits of control groups as they are on real machines, and sizes of real objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pandas as pd
import psutil
import pytest
import xarray as xr

from boresight.workflows.memory import limits
from boresight.workflows.memory.limits import OomCounter, memory_of_server
from boresight.workflows.memory.variables import VariablesTable, biggest_variables

MIB = 2**20


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Files as the kernel shows them, of the given control groups."""

    def make(own: str, files: dict[str, str]) -> Path:
        (tmp_path / "own").write_text(own)
        read = Path.read_text
        monkeypatch.setattr(
            limits.Path,
            "read_text",
            lambda self, *a, **k: read(
                tmp_path / "own" if str(self).startswith("/proc/") else self, *a, **k
            ),
        )
        for name, content in files.items():
            path = tmp_path / "groups" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return tmp_path / "groups"

    return make


V2 = {"memory.max": f"{512 * MIB}\n", "memory.current": f"{300 * MIB}\n"}
STAT = f"anon {180 * MIB}\ninactive_file {100 * MIB}\n"


@pytest.mark.parametrize(
    ("own", "files"),
    [
        # a pod that sees its own group as the root
        ("0::/\n", {**V2, "memory.stat": STAT}),
        # the limit stands on a group above
        (
            "0::/pod/child\n",
            {
                **{f"pod/{name}": text for name, text in V2.items()},
                "pod/memory.stat": STAT,
                "pod/child/memory.max": "max\n",
                "pod/child/memory.current": "1000\n",
            },
        ),
        # version 1, named as it is outside of the container
        (
            "4:memory:/kubepods/pod1/abc\n3:cpu:/\n",
            {
                "memory/memory.limit_in_bytes": f"{512 * MIB}\n",
                "memory/memory.usage_in_bytes": f"{300 * MIB}\n",
                "memory/memory.stat": f"cache 5\ntotal_inactive_file {100 * MIB}\n",
            },
        ),
    ],
    ids=["own-root", "above", "version-1"],
)
def test_limit_and_use_of_a_control_group(groups: Any, own: str, files: dict[str, str]) -> None:
    found = memory_of_server(7, groups=groups(own, files), environ={})
    # what the system gives back when it is needed is not used
    assert (found.limit_bytes, found.used_bytes) == (512 * MIB, 200 * MIB)
    assert found.source == "cgroup"


def test_what_is_granted_counts_when_it_is_less(groups: Any) -> None:
    folder = groups("0::/\n", {**V2, "memory.stat": STAT})
    found = memory_of_server(50 * MIB, groups=folder, environ={"MEM_LIMIT": str(256 * MIB)})
    assert (found.limit_bytes, found.used_bytes, found.source) == (256 * MIB, 50 * MIB, "spawner")
    found = memory_of_server(50 * MIB, groups=folder, environ={"MEM_LIMIT": str(1024 * MIB)})
    assert found.source == "cgroup"


@pytest.mark.parametrize("own", ["", "0::/\n", "4:memory:/x\n"])
def test_without_any_limit_it_is_the_machines(groups: Any, own: str) -> None:
    unlimited = {"memory.max": "max\n", "memory/memory.limit_in_bytes": "9223372036854771712\n"}
    found = memory_of_server(1, groups=groups(own, unlimited), environ={"MEM_LIMIT": "x"})
    assert (found.limit_bytes, found.source) == (psutil.virtual_memory().total, "machine")


def test_ends_for_want_of_memory_are_counted_once(groups: Any) -> None:
    folder = groups("0::/\n", {"memory.max": "1\n", "memory.events": "oom 1\noom_kill 2\n"})
    counter = OomCounter(1, folder)
    assert not counter.grown()
    (folder / "memory.events").write_text("oom 2\noom_kill 3\n")
    assert counter.grown()
    assert not counter.grown()


class _Hostile:
    @property
    def nbytes(self) -> int:
        raise RuntimeError("do not look at me")

    @property
    def shape(self) -> tuple[int, ...]:
        raise RuntimeError("nor here")


def test_sizes_of_variables() -> None:
    frames = np.zeros((100, 50), np.float32)
    table = pd.DataFrame({"a": np.arange(1000)})
    cube = xr.DataArray(np.zeros((4, 5)), dims=("row", "col"))
    lazy = dask.array.zeros((10**6, 10**6))
    looped: list[object] = [bytes(1000)]
    looped.append(looped)
    namespace = {
        "frames": frames,
        "table": table,
        "cube": cube,
        "both": cube.to_dataset(name="x"),
        "lazy": lazy,
        "lazy_cube": xr.DataArray(lazy, dims=("row", "col")),
        "listed": [np.zeros(1000) for _ in range(3000)],
        "looped": looped,
        "hostile": _Hostile(),
        "In": ["x"] * 10**4,
        "_hidden": bytes(10**7),
        "np": np,
    }
    found = {v.name: v for v in biggest_variables(namespace, count=50)}
    assert found["frames"].size_bytes == 100 * 50 * 4
    assert found["frames"].shape == "100 x 50"
    assert found["table"].size_bytes == pytest.approx(8000, abs=300)
    assert (found["cube"].size_bytes, found["cube"].shape) == (160, "row 4, col 5")
    assert found["both"].size_bytes == 160
    assert (found["lazy"].size_bytes, found["lazy_cube"].size_bytes) == (0, 0), "nothing is there"
    assert found["listed"].size_bytes == pytest.approx(3000 * 8000, rel=0.1)
    assert found["looped"].size_bytes > 1000
    assert found["hostile"].size_bytes > 0
    assert {"In", "_hidden", "np"}.isdisjoint(found)
    assert biggest_variables(namespace)[0].name == "listed"
    assert VariablesTable(namespace, 1)._repr_json_()["variables"][0]["name"] == "listed"  # type: ignore[index]


def test_looking_loads_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    xr.DataArray(np.zeros((100, 100)), dims=("row", "col"), name="x").to_netcdf(path)
    with xr.open_dataset(path) as opened:
        (found,) = biggest_variables({"opened": opened})
        assert found.size_bytes == 0
        assert not opened["x"].variable._in_memory
