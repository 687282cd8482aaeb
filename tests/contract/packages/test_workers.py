"""A package of one's own, in one's server and on the workers of one's cluster."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gateway_stack import GatewayStack
from support.wheels import Wheelhouse

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WORK = """
import json, sys
from boresight import compute
import grating

def version():
    import grating
    return [grating.__version__, grating.__file__]

def without():
    import importlib.util
    return importlib.util.find_spec("grating") is not None

if __name__ == "__main__":
    with compute.cluster(1, worker_memory_gib=0.5, timeout_s=200) as made:
        here = made.client.submit(version).result(timeout=100)
        made.scale(2)
        made.wait_for_workers(2, timeout_s=200)
        later = made.client.run(without)
    print(json.dumps([grating.__file__, here, list(later.values())]))
"""
PLAIN = """
import json
from boresight import compute

def without():
    import importlib.util
    return importlib.util.find_spec("grating") is not None

if __name__ == "__main__":
    with compute.cluster(1, worker_memory_gib=0.5, timeout_s=200) as made:
        print(json.dumps(list(made.client.run(without).values())))
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayStack]:
    made = GatewayStack(tmp_path_factory.mktemp("packages") / "state")
    try:
        made.start()
        yield made
    finally:
        made.close()


def run(stack: GatewayStack, command: str, **variables: str) -> str:
    """Run a shell command in Marie's server; what it prints."""
    marie = stack.sessions["marie"]
    marie.start_server()
    with marie.kernel() as kernel:
        outputs = kernel.execute(
            "import json, os, subprocess\n"
            f"done = subprocess.run({command!r}, shell=True, text=True, capture_output=True,\n"
            f"    env=os.environ | {variables!r})\n"
            "print(json.dumps([done.returncode, done.stdout, done.stderr]))",
            timeout_s=500,
        )
    code, out, err = json.loads("".join(o.get("text", "") for o in outputs))
    assert code == 0, f"{command}: {code}\n{out}\n{err}"
    return str(out)


@pytest.mark.soak
def test_workers_import_what_the_notebook_imports(stack: GatewayStack, tmp_path: Path) -> None:
    home = stack.settings.state_dir / "homes" / "marie"
    home.mkdir(parents=True, exist_ok=True)
    wheels = Wheelhouse(tmp_path / "wheels")
    wheels.add("grating", "1.0")
    wheels.serve(home)
    (home / "work.py").write_text(WORK)
    (home / "plain.py").write_text(PLAIN)
    assert "1 packages are ready" in run(stack, "boresight packages add grating")
    folder = home / ".local/share/boresight/packages"
    spec = json.loads(
        (home / ".local/share/jupyter/kernels/boresight-packages/kernel.json").read_text()
    )
    # the kernel's interpreter and variables, as Jupyter would start it
    said = run(stack, f"{spec['argv'][0]} work.py", **spec["env"])
    mine, (version, place), workers = json.loads(said.splitlines()[-1])
    assert mine.startswith(str(folder))
    assert version == "1.0"
    assert place.startswith(str(folder))
    assert workers == [True, True], "a worker that came later has it too"
    # without them, workers have only what the image has
    assert json.loads(run(stack, "python plain.py").splitlines()[-1]) == [False]
    # and Lab offers the kernel
    marie = stack.sessions["marie"]
    specs = marie.server_api("GET", "kernelspecs").json()["kernelspecs"]
    assert "boresight-packages" in specs
    marie.stop_server()


def test_workers_that_do_not_see_the_home_take_an_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Kubernetes: a real scheduler and worker of this machine, to whom the home is gone."""
    from distributed import Client, LocalCluster

    from boresight.workflows.packages import workers as packages

    root = tmp_path / "packages"
    site = root / "envs" / "a" / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    (site / "grating_far.py").write_text("__version__ = '7'\n")
    (site / "boresight-base.pth").write_text("import site\n")
    (root / "current").symlink_to("envs/a")
    (root / "lock.txt").write_text("grating_far==7\n")
    monkeypatch.setenv(packages.FOLDER_VARIABLE, str(root))
    kept = tmp_path / "archive.tar.gz"

    def publish(archive: Path, digest: str) -> str:
        kept.write_bytes(archive.read_bytes())
        site.rename(tmp_path / "away")
        return f"s3://home/marie/{digest}.tar.gz"

    monkeypatch.setattr(packages, "_is_folder", lambda path: False)
    monkeypatch.setattr(
        "boresight.workflows.packages.workers.read_bytes", lambda href: kept.read_bytes()
    )
    with (
        LocalCluster(
            n_workers=1,
            processes=False,
            dashboard_address=None,
            local_directory=str(tmp_path / "scratch"),
        ) as made,
        Client(made) as client,
    ):
        assert packages.attach_own_packages(client, publish)
        place = client.submit(lambda: __import__("grating_far").__file__).result(timeout=30)
    assert "own-packages-" in place
    with tarfile.open(kept) as opened:
        assert opened.getnames() == ["grating_far.py"], "nothing of the base"
