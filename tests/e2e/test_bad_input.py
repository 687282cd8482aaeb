"""Bad input through the real command and the real notebook, one case for each way in.

Each is told with the value, the rule and a remedy, without a traceback and with an exit code other
than 0, and leaves nothing behind: no file, no object, no item.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from support.environment import COMMAND, Environment
from support.holdings import holdings
from support.ports import free_base_port

from boresight.io import write_cog
from boresight.simulate import PairConfig, SimulatedPair, simulate_pair
from boresight_hub.embedded import processes
from boresight_hub.embedded.state import read_report
from boresight_hub.errors import BoresightError, SignInError
from boresight_hub.notebookrun import run_notebook
from boresight_hub.session import HubSession
from boresight_hub.session.kernel import Kernel, KernelError

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(420)]

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "quickstart" / "stereo_to_dsm.ipynb"
NOWHERE = "http://127.0.0.1:9"


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def assert_told(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    told = done.stderr
    assert done.returncode == code, told
    assert "Traceback" not in told, told
    assert re.search(r"^error: ", told, re.MULTILINE), told
    assert re.search(r"^remedy: \S", told, re.MULTILINE), told
    for word in words:
        assert word in told, f"{word!r} is not in: {told}"


# before anything is there


def foreign(state: Path) -> None:
    state.mkdir()
    (state / "thesis.txt").write_text("mine")


def newer(state: Path) -> None:
    state.mkdir()
    made = {"format": 99, "version": "99.0", "created_at": "2030-01-01T00:00:00Z"}
    (state / "boresight.json").write_text(json.dumps(made))


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (foreign, ("holds files, but none of Boresight's", "--state")),
        (newer, ("format 99 of Boresight 99.0", "Update")),
    ],
)
def test_state_directory(
    tmp_path: Path, prepare: Callable[[Path], None], words: tuple[str, ...]
) -> None:
    state = tmp_path / "state"
    prepare(state)
    before = {path: path.read_bytes() for path in state.iterdir()}
    done = run("demo", "--state", str(state), "--port", str(free_base_port()))
    assert_told(done, 3, str(state), *words)
    assert {path: path.read_bytes() for path in state.iterdir()} == before


def test_port_in_use(tmp_path: Path) -> None:
    state, port = tmp_path / "state", free_base_port()
    with socket.create_server(("127.0.0.1", port + 1)):
        done = run("demo", "--state", str(state), "--port", str(port))
    assert_told(done, 4, str(port + 1), "--port")
    assert not state.exists()


def test_no_network_at_the_first_start(tmp_path: Path) -> None:
    state = tmp_path / "state"
    done = run(
        *("demo", "--state", str(state), "--port", str(free_base_port())),
        HTTPS_PROXY=NOWHERE,
        HTTP_PROXY=NOWHERE,
        GOPROXY=NOWHERE,
        NPM_CONFIG_REGISTRY=NOWHERE,
        NPM_CONFIG_FETCH_RETRIES="0",
        NPM_CONFIG_CACHE=str(tmp_path / "npm"),
        BORESIGHT_CACHE_DIR=str(tmp_path / "cache"),
    )
    assert_told(done, 5, "first start fetches", "network")
    assert processes.marked(state) == []
    assert not (state / "node").exists()
    assert not (state / "bin" / "versitygw").exists()


# signing in


def test_wrong_password(environment: Environment) -> None:
    with (
        HubSession(environment.settings) as session,
        pytest.raises(SignInError, match=r"refuses 'marie'.*boresight users show"),
    ):
        session.sign_in("marie", "certainly-wrong")


@pytest.mark.usefixtures("outcome")
def test_provider_down(environment: Environment) -> None:
    """It hangs, which is worse than being gone, and shorter than it is started again."""
    report = read_report(environment.state)
    assert report is not None
    pid = report.services["idp"].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        done = environment.command("demo", "--json", check=False)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert_told(done, 7, "out of reach", "nobody can sign in", "boresight status")


# images, through the command


@pytest.fixture(scope="module")
def pair() -> SimulatedPair:
    return simulate_pair(PairConfig(size_px=256, seed=91))


@pytest.fixture(scope="module")
def elsewhere() -> SimulatedPair:
    return simulate_pair(PairConfig(size_px=256, seed=91, lon_deg=2.5))


def write(
    folder: Path, pair: SimulatedPair, right: SimulatedPair | None = None, **images: Any
) -> Path:
    folder.mkdir()
    other = right or pair
    for side, image, rpc in (
        ("left", pair.left, pair.rpc_left),
        ("right", other.right, other.rpc_right),
    ):
        write_cog(folder / f"{side}.tif", images.get(side, image), rpc=rpc)
    return folder


def without_rpc(folder: Path, pair: SimulatedPair, _: SimulatedPair) -> None:
    write(folder, pair)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it lies nowhere on Earth, which is the point
        write_cog(folder / "right.tif", pair.right)


def without_overlap(folder: Path, pair: SimulatedPair, elsewhere: SimulatedPair) -> None:
    write(folder, pair, elsewhere)


def truncated(folder: Path, pair: SimulatedPair, _: SimulatedPair) -> None:
    write(folder, pair)
    path = folder / "right.tif"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def corrupt(folder: Path, pair: SimulatedPair, _: SimulatedPair) -> None:
    write(folder, pair)
    content = bytearray((folder / "right.tif").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4096] = b"\xa5" * 4096
    (folder / "right.tif").write_bytes(content)


def without_texture(folder: Path, pair: SimulatedPair, _: SimulatedPair) -> None:
    write(folder, pair, right=None, right_=None, **{"left": np.full_like(pair.left, 700)})


def without_data(folder: Path, pair: SimulatedPair, _: SimulatedPair) -> None:
    write(folder, pair, **{"left": np.full(pair.left.shape, np.nan, "float32")})


def no_image_at_all(folder: Path, _: SimulatedPair, __: SimulatedPair) -> None:
    folder.mkdir()


@pytest.mark.usefixtures("outcome")
@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (without_rpc, ("InputError", "right.tif", "image without RPC", "exactly two")),
        (without_overlap, ("OverlapError", "overlap by 0.0 %", "same place")),
        (truncated, ("ImageError", "right.tif")),
        (corrupt, ("ImageError", "right.tif")),
        (without_texture, ("ImageError", "left.tif", "texture")),
        (without_data, ("ImageError", "left.tif", "none of", "valid")),
        (no_image_at_all, ("InputError", "0 images", "exactly two")),
    ],
)
def test_images(
    environment: Environment,
    tmp_path: Path,
    pair: SimulatedPair,
    elsewhere: SimulatedPair,
    prepare: Callable[[Path, SimulatedPair, SimulatedPair], None],
    words: tuple[str, ...],
) -> None:
    folder = tmp_path / "pair"
    prepare(folder, pair, elsewhere)
    before = stored(environment)
    done = environment.command("demo", "--json", "--pair", str(folder), check=False)
    assert_told(done, 1, *words)
    assert stored(environment) == before


def stored(environment: Environment) -> set[str]:
    return holdings(environment).names


# what a notebook may ask for


@pytest.fixture(scope="module")
def kernel(environment: Environment, outcome: dict[str, Any]) -> Iterator[Kernel]:
    with environment.session("marie") as session, session.kernel() as kernel:
        collection, _, item = outcome["item"].partition("/collections/")[2].partition("/items/")
        kernel.execute(
            f"from boresight import access\ndsm = access.get_item({collection!r}, {item!r})"
        )
        yield kernel


@pytest.mark.usefixtures("outcome")
def test_unknown_collection(environment: Environment) -> None:
    before = stored(environment)
    parameters = {"size_px": 200, "collection": "no-such"}
    with (
        environment.session("marie") as session,
        pytest.raises(BoresightError, match=r"CatalogueError: .*'no-such'.*Choose one of: co3d"),
    ):
        run_notebook(session, NOTEBOOK, "bad/unknown.ipynb", parameters)
    assert stored(environment) == before


FOREIGN = """
from boresight.compute import cluster
from boresight.workflows.stereo import stereo
sources = [link.target for link in dsm.links if link.rel == "derived_from"]
left, right = (access.get_item(*s.split("/collections/")[1].split("/items/")) for s in sources[:2])
name = next(n for n, a in left.assets.items() if "data" in a.roles)
left.assets[name].href = {href!r}.format(left.assets[name].href)
with cluster(n_workers=0) as made:
    stereo(left, right, compute=made)
"""


@pytest.mark.parametrize(
    "href",
    [
        "https://example.org/image.tif",
        "file:///etc/passwd",
        "{}/../../../../home/paul/image.tif",
        "/vsicurl/http://127.0.0.1:1/image.tif",
    ],
)
def test_item_with_a_foreign_href(environment: Environment, kernel: Kernel, href: str) -> None:
    before = stored(environment)
    with pytest.raises(KernelError, match=r"ForeignHrefError: The href .*one of our buckets"):
        kernel.execute(FOREIGN.format(href=href))
    assert stored(environment) == before


# the store goes away for good


@contextlib.contextmanager
def no_store(environment: Environment) -> Iterator[Callable[[], None]]:
    """Call it to end the store; it cannot be started again before the end of the block."""
    program = environment.state / "bin" / "versitygw"
    aside = program.with_name("versitygw-aside")

    def pid() -> int | None:
        report = read_report(environment.state)
        assert report is not None
        return report.services["s3"].pid if report.services["s3"].state == "ready" else None

    def end() -> None:
        program.rename(aside)
        running = pid()
        assert running is not None
        os.kill(running, signal.SIGKILL)

    try:
        yield end
    finally:
        if aside.exists():
            aside.rename(program)
        until = time.monotonic() + 60
        while pid() is None:
            assert time.monotonic() < until, "the store did not come back"
            time.sleep(0.5)


INGEST = """
from boresight.simulate import PairConfig
from boresight.workflows.ingest import ingest_simulated
from boresight.workflows.notebook import ProgressLine
made = ingest_simulated(PairConfig(size_px=256, seed=92), progress=ProgressLine())
"""


def test_store_down_in_mid_job(environment: Environment, kernel: Kernel) -> None:
    before = stored(environment)
    said = ""

    def listen(output: dict[str, Any]) -> None:
        nonlocal said
        text = output.get("text", "")
        if said.count("uploading") < 2 <= (said + text).count("uploading"):
            end()
        said += text

    with no_store(environment) as end:
        with pytest.raises(KernelError, match=r"AccessError: S3 did not answer.*boresight status"):
            kernel.execute(INGEST, on_output=listen)
        assert said.count("uploading") >= 2
    left = stored(environment) - before
    # nobody could remove what was whole before the store went; no item names it
    assert all(name.startswith("catalogue/co3d-l1/sim-256-92-") for name in left)
    assert len(left) <= 2, left
    kernel.execute(INGEST)
    new = stored(environment) - before
    assert len([name for name in new if "/" not in name]) == 3
    assert len(new) == 3 + 6


def test_damaged_image_in_the_store(environment: Environment, kernel: Kernel) -> None:
    """An object that is not what its item says is noticed before anything is computed of it."""
    with rasterio.Env():
        kernel.execute(INGEST)
    folder = environment.state / "s3" / "data" / "catalogue" / "co3d-l1"
    (image,) = folder.glob("sim-256-92-*-left/image.tif")
    content = image.read_bytes()
    before = stored(environment)
    image.write_bytes(content[: len(content) // 3])
    try:
        with pytest.raises(KernelError, match=r"(ImageError|StereoError|InputError): .*image.tif"):
            kernel.execute(
                "from boresight.compute import cluster\n"
                "from boresight.workflows.stereo import stereo\n"
                "with cluster(n_workers=1) as c: stereo(made.left, made.right, compute=c)"
            )
    finally:
        image.write_bytes(content)
    assert stored(environment) == before
