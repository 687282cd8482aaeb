from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from boresight_hub.embedded import keycloak, people
from boresight_hub.errors import ProvisionError
from boresight_hub.settings import HubSettings, OidcSettings


@pytest.fixture
def settings(tmp_path: Path) -> HubSettings:
    settings = HubSettings(
        state_dir=tmp_path / "state", port=21000, oidc=OidcSettings(token_life_s=77)
    )
    settings.folder("secrets")
    for name in ("hub-client-secret", "access-client-secret"):
        people.write_private(settings.secrets_dir / name, f"value of {name}")
    return settings


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which the only Java is the one of the test."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin" / "java"


def make_java(path: Path, version: str) -> None:
    path.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    path.chmod(0o700)


def test_without_java(settings: HubSettings, java: Path) -> None:
    assert not java.exists()
    with pytest.raises(ProvisionError, match=r"needs Java 17.*openjdk-17-jre-headless"):
        keycloak.install(settings)
    assert not keycloak.home(settings).exists()


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_402", "16"])
def test_old_java(settings: HubSettings, java: Path, version: str) -> None:
    make_java(java, version)
    with pytest.raises(ProvisionError, match=f"is version {version.split('.')[0]}"):
        keycloak.install(settings)


@pytest.mark.parametrize("version", ["17.0.15", "25"])
def test_without_maven(settings: HubSettings, java: Path, version: str) -> None:
    make_java(java, version)
    with pytest.raises(ProvisionError, match="Maven"):
        keycloak.install(settings)


def test_download_that_is_not_what_was_tested(settings: HubSettings, java: Path) -> None:
    make_java(java, "17.0.15")
    maven = java.with_name("mvn")
    name = f"keycloak-quarkus-dist-{keycloak.VERSION}.zip"
    maven.write_text(
        "#!/bin/sh\nfor word; do case $word in -DoutputDirectory=*) "
        f"echo evil > ${{word#*=}}/{name};; esac; done\n"
    )
    maven.chmod(0o700)
    with pytest.raises(ProvisionError, match=f"SHA-256 .*{keycloak.SHA256}"):
        keycloak.install(settings)
    assert not keycloak.home(settings).exists()
    assert not list(settings.state_dir.glob("keycloak-*"))


def test_realm_has_this_machine_in_it(settings: HubSettings) -> None:
    realm = keycloak.render_realm(settings)
    text = json.dumps(realm)
    assert "${" not in text
    assert realm["accessTokenLifespan"] == 77
    clients = {client["clientId"]: client for client in realm["clients"]}
    assert clients["hub"]["secret"] == "value of hub-client-secret"
    assert clients["access"]["secret"] == "value of access-client-secret"
    assert clients["hub"]["redirectUris"] == ["http://127.0.0.1:21000/hub/oauth_callback"]
    users = {user["username"]: user for user in realm["users"]}
    for person in people.load_people(settings):
        user = users[person.username]
        assert user["id"] == person.subject
        assert user["credentials"][0]["value"] == person.password
        assert user["groups"] == [f"/{group}" for group in person.groups]
        assert "person" in user["realmRoles"]
    # a service is nobody
    assert "person" not in users["service-account-access"].get("realmRoles", [])


def test_realm_file_holds_no_secret_and_no_address() -> None:
    text = keycloak.REALM_FILE.read_text()
    realm = json.loads(text)
    assert "127.0.0.1" not in text
    assert "credentials" not in text
    assert {c["secret"] for c in realm["clients"] if "secret" in c} == {
        "${BORESIGHT_HUB_CLIENT_SECRET}",
        "${BORESIGHT_ACCESS_CLIENT_SECRET}",
    }


def test_every_client_is_narrow() -> None:
    realm = json.loads(keycloak.REALM_FILE.read_text())
    for client in realm["clients"]:
        assert client["fullScopeAllowed"] is False, client["clientId"]
        assert not client.get("directAccessGrantsEnabled")
        assert not client.get("implicitFlowEnabled")
        assert not any("*" in uri for uri in client.get("redirectUris", ()))


def test_group_that_the_realm_does_not_know_is_added(settings: HubSettings) -> None:
    marie, *others = people.ensure_people(settings)
    people.save_people(settings, (marie.model_copy(update={"groups": ("radiometry",)}), *others))
    groups = [group["name"] for group in keycloak.render_realm(settings)["groups"]]
    assert groups.count("radiometry") == 1
    assert groups.count("co3d-calibration") == 1


def test_command_listens_on_loopback_and_holds_no_secret(settings: HubSettings, java: Path) -> None:
    make_java(java, "21")
    keycloak.make_keycloak_secrets(settings)
    command = keycloak.command(settings)
    assert "--http-host=127.0.0.1" in command
    assert "--http-management-host=127.0.0.1" in command
    assert "--cache=local" in command[command.index("start") :]
    shown = " ".join(command) + json.dumps(keycloak.environment(settings))
    for name in (*keycloak.secret_environment().values(), "hub-client-secret"):
        assert settings.secret(name) not in shown
        mode = (settings.secrets_dir / name).stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
