"""Words of this server's own page, in English and French."""

from __future__ import annotations

LANGUAGES = ("en", "fr")

_WORDS = {
    "en": {
        "title": "This server",
        "at_work": "At work",
        "nothing": "Nothing is at work.",
        "kinds": {
            "cell": "a cell of {name} is running",
            "process": "{name} runs in a terminal",
            "job": "the job {name} is running",
            "dask": "the Dask cluster {name} has work",
            "desktop": "the desktop {name} is in use",
        },
        "ends": "Unless it is used, this server ends at",
        "busy": "This server does not end while something works in it.",
        "unknown": "The hub has not said when this server ends.",
        "disabled": "Servers are not ended for want of use here.",
        "here": "I am here",
        "keep": "Keep it for",
        "hours": "hours",
        "kept": "Kept until",
        "left": "Left of this week's quota:",
        "back": "Give the rest back",
        "warning": "This server ends soon for want of use. Files stay; what is in memory does not.",
        "lab": "Back to Lab",
    },
    "fr": {
        "title": "Ce serveur",
        "at_work": "Au travail",
        "nothing": "Rien ne travaille.",
        "kinds": {
            "cell": "une cellule de {name} s’exécute",
            "process": "{name} tourne dans un terminal",
            "job": "la tâche {name} s’exécute",
            "dask": "le cluster Dask {name} a du travail",
            "desktop": "le bureau {name} est utilisé",
        },
        "ends": "Sans utilisation, ce serveur s’arrête à",
        "busy": "Ce serveur ne s’arrête pas tant que quelque chose y travaille.",
        "unknown": "Le hub n’a pas dit quand ce serveur s’arrête.",
        "disabled": "Ici, un serveur inutilisé n’est pas arrêté.",
        "here": "Je suis là",
        "keep": "Le garder pendant",
        "hours": "heures",
        "kept": "Gardé jusqu’à",
        "left": "Reste du quota de la semaine :",
        "back": "Rendre le reste",
        "warning": "Ce serveur s’arrête bientôt, faute d’utilisation. Les fichiers restent ; "
        "ce qui est en mémoire, non.",
        "lab": "Retour à Lab",
    },
}


def words_of(language: str) -> dict[str, object]:
    """Words of the page in ``language``."""
    return {"w": _WORDS[language]}


def language_of(chosen: str | None, accepted: str) -> str:
    """Language of a page.

    Parameters
    ----------
    chosen : str or None
        From the cookie that the hub's pages set.
    accepted : str
        The header ``Accept-Language``.

    Examples
    --------
    >>> language_of(None, "fr-FR,fr;q=0.9,en;q=0.8"), language_of("en", "fr"), language_of("x", "")
    ('fr', 'en', 'en')
    """
    if chosen in LANGUAGES:
        return str(chosen)
    best, best_q = "en", 0.0
    for part in accepted.lower().split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            q = float(quality or 1)
        except ValueError:
            continue
        if tag[:2] in LANGUAGES and q > best_q:
            best, best_q = tag[:2], q
    return best
