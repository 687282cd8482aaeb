"""``boresight home``: what the home holds, its snapshots, and files from them."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from boresight.workflows.home.snapshots import HomeSnapshots, Snapshot
from boresight.workflows.home.usage import Usage, home_usage


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the commands to ``parser``."""
    commands = parser.add_subparsers(dest="action", metavar="COMMAND")
    add = commands.add_parser("use", help="how full the home is, and what fills it (the default)")
    add.add_argument("--json", action="store_true", dest="as_json")
    commands.add_parser("snapshot", help="take a snapshot, to your own prefix in S3")
    add = commands.add_parser("list", help="snapshots, or those that hold a file or folder")
    add.add_argument("path", nargs="?", type=Path, metavar="PATH")
    add.add_argument("--json", action="store_true", dest="as_json")
    add = commands.add_parser("restore", help="bring a file or folder back from a snapshot")
    add.add_argument("path", type=Path, metavar="PATH")
    add.add_argument(
        "--snapshot", default="latest", help="its name in the list; default: the latest with PATH"
    )
    add.add_argument("--overwrite", action="store_true", help="replace what is there")


def run_command(given: argparse.Namespace) -> int:
    """Run one command; returns the exit code."""
    match given.action:
        case "snapshot":
            return _say(_lines([HomeSnapshots().take()]))
        case "list":
            found = HomeSnapshots().all() if given.path is None else _holding(given.path)
            return _say([_as_json(found)] if given.as_json else _lines(found))
        case "restore":
            place = HomeSnapshots().restore(
                _absolute(given.path), snapshot_id=given.snapshot, overwrite=given.overwrite
            )
            return _say([str(place)])
        case _:
            usage = home_usage()
            as_json = getattr(given, "as_json", False)
            return _say([json.dumps(asdict(usage), indent=1)] if as_json else usage_lines(usage))


def usage_lines(usage: Usage) -> list[str]:
    """What people are told of a home."""
    part = 100 * usage.used_bytes / max(1, usage.quota_bytes)
    shared = ", shared with others" if usage.is_shared else ""
    lines = [
        f"{_size(usage.used_bytes)} of {_size(usage.quota_bytes)} used ({part:.0f} %{shared}), "
        f"{_size(usage.free_bytes)} free; {_size(usage.own_bytes)} are yours",
        *(f"{_size(e.size_bytes):>10}  {e.files:>7} files  ~/{e.path}" for e in usage.biggest),
    ]
    if usage.is_full:
        lines.append("The home is full: remove what you can make again, then start a new server.")
    return lines


def _holding(path: Path) -> list[Snapshot]:
    return HomeSnapshots().holding(_absolute(path))


def _absolute(path: Path) -> Path:
    # as the shell means it: from the working folder on
    return Path.cwd() / path.expanduser()


def _lines(found: list[Snapshot]) -> list[str]:
    head = f"{'snapshot':9} {'taken':16}  {'files':>8}  {'size':>10}"
    return [head] + [
        f"{s.snapshot_id:9} {s.taken_at.astimezone():%Y-%m-%d %H:%M}  {s.files:>8}  "
        f"{_size(s.size_bytes):>10}"
        for s in found
    ]


def _as_json(found: list[Snapshot]) -> str:
    return json.dumps([asdict(s) for s in found], default=str, indent=1)


def _say(lines: list[str]) -> int:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    return 0


def _size(size_bytes: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size_bytes < 1024:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} TiB"
