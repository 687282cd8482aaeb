"""``boresight batch``, ``home``, ``packages`` and ``share``, in the server of the person who asks.

Where the control plane is installed as well, its command ``boresight`` hands these over; elsewhere
they are the whole command.
"""

from __future__ import annotations

import argparse
import sys
from typing import Protocol

from boresight.errors import BoresightError
from boresight.workflows.batch import command as batch
from boresight.workflows.home import command as home
from boresight.workflows.packages import command as packages
from boresight.workflows.share import command as share


class _Group(Protocol):
    def add_commands(self, parser: argparse.ArgumentParser) -> None: ...
    def run_command(self, given: argparse.Namespace) -> int: ...


_GROUPS: dict[str, tuple[_Group, str]] = {
    "batch": (batch, "run notebooks to their end with nobody signed in"),
    "home": (home, "what the home holds, its snapshots, files from them"),
    "packages": (packages, "your own packages, on top of those of the image"),
    "share": (share, "a notebook by a link, or your server by an invitation"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="boresight")
    groups = parser.add_subparsers(dest="group", required=True, metavar="GROUP")
    for name, (module, text) in _GROUPS.items():
        module.add_commands(groups.add_parser(name, help=text, description=text))
    given = parser.parse_args(arguments)
    try:
        return _GROUPS[given.group][0].run_command(given)
    except BoresightError as exc:
        sys.stderr.write(f"error: {exc.message}\n")
        if exc.remedy:
            sys.stderr.write(f"remedy: {exc.remedy}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        return 130


def run_batch(arguments: list[str]) -> int:
    """Run ``boresight batch`` with ``arguments``."""
    return main(["batch", *arguments])


def run_home(arguments: list[str]) -> int:
    """Run ``boresight home`` with ``arguments``."""
    return main(["home", *arguments])


def run_packages(arguments: list[str]) -> int:
    """Run ``boresight packages`` with ``arguments``."""
    return main(["packages", *arguments])


def run_share(arguments: list[str]) -> int:
    """Run ``boresight share`` with ``arguments``."""
    return main(["share", *arguments])
