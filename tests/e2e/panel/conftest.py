from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect
from support.browser import chromium
from support.panel_page import SCREEN, WAIT_MS

_EXPECT_MS = 60_000


@pytest.fixture(scope="module")
def context() -> Iterator[BrowserContext]:
    with chromium() as browser:
        context = browser.new_context(
            viewport=SCREEN, permissions=["clipboard-read", "clipboard-write"]
        )
        context.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=_EXPECT_MS)
        yield context
        expect.set_options(timeout=None)
        context.close()
