"""``boresight up``, ``boresight down``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from boresight_hub.cli.options import StateOption, state_path


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("up")(up)
    app.command("down")(down)


def up(
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return once everything is ready.")
    ] = False,
    state: StateOption = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=1024,
            max=65000,
            help="Public port; the services use the twelve after it. Kept for the life of the "
            "environment.",
            show_default="8000",
        ),
    ] = None,
    idp: Annotated[
        Literal["oidc-provider", "keycloak"] | None,
        typer.Option("--idp", help="Identity provider.", show_default="oidc-provider"),
    ] = None,
    only: Annotated[list[str] | None, typer.Option("--only", hidden=True)] = None,
) -> None:
    """Start the environment, and keep it running until Ctrl-C.

    The first start makes keys and demo people, fetches Node packages and builds the S3 server;
    later ones need no network. Everything listens on this machine only. One machine is one trust
    domain: its files and processes all belong to the account that runs this.
    """
    from rich.console import Console

    from boresight_hub.cli.progress import StartProgress
    from boresight_hub.embedded import attach, control
    from boresight_hub.embedded import state as states

    place = states.look(state_path(state))
    settings = states.settings_for(place, port=port, idp=idp)
    console = Console(highlight=False)
    with StartProgress(console) as progress:
        running = control.start(place, settings, progress, attached=not detach, only=only)
    console.print(f"Ready after {running.seconds:.1f} s: [bold]{settings.public_url}[/bold]")
    console.print("Sign in as marie, paul or lea; `boresight users show` tells the passwords.")
    if detach:
        console.print("`boresight down` stops it.")
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, attach.SIGNALS)
    console.print("Ctrl-C stops it.")
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, "-m", "boresight_hub.embedded.attach", str(running.guard.pid)]
    os.execv(sys.executable, command)  # noqa: S606 - our own interpreter, a fixed module


def down(
    state: StateOption = None,
    purge: Annotated[
        bool, typer.Option("--purge", help="Also remove all data, homes and keys. Asks.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop the environment: services, user servers and clusters, within ten seconds."""
    from boresight_hub.embedded import control
    from boresight_hub.embedded import state as states

    path = state_path(state)
    place = states.look(path)
    if place.identity is None:
        typer.echo(f"There is no environment in {path}.")
        return
    if purge and not yes:
        _ask_purge(path)
    stopped = control.stop(path)
    if stopped.was_running:
        typer.echo(f"Stopped after {stopped.seconds:.1f} s.")
    else:
        typer.echo("It was not running.")
    if stopped.leftovers:
        typer.echo(f"Ended {stopped.leftovers} processes that a dead supervisor had left.")
    if purge:
        left = states.purge(path)
        typer.echo(f"Removed the environment in {path}.")
        for entry in left:
            typer.echo(f"Left, since it is not Boresight's: {entry}")


def _ask_purge(path: Path) -> None:
    sure = typer.confirm(
        f"Remove {path} with its catalogue, images, homes, people and keys? There is no way back",
        default=False,
    )
    if not sure:
        typer.echo("Nothing was stopped or removed.")
        raise typer.Exit(1)
