"""Jobs that outlive twenty credentials: no read fails, whatever is restarted in the middle.

The store's own log is the witness: it names the access key of every request.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from support.access_stack import image_bytes
from support.readers import Reader
from support.signing_stack import SigningStack

from boresight_hub import oidc
from boresight_hub.embedded.people import write_private
from boresight_hub.errors import CredentialError, SignInError

pytestmark = pytest.mark.slow

LIFE_S = 4
LIFETIMES = 21
# files outlive a restart of the provider, on a busy machine too, as they do in an environment
TOKEN_LIFE_S = 60
CLIENTS = ("boto3", "s3fs", "gdal")


class Keeper(threading.Thread):
    """The hub's part: it renews the token file from its refresh token, and waits in outages."""

    def __init__(self, stack: SigningStack, username: str, file: Path) -> None:
        super().__init__(daemon=True)
        self._stack, self._file = stack, file
        self._refresh_token = stack.idp.sign_in(username)["refresh_token"]
        self._over = threading.Event()
        self.renewals = self.outages = 0
        self._renew()

    def run(self) -> None:
        while not self._over.wait(1):
            try:
                self._renew()
            except (SignInError, CredentialError):
                self.outages += 1

    def end(self) -> None:
        self._over.set()
        self.join(30)

    def _renew(self) -> None:
        settings = self._stack.settings
        tokens = asyncio.run(oidc.refresh(settings, self._refresh_token))
        self._refresh_token = tokens.refresh_token or self._refresh_token
        exchanged = asyncio.run(oidc.exchange(settings, tokens.access_token, "s3"))
        write_private(self._file, exchanged.access_token)
        self.renewals += 1


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningStack]:
    made = SigningStack(
        tmp_path_factory.mktemp("lifetimes") / "state",
        token_life_s=TOKEN_LIFE_S,
        session_life_s=LIFE_S,
        sweep_interval_s=1,
        share_port=True,
    )
    try:
        made.start()
        yield made
    finally:
        made.close()


def restart_provider(stack: SigningStack, keeper: Keeper) -> None:
    """It is away until a renewal has failed."""
    stack.hub.stop("idp")
    try:
        assert httpx.get(stack.idp.endpoint("certs"), trust_env=False).status_code == 503
        until_s = time.monotonic() + TOKEN_LIFE_S / 4
        while not keeper.outages and time.monotonic() < until_s:
            time.sleep(0.1)
    finally:
        stack.hub.start("idp")


def restart_access(stack: SigningStack, keeper: Keeper) -> None:
    """With lives this short boto3 gives up after two seconds, so the next one comes before."""
    before = stack.access.processes["access"]
    stack.access.roll("access")
    assert before.poll() is not None  # what answers now is another process
    assert stack.access.processes["access"].poll() is None


RESTARTS: dict[str, Callable[[SigningStack, Keeper], None] | None] = {
    "nothing": None,
    "identity provider": restart_provider,
    "access service": restart_access,
}


@pytest.mark.parametrize("restarted", RESTARTS)
def test_twenty_lifetimes(stack: SigningStack, tmp_path: Path, restarted: str) -> None:
    place = f"marie/{restarted.replace(' ', '-')}"
    for client in CLIENTS:
        stack.access.root().put_object(
            Bucket="home", Key=f"{place}/{client}.tif", Body=image_bytes()
        )
    env = stack.access.environment("marie", tmp_path)
    keeper = Keeper(stack, "marie", tmp_path / "s3.jwt")
    seconds = LIFE_S * LIFETIMES
    keeper.start()
    try:
        running = {
            client: Reader(client, env, f"{place}/{client}.tif", seconds) for client in CLIENTS
        }
        restart = RESTARTS[restarted]
        if restart is not None:
            time.sleep(seconds / 2)
            restart(stack, keeper)
        ends = {client: reader.result(seconds + 60) for client, reader in running.items()}
    finally:
        keeper.end()
    for client, reads in ends.items():
        assert reads.failures == [], client
        assert reads.count > LIFETIMES, client
        requests = stack.access.s3_requests(f"{place}/{client}.tif")
        readers = [(key, status) for key, status in requests if not _is_root(stack, key)]
        assert {status for _, status in readers} <= {200, 206}, client
        assert len({key for key, _ in readers}) >= 20, client
    assert keeper.renewals > LIFETIMES
    if restarted == "identity provider":
        assert keeper.outages > 0


def _is_root(stack: SigningStack, access_key: str) -> bool:
    return access_key == stack.settings.secret("s3-root-access-key")
