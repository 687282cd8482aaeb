"""``boresight batch``: hand in a notebook, see what became of it."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from boresight.errors import InputError
from boresight.workflows.batch import client
from boresight.workflows.batch.client import BatchRun

_DURATION = re.compile(r"(\d+)([smhd]?)")
_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the commands to ``parser``."""
    commands = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")
    add = commands.add_parser("run", help="run a notebook to its end, outside of this server")
    add.add_argument("notebook", type=Path, metavar="NOTEBOOK")
    add.add_argument(
        "-p",
        dest="parameters",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter; the value is JSON where it is, else a text",
    )
    add.add_argument("--name", default="", help="for the list; default: name of the file")
    add.add_argument("--time-limit", metavar="TIME", help="such as 90m, 4h, 2d")
    add.add_argument("--wait", action="store_true", help="until it has ended")
    add = commands.add_parser("list", help="your runs")
    add.add_argument("--json", action="store_true", dest="as_json")
    for name, text in (
        ("show", "all there is to tell of a run"),
        ("log", "what a run has printed so far"),
        ("cancel", "end a run; what it has so far is kept"),
        ("rerun", "run the same notebook once more, with the same parameters"),
        ("wait", "wait for the end of a run"),
        ("forget", "take a run that has ended off the list; its results stay"),
    ):
        add = commands.add_parser(name, help=text)
        add.add_argument("run_id", metavar="RUN")


def run_command(given: argparse.Namespace) -> int:
    """Run one command; returns the exit code: 0 also means that a run waited for succeeded."""
    match given.action:
        case "run":
            run = client.submit(
                given.notebook,
                dict(_parameter(text) for text in given.parameters),
                name=given.name,
                time_limit_s=_duration_s(given.time_limit) if given.time_limit else None,
            )
            return _wait(run) if given.wait else _say([run.run_id])
        case "list":
            runs = client.list_runs()
            return _say([_as_json(runs)] if given.as_json else _table(runs))
        case "show":
            return _say(_details(client.find_run(given.run_id)))
        case "log":
            for part in _log(given.run_id):
                sys.stdout.buffer.write(part)
            sys.stdout.flush()
            return 0
        case "cancel":
            return _say([client.cancel(given.run_id).state])
        case "rerun":
            return _say([client.rerun(given.run_id).run_id])
        case "wait":
            return _wait(client.find_run(given.run_id))
        case _:
            client.forget(given.run_id)
            return 0


def _wait(run: BatchRun) -> int:
    def told(now: BatchRun) -> None:
        at = f" cell {now.cell} of {now.cells}" if now.cell else ""
        sys.stderr.write(f"{now.run_id} {now.state}{at}\n")

    ended = client.wait_for(run.run_id, on_change=told)
    _say(_details(ended))
    return 0 if ended.state == "succeeded" else 1


def _log(run_id: str) -> Iterator[bytes]:
    offset = 0
    while True:
        part, following = client.run_log(run_id, offset)
        if not part:
            return
        yield part
        offset = following


def _say(lines: list[str]) -> int:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    return 0


def _table(runs: list[BatchRun]) -> list[str]:
    head = f"{'run':23}  {'state':11}  {'started':16}  {'cell':>7}  notebook"
    rows = [
        f"{run.run_id:23}  {run.state:11}  {_time(run.started_at):16}  "
        f"{f'{run.cell}/{run.cells}' if run.cells else '':>7}  {run.name}"
        for run in runs
    ]
    return [head, *rows]


def _details(run: BatchRun) -> list[str]:
    shown = {
        "run": run.run_id,
        "notebook": run.name,
        "state": run.state,
        "parameters": json.dumps(run.parameters),
        "folder": f"~/{run.folder}" if run.folder != "." else "~",
        "queued": _time(run.created_at),
        "started": _time(run.started_at),
        "ended": _time(run.ended_at),
        "cell": f"{run.cell} of {run.cells}" if run.cells else "",
        "repeats": run.rerun_of or "",
        "results": run.results or "",
        "error": run.error or "",
    }
    return [f"{name:11} {text}" for name, text in shown.items() if text]


def _time(at: datetime | None) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}" if at else ""


def _as_json(runs: list[BatchRun]) -> str:
    return json.dumps([vars(run) for run in runs], default=str, indent=1)


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise InputError(
            f"{text[:100]!r} is no parameter: it has to be NAME=VALUE, the name a Python name.",
            remedy="Write it as in -p resolution_m=0.5.",
        )
    try:
        return name, json.loads(value, parse_constant=_not_json)
    except ValueError:
        return name, value


def _not_json(constant: str) -> None:
    raise ValueError(constant)


def _duration_s(text: str) -> int:
    found = _DURATION.fullmatch(text)
    if not found:
        raise InputError(
            f"{text[:30]!r} is no time: a number and s, m, h or d are.", remedy="Such as 90m."
        )
    return int(found[1]) * _UNITS_S[found[2]]
