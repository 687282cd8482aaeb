"""The table of services and the plan made of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boresight_hub.embedded import services
from boresight_hub.embedded.plan import Plan
from boresight_hub.embedded.secrets import make_secrets
from boresight_hub.errors import SettingsError
from boresight_hub.settings import HubSettings


@pytest.fixture
def settings(tmp_path: Path) -> HubSettings:
    """Settings of an environment with its secrets made."""
    made = HubSettings(state_dir=tmp_path / "state", port=23520)
    make_secrets(made)
    return made


def test_every_service_in_order(settings: HubSettings) -> None:
    plan = services.make_plan(settings)
    names = [service.name for service in plan.services]
    assert tuple(names) == services.NAMES
    for service in plan.services:
        assert set(service.needs) <= set(names[: names.index(service.name)]), service.name


def test_plan_survives_its_file(settings: HubSettings, tmp_path: Path) -> None:
    plan = services.make_plan(settings)
    path = tmp_path / "plan.json"
    plan.write(path)
    assert Plan.read(path) == plan
    assert path.stat().st_mode & 0o077 == 0


def test_no_secret_in_plan_or_arguments(
    settings: HubSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-caller")
    plan = services.make_plan(settings)
    plan.write(tmp_path / "plan.json")
    text = (tmp_path / "plan.json").read_text()
    for path in settings.secrets_dir.iterdir():
        assert path.read_text().strip() not in text, path.name
    assert "of-the-caller" not in text
    # and what is named exists
    for service in plan.services:
        for name in service.command.secret_env.values():
            assert settings.secret(name)
        for request in [*service.on_ready, *service.on_restart]:
            assert settings.secret(request.token_secret)


def test_services_find_their_environment(
    settings: HubSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BORESIGHT_OIDC__TOKEN_LIFE_S", "9")
    monkeypatch.setenv("BORESIGHT_PORT", "9999")
    for service in services.make_plan(settings).services:
        env = service.command.env
        assert env["BORESIGHT_STATE_DIR"] == env["BORESIGHT_SUPERVISED"] == str(settings.state_dir)
        assert env["BORESIGHT_PORT"] == "23520"
        assert env["BORESIGHT_OIDC__TOKEN_LIFE_S"] == "9"


def test_everything_listens_on_loopback(settings: HubSettings) -> None:
    for service in services.make_plan(settings).services:
        assert "0.0.0.0" not in json.dumps(service.command.argv)  # noqa: S104
        assert service.health_url.startswith(("http://127.0.0.1:", "tcp://127.0.0.1:", "")), service


def test_part_of_the_services(settings: HubSettings) -> None:
    plan = services.make_plan(settings, only=["s3", "proxy"])
    assert [service.name for service in plan.services] == ["proxy", "s3"]
    assert plan.services[1].needs == []
    with pytest.raises(SettingsError, match="mystery"):
        services.make_plan(settings, only=["mystery"])
