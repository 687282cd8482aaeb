"""``python -m boresight.access``: for programs that are not written in Python.

::

    sign-in URL             by a browser on any machine
    sign-out [URL]          with --everywhere: all sessions, API keys and batch grants end
    sign HREF …             signed addresses, one a line
    token AUDIENCE          for a header Authorization: Bearer
    credentials             S3 credentials, as AWS SDKs take them from a credential_process
"""

from __future__ import annotations

import argparse
import json
import sys

from boresight.access.addresses import sign
from boresight.access.identity import AUDIENCES
from boresight.access.services import ask, reason_of
from boresight.access.signin import connect, sign_in, sign_out
from boresight.access.signouts import sign_out_everywhere
from boresight.errors import AccessError, BoresightError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = _parser().parse_args(arguments)
    try:
        for line in _run(given):
            sys.stdout.write(f"{line}\n")
    except BoresightError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    return 0


def _run(given: argparse.Namespace) -> list[str]:
    match given.command:
        case "sign-in":
            return [f"Signed in as {sign_in(given.url)}."]
        case "sign-out":
            if given.everywhere:
                ended = sign_out_everywhere(given.url)
                return [f"{count} {name.replace('_', ' ')} ended." for name, count in ended.items()]
            sign_out(given.url)
            return []
        case "sign":
            addresses = sign(given.href, op=given.op, life_s=given.life, url=given.url)
            return [addresses[href] for href in given.href]
        case "token":
            return [connect(given.url).token(given.audience)]
        case _:
            return [credentials(given.url)]


def credentials(url: str = "") -> str:
    """S3 credentials in the form of a ``credential_process``.

    Raises
    ------
    AccessError
        When the access service gives none.
    """
    identity = connect(url)
    answer = ask(
        "GET",
        f"{identity.environment.access_url}/credentials",
        service="The access service",
        headers={"Authorization": identity.token("s3")},
    )
    if not answer.ok:
        text, remedy = reason_of(answer)
        raise AccessError(
            f"There are no S3 credentials ({answer.status_code}): {text}", remedy=remedy
        )
    found = answer.json()
    told = {
        "Version": 1,
        "AccessKeyId": found["AccessKeyId"],
        "SecretAccessKey": found["SecretAccessKey"],
        "Expiration": found["Expiration"],
    }
    # stores without session tokens refuse an empty one
    if found.get("Token"):
        told["SessionToken"] = found["Token"]
    return json.dumps(told)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m boresight.access")
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("sign-in", help="sign in, by a browser on any machine")
    add.add_argument("url", help="address of the environment")
    add = commands.add_parser("sign-out", help="end the sign-in, here and at the provider")
    add.add_argument("url", nargs="?", default="")
    add.add_argument(
        "--everywhere", action="store_true", help="all your sessions, API keys and batch grants"
    )
    add = commands.add_parser("sign", help="signed addresses, one a line")
    add.add_argument("href", nargs="+", help="href of an object, as the catalogue holds it")
    add.add_argument("--op", choices=("get", "head", "put"), default="get")
    add.add_argument("--life", type=int, help="life asked for [s]")
    add.add_argument("--url", default="", help="environment, if you signed in to several")
    add = commands.add_parser("token", help="a token for one service")
    add.add_argument("audience", choices=AUDIENCES)
    add.add_argument("--url", default="", help="environment, if you signed in to several")
    add = commands.add_parser("credentials", help="S3 credentials for a credential_process")
    add.add_argument("--url", default="", help="environment, if you signed in to several")
    return parser


if __name__ == "__main__":
    sys.exit(main())
