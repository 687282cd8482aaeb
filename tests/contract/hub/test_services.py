"""What each service may do, and the API for token files."""

from __future__ import annotations

import httpx
import pytest
from support.hub_stack import HubStack

from boresight_hub.session import HubSession

API = "boresight/token-files"
BODY = {"user": "marie", "holder": "worker-1"}


@pytest.fixture
def gateway(stack: HubStack, marie: HubSession) -> str:
    return stack.settings.secret("gateway-api-token")


def test_gateway_gets_token_files(stack: HubStack, gateway: str) -> None:
    answer = stack.hub_api("POST", API, token=gateway, json=BODY)
    assert answer.status_code == 201
    folder = stack.settings.state_dir / "run" / "tokens" / "marie" / "worker-1"
    assert answer.json() == {"directory": str(folder)}
    assert sorted(p.name for p in folder.iterdir()) == ["access.jwt", "s3.jwt", "stac.jwt"]
    assert stack.hub_api("POST", API, token=gateway, json=BODY).status_code == 201, "idempotent"
    assert stack.hub_api("DELETE", API, token=gateway, json=BODY).status_code == 204
    assert not folder.exists()
    assert stack.hub_api("DELETE", API, token=gateway, json=BODY).status_code == 204


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"user": "marie"}, 400),
        ({"user": "marie", "holder": 1}, 400),
        ({"user": "marie", "holder": "w", "path": "/"}, 400),
        ({"user": "marie", "holder": "../../x"}, 400),
        ({"user": "marie", "holder": ".."}, 400),
        ({"user": "marie", "holder": "server-default"}, 400),
        ({"user": "marie", "holder": "server-name-x"}, 400),
        ({"user": "", "holder": "w"}, 400),
        ({"user": "a\nb", "holder": "w"}, 400),
        ([], 400),
        ({"user": "../marie", "holder": "w"}, 409),
        ({"user": "nobody", "holder": "w"}, 409),
    ],
)
def test_bad_requests_leave_nothing(
    stack: HubStack, gateway: str, body: object, status: int
) -> None:
    root = stack.settings.state_dir / "run" / "tokens"
    before = sorted(root.rglob("*"))
    answer = stack.hub_api("POST", API, token=gateway, json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["message"]
    assert sorted(root.rglob("*")) == before


def test_nobody_else_gets_token_files(stack: HubStack, marie: HubSession) -> None:
    settings = stack.settings
    with HubSession(settings) as lea:
        lea.sign_in("lea", stack.password("lea"))
        tokens = {
            "marie herself": marie.token,
            "an administrator": lea.token,
            "culler": settings.secret("culler-api-token"),
            "supervisor": settings.secret("supervisor-api-token"),
            "a guess": "0" * 64,
        }
        for who, token in tokens.items():
            for method in ("POST", "DELETE"):
                answer = stack.hub_api(method, API, token=token, json=BODY)
                assert answer.status_code == 403, (who, method)
    anonymous = httpx.post(f"{settings.public_url}/hub/api/{API}", json=BODY, timeout=10)
    assert anonymous.status_code == 403


@pytest.mark.parametrize(
    ("secret", "allowed", "refused"),
    [
        ("gateway-api-token", [], ["users", "proxy", "services", "groups"]),
        ("culler-api-token", [], ["users", "proxy", "services", "groups"]),
        ("supervisor-api-token", ["proxy", "info"], ["users", "services", "groups"]),
    ],
)
def test_service_tokens_are_narrow(
    stack: HubStack, secret: str, allowed: list[str], refused: list[str]
) -> None:
    token = stack.settings.secret(secret)
    for path in allowed:
        assert stack.hub_api("GET", path, token=token).status_code == 200, path
    for path in refused:
        assert stack.hub_api("GET", path, token=token).status_code == 403, path
    assert stack.hub_api("POST", "users/marie/tokens", token=token).status_code in (403, 404)


def test_supervisor_restores_routes_after_a_restart_of_the_proxy(stack: HubStack) -> None:
    stack.stop("proxy")
    stack.start("proxy")
    token = stack.settings.secret("supervisor-api-token")
    # the hub answers by the proxy's default route, the provider does not
    health = f"{stack.settings.public_url}/idp/health"
    assert httpx.get(health, timeout=10).status_code == 302
    assert stack.hub_api("POST", "proxy", token=token).status_code == 200
    assert httpx.get(health, timeout=10).status_code == 200
