"""``boresight announce``."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from boresight_hub.cli.options import StateOption, state_path, wide_console

if TYPE_CHECKING:
    from boresight_hub.announcing import Announcer

TOKEN_VARIABLE = "BORESIGHT_HUB_TOKEN"  # noqa: S105 - the name of a variable
_UNITS_S = {"m": 60, "h": 3600, "d": 86_400}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("announce")(announce)


def announce(
    text: Annotated[
        str | None, typer.Argument(help="What to say, in English.", show_default=False)
    ] = None,
    french: Annotated[
        str | None, typer.Option("--fr", metavar="TEXT", help="The same in French.")
    ] = None,
    warning: Annotated[bool, typer.Option("--warning", help="Show it as a warning.")] = False,
    life: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long it holds: 30m, 8h, 2d.")
    ] = "1d",
    withdraw: Annotated[
        int | None, typer.Option("--withdraw", metavar="N", help="Withdraw the one of this number.")
    ] = None,
    withdraw_all: Annotated[bool, typer.Option("--withdraw-all", help="Withdraw all.")] = False,
    origin: Annotated[
        str | None,
        typer.Option(
            "--origin",
            metavar="URL",
            help="An environment elsewhere, such as https://boresight.example.org; an "
            f"administrator's token is read from ${TOKEN_VARIABLE}.",
            show_default=False,
        ),
    ] = None,
    authorities: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --origin: authorities (PEM) of its certificate, where the system has none.",
            show_default=False,
        ),
    ] = None,
    state: StateOption = None,
) -> None:
    """Say something to everybody, on the hub's pages and in their servers.

    Without a text it lists what is announced.
    """
    life_s = _seconds(life)
    announcer = _announcer(origin, authorities, state)
    if withdraw is not None or withdraw_all:
        count = announcer.withdraw(withdraw)
        typer.echo(f"Withdrawn: {count}.")
    elif text is None:
        _print(announcer)
    else:
        texts = {"en": text, **({} if french is None else {"fr": french})}
        level = "warning" if warning else "info"
        added = announcer.add(texts, level=level, for_s=life_s)
        typer.echo(f"Announced as {added['id']}, until {added['expires_at']}.")


def _announcer(origin: str | None, authorities: Path | None, state: Path | None) -> Announcer:
    from boresight_hub.announcing import Announcer
    from boresight_hub.embedded.state import load_settings

    if origin is not None:
        token = os.environ.get(TOKEN_VARIABLE, "")
        if not token:
            raise typer.BadParameter(f"--origin goes with a token in ${TOKEN_VARIABLE}")
        return Announcer(f"{origin.rstrip('/')}/hub", token, authorities=authorities)
    settings = load_settings(state_path(state))
    return Announcer(f"{settings.url_of('hub')}/hub", settings.secret("supervisor-api-token"))


def _print(announcer: Announcer) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("number", "until", "kind", "text"):
        table.add_column(title)
    for found in announcer.list():
        texts = found["text"]
        said = texts["en"] if len(texts) == 1 else f"{texts['en']} / {texts['fr']}"
        table.add_row(str(found["id"]), found["expires_at"], found["level"], said)
    wide_console().print(table)


def _seconds(life: str) -> float:
    match = re.fullmatch(r"(\d{1,5})([mhd])", life)
    if match is None:
        raise typer.BadParameter(f"{life!r} is no time; such as 30m, 8h or 2d", param_hint="--for")
    return float(int(match[1]) * _UNITS_S[match[2]])
