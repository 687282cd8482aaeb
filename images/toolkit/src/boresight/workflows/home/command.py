"""``boresight home``: what the home holds."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from boresight.workflows.home.usage import Usage, home_usage


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the commands to ``parser``."""
    commands = parser.add_subparsers(dest="action", metavar="COMMAND")
    add = commands.add_parser("use", help="how full the home is, and what fills it (the default)")
    add.add_argument("--json", action="store_true", dest="as_json")


def run_command(given: argparse.Namespace) -> int:
    """Run one command; returns the exit code."""
    usage = home_usage()
    if getattr(given, "as_json", False):
        sys.stdout.write(f"{json.dumps(asdict(usage), indent=1)}\n")
    else:
        sys.stdout.write("\n".join(_usage_lines(usage)) + "\n")
    return 0


def _usage_lines(usage: Usage) -> list[str]:
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


def _size(size_bytes: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size_bytes < 1024:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} TiB"
