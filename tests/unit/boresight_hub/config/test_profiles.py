"""Who may use which profile, and in which words the others are shown."""

from __future__ import annotations

import pytest

from boresight_hub.config import profiles
from boresight_hub.config.machine import Machine
from boresight_hub.errors import SettingsError
from boresight_hub.settings import HubSettings
from boresight_hub.settings_kubernetes import KubernetesSettings, ProfileSettings

SETTINGS = KubernetesSettings(
    profiles=(
        ProfileSettings(slug="large", name="Large", groups=("lab",), cost="1 € an hour"),
        ProfileSettings(slug="small", name="Small <b>", default=True),
    )
)


def test_member_gets_what_they_ask_for() -> None:
    assert profiles.choose(SETTINGS, {"lab"}, {"profile": "large"}).slug == "large"


def test_others_are_refused_it_with_the_reason() -> None:
    with pytest.raises(SettingsError, match=r"For members of lab\. Ask its leader") as caught:
        profiles.choose(SETTINGS, {"other"}, {"profile": "large"})
    assert "Yours are: small" in str(caught.value)


def test_without_a_wish_it_is_the_default() -> None:
    assert profiles.choose(SETTINGS, set(), {}).slug == "small"


@pytest.mark.parametrize(
    "options",
    [{"profile": "none"}, {"image": "evil"}, {"profile": "small", "cpu_limit": 64}],
    ids=str,
)
def test_what_is_not_there_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        profiles.choose(SETTINGS, {"lab"}, options)


def test_form_shows_everything_and_disables_what_is_not_theirs() -> None:
    shown = profiles.form(SETTINGS, set())
    assert "1 € an hour" in shown
    assert "For members of lab. Ask its leader" in shown
    large, small = shown.split('id="profile-small"')
    assert "disabled" in large
    assert "disabled" not in small
    assert "Small &lt;b&gt;" in shown
    assert "disabled" not in profiles.form(SETTINGS, {"lab"})


def test_form_in_french() -> None:
    shown = profiles.form(SETTINGS, set(), language="fr")
    assert "De quoi avez-vous besoin" in shown
    assert "Pour les membres de lab. Demandez à son" in shown
    assert "Gio garantis" in shown


def test_last_choice_is_chosen_already_unless_it_is_not_theirs_any_more() -> None:
    assert profiles.form(SETTINGS, {"lab"}, "large").index("checked") < profiles.form(
        SETTINGS, {"lab"}, "large"
    ).index("profile-small")
    assert profiles.form(SETTINGS, set(), "large").index("checked") > profiles.form(
        SETTINGS, set(), "large"
    ).index("profile-small")


def test_one_profile_is_not_asked_about() -> None:
    one = KubernetesSettings()
    assert profiles.form(one, set()) == ""
    assert "ran out" in profiles.form(one, set(), note="It ran out of memory.")


@pytest.mark.parametrize(
    "wrong",
    [
        {"cores_guarantee": 3, "cores_limit": 2},
        {"memory_guarantee_gib": 3, "memory_limit_gib": 2},
    ],
    ids=["cores", "memory"],
)
def test_guarantee_is_no_more_than_its_limit(wrong: dict[str, float]) -> None:
    swapped = dict(zip(wrong, reversed(list(wrong.values())), strict=True))
    assert ProfileSettings(slug="a", name="A", **swapped)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a guarantee is no more than its limit"):
        ProfileSettings(slug="a", name="A", **wrong)  # type: ignore[arg-type]


ROOM = Machine(memory_gib=16.0, cores=4)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"memory_limit_gib": 16.0, "cores_limit": 4.0}, ""),
        ({"memory_limit_gib": 64.0}, "This machine has 16 GiB of memory."),
        ({"cores_limit": 8.0}, "This machine has 4 cores."),
        ({"image": "boresight-desktop"}, "for environments on Kubernetes"),
        ({"extra_resource_limits": {"nvidia.com/gpu": "1"}}, "does not hand out nvidia.com/gpu"),
        ({"rescue": True}, "by itself when its home is full"),
    ],
    ids=str,
)
def test_what_one_machine_gives(changes: dict[str, object], reason: str) -> None:
    profile = ProfileSettings(slug="a", name="A", **changes)  # type: ignore[arg-type]
    found = ROOM.refusal(profile)
    assert reason in found
    assert bool(found) == bool(reason)
    if reason:
        assert ROOM.refusal(profile, "fr") not in ("", found), "there is a French one"


def test_the_same_page_tells_what_the_machine_cannot_give() -> None:
    settings = HubSettings(
        server={  # type: ignore[arg-type]
            "profiles": [
                {"slug": "small", "name": "Small", "memory_limit_gib": 2},
                {"slug": "huge", "name": "Huge", "memory_limit_gib": 64},
                {"slug": "large", "name": "Large", "groups": ["lab"]},
            ]
        }
    )
    shown = profiles.form(settings, set(), refusal=ROOM.refusal)
    assert "This machine has 16 GiB of memory." in shown
    assert "For members of lab" in shown
    assert shown.count("disabled") == 2
    assert "guaranteed" not in shown
    assert "guaranteed" in profiles.form(settings, set())
    assert profiles.choose(settings, {"lab"}, {"profile": "large"}, ROOM.refusal).slug == "large"
    with pytest.raises(SettingsError, match="16 GiB"):
        profiles.choose(settings, set(), {"profile": "huge"}, ROOM.refusal)
    # and where there is room for it, the same definition gives it
    assert profiles.choose(settings, set(), {"profile": "huge"}).slug == "huge"


def test_one_definition_for_both_platforms() -> None:
    small = {"slug": "small", "name": "Small"}
    either = HubSettings(server={"profiles": [small]})  # type: ignore[arg-type]
    pods = HubSettings(kubernetes={"profiles": [small]})  # type: ignore[arg-type]
    assert either.profiles == pods.profiles == (ProfileSettings(**small),)  # type: ignore[arg-type]
    assert [p.slug for p in HubSettings().profiles] == ["standard"]
    with pytest.raises(ValueError, match="twice: small"):
        HubSettings(server={"profiles": [small, small]})  # type: ignore[arg-type]
