"""Write the reference pages that come from code: settings, the command, the policy template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import typer.main
from pydantic import BaseModel
from sphinx.application import Sphinx

from boresight_hub.access.policy import (
    DEFAULT_TEMPLATE,
    CollectionAccess,
    PolicyTemplate,
    grants_of,
)
from boresight_hub.cli import app as boresight_app
from boresight_hub.settings import PORT_OFFSETS, HubSettings, S3Settings


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
    (folder / "policies.md").write_text(policy_page())


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


_VARIABLES = """
| variable | is filled in with |
|---|---|
| `{{buckets.catalogue}}`, `{{buckets.products}}`, `{{buckets.home}}` | name of the bucket |
| `{{claims.preferred_username}}` | the person's name: 1 to 40 of a-z, 0-9 and `._@+-` |
| `{{claims.sub}}` | the person's stable identifier |
| `{{collections.read}}` | each collection the person's groups may read |
| `{{collections.write}}` | each collection the person's groups may write |

The last two stand in an element of a list, which is repeated for each value. A statement whose
list is left empty is dropped whole. A name or identifier with a character that means something in
a policy is refused.

Each statement that allows something gets the condition `DateLessThan aws:CurrentTime`: the store
itself ends the session. A template that is no policy, or uses another variable, stops the access
service at its start.
"""


def policy_page() -> str:
    """Policy template: what it says, its variables, and what one person gets by it."""
    text = DEFAULT_TEMPLATE.read_text(encoding="utf-8")
    template = PolicyTemplate(text)  # a template that is refused stops the build
    lines = ["# Policy template", ""]
    lines += [
        "What a session may do at the store is rendered from `boresight_hub/access/template.json`",
        "with the claims of the person's token. Read and write groups are a property of the",
        "collection.",
        "",
        "| statement | actions | resources | condition |",
        "|---|---|---|---|",
    ]
    for statement in json.loads(text)["Statement"]:
        condition = json.dumps(statement["Condition"]) if "Condition" in statement else ""
        cells = [
            f"{statement['Sid']} ({statement['Effect']})",
            "<br>".join(f"`{action}`" for action in statement["Action"]),
            "<br>".join(f"`{resource}`" for resource in statement["Resource"]),
            f"`{condition}`" if condition else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## Variables", _VARIABLES]
    grants = grants_of(
        username="marie",
        subject="b5c3",
        groups=["co3d-calibration"],
        collections={
            "co3d-l1": CollectionAccess(frozenset({"co3d-calibration"}), frozenset()),
            "co3d-dsm": CollectionAccess(
                frozenset({"co3d-calibration"}), frozenset({"co3d-calibration"})
            ),
        },
        admin_group="boresight-admins",
    )
    rendered = json.loads(template.render(grants, S3Settings(), None))
    lines += [
        "## For one person",
        "",
        "`marie` of `co3d-calibration`, who may read `co3d-l1` and write `co3d-dsm`:",
        "",
        "```json",
        json.dumps(rendered, indent=2),
        "```",
    ]
    return "\n".join(lines) + "\n"
