"""One environment with its batch service for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.batch_person import BatchPerson
from support.environment import Environment

#: Of one person at a time; the tests ask for more.
MAX_RUNNING = 2
MAX_QUEUED = 2


@pytest.fixture(scope="package")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    environment = Environment(
        tmp_path_factory.mktemp("batch") / "state",
        BORESIGHT_BATCH__MAX_RUNNING_PER_USER=str(MAX_RUNNING),
        BORESIGHT_BATCH__MAX_QUEUED_PER_USER=str(MAX_QUEUED),
        BORESIGHT_BATCH__CHECK_INTERVAL_S="0.3",
        # tokens end, and are renewed, while the runs of these tests go on
        BORESIGHT_OIDC__TOKEN_LIFE_S="20",
    )
    environment.up()
    yield environment
    environment.down()


@pytest.fixture
def marie(environment: Environment) -> Iterator[BatchPerson]:
    with BatchPerson(environment, "marie") as person:
        yield person
        person.cancel_all()
