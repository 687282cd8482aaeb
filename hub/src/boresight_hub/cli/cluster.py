"""``boresight cluster``: what an operator does with an environment on Kubernetes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

cluster = typer.Typer(
    no_args_is_help=True, help="An environment on Kubernetes, by the operator's kubectl."
)

_Namespace = Annotated[
    str, typer.Option("--namespace", "-n", metavar="NAME", help="Namespace of the platform.")
]
_Only = Annotated[
    str | None,
    typer.Option(
        "--only",
        metavar="PARTS",
        help="Parts, with commas: secrets, hub (accounts, sessions, grants), catalogue, store, "
        "homes. Default: all.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(cluster, name="cluster")


@cluster.command()
def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New folder to write.")],
    namespace: _Namespace = "boresight",
    only: _Only = None,
) -> None:
    """Save databases, objects, homes and Secrets into a folder.

    Work goes on meanwhile; each database is as it was at one moment, and objects and files as
    they were when they were read. The folder holds secrets: keep it as you keep those.
    """
    from boresight_hub.backup import run
    from boresight_hub.backup.kubectl import Kubectl

    run.save(Kubectl(namespace), folder, _parts(only), _tell())
    typer.echo(f"{folder} is complete.")


@cluster.command()
def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a backup.")],
    namespace: _Namespace = "boresight",
    only: _Only = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask: databases are replaced, files overwritten.")
    ] = False,
) -> None:
    """Bring back what `boresight cluster backup` has saved.

    Databases are replaced while their services are stopped; objects and files that are in the
    backup are written over those that are there, others are left. After a total loss install
    the chart first.
    """
    from boresight_hub.backup import run
    from boresight_hub.backup.kubectl import Kubectl

    chosen = _parts(only)
    if not yes:
        typer.confirm(f"Restore {', '.join(chosen)} in {namespace} from {folder}?", abort=True)
    took = run.restore(Kubectl(namespace), folder, chosen, _tell())
    typer.echo(f"Restored in {sum(took.values()):.1f} s.")


def _parts(only: str | None) -> tuple[str, ...]:
    from boresight_hub.backup.run import PARTS

    if only is None:
        return PARTS
    chosen = tuple(name.strip() for name in only.split(","))
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        raise typer.BadParameter(
            f"{', '.join(unknown)}: parts are {', '.join(PARTS)}", param_hint="--only"
        )
    return tuple(name for name in PARTS if name in chosen)


def _tell() -> Callable[[str, str], None]:
    return lambda part, text: typer.echo(f"{part}: {text}")
