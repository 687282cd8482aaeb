"""Names and form; that the variables do their work is shown by tests/contract/access."""

from __future__ import annotations

from pathlib import Path

import pytest

from boresight_hub.environment import threads, user_environment
from boresight_hub.settings import HubSettings


def test_addresses_and_file_names_but_no_secret(tmp_path: Path) -> None:
    token_dir = tmp_path / "run" / "tokens" / "marie" / "server-default"
    token_dir.mkdir(parents=True)
    (token_dir / "s3.jwt").write_text("content-of-the-token")
    settings = HubSettings(state_dir=tmp_path, port=8100)
    env = user_environment(settings, username="marie", token_dir=token_dir)
    assert env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == (
        "http://127.0.0.1:8100/services/access/credentials"
    )
    assert env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] == str(token_dir / "s3.jwt")
    assert env["AWS_ENDPOINT_URL_S3"] == env["BORESIGHT_S3_URL"] == "http://127.0.0.1:8101"
    assert env["AWS_S3_ENDPOINT"] == "127.0.0.1:8101"
    assert env["AWS_HTTPS"] == "NO"
    assert env["BORESIGHT_BUCKETS"] == "catalogue,products,home"
    assert env["BORESIGHT_STAC_TOKEN_FILE"] == str(token_dir / "stac.jwt")
    assert env["BORESIGHT_ACCESS_TOKEN_FILE"] == str(token_dir / "access.jwt")
    assert env["BORESIGHT_ACCESS_URL"] == "http://127.0.0.1:8100/services/access"
    assert "content-of-the-token" not in "".join(env.values())
    # SDKs would prefer it, and two of the four cannot use it here; see the module
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" not in env
    # boto3 would send requests for every service there
    assert "AWS_ENDPOINT_URL" not in env


@pytest.mark.parametrize(("cores", "count"), [(0.5, "1"), (1, "1"), (2.5, "2"), (16, "16")])
def test_numerics_start_no_more_threads_than_there_are_cores(cores: float, count: str) -> None:
    found = threads(cores)
    assert set(found.values()) == {count}
    assert {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"} <= set(found)
