"""Parts die, and what was handed out goes on."""

from __future__ import annotations

import datetime
import time
from xml.etree import ElementTree as ET

import boto3
import botocore.exceptions
import httpx
import pytest
from botocore.config import Config
from support.access_stack import AccessStack


def credentials(stack: AccessStack, username: str = "marie") -> httpx.Response:
    return httpx.get(
        stack.settings.credentials_url,
        headers={"authorization": stack.origin.token(username)},
        timeout=60,
        trust_env=False,
    )


def client_of(stack: AccessStack, found: dict[str, str], service: str = "s3"):
    return boto3.client(
        service,
        endpoint_url=stack.settings.s3_url if service == "s3" else stack.settings.sts_url,
        region_name="us-east-1",
        aws_access_key_id=found["AccessKeyId"],
        aws_secret_access_key=found["SecretAccessKey"],
        config=Config(retries={"max_attempts": 1}),
    )


def test_restart_keeps_sessions(stack: AccessStack) -> None:
    before = credentials(stack).json()
    s3 = client_of(stack, before)
    s3.put_object(Bucket="home", Key="marie/a", Body=b"1")
    stack.stop("access", kill=True)
    s3.get_object(Bucket="home", Key="marie/a")
    stack.start("access")
    assert credentials(stack).json() == before
    identity = client_of(stack, before, "sts").get_caller_identity()
    assert identity["Arn"].endswith("/marie")
    s3.get_object(Bucket="home", Key="marie/a")


def test_catalogue_down(stack: AccessStack) -> None:
    """The last known groups stay in force; a service that knows none says to try again."""
    stack.stop("stac")
    try:
        assert credentials(stack, "paul").status_code == 200
        stack.stop("access")
        stack.start("access")
        answer = stack.sts(stack.origin.token("marie"))
        assert answer.status_code == 503
        assert "<Code>ServiceUnavailable</Code>" in answer.text
        again = credentials(stack)
        assert (again.status_code, again.json()["code"]) == (503, "ServiceUnavailable")
    finally:
        stack.start("stac")
    deadline = time.monotonic() + 10
    while credentials(stack).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_store_down(stack: AccessStack) -> None:
    known = credentials(stack).json()
    stack.stop("s3-iam", kill=True)
    try:
        assert credentials(stack).json() == known  # nothing to mint
        refused = stack.sts(stack.origin.token("marie", groups=["nobody"]))
        assert refused.status_code == 503
        assert ET.fromstring(refused.text) is not None  # noqa: S314 - from our own service
    finally:
        stack.start("s3-iam")
    assert stack.sts(stack.origin.token("marie", groups=["nobody"])).status_code == 200


def test_store_that_restarts_is_waited_for(stack: AccessStack) -> None:
    import threading

    credentials(stack)
    stack.stop("s3-iam", kill=True)
    later = threading.Timer(0.4, stack.start, ["s3-iam"])
    later.start()
    answer = stack.sts(stack.origin.token("marie", groups=["other"]))
    later.join()
    assert answer.status_code == 200, answer.text


def test_groups_of_a_collection_reach_new_sessions(stack: AccessStack) -> None:
    """An admin opens a collection; within half a minute its readers read it."""
    found = credentials(stack, "paul").json()
    stack.root().put_object(Bucket="catalogue", Key="co3d-l1/x/y", Body=b"1")
    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
        client_of(stack, found).get_object(Bucket="catalogue", Key="co3d-l1/x/y")
    headers = {"authorization": f"Bearer {stack.origin.token('lea', 'stac')}"}
    url = f"{stack.settings.stac_url}/collections/co3d-l1"
    collection = httpx.get(url, headers=headers, trust_env=False).json()
    groups = {"boresight:read_groups": ["co3d-calibration", "sentinel2-calibration"]}
    done = httpx.put(url, json=collection | groups, headers=headers, trust_env=False)
    assert done.is_success, done.text
    deadline = time.monotonic() + 35
    while credentials(stack, "paul").json() == found:
        assert time.monotonic() < deadline
        time.sleep(1)
    s3 = client_of(stack, credentials(stack, "paul").json())
    assert s3.get_object(Bucket="catalogue", Key="co3d-l1/x/y")["Body"].read() == b"1"
    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
        s3.put_object(Bucket="catalogue", Key="co3d-l1/x/y", Body=b"2")


def test_the_store_itself_ends_a_session(tmp_path_factory: pytest.TempPathFactory) -> None:
    """With the access service dead nothing is swept, and the key stops working all the same."""
    made = AccessStack(
        tmp_path_factory.mktemp("end") / "state", session_life_s=5, sweep_interval_s=600
    )
    try:
        made.start()
        found = credentials(made).json()
        made.stop("access", kill=True)
        s3 = client_of(made, found)
        s3.put_object(Bucket="home", Key="marie/a", Body=b"1")
        end = datetime.datetime.fromisoformat(found["Expiration"])
        time.sleep(max(0.0, (end - datetime.datetime.now(datetime.UTC)).total_seconds()) + 1.1)
        with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
            s3.get_object(Bucket="home", Key="marie/a")
        # what a dead service has left behind is removed by the next one; nobody else's user is
        made.iam().create_user(UserName="1000000000-somebody-0123abcd", Path="/other/")
        half_made = "1000000000-marie-0123abcd"
        made.iam().create_user(UserName=half_made, Path="/boresight-session/")
        assert len(made.session_users()) == 2
        (made.settings.state_dir / "access" / "sessions.sqlite").unlink()
        made.start("access")
        deadline = time.monotonic() + 10
        while made.session_users():
            assert time.monotonic() < deadline, made.session_users()
            time.sleep(0.2)
        assert [u["UserName"] for u in made.iam().list_users()["Users"]] == [
            "1000000000-somebody-0123abcd"
        ]
    finally:
        made.close()
