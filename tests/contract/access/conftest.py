from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.access_stack import AccessStack
from support.signing_stack import SigningStack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessStack]:
    made = AccessStack(tmp_path_factory.mktemp("access") / "state")
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningStack]:
    """Behind the real proxy, with the real identity provider; lives as they are by default."""
    made = SigningStack(tmp_path_factory.mktemp("outside") / "state")
    try:
        made.start()
        yield made
    finally:
        made.close()
