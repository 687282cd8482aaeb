"""Profiles: which somebody may use, in which words the others are shown, and the form.

Nothing here knows a cluster, nor a machine: what a platform cannot give comes as a function.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from jinja2 import Environment

from boresight_hub.config.language import translate
from boresight_hub.errors import SettingsError
from boresight_hub.settings_kubernetes import ProfileSettings

#: The only thing a person chooses.
OPTION = "profile"
#: Why a platform cannot give a profile, in a language; empty when it can.
Refusal = Callable[[ProfileSettings, str], str]

_FORM = Environment(autoescape=True).from_string(
    """\
{% if note %}<p class="alert alert-warning" role="status">{{ note }}</p>{% endif %}
<fieldset class="boresight-profiles">
<legend>{{ legend }}</legend>
{% for offer in offers %}
<div class="form-check mb-3">
<input class="form-check-input" type="radio" name="profile" id="profile-{{ offer.profile.slug }}"
 value="{{ offer.profile.slug }}" required
 {%- if offer.profile.slug == chosen %} checked{% endif %}
 {%- if offer.reason %} disabled aria-describedby="why-{{ offer.profile.slug }}"{% endif %}>
<label class="form-check-label" for="profile-{{ offer.profile.slug }}">
<strong>{{ offer.profile.name }}</strong>: {{ offer.size }}
{%- if offer.profile.cost %}; {{ offer.profile.cost }}{% endif %}
{% if offer.profile.description %}<br><span>{{ offer.profile.description }}</span>{% endif %}
</label>
{% if offer.reason %}<br><em id="why-{{ offer.profile.slug }}">{{ offer.reason }}</em>{% endif %}
</div>
{% endfor %}
</fieldset>
"""
)


class HasProfiles(Protocol):
    """What profiles are chosen from."""

    @property
    def profiles(self) -> tuple[ProfileSettings, ...]:
        """All of them."""


def _gives_all(profile: ProfileSettings, language: str) -> str:
    del profile, language
    return ""


@dataclass(frozen=True)
class Offer:
    """A profile as one person sees it.

    Attributes
    ----------
    profile : ProfileSettings
    reason : str
        Why it is not available to them; empty when it is.
    language : str
    is_guaranteed : bool
        Whether the platform keeps the guarantee free for it.
    """

    profile: ProfileSettings
    reason: str
    language: str = "en"
    is_guaranteed: bool = True

    @property
    def size(self) -> str:
        """What a server of it has, in words."""
        profile, language = self.profile, self.language
        extra = "".join(
            translate(language, ", {n} of {name}", n=n, name=name)
            for name, n in profile.extra_resource_limits.items()
        )
        cores = "core" if profile.cores_limit == 1 else "cores"
        guaranteed = " ({guaranteed} GiB guaranteed)" if self.is_guaranteed else ""
        return translate(
            language,
            f"up to {{cores}} {cores} and {{memory}} GiB{{extra}}{guaranteed}",
            cores=f"{profile.cores_limit:g}",
            memory=f"{profile.memory_limit_gib:g}",
            extra=extra,
            guaranteed=f"{profile.memory_guarantee_gib:g}",
        )


def offers(
    settings: HasProfiles,
    groups: Collection[str],
    language: str = "en",
    refusal: Refusal = _gives_all,
) -> list[Offer]:
    """Every profile, with the reason why somebody in ``groups`` cannot have it."""
    return [
        Offer(
            profile,
            refusal(profile, language)
            or ("" if _is_open(profile, groups) else _why_not(profile, language)),
            language,
            # only a scheduler that places servers keeps something free for them
            refusal is _gives_all,
        )
        for profile in settings.profiles
    ]


def choose(
    settings: HasProfiles,
    groups: Collection[str],
    options: Mapping[str, object],
    refusal: Refusal = _gives_all,
) -> ProfileSettings:
    """Return the profile somebody has asked for, or without a wish the default one.

    Parameters
    ----------
    settings : HasProfiles
    groups : collection of str
        Groups of the person.
    options : mapping
        From the form or the API.
    refusal : callable, optional
        Of the platform.

    Raises
    ------
    SettingsError
        When they ask for what is not there or not theirs.
    """
    if unknown := sorted(set(options) - {OPTION}):
        raise SettingsError(
            f"A server has no option {', '.join(map(repr, unknown))}.",
            remedy=f"The only one is {OPTION!r}.",
        )
    all_offers = offers(settings, groups, refusal=refusal)
    available = [offer.profile for offer in all_offers if not offer.reason]
    names = ", ".join(profile.slug for profile in available) or "none"
    wanted = options.get(OPTION)
    if not wanted:
        if not available:
            raise SettingsError(
                "No profile is available to you.",
                remedy="Ask the people who run this environment for a group that has one.",
            )
        return next((profile for profile in available if profile.default), available[0])
    for offer in all_offers:
        if offer.profile.slug == wanted:
            if offer.reason:
                raise SettingsError(
                    f"The profile {offer.profile.name} is not available to you: {offer.reason}",
                    remedy=f"Yours are: {names}.",
                )
            return offer.profile
    raise SettingsError(f"There is no profile {str(wanted)[:50]!r}.", remedy=f"Yours are: {names}.")


def form(
    settings: HasProfiles,
    groups: Collection[str],
    chosen: str = "",
    *,
    note: str = "",
    language: str = "en",
    refusal: Refusal = _gives_all,
) -> str:
    """Form in which somebody chooses; empty when there is nothing to choose or to tell.

    Parameters
    ----------
    settings : HasProfiles
    groups : collection of str
    chosen : str
        What they had the last time.
    note : str
        Shown above it.
    language : str
        Of the page; names and descriptions are as whoever runs the environment wrote them.
    refusal : callable, optional
        Of the platform.
    """
    shown = offers(settings, groups, language, refusal)
    available = [offer.profile for offer in shown if not offer.reason]
    if not available or (len(shown) < 2 and not note):
        return ""
    if chosen not in {profile.slug for profile in available}:
        chosen = choose(settings, groups, {}, refusal).slug
    legend = translate(language, "What do you need?")
    return _FORM.render(offers=shown, chosen=chosen, note=note, legend=legend)


def options_of(form: Mapping[str, list[str]]) -> dict[str, str]:
    """What was chosen in the form."""
    return {OPTION: form[OPTION][0]} if form.get(OPTION) else {}


def _is_open(profile: ProfileSettings, groups: Collection[str]) -> bool:
    return not profile.groups or bool(set(profile.groups) & set(groups))


def _why_not(profile: ProfileSettings, language: str) -> str:
    names = translate(language, " or ").join(profile.groups)
    whom = "its leader" if len(profile.groups) == 1 else "a leader of theirs"
    return translate(language, f"For members of {{names}}. Ask {whom} to be added.", names=names)
