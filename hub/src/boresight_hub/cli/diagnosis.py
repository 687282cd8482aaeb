"""``boresight status``, ``boresight logs``, ``boresight doctor``."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from boresight_hub.cli.options import StateOption, state_path, wide_console
from boresight_hub.errors import StateError

if TYPE_CHECKING:
    from boresight_hub.embedded.status import Status

_FOLLOW_S = 0.2


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("status")(status)
    app.command("logs")(logs)
    app.command("doctor")(doctor)


def status(
    state: StateOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show each service: state, process, time up, restarts, memory. Exit code 1 unless all well."""
    from boresight_hub.embedded.status import read

    now = read(state_path(state))
    if as_json:
        typer.echo(json.dumps(now.as_dict(), indent=2))
    else:
        _print_status(now)
    if not now.is_well:
        raise typer.Exit(1)


def _print_status(now: Status) -> None:
    from rich.table import Table

    console = wide_console()
    if now.pid is None:
        console.print(f"{now.phase}: {now.state_dir}")
        return
    console.print(f"[bold]{now.phase}[/bold]  {now.url}  {now.state_dir}")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("service", "state", "pid", "up", "restarts", "memory", "address"):
        right = title in ("pid", "up", "restarts", "memory")
        table.add_column(title, justify="right" if right else "left", no_wrap=True)
    for name, service in now.services.items():
        table.add_row(
            name,
            f"{service.state} {service.message}".strip(),
            str(service.pid or "-"),
            _duration(service.uptime_s),
            str(service.restarts),
            _mib(service.memory_bytes),
            service.url,
        )
    table.add_row(
        "supervisor",
        "",
        str(now.pid),
        _duration(now.uptime_s),
        "",
        _mib(now.memory_of_supervision_bytes),
        "",
    )
    console.print(table)
    console.print(
        f"Memory at rest {_mib(now.memory_at_rest_bytes)}, "
        f"user servers and clusters {_mib(now.memory_of_people_bytes)}"
    )


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 1024**2:.0f} MiB"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def logs(
    service: Annotated[
        str | None,
        typer.Argument(help="A service, `supervisor`, or a user server; default: all."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they grow.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Lines of the past.")] = 50,
    state: StateOption = None,
) -> None:
    """Show what services said. Secrets were taken out before it was written."""
    from boresight_hub.embedded.logpipe import tail

    folder = state_path(state) / "logs"
    known = {path.stem: path for path in sorted(folder.glob("*.log"))}
    if service is not None and service not in known:
        raise StateError(
            f"There is no log of {service!r} in {folder}.",
            remedy=f"Logs: {', '.join(known) or 'none, nothing was started yet'}.",
        )
    chosen = {service: known[service]} if service else known
    prefix = len(chosen) > 1
    for name, path in chosen.items():
        for line in tail(path, lines):
            typer.echo(f"{name}: {line}" if prefix else line)
    if follow:
        _follow(chosen, prefix=prefix)


def _follow(chosen: dict[str, Path], *, prefix: bool) -> None:
    places = {name: (path.stat().st_ino, path.stat().st_size) for name, path in chosen.items()}
    while True:
        for name, path in chosen.items():
            try:
                inode, size = path.stat().st_ino, path.stat().st_size
            except OSError:
                continue  # just being rotated
            seen_inode, offset = places[name]
            if inode != seen_inode or size < offset:
                offset = 0
            if size > offset:
                with path.open("rb") as stream:
                    stream.seek(offset)
                    grown = stream.read(size - offset)
                # a line that is still being written is for the next time
                complete = grown[: grown.rfind(b"\n") + 1]
                for line in complete.decode(errors="replace").splitlines():
                    typer.echo(f"{name}: {line}" if prefix else line)
                offset += len(complete)
            places[name] = (inode, offset)
        time.sleep(_FOLLOW_S)


def doctor(
    state: StateOption = None,
    port: Annotated[
        int | None, typer.Option("--port", min=1024, max=65000, help="Public port to look at.")
    ] = None,
) -> None:
    """Look at this machine: what is there, what is missing, and how to get it."""
    from rich.table import Table

    from boresight_hub.embedded import state as states
    from boresight_hub.embedded.doctor import examine
    from boresight_hub.settings import HubSettings

    path = state_path(state)
    try:
        settings = states.settings_for(states.look(path), port=port)
    except StateError:
        settings = HubSettings(state_dir=path, port=port or HubSettings().port)
    findings = examine(settings)
    table = Table(box=None, show_header=False, pad_edge=False)
    styles = {"ok": "green", "missing": "bold red", "optional": "yellow"}
    for finding in findings:
        text = f"{finding.seen}\n→ {finding.remedy}" if finding.remedy else finding.seen
        table.add_row(f"[{styles[finding.verdict]}]{finding.verdict}[/]", finding.name, text)
    wide_console().print(table)
    if any(finding.verdict == "missing" for finding in findings):
        raise typer.Exit(1)
