"""The provider has replaced its key: what the old one signed opens nothing any more."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from support.access_stack import AccessStack

pytestmark = pytest.mark.slow


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessStack]:
    made = AccessStack(tmp_path_factory.mktemp("keys") / "state")
    try:
        made.start()
        yield made
    finally:
        made.close()


def test_tokens_of_the_key_before(own: AccessStack) -> None:
    old = own.origin.token("marie")
    assert own.sts(old).status_code == 200
    # stolen, say: somebody goes on signing with it
    stolen_key, stolen_kid = own.origin.key, own.origin.kid

    own.origin.replace_key("key-2")

    # the first token of the new key makes the new keys known, at most five seconds later
    deadline = time.monotonic() + 10
    while own.sts(own.origin.token("marie")).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert own.sts(old).status_code == 400
    own.origin.kid = stolen_kid
    forged = own.origin.sign(own.origin.claims("lea"), key=stolen_key)
    own.origin.kid = "key-2"
    assert own.sts(forged).status_code == 400
    # nor under the new key's name
    renamed = own.origin.sign(own.origin.claims("lea"), key=stolen_key)
    assert own.sts(renamed).status_code == 400
    assert own.sts(own.origin.token("lea")).status_code == 200
