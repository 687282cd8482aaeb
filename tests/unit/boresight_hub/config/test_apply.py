"""The configuration, as pure functions of the settings."""

from __future__ import annotations

import base64
import copy
import hashlib
from pathlib import Path

import pytest
from traitlets.config import Config

from boresight_hub.config.auth import OidcAuthenticator, apply_auth, nonce_of
from boresight_hub.config.hub import apply_hub, apply_proxy
from boresight_hub.config.serverholders import holder_of_server, server_of_holder
from boresight_hub.config.services import apply_roles, apply_services
from boresight_hub.config.spawner import OneMachineSpawner, apply_spawner
from boresight_hub.errors import SettingsError
from boresight_hub.settings import HubSettings, OidcSettings

SECRETS = (
    "proxy-auth-token",
    "auth-state-key",
    "hub-client-secret",
    "gateway-api-token",
    "culler-api-token",
    "supervisor-api-token",
    "hub-cookie-secret",
)
APPLY = (apply_hub, apply_proxy, apply_auth, apply_spawner, apply_services, apply_roles)


@pytest.fixture
def settings(tmp_path: Path) -> HubSettings:
    settings = HubSettings(state_dir=tmp_path, port=9000)
    for name in SECRETS:
        path = settings.folder("secrets") / name
        path.write_text(f"value of {name}")
        path.chmod(0o600)
    return settings


def applied(settings: HubSettings) -> Config:
    c = Config()
    for apply in APPLY:
        apply(c, settings)
    return c


def test_one_origin_and_everything_on_loopback(settings: HubSettings) -> None:
    c = applied(settings)
    assert c.JupyterHub.bind_url == "http://127.0.0.1:9000"
    assert c.JupyterHub.hub_bind_url == "http://127.0.0.1:9003"
    assert c.ConfigurableHTTPProxy.api_url == "http://127.0.0.1:9002"
    assert c.ConfigurableHTTPProxy.should_start is False
    assert c.OneMachineSpawner.ip == "127.0.0.1"
    assert c.ConfigurableHTTPProxy.extra_routes == {
        "/idp/": "http://127.0.0.1:9004",
        "/services/access/": "http://127.0.0.1:9005",
        "/services/stac/": "http://127.0.0.1:9006",
        "/services/dask-gateway/": "http://127.0.0.1:9007",
        "/services/batch/": "http://127.0.0.1:9012",
    }


def test_applying_twice_changes_nothing(settings: HubSettings) -> None:
    c = applied(settings)
    again = copy.deepcopy(c)
    for apply in APPLY:
        apply(again, settings)
    for config in (c, again):
        assert callable(config.OneMachineSpawner.pop("user_env_of"))
    assert c == again


@pytest.mark.parametrize("missing", SECRETS)
def test_no_start_without_a_secret(settings: HubSettings, missing: str) -> None:
    (settings.secrets_dir / missing).unlink()
    with pytest.raises(SettingsError, match=missing):
        applied(settings)


def test_services_may_do_what_they_need_and_no_more(settings: HubSettings) -> None:
    c = applied(settings)
    granted = {role["services"][0]: set(role["scopes"]) for role in c.JupyterHub.load_roles}
    assert granted == {
        "dask-gateway": {
            "custom:boresight:token-files",
            "read:users:name",
            "read:users:groups",
        },
        "idle-culler": {"custom:boresight:judge-idle", "delete:servers"},
        "supervisor": {"proxy", "read:hub", "shutdown", "custom:boresight:announce"},
    }
    assert not any(service.get("admin") for service in c.JupyterHub.services)
    assert {service["name"] for service in c.JupyterHub.services} == set(granted)
    tokens = [service["api_token"] for service in c.JupyterHub.services]
    assert len(set(tokens)) == len(tokens)


def test_sign_in_is_open_to_the_realm_or_to_named_groups(settings: HubSettings) -> None:
    assert applied(settings).OidcAuthenticator.allow_all is True
    closed = settings.model_copy(update={"oidc": OidcSettings(allowed_groups=("co3d",))})
    c = applied(closed)
    assert c.OidcAuthenticator.allow_all is False
    assert c.OidcAuthenticator.allowed_groups == {"co3d"}


def test_there_is_one_way_in_and_one_spawner(settings: HubSettings) -> None:
    c = applied(settings)
    assert c.JupyterHub.authenticator_class is OidcAuthenticator
    assert c.JupyterHub.spawner_class is OneMachineSpawner
    assert c.OidcAuthenticator.enable_pkce is True
    assert c.OidcAuthenticator.enable_auth_state is True
    assert len(c.CryptKeeper["keys"][0]) == len(c.JupyterHub.cookie_secret) == 32
    assert c.CryptKeeper["keys"][0] != c.JupyterHub.cookie_secret


def test_nonce_is_bound_to_the_verifier_and_does_not_tell_it() -> None:
    verifier = "a-verifier-of-43-characters-as-they-are-made"
    assert nonce_of(verifier) != nonce_of(verifier[:-1])
    assert nonce_of(verifier) == nonce_of(verifier)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode()
    assert nonce_of(verifier) != challenge.rstrip("="), "the challenge is public as well"


@pytest.mark.parametrize("name", ["", "default", "name-x", "second"])
def test_holders_of_servers(name: str) -> None:
    assert server_of_holder(holder_of_server(name)) == name


def test_names_of_servers_do_not_collide() -> None:
    names = ["", "default", "name-default", "name-"]
    assert len({holder_of_server(name) for name in names}) == len(names)
    assert server_of_holder("worker-1") is None
