"""``python -m boresight_hub.config.culler``: ends servers that the hub has judged to be over.

It asks the hub every so often, and has two rights there: to have servers judged, and to stop them.
A hub that is away is told in the log, without the token, and asked again.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from urllib.parse import quote

import httpx

from boresight_hub import logs

log = logging.getLogger("boresight_hub.config.culler")

_TIMEOUT_S = 30.0


class Culler:
    """Ends what is over.

    Parameters
    ----------
    url : str
        Of the hub's API.
    token : str
        Of the service ``idle-culler``.
    transport : httpx.BaseTransport, optional
        Takes the place of the network, for tests.
    """

    def __init__(
        self, url: str, token: str, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._url = url.rstrip("/")
        self._http = httpx.Client(
            headers={"Authorization": f"token {token}"},
            timeout=_TIMEOUT_S,
            transport=transport,
            trust_env=False,
        )

    def look(self) -> list[tuple[str, str]]:
        """Have all servers judged, and end those that are over; returns user and server of each.

        Raises
        ------
        httpx.HTTPError
            When the hub is out of reach or refuses.
        """
        answer = self._http.post(f"{self._url}/boresight/idle").raise_for_status()
        ended = []
        for found in answer.json()["servers"]:
            if found["state"] != "over":
                continue
            user, server = found["user"], found["server"]
            path = f"users/{quote(user, safe='')}/"
            path += f"servers/{quote(server, safe='')}" if server else "server"
            stopped = self._http.delete(f"{self._url}/{path}")
            # 404, 400: it is gone, or about to be
            if not stopped.is_success and stopped.status_code not in (400, 404):
                log.warning(
                    "server %r of %s: the hub answers %d", server, user, stopped.status_code
                )
                continue
            log.info("server %r of %s is ended: not used since %s", server, user, found["used_at"])
            ended.append((user, server))
        return ended


def main(argv: list[str] | None = None) -> None:
    """Look for ever."""
    parser = argparse.ArgumentParser(description="End servers that nobody uses.")
    parser.add_argument("--url", required=True, help="address of the hub's API")
    parser.add_argument("--every", type=float, default=60.0, help="time between two looks [s]")
    options = parser.parse_args(argv)
    logs.configure()
    token = os.environ.get("JUPYTERHUB_API_TOKEN", "")
    if not token:
        log.error("JUPYTERHUB_API_TOKEN is not set: nobody would let the culler end a server")
        sys.exit(2)
    culler = Culler(options.url, token)
    while True:
        begun = time.monotonic()
        try:
            culler.look()
        except (httpx.HTTPError, ValueError, KeyError) as exc:
            log.error("the hub does not answer the culler: %s: %s", type(exc).__name__, exc)
        time.sleep(max(0.0, options.every - (time.monotonic() - begun)))


if __name__ == "__main__":
    main()
