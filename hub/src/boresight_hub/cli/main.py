"""The command's root: its options, its errors, its groups.

A module of this package is a group of commands and adds them by its ``register``. What a command
needs is imported in its function, so that ``boresight --help`` answers at once.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from boresight_hub import __version__
from boresight_hub.cli import (
    additions,
    announce,
    cluster,
    demo,
    diagnosis,
    handed,
    lifecycle,
    people,
)
from boresight_hub.errors import BoresightError

_EPILOG = (
    "Exit codes: 0 done · 1 refused or not healthy · 2 wrong usage or setting · 3 state directory "
    "(in use, not ours, newer, disk full) · 4 port in use · 5 first start could not fetch or "
    "build · 6 a service did not become ready · 7 sign-in · 8 catalogue · 9 credentials · "
    "130 interrupted"
)


class Commands(TyperGroup):
    """A group that tells errors to people: value, rule, remedy; never a traceback for them."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an error of ours ends with its exit code."""
        try:
            return super().invoke(ctx)
        except BoresightError as exc:
            tell(exc)
            raise typer.Exit(exc.exit_code) from exc
        except KeyboardInterrupt as exc:
            sys.stderr.write("\nInterrupted.\n")
            raise typer.Exit(130) from exc


def tell(error: BoresightError) -> None:
    """Write ``error`` to standard error."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    console.print(Text.assemble(("error: ", "bold red"), error.message), soft_wrap=True)
    if error.remedy:
        console.print(Text.assemble(("remedy: ", "bold"), error.remedy), soft_wrap=True)


app = typer.Typer(
    name="boresight",
    cls=Commands,
    help="Boresight: an environment in which Earth-observation instruments are calibrated.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # they hold secrets
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"boresight {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


for _group in (lifecycle, demo, diagnosis, people, announce, cluster, additions, handed):
    _group.register(app)
