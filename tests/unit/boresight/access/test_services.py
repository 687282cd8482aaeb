"""Where tokens are sent, and where they are not."""

from __future__ import annotations

import pytest

from boresight.access.services import check_safe
from boresight.errors import AccessError


@pytest.mark.parametrize(
    "url",
    [
        "https://boresight.example",
        "https://boresight.example:8443/idp",
        "http://127.0.0.1:8000",
        "http://127.8.9.1",
        "http://[::1]:8000",
        "http://localhost:8000/a/b",
    ],
)
def test_taken(url: str) -> None:
    assert check_safe(url, "The address") == url


@pytest.mark.parametrize(
    "url",
    [
        "http://boresight.example",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://127.1",
        "http://user@127.0.0.1",
        "https://user:word@boresight.example",
        "https://boresight.example?next=1",
        "https://boresight.example#a",
        "https://boresight.example:port",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "127.0.0.1:8000",
        "https://",
        "http://[",
        "",
    ],
)
def test_refused(url: str) -> None:
    with pytest.raises(AccessError, match="is not taken: tokens go to https://"):
        check_safe(url, "The address")
