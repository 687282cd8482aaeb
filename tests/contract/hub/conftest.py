"""One hub with its proxy and identity provider for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.hub_stack import HubStack, remove_state
from support.ports import free_base_port

from boresight_hub.session import HubSession
from boresight_hub.settings import HubSettings, OidcSettings, ServerSettings, TokenSettings

#: Life of access tokens [s]: files are renewed every few seconds while the tests look.
TOKEN_LIFE_S = 6


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubStack]:
    examples = tmp_path_factory.mktemp("notebooks")
    (examples / "quickstart").mkdir()
    (examples / "quickstart" / "hello.ipynb").write_text("{}")
    settings = HubSettings(
        state_dir=tmp_path_factory.mktemp("state"),
        port=free_base_port(),
        oidc=OidcSettings(token_life_s=TOKEN_LIFE_S),
        tokens=TokenSettings(check_interval_s=0.3),
        server=ServerSettings(examples_dir=examples),
    )
    stack = HubStack(settings)
    try:
        stack.start()
        yield stack
    finally:
        stack.close()
        remove_state(settings)


@pytest.fixture
def settings(stack: HubStack) -> HubSettings:
    return stack.settings


@pytest.fixture
def marie(stack: HubStack) -> Iterator[HubSession]:
    with HubSession(stack.settings) as session:
        session.sign_in("marie", stack.password("marie"))
        yield session
        session.stop_server()
