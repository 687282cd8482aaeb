"""One environment for the tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.environment import Environment


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    environment = Environment(tmp_path_factory.mktemp("environment") / "state")
    environment.up()
    yield environment
    environment.down()


@pytest.fixture(scope="session")
def outcome(environment: Environment) -> dict[str, Any]:
    """The main job on a small simulated pair."""
    return environment.demo("--size", "500")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole environments and real stereo runs take longer than a unit test may."""
    for item in items:
        if "/e2e/" in item.path.as_posix() and not any(item.iter_markers("timeout")):
            item.add_marker(pytest.mark.timeout(900))
