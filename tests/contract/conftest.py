from __future__ import annotations

from collections.abc import Iterator

import pytest
from support import postgres as pg


@pytest.fixture(scope="session")
def postgres() -> Iterator[pg.Postgres]:
    """A server of our own; the test is skipped where PostgreSQL and PostGIS are not installed."""
    server = pg.Postgres(pg.require())
    yield server
    server.close()
