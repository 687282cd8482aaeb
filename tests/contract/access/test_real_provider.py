"""With the real identity provider behind the real proxy: from the sign-in form to an object."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import boto3
import botocore.exceptions
import httpx
import pytest
from support.access_stack import AccessStack
from support.hub_stack import HubStack
from support.idp import Environment

from boresight_hub import oidc
from boresight_hub.errors import ProvisionError


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessStack]:
    made = AccessStack(tmp_path_factory.mktemp("real") / "state", origin=False)
    try:
        hub = HubStack(made.settings)
    except ProvisionError as exc:
        pytest.skip(f"the Node packages cannot be installed: {exc}")
    try:
        hub.start("proxy", "idp")
        for path, service in {
            "idp": "idp",
            "services/access": "access",
            "services/stac": "stac",
        }.items():
            httpx.post(
                f"{made.settings.url_of('proxy_api')}/api/routes/{path}",
                json={"target": made.settings.url_of(service)},
                headers={"authorization": f"token {made.settings.secret('proxy-auth-token')}"},
                trust_env=False,
            ).raise_for_status()
        made.start()
        yield made
    finally:
        made.close()
        hub.close()


def s3_token(stack: AccessStack, username: str) -> str:
    tokens = Environment(stack.settings).sign_in(username)
    exchanged = asyncio.run(oidc.exchange(stack.settings, tokens["access_token"], "s3"))
    # the hub's own token, and an id token, are for somebody else
    for wrong in (tokens["access_token"], tokens["id_token"]):
        assert stack.sts(wrong).status_code == 400
    return exchanged.access_token


def test_from_the_form_to_an_object(real: AccessStack) -> None:
    real.root().put_object(Bucket="catalogue", Key="co3d-l1/x/y", Body=b"image")
    clients = {}
    for username in ("marie", "paul"):
        answer = httpx.get(
            real.settings.credentials_url,
            headers={"authorization": s3_token(real, username)},
            timeout=30,
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        found = answer.json()
        clients[username] = boto3.client(
            "s3",
            endpoint_url=real.settings.s3_url,
            region_name="us-east-1",
            aws_access_key_id=found["AccessKeyId"],
            aws_secret_access_key=found["SecretAccessKey"],
        )
    body = clients["marie"].get_object(Bucket="catalogue", Key="co3d-l1/x/y")["Body"]
    assert body.read() == b"image"
    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
        clients["paul"].get_object(Bucket="catalogue", Key="co3d-l1/x/y")
    clients["paul"].put_object(Bucket="home", Key="paul/a", Body=b"1")
