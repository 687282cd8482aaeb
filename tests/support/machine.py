"""What is fetched or built once an account and not once a test.

``python -m support.machine`` does so ahead: a build of minutes is no test's time.
"""

from __future__ import annotations

import fcntl
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from boresight_hub.embedded import nodejs, restic, versitygw
from boresight_hub.embedded.goprograms import cache_dir
from boresight_hub.settings import HubSettings


def link_node_packages(settings: HubSettings) -> None:
    """Give an environment the Node packages that all tests share."""
    node = nodejs.node_directory(settings)
    if node.exists():
        return
    node.symlink_to(node_packages())


def install_s3_server(settings: HubSettings) -> None:
    """Put the S3 server into an environment; it is built by the first test that needs it."""
    with alone("s3-server"):
        versitygw.install(settings)


def install_restic(settings: HubSettings) -> None:
    """Put restic into an environment; it is built by the first test that needs it."""
    with alone("restic"):
        restic.PROGRAM.install(settings)


def node_packages() -> Path:
    """Folder with the Node packages that all tests share; they are installed if need be."""
    with alone("node") as folder:
        return nodejs.install(HubSettings(state_dir=folder / "node"))


@contextmanager
def alone(name: str) -> Iterator[Path]:
    """Keep out every other process of this account that makes the same; gives the folder."""
    folder = cache_dir() / "tests"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def main() -> None:
    """Make everything that is missing."""
    sys.stdout.write("what the tests share (the first time it is fetched and built)\n")
    sys.stdout.flush()
    node_packages()
    with tempfile.TemporaryDirectory() as folder:
        install_s3_server(HubSettings(state_dir=Path(folder)))


if __name__ == "__main__":
    main()
