"""The provider has replaced its key: what the old one signed opens nothing any more."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import pytest
from support.access_stack import AccessStack

from boresight_hub.embedded.plan import write_private

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


def test_the_store_has_another_root_and_the_same_buckets(own: AccessStack) -> None:
    """As after a restore into a new installation, or when the root's key was seen by somebody."""
    home = own.settings.s3.home_bucket
    own.root().put_object(Bucket=home, Key="marie/kept", Body=b"x")
    before = own.root()
    own.stop("access", "s3", "s3-iam")
    for name in ("s3-root-access-key", "s3-root-secret-key"):
        write_private(own.settings.secrets_dir / name, secrets.token_hex(20))
    own.start("s3-iam", "s3", "access")
    assert own.root().get_object(Bucket=home, Key="marie/kept")["Body"].read() == b"x"
    with pytest.raises(before.exceptions.ClientError, match=r"InvalidAccessKeyId|Forbidden"):
        before.get_object(Bucket=home, Key="marie/kept")
    answer = own.sts(own.origin.token("marie"))
    assert answer.status_code == 200
