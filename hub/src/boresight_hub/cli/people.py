"""``boresight users``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from boresight_hub.cli.options import StateOption, state_path, wide_console


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(help="The people of the environment.", no_args_is_help=True)
    group.command("list")(list_people)
    group.command("show")(show_people)
    app.add_typer(group, name="users")


def list_people(state: StateOption = None) -> None:
    """List the people and their groups."""
    _print(None, state, passwords=False)


def show_people(
    username: Annotated[
        str | None, typer.Argument(help="One person; default: everybody.", show_default=False)
    ] = None,
    state: StateOption = None,
) -> None:
    """Show people with their passwords."""
    _print(username, state, passwords=True)


def _print(username: str | None, state: Path | None, *, passwords: bool) -> None:
    from rich.table import Table

    from boresight_hub.embedded import people
    from boresight_hub.embedded.state import load_settings

    settings = load_settings(state_path(state))
    chosen = (people.find(settings, username),) if username else people.load_people(settings)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("username", "name", "groups", *(["password"] if passwords else [])):
        table.add_column(title, no_wrap=True)
    for person in chosen:
        row = [person.username, person.name, ", ".join(person.groups)]
        table.add_row(*row, *([person.password] if passwords else []))
    wide_console().print(table)
