"""Commands that other installed packages bring: the entry points of the group below.

``boresight batch`` and ``boresight home`` are the toolkit's: they work in a person's server, with
its token files. The control plane knows their names only.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata

import typer

ENTRY_POINTS = "boresight.commands"
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def register(app: typer.Typer) -> None:
    """Add a command for each entry point, ``name = "module:function"``.

    The function takes the arguments that follow the name and returns the exit code.
    """
    for entry in sorted(metadata.entry_points(group=ENTRY_POINTS), key=lambda e: e.name):
        app.command(
            entry.name,
            help=f"In your own server: {entry.name} --help.",
            context_settings=_PASSED_ON,
        )(_handed(entry))


def _handed(entry: metadata.EntryPoint) -> Callable[[typer.Context], None]:
    def command(ctx: typer.Context) -> None:
        raise typer.Exit(entry.load()(ctx.args))

    return command
