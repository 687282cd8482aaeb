"""The hub at debug level: signing in, a server, its tokens, signing out; then its log is read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.hub_stack import HubStack, remove_state
from support.ports import free_base_port

from boresight_hub.session import HubSession
from boresight_hub.settings import HubSettings, ServerSettings, TokenSettings

pytestmark = pytest.mark.slow


@pytest.fixture
def loud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubStack]:
    settings = HubSettings(
        state_dir=tmp_path_factory.mktemp("debug"),
        port=free_base_port(),
        log_level="DEBUG",
        tokens=TokenSettings(check_interval_s=0.3),
        server=ServerSettings(examples_dir=None),
    )
    made = HubStack(settings)
    try:
        made.start()
        yield made
    finally:
        made.close()
        remove_state(settings)


def test_no_secret_in_the_log(loud: HubStack) -> None:
    tokens = loud.settings.state_dir / "run" / "tokens" / "marie" / "server-default"
    with HubSession(loud.settings) as session:
        session.sign_in("marie", loud.password("marie"))
        session.start_server()
        files = sorted(tokens.glob("*.jwt"))
        assert [file.stem for file in files] == ["access", "s3", "stac"]
        seen = [file.read_text() for file in files]
        seen += [session.token, *(cookie.value or "" for cookie in session.browser.cookies.jar)]
        session.sign_out()
    log = loud.log("hub")
    assert '"DEBUG"' in log
    secrets = [p.read_text().strip() for p in loud.settings.secrets_dir.iterdir() if p.is_file()]
    for secret in (*secrets, *seen, loud.password("marie"), "eyJhbGci"):
        if len(secret) >= 16:
            assert secret not in log
