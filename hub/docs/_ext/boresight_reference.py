"""Write the reference pages that come from code: settings and the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import typer.main
from pydantic import BaseModel
from sphinx.application import Sphinx

from boresight_hub.cli import app as boresight_app
from boresight_hub.settings import PORT_OFFSETS, HubSettings


def setup(app: Sphinx) -> dict[str, bool]:
    """Hook the generation into the build."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_pages(app: Sphinx) -> None:
    """Write `reference/generated/*.md` anew."""
    folder = Path(app.srcdir) / "reference" / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.md").write_text(settings_page())
    (folder / "command.md").write_text(command_page())


def settings_page() -> str:
    """Table of every setting, its variable, default and meaning."""
    intro = "Each is an environment variable; the defaults are those of one machine."
    rows = ["# Settings", "", intro, ""]
    rows += ["| variable | default | meaning |", "|---|---|---|"]
    rows += _rows(HubSettings, "BORESIGHT_")
    rows += ["", "## Ports", "", "Offsets from the public port (`--port`).", ""]
    rows += ["| service | offset |", "|---|---|"]
    rows += [f"| {name} | +{offset} |" for name, offset in PORT_OFFSETS.items()]
    return "\n".join(rows) + "\n"


def _rows(model: type[BaseModel], prefix: str) -> list[str]:
    rows: list[str] = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            rows += _rows(kind, f"{prefix}{name.upper()}__")
            continue
        default: Any = field.default if field.default_factory is None else "by platform"
        rows.append(f"| `{prefix}{name.upper()}` | `{default}` | {field.description or ''} |")
    return rows


def command_page() -> str:
    """Help of every command, as the command prints it."""
    root = typer.main.get_command(boresight_app)
    lines = ["# The command `boresight`", ""]
    _describe(root, "boresight", None, lines)
    return "\n".join(lines) + "\n"


def _describe(
    command: click.Command, name: str, parent: click.Context | None, lines: list[str]
) -> None:
    context = click.Context(command, info_name=name.split()[-1], parent=parent)
    lines += [f"## `{name}`", "", (command.help or "").strip(), ""]
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    if options or arguments:
        lines += ["| option | default | meaning |", "|---|---|---|"]
        for argument in arguments:
            meaning = getattr(argument, "help", "") or ""
            lines.append(f"| `{argument.make_metavar(context)}` | | {meaning} |")
        for option in options:
            default = "" if option.default in (None, False) else f"`{option.default}`"
            lines.append(f"| `{', '.join(option.opts)}` | {default} | {option.help or ''} |")
        lines.append("")
    if isinstance(command, click.Group):
        for child_name in sorted(command.commands):
            child = command.commands[child_name]
            if not child.hidden:
                _describe(child, f"{name} {child_name}", context, lines)
