"""``boresight share``: a notebook by a link, or the server by an invitation."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from boresight.access import Environment
from boresight.errors import InputError
from boresight.workflows.share.notebooks import publish, withdraw
from boresight.workflows.share.servers import ServerShares

_MOST_HOURS = 168
_WARNING = (
    "Whoever accepts works in this server as you do: with your files, your credentials and your "
    "clusters, until you end it (boresight share revoke)."
)


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the commands to ``parser``."""
    commands = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")
    add = commands.add_parser("notebook", help="a link to a notebook as it is now")
    add.add_argument("path", type=Path, metavar="PATH")
    add.add_argument("--withdraw", action="store_true", help="take it back instead")
    add = commands.add_parser("server", help="an invitation to this server")
    add.add_argument("--hours", type=int, default=8, help="it can be accepted for so long")
    commands.add_parser("list", help="with whom this server is shared")
    add = commands.add_parser("revoke", help="share this server no longer, with NAME or anybody")
    add.add_argument("name", nargs="?", default="", metavar="NAME")


def run_command(given: argparse.Namespace) -> int:
    """Run one command; returns the exit code."""
    match given.action:
        case "notebook":
            path = Path.cwd() / given.path.expanduser()
            if given.withdraw:
                was_shared = withdraw(path)
                return _say("Taken back." if was_shared else "This version was not shared.")
            environment = Environment.from_env()
            return _say(publish(path, environment).link(environment))
        case "server":
            if not 1 <= given.hours <= _MOST_HOURS:
                raise InputError(f"{given.hours} hours: the rule is from 1 to {_MOST_HOURS}.")
            sys.stderr.write(f"{_WARNING}\n")
            return _say(ServerShares().invite(given.hours * 3600).link)
        case "list":
            people = ServerShares().people()
            return _say("\n".join(people) or "This server is shared with nobody.")
        case _:
            ServerShares().revoke(given.name)
            return _say("Done.")


def _say(text: str) -> int:
    sys.stdout.write(f"{text}\n")
    return 0
