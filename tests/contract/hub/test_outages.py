"""Provider down, provider forgetful, hub killed: what goes on and what ends."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest
from support.hub_stack import HubStack

from boresight_hub.errors import SignInError
from boresight_hub.session import HubSession

pytestmark = pytest.mark.slow


def wait_for(what: Callable[[], bool], *, timeout_s: float = 40.0) -> None:
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if what():
            return
        time.sleep(0.1)
    pytest.fail(f"not within {timeout_s:.0f} s")


def token_file(stack: HubStack) -> Path:
    return stack.settings.state_dir / "run" / "tokens" / "marie" / "server-default" / "s3.jwt"


def test_provider_down_ends_nobodys_work(stack: HubStack, marie: HubSession) -> None:
    public = stack.settings.public_url
    marie.start_server()
    stack.stop("idp")
    try:
        token = token_file(stack).read_text()
        time.sleep(4)  # longer than half a token's life
        assert token_file(stack).read_text() == token, "an old file is better than none"
        assert marie.browser.get(f"{public}/hub/home").url.path == "/hub/home"
        assert marie.server_api("GET", "status").status_code == 200
        stranger = httpx.get(f"{public}/hub/login", follow_redirects=True, timeout=20)
        assert stranger.status_code == 503
        assert "identity provider does not answer" in stranger.text
        hurried = HubSession(stack.settings, patience_s=1)
        with hurried as lea, pytest.raises(SignInError, match="out of reach"):
            lea.sign_in("lea", stack.password("lea"))
    finally:
        stack.start("idp")
    wait_for(lambda: token_file(stack).read_text() != token)


def test_killed_hub_keeps_servers_and_renews_again(stack: HubStack, marie: HubSession) -> None:
    marie.start_server()
    with marie.kernel() as kernel:
        pid = int(kernel.execute("import os; print(os.getpid())")[0]["text"])
        stack.stop("hub", signal.SIGKILL)
        stack.start("hub")
        assert psutil.pid_exists(pid)
        assert kernel.execute("1 + 1")[0]["data"]["text/plain"] == "2"
        token = token_file(stack).read_text()
        wait_for(lambda: token_file(stack).read_text() != token)
        marie.stop_server()
    wait_for(lambda: not psutil.pid_exists(pid))
    assert not token_file(stack).exists()


def test_ended_session_removes_files_and_asks_to_sign_in(
    stack: HubStack, marie: HubSession
) -> None:
    marie.start_server()
    stack.stop("idp")
    for file in (stack.settings.state_dir / "idp").iterdir():
        file.unlink()
    stack.start("idp")
    wait_for(lambda: not token_file(stack).exists())
    assert token_file(stack).parent.is_dir(), "the holder waits for the next sign-in"
    wait_for(
        lambda: marie.browser.get(f"{stack.settings.public_url}/hub/home").url.path.startswith(
            "/idp/"
        )
    )
    with HubSession(stack.settings) as again:
        again.sign_in("marie", stack.password("marie"))
        wait_for(lambda: token_file(stack).exists())
