"""``boresight add``: what an environment does without until it is asked for."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from boresight_hub.cli.options import StateOption, state_path


class Addition(StrEnum):
    """What can be added."""

    RESTIC = "restic"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("add")(add)


def add(
    what: Annotated[
        Addition, typer.Argument(help="restic: snapshots of homes (boresight home snapshot).")
    ],
    state: StateOption = None,
) -> None:
    """Fetch and build an optional program for the environment; servers find it at once."""
    from boresight_hub.embedded import restic
    from boresight_hub.embedded.state import load_settings

    settings = load_settings(state_path(state))
    program = {Addition.RESTIC: restic.PROGRAM}[what]
    if program.is_installed(settings):
        typer.echo(f"{program.name} {program.version} is there.")
        return
    said = ""

    def say(text: str) -> None:
        nonlocal said
        # a line for each part of ten, not for each package
        step = text.rstrip(" %")[:-1]
        if step != said:
            said = step
            typer.echo(text, err=True)

    program.install(settings, say)
    typer.echo(f"{program.name} {program.version} is there now.")
