"""Who comes from outside brings a token of the provider, for the audience ``dask``."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from support.gateway_stack import GatewayStack
from support.idp import Environment

from boresight_hub import oidc


def ask(stack: GatewayStack, token: str) -> httpx.Response:
    return httpx.get(
        f"{stack.settings.gateway_url}/api/v1/clusters/",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
        trust_env=False,
    )


@pytest.mark.parametrize("audience", ["hub", "s3", "stac", "access"])
def test_its_own_audience_and_no_other(stack: GatewayStack, audience: str) -> None:
    signed_in = Environment(stack.settings).sign_in("marie")["access_token"]

    def of(name: str) -> str:
        if name == "hub":
            return str(signed_in)
        return asyncio.run(oidc.exchange(stack.settings, signed_in, name)).access_token

    answer = ask(stack, of("dask"))
    assert answer.status_code == 200, answer.text
    assert ask(stack, of(audience)).status_code == 401
    assert ask(stack, f"{of('dask')[:-20]}{'A' * 20}").status_code == 401
