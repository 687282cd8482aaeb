"""The device sign-in with a real browser, from the link that is shown to a token."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from support.people import forget_environment
from support.signing_stack import SigningStack

from boresight import access
from boresight.errors import AccessError

CHROMIUM = Path("/usr/bin/chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no chromium"),
]


@pytest.mark.parametrize("answer", ["Connect", "Refuse"])
def test_by_a_browser(
    outside: SigningStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    pytest.importorskip("playwright")
    from support.browser import chromium, visit

    forget_environment(monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    said: list[str] = []
    shown = threading.Event()
    ended: list[str | Exception] = []

    def tell(text: str) -> None:
        said.append(text)
        shown.set()

    def sign_in() -> None:
        try:
            ended.append(access.sign_in(outside.settings.public_url, tell=tell, timeout_s=60))
        except AccessError as exc:
            ended.append(exc)

    waiting = threading.Thread(target=sign_in)
    waiting.start()
    assert shown.wait(30)
    link, code = said[0].split()[1], said[0].split()[-1].rstrip(".")
    with chromium() as browser, visit(browser, outside.settings, tmp_path, "device") as visitor:
        visitor.go(link)
        page = visitor.page
        assert page.locator("input[name=user_code]").input_value() == code
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("button", name=answer).click()
        if answer == "Connect":
            visitor.fill_form("marie", outside.hub.password("marie"))
            page.get_by_role("heading", name="Connected").wait_for()
        else:
            page.get_by_text("Refused").wait_for()
        assert visitor.outside() == []
    waiting.join(60)
    if answer == "Connect":
        assert ended == ["marie"]
        assert access.token("stac")
    else:
        assert "refused" in str(ended[0])
        assert list((tmp_path / "boresight-access").glob("*.json")) == []
