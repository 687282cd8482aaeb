from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.access_stack import AccessStack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessStack]:
    made = AccessStack(tmp_path_factory.mktemp("access") / "state")
    try:
        made.start()
        yield made
    finally:
        made.close()
