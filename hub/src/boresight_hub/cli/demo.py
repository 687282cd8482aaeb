"""``boresight demo``: the main job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from boresight_hub.cli.options import StateOption, state_path, wide_console

if TYPE_CHECKING:
    from rich.console import Console

    from boresight_hub.mainjob import Job, Outcome
    from boresight_hub.settings import HubSettings

_ENGINEER = "marie"
# what a person looks for first; everything is in the item and in --json
_SHOWN = (
    ("median_abs_error_m", "median |error|", "m"),
    ("bias_m", "bias (mean)", "m"),
    ("median_m", "median error", "m"),
    ("nmad_m", "NMAD", "m"),
    ("le90_m", "LE90", "m"),
    ("completeness", "completeness", "%"),
    ("n", "N", ""),
    ("valid_fraction", "valid", "%"),
    ("height_min_m", "lowest", "m"),
    ("height_max_m", "highest", "m"),
)


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("demo")(demo)


def demo(
    pair: Annotated[
        Path | None,
        typer.Option(
            "--pair",
            metavar="DIR",
            help="Folder of two real images with RPC (TIFF tags, _RPC.TXT, DIMAP XML or .geom). "
            "Default: a simulated pair whose truth is known.",
            show_default=False,
        ),
    ] = None,
    state: StateOption = None,
    port: Annotated[
        int | None, typer.Option("--port", min=1024, max=65000, show_default="8000")
    ] = None,
    idp: Annotated[
        Literal["oidc-provider", "keycloak"] | None,
        typer.Option("--idp", help="Identity provider.", show_default="oidc-provider"),
    ] = None,
    size: Annotated[
        int, typer.Option("--size", min=200, max=8000, help="Side of the simulated images [px].")
    ] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Of the simulation.")] = 7,
    workers: Annotated[int, typer.Option("--workers", min=1, max=8, help="Dask workers.")] = 2,
    origin: Annotated[
        str | None,
        typer.Option(
            "--origin",
            metavar="URL",
            help="Address of an environment elsewhere: nothing is started here.",
            show_default=False,
        ),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            "--user",
            metavar="NAME",
            help="Who does it, with --origin; the password is asked for, or read from "
            "BORESIGHT_PASSWORD.",
            show_default=False,
        ),
    ] = None,
    authorities: Annotated[
        Path | None,
        typer.Option(
            "--authorities",
            metavar="FILE",
            help="With --origin: authorities (PEM) of its certificate, where the system has none.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the outcome as JSON, and nothing else.")
    ] = False,
) -> None:
    """From sign-in to a DSM: the whole environment at work.

    Brings the environment up if it is not, signs in as the engineer, starts a server, runs the
    quickstart notebook there on a Dask cluster, and prints the DSM's accuracy, recomputed from
    the object in S3. The environment stays up afterwards. With --origin the same is done in one
    that runs elsewhere, such as a centre's on Kubernetes; images of --pair are copied into the
    home there.
    """
    from rich.console import Console

    from boresight_hub.errors import BoresightError
    from boresight_hub.mainjob import Job

    job = Job(pair_dir=pair, size_px=size, seed=seed, workers=workers)
    console = Console(highlight=False, stderr=as_json)
    if origin is None:
        if user is not None or authorities is not None:
            raise typer.BadParameter("--user and --authorities go with --origin")
        outcome, seconds, history, whose = _here(job, state, port, idp, console)
    else:
        if state is not None or port is not None or idp is not None:
            raise typer.BadParameter("--state, --port and --idp go without --origin")
        outcome, seconds, history, whose = _elsewhere(job, origin, user, authorities, console)
    if as_json:
        typer.echo(json.dumps(_as_dict(outcome, seconds), indent=1))
    else:
        _print(wide_console(), outcome, history, whose)
    if not outcome.within_tolerance:
        raise BoresightError(
            f"The median |error| of {outcome.figures['median_abs_error_m']:.3f} m is above the "
            f"{outcome.tolerance_m:.3f} m that are promised.",
            remedy=f"Look at {outcome.picture}, and tell the developers.",
        )


_Run = tuple["Outcome", dict[str, float], list[dict[str, float]], str]


def _here(
    job: Job,
    state: Path | None,
    port: int | None,
    idp: Literal["oidc-provider", "keycloak"] | None,
    console: Console,
) -> _Run:
    from boresight_hub import mainjob
    from boresight_hub.cli.progress import StartProgress
    from boresight_hub.embedded import control, people
    from boresight_hub.embedded import state as states

    place = states.look(state_path(state))
    settings = states.settings_for(place, port=port, idp=idp)
    seconds: dict[str, float] = {}
    with StartProgress(console) as progress:
        report = states.read_report(place.path)
        if report is None or report.phase != "ready":
            running = control.start(place, settings, progress)
            seconds["environment up"] = running.seconds
        engineer = mainjob.Engineer(_ENGINEER, people.find(settings, _ENGINEER).password)
        outcome = mainjob.run(settings, job, engineer, progress)
    seconds |= outcome.seconds
    whose = f"(as {_ENGINEER}; `boresight users show` tells the password)"
    return outcome, seconds, _remember(settings, job.name, seconds), whose


def _elsewhere(
    job: Job, origin: str, user: str | None, authorities: Path | None, console: Console
) -> _Run:
    import os

    from pydantic import ValidationError

    from boresight_hub import mainjob
    from boresight_hub.cli.progress import StartProgress
    from boresight_hub.settings import HubSettings

    try:
        settings = HubSettings(
            platform="kubernetes", origin=origin.rstrip("/"), authorities_path=authorities
        )
    except ValidationError as exc:
        raise typer.BadParameter(
            f"{origin} is not scheme and host, such as https://boresight.example.org"
        ) from exc
    name = user or typer.prompt("User name", err=True)
    password = os.environ.get("BORESIGHT_PASSWORD") or typer.prompt(
        f"Password of {name}", hide_input=True, err=True
    )
    with StartProgress(console) as progress:
        outcome = mainjob.run(settings, job, mainjob.Engineer(name, password), progress)
    return outcome, dict(outcome.seconds), [dict(outcome.seconds)], f"(as {name})"


def _as_dict(outcome: Outcome, seconds: dict[str, float]) -> dict[str, object]:
    return {
        "figures": outcome.figures,
        "tolerance_m": outcome.tolerance_m,
        "within_tolerance": outcome.within_tolerance,
        "item": outcome.item_url,
        "picture": outcome.picture,
        "open": outcome.notebook_url,
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
    }


def _remember(settings: HubSettings, job: str, seconds: dict[str, float]) -> list[dict[str, float]]:
    """Keep the times of the first run and of this one."""
    from boresight_hub.embedded.plan import write_private

    path = settings.folder("run") / "demo-times.json"
    kept: dict[str, list[dict[str, float]]] = json.loads(path.read_text()) if path.exists() else {}
    runs = [*kept.get(job, [])[:1], seconds]
    write_private(path, json.dumps({**kept, job: runs}))
    return runs


def _print(console: Console, outcome: Outcome, history: list[dict[str, float]], whose: str) -> None:
    from rich.table import Table

    times = Table(box=None, header_style="bold", pad_edge=False)
    times.add_column("phase")
    for title in ("first run", "this run")[-len(history) :]:
        times.add_column(f"{title} [s]", justify="right")
    for name in dict.fromkeys(name for run in history for name in run):
        times.add_row(name, *(f"{run[name]:.1f}" if name in run else "-" for run in history))
    totals = (sum(v for k, v in run.items() if ":" not in k) for run in history)
    times.add_row("total", *(f"{total:.1f}" for total in totals), style="bold")
    console.print(times)

    figures = Table(box=None, show_header=False, pad_edge=False)
    figures.add_column()
    figures.add_column(justify="right")
    for key, title, unit in _SHOWN:
        if key in outcome.figures:
            figures.add_row(title, _value(float(outcome.figures[key]), unit))
    console.print("\nRecomputed from the object in S3:", style="bold")
    console.print(figures)
    if (bound := outcome.tolerance_m) is not None:
        verdict = "within" if outcome.within_tolerance else "ABOVE"
        console.print(f"The median |error| is {verdict} the promised {bound:.3f} m.")
    console.print(f"\nSTAC item  {outcome.item_url}\npicture    {outcome.picture}")
    console.print(f"open       {outcome.notebook_url}")
    console.print(f"           {whose}")


def _value(value: float, unit: str) -> str:
    if unit == "%":
        return f"{100 * value:.1f} %"
    return f"{value:.3f} {unit}" if unit else f"{value:.0f}"
