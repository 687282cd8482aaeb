"""Real servers, a real store, and restic as it is built for an environment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.environment import Environment
from support.machine import install_restic


@pytest.fixture(scope="package")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    environment = Environment(tmp_path_factory.mktemp("home") / "state")
    environment.up()
    install_restic(environment.settings)
    yield environment
    environment.down()
