"""A home of its own size, filled to the last byte: its owner gets in, makes room, goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.batch_person import BatchPerson, wait_for
from support.environment import Environment
from support.ports import free_base_port

from boresight_hub.config.rescue import has_room, rescue_environment

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(900)]

_SIZE_BYTES = 24 * 2**20


def run(program: str, *arguments: str) -> None:
    path = shutil.which(program)
    if path is None:
        raise FileNotFoundError(program)
    subprocess.run([path, *arguments], check=True, capture_output=True)


@pytest.fixture
def small_home(environment: Environment, tmp_path: Path) -> Iterator[Path]:
    """Léa's home on a file system of its own."""
    home = environment.state / "homes" / "lea"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    image = tmp_path / "home.img"
    with image.open("wb") as stream:
        stream.truncate(_SIZE_BYTES)
    try:
        # nothing is kept for root, whom these tests often run as
        run("mkfs.ext4", "-q", "-m", "0", str(image))
        run("mount", "-o", "loop", str(image), str(home))
    except (OSError, subprocess.CalledProcessError) as exc:
        pytest.skip(f"no file system can be mounted here ({exc}): it takes root")
    try:
        yield home
    finally:
        run("umount", "-l", str(home))


def fill(home: Path) -> None:
    (home / "work").mkdir(exist_ok=True)
    with (home / "work" / "big.dat").open("wb", buffering=0) as stream:
        for size in (2**20, 4096, 1):
            while True:
                try:
                    stream.write(os.urandom(size))
                except OSError:
                    break


def told(person: BatchPerson) -> dict[str, Any]:
    """What the server tells Lab of the home."""
    answer = httpx.get(
        f"{person.session.server_url()}boresight/home",
        headers={"authorization": f"token {person.session.token}"},
        timeout=60,
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_server_starts_in_a_full_home(environment: Environment, small_home: Path) -> None:
    with BatchPerson(environment, "lea") as lea:
        assert not told(lea)["is_full"]
        assert told(lea)["quota_bytes"] < _SIZE_BYTES
        lea.session.stop_server()
    fill(small_home)
    with pytest.raises(OSError, match="No space left"):
        (small_home / "more").write_text("x" * 8192)
    with BatchPerson(environment, "lea") as lea:
        usage = told(lea)
        assert usage["is_full"]
        assert usage["is_rescue"]
        assert usage["biggest"][0]["path"] == "work/big.dat"
        text = lea.boresight("home")
        assert "The home is full" in text
        assert "~/work/big.dat" in text
        # by Lab's own means, as a person does
        lea.session.server_api("DELETE", "contents/work/big.dat", expect=(204,))
        assert not told(lea)["is_full"]
        lea.session.stop_server()
        lea.session.start_server()
        assert not told(lea)["is_rescue"]
        lea.session.write_file("again.txt", "there is room")
        assert (small_home / "again.txt").read_text() == "there is room"
        lea.session.stop_server()


def test_what_the_rescue_is_for(small_home: Path, tmp_path: Path) -> None:
    """The same server, without and with what a rescue gives it."""
    fill(small_home)
    assert not has_room(small_home)
    port = free_base_port()
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"]
    command += [f"--port={port}", "--ip=127.0.0.1", "--ServerApp.port_retries=0"]
    plain = {"PATH": os.environ["PATH"], "HOME": str(small_home), "LANG": "C.UTF-8"}
    ended = subprocess.run(
        command, env=plain, cwd=small_home, capture_output=True, text=True, timeout=400, check=False
    )
    assert ended.returncode != 0
    assert "No space left" in ended.stderr
    rescued = plain | rescue_environment(tmp_path / "rescue")
    server = subprocess.Popen(
        command, env=rescued, cwd=small_home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: answers(port))
        assert server.poll() is None
    finally:
        server.terminate()
        server.wait(20)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
