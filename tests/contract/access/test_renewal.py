"""A job outlives many sessions: every client renews by itself, and no read fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from support.access_stack import AccessStack, image_bytes
from support.readers import PROGRAMS, Reader

from boresight_hub.embedded.people import write_private

pytestmark = pytest.mark.slow

LIFE_S = 6
LIFETIMES = 10.5
# longer than a session, so that a machine with other work renews them in time
TOKEN_LIFE_S = 4 * LIFE_S


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
        """The hub's part: tokens renewed in place, long before they are over."""
        nonlocal most_users
        while not over.wait(LIFE_S / 2):
            exp = int(time.time()) + TOKEN_LIFE_S
            write_private(folder / "s3.jwt", short.origin.token("marie", exp=exp))
            most_users = max(most_users, len(short.session_users()))

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        seconds = LIFE_S * LIFETIMES
        running = {name: Reader(name, env, "marie/tile.tif", seconds) for name in PROGRAMS}
        ends = {name: reader.result(120) for name, reader in running.items()}
    finally:
        over.set()
        keeper.join()
    for name, reads in ends.items():
        assert reads.failures == [], name
        assert reads.count > 5 * LIFETIMES, name
        if name == "boto3":
            assert len(reads.access_keys) >= 10
    # the sweep keeps up: what is over is removed, so only the youngest sessions are there
    assert most_users <= 5
    deadline = time.monotonic() + LIFE_S + 5
    while short.session_users():
        assert time.monotonic() < deadline, short.session_users()
        time.sleep(0.5)
