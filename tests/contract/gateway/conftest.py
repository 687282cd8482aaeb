from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from support.gateway_stack import GatewayStack

from boresight.compute import Backend, clusters, stop_all
from boresight.compute.gateway import GatewayBackend


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayStack]:
    made = GatewayStack(tmp_path_factory.mktemp("gateway") / "state")
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def compute(stack: GatewayStack) -> Iterator[Callable[[str], Backend]]:
    """The toolkit's backend as somebody; nobody has a cluster before and after."""
    made: dict[str, GatewayBackend] = {}

    def of(username: str) -> GatewayBackend:
        if username not in made:
            url = stack.settings.gateway_url
            made[username] = GatewayBackend(url, stack.token(username), retry_for_s=20)
        return made[username]

    yield of
    for username in stack.sessions:
        stop_all(backend=of(username))
        assert clusters(backend=of(username)) == []
