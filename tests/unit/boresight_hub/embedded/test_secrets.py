"""Secrets of an environment: private, made once, all that the services read."""

from __future__ import annotations

from pathlib import Path

from boresight_hub.embedded.secrets import MAKERS, make_secrets
from boresight_hub.settings import HubSettings

# what the services read with HubSettings.secret
_READ = {
    "proxy-auth-token", "auth-state-key", "hub-client-secret", "access-client-secret",
    "access-signing-key",
    "gateway-api-token", "culler-api-token", "supervisor-api-token", "s3-root-access-key",
    "s3-root-secret-key", "idp-cookie-key", "dashboard-key", "hub-cookie-secret",
}  # fmt: skip


def test_made_once_and_private(tmp_path: Path) -> None:
    settings = HubSettings(state_dir=tmp_path)
    assert set(make_secrets(settings)) == set(MAKERS)
    values = {name: settings.secret(name) for name in _READ}  # also refuses a wrong mode
    assert len(set(values.values())) == len(values)
    assert all(len(value) >= 20 for value in values.values())
    (settings.secrets_dir / "dashboard-key").unlink()
    assert make_secrets(settings) == ["dashboard-key"]
    again = {name: settings.secret(name) for name in _READ}
    assert {name for name in _READ if again[name] != values[name]} == {"dashboard-key"}


def test_no_two_environments_share_one(tmp_path: Path) -> None:
    first, second = (HubSettings(state_dir=tmp_path / name) for name in "ab")
    make_secrets(first)
    make_secrets(second)
    assert all(first.secret(name) != second.secret(name) for name in _READ)
