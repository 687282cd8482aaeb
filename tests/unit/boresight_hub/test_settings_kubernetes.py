"""Settings that differ on Kubernetes."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from boresight_hub.config.hub import database_url
from boresight_hub.errors import SettingsError
from boresight_hub.settings import DatabaseSettings, HubSettings, OidcSettings


def test_addresses_are_those_given_and_the_origin_is_apart() -> None:
    settings = HubSettings(origin="https://b.example.org", addresses={"hub": "http://hub.b:8003"})
    assert settings.public_url == "https://b.example.org"
    assert settings.issuer == "https://b.example.org/idp/realms/boresight"
    assert settings.url_of("hub") == "http://hub.b:8003"
    assert settings.url_of("stac") == "http://127.0.0.1:8006"


def test_issuer_of_somebody_else() -> None:
    oidc = OidcSettings(issuer_url="https://sso.example.org/realms/centre")
    assert HubSettings(oidc=oidc).issuer == "https://sso.example.org/realms/centre"


@pytest.mark.parametrize(
    "addresses", [{"nobody": "http://x:1"}, {"hub": "http://x:1/path"}, {"hub": "x:1"}], ids=str
)
def test_address_that_is_none_is_refused(addresses: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="is no address of a service"):
        HubSettings(addresses=addresses)


def test_token_has_to_live_longer_than_its_way_into_a_pod() -> None:
    short = OidcSettings(token_life_s=120)
    assert HubSettings(oidc=short)  # on one machine a file is there at once
    assert HubSettings(platform="kubernetes", oidc=OidcSettings(token_life_s=300))
    with pytest.raises(ValidationError, match="60 s left then"):
        HubSettings(platform="kubernetes", oidc=short)


def test_mounted_secret_is_read_by_its_group_and_by_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "word"
    path.write_text("secret\n")
    path.chmod(0o440)
    pod = HubSettings(platform="kubernetes", secrets_path=tmp_path)
    assert pod.secret("word") == "secret"
    with pytest.raises(SettingsError, match="mode 0440"):
        HubSettings(secrets_path=tmp_path).secret("word")
    path.chmod(0o444)
    with pytest.raises(SettingsError, match="mode 0444"):
        pod.secret("word")


def test_password_of_the_database_is_quoted_in_its_address(tmp_path: Path) -> None:
    (tmp_path / "hub-db-password").write_text("a/b@c:d")
    (tmp_path / "hub-db-password").chmod(0o600)
    database = DatabaseSettings(kind="postgresql", host="db", sslmode="disable")
    url = database_url(HubSettings(database=database, secrets_path=tmp_path))
    assert url == "postgresql+psycopg://jupyterhub:a%2Fb%40c%3Ad@db:5432/jupyterhub?sslmode=disable"
