"""``boresight packages``: one's own packages, on top of those of the image."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from boresight.workflows.packages.environment import PackageSet


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the commands to ``parser``."""
    commands = parser.add_subparsers(dest="action", metavar="COMMAND")
    add = commands.add_parser("add", help="add packages, as in 'spectral>=0.23'")
    add.add_argument("names", nargs="+", metavar="PACKAGE")
    add = commands.add_parser("remove", help="take packages away")
    add.add_argument("names", nargs="+", metavar="PACKAGE")
    add = commands.add_parser("list", help="what you have asked for, and what it takes (default)")
    add.add_argument("--json", action="store_true", dest="as_json")
    add = commands.add_parser("rebuild", help="build them anew on this image")
    add.add_argument("--upgrade", nargs="*", default=[], metavar="PACKAGE", help="to newer ones")
    add.add_argument("--if-needed", action="store_true", help="only when the image is another one")


def run_command(given: argparse.Namespace) -> int:
    """Run one command; returns the exit code."""
    packages = PackageSet()
    match given.action:
        case "add":
            packages.add(given.names, _say)
        case "remove":
            packages.remove(given.names, _say)
        case "rebuild":
            if given.if_needed and not packages.is_stale:
                return 0
            packages.rebuild(_say, upgrade=given.upgrade)
        case _:
            return _list(packages, as_json=getattr(given, "as_json", False))
    if packages.asked():
        _say(f"{len(packages.locked())} packages are ready: kernel “Python 3 (my packages)”.")
    else:
        _say("You have no packages of your own any more.")
    return 0


def _list(packages: PackageSet, *, as_json: bool) -> int:
    asked, locked, state = packages.asked(), packages.locked(), packages.state
    if as_json:
        told = {"asked": asked, "locked": locked, "is_stale": packages.is_stale, **asdict(state)}
        sys.stdout.write(json.dumps(told, indent=1) + "\n")
        return 0
    if not asked:
        sys.stdout.write("You have no packages of your own: boresight packages add NAME.\n")
        return 0
    sys.stdout.write("asked for:\n" + "".join(f"  {one}\n" for one in asked))
    sys.stdout.write("locked:\n" + "".join(f"  {one}\n" for one in locked))
    if state.problem:
        sys.stdout.write(f"The last rebuild failed: {state.problem}\n")
    elif packages.is_stale:
        sys.stdout.write("The image is another one by now: boresight packages rebuild.\n")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
