from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from boresight_hub.embedded import people
from boresight_hub.errors import SettingsError
from boresight_hub.settings import HubSettings


@pytest.fixture
def settings(tmp_path: Path) -> HubSettings:
    return HubSettings(state_dir=tmp_path / "state")


def test_demo_people_are_made_once(settings: HubSettings) -> None:
    made = people.ensure_people(settings)
    assert {person.username: person.groups for person in made} == {
        "marie": ("co3d-calibration",),
        "paul": ("sentinel2-calibration",),
        "lea": ("co3d-calibration", "boresight-admins"),
    }
    assert len({person.password for person in made}) == 3
    assert len({person.subject for person in made}) == 3
    assert people.ensure_people(settings) == made
    assert stat.S_IMODE(people.people_file(settings).stat().st_mode) == 0o600


def test_two_machines_have_different_passwords(tmp_path: Path) -> None:
    one, other = (
        people.ensure_people(HubSettings(state_dir=tmp_path / name)) for name in ("one", "other")
    )
    assert not {p.password for p in one} & {p.password for p in other}
    assert not {p.subject for p in one} & {p.subject for p in other}


def test_generated_password_is_long_and_readable() -> None:
    passwords = {people.generate_password() for _ in range(200)}
    assert len(passwords) == 200
    for password in passwords:
        assert [len(part) for part in password.split("-")] == [5, 5, 5, 5]
        assert not set(password) & set("lo01 ")


def test_password_stays_out_of_text(settings: HubSettings) -> None:
    marie = people.ensure_people(settings)[0]
    assert marie.password not in repr(marie)
    assert marie.password not in str(marie)


def test_find(settings: HubSettings) -> None:
    people.ensure_people(settings)
    assert people.find(settings, "paul").username == "paul"
    with pytest.raises(SettingsError, match=r"nobody called 'eve'.*marie, paul, lea"):
        people.find(settings, "eve")


def test_absent_directory(settings: HubSettings) -> None:
    with pytest.raises(SettingsError, match="boresight up"):
        people.load_people(settings)


def test_directory_that_others_can_read_is_refused(settings: HubSettings) -> None:
    people.ensure_people(settings)
    people.people_file(settings).chmod(0o640)
    with pytest.raises(SettingsError, match=r"mode 0640.*chmod 600"):
        people.load_people(settings)


def changed(settings: HubSettings, **changes: object) -> None:
    path = people.people_file(settings)
    directory = json.loads(path.read_text())
    directory["people"][0] |= changes
    people.write_private(path, json.dumps(directory))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("username", "Marie"),
        ("username", "../marie"),
        ("username", "marie@host"),
        ("username", "m"),
        ("username", "m" * 33),
        ("username", "marie\n"),
        ("groups", ["/admins"]),
        ("groups", ["a\n"]),
        ("groups", "co3d-calibration"),
        ("password", "short"),
        ("subject", ""),
        ("shoe_size", 41),
    ],
)
def test_directory_that_is_not_as_it_should_be(
    settings: HubSettings, name: str, value: object
) -> None:
    marie = people.ensure_people(settings)[0]
    changed(settings, username="mary")
    assert people.load_people(settings)[0].username == "mary"

    changed(settings, **{name: value})
    with pytest.raises(SettingsError, match="not a directory of people") as caught:
        people.load_people(settings)
    # neither a password that is right nor one that is not is told
    assert marie.password not in str(caught.value)
    assert "short" not in str(caught.value).split(":", 1)[1].replace("at least", "")


@pytest.mark.parametrize("attribute", ["username", "subject"])
def test_everybody_is_somebody_else(settings: HubSettings, attribute: str) -> None:
    marie, paul, lea = people.ensure_people(settings)
    double = paul.model_copy(update={attribute: getattr(marie, attribute)})
    with pytest.raises(SettingsError, match=f"the same {attribute}"):
        people.save_people(settings, (marie, double, lea))
    assert people.load_people(settings) == (marie, paul, lea)


def test_broken_file_is_not_shown(settings: HubSettings) -> None:
    people.ensure_people(settings)
    people.write_private(people.people_file(settings), '{"people": [{"password": "hush-hush-hush')
    with pytest.raises(SettingsError) as caught:
        people.load_people(settings)
    assert "hush" not in str(caught.value)


def test_failed_write_leaves_the_old_file(
    settings: HubSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = people.ensure_people(settings)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(people.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        people.save_people(settings, made[:1])
    monkeypatch.undo()
    assert people.load_people(settings) == made
    assert [path.name for path in settings.state_dir.iterdir()] == ["people.json"]
