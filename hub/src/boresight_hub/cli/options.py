"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        help="State directory: everything the environment keeps. Default: $BORESIGHT_STATE_DIR, "
        "else the XDG state directory.",
        show_default=False,
    ),
]


def state_path(given: Path | None) -> Path:
    """State directory that was asked for."""
    from boresight_hub.settings import HubSettings

    path = given if given is not None else HubSettings().state_dir
    return path.expanduser().resolve()


def wide_console() -> Console:
    """Console for tables: outside a terminal nothing is cut off."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=200)
