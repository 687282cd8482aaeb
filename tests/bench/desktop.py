"""How long a desktop takes to start, what it needs, and what the way to the browser costs.

uv run --all-groups python tests/bench/desktop.py [--record FOLDER]

Frames are asked of one X server by two clients in turn: on its own socket, and as a browser does,
through the environment's proxy and the user server. Their ratio is what the way costs; both times
of a turn are of the same moment, so that it holds on a busy machine too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.desktop import Viewer, WebLine, reason_to_skip, unix_line
from support.environment import Environment

from boresight_hub.session import HubSession

STARTS = 5
#: turns for each size of frame: the last key's echo, and all of the screen
TURNS = {64: 200, 0: 40}
_SESSION = ("xfwm4", "xfdesktop", "xfce4-panel")
_SETTLED_S = 10.0
_MIB = 2**20


def measure() -> dict[str, object]:
    """Times [s], memory [MiB] and ratios."""
    with tempfile.TemporaryDirectory(prefix="boresight-bench-") as folder:
        environment = Environment(Path(folder) / "state")
        environment.up()
        try:
            with environment.session("marie") as session:
                record: dict[str, object] = {
                    "date": datetime.now(UTC).isoformat(timespec="seconds"),
                    "load_before": round(psutil.getloadavg()[0], 1),
                    "starts": [_start(session, environment) for _ in range(STARTS)],
                }
                _ask(session, "POST", "/start")
                time.sleep(_SETTLED_S)
                record["memory_mib"] = _memory(environment)
                record["frames"] = _frames(session, environment)
                record["load_after"] = round(psutil.getloadavg()[0], 1)
                return record
        finally:
            environment.down()


def _start(session: HubSession, environment: Environment) -> dict[str, float]:
    """Start, wait until everything of it runs, and end it by its session, as a person does."""
    begun = time.monotonic()
    said = _ask(session, "POST", "/start").json()
    answered_s = time.monotonic() - begun
    while not set(_SESSION) <= _names(environment):
        time.sleep(0.02)
        assert time.monotonic() < begun + 120
    drawn_s = time.monotonic() - begun
    time.sleep(_SETTLED_S / 2)
    _named(environment, "xfce4-session").terminate()
    while _ask(session, "GET", "").json()["running"]:
        time.sleep(0.1)
    return {
        "x_server_s": said["start_s"],
        "request_s": round(answered_s, 3),
        "session_s": round(drawn_s, 3),
    }


def _memory(environment: Environment) -> dict[str, float]:
    """What each program of the desktop holds, shared pages by shares (PSS)."""
    found: dict[str, float] = {}
    for process in _desktop(environment):
        with contextlib.suppress(psutil.NoSuchProcess):
            held = process.memory_full_info().pss / _MIB
            found[process.name()] = round(found.get(process.name(), 0.0) + held, 1)
    return {"together": round(sum(found.values()), 1)} | found


def _frames(session: HubSession, environment: Environment) -> dict[str, dict[str, float]]:
    command = _named(environment, "Xtigervnc", "Xvnc").cmdline()
    bare = Viewer(unix_line(command[command.index("-rfbunixpath") + 1]))
    url = f"{session.server_url()}boresight-desktop/".replace("http", "ws", 1)
    proxied = Viewer(WebLine(url, session.token))
    assert (bare.width, bare.height) == (proxied.width, proxied.height)
    record: dict[str, dict[str, float]] = {}
    for side, turns in TURNS.items():
        times: dict[str, list[float]] = {"bare": [], "proxied": []}
        for _ in range(turns):
            times["bare"].append(bare.frame_s(side))
            times["proxied"].append(proxied.frame_s(side))
        name = f"{side} x {side}" if side else f"{bare.width} x {bare.height}"
        record[name] = {
            "turns": turns,
            **{f"{way}_median_ms": _ms(statistics.median(t)) for way, t in times.items()},
            **{f"{way}_p95_ms": _ms(statistics.quantiles(t, n=20)[-1]) for way, t in times.items()},
            "ratio_of_medians": round(
                statistics.median(times["proxied"]) / statistics.median(times["bare"]), 2
            ),
        }
    bare.close()
    proxied.close()
    return record


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 2)


def _desktop(environment: Environment) -> list[psutil.Process]:
    """Programs of the one desktop of this environment, below its supervisor."""
    for process in psutil.process_iter():
        try:
            if "boresight.server.desktop_supervisor" in process.cmdline() and (
                process.environ().get("HOME", "").startswith(str(environment.state))
            ):
                return [process, *process.children(recursive=True)]
        except psutil.Error:
            continue
    return []


def _names(environment: Environment) -> set[str]:
    found = set()
    for process in _desktop(environment):
        with contextlib.suppress(psutil.NoSuchProcess):
            found.add(process.name())
    return found


def _named(environment: Environment, *names: str) -> psutil.Process:
    for process in _desktop(environment):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name() in names:
                return process
    raise AssertionError(f"none of {names} runs in the desktop")


def _ask(session: HubSession, method: str, path: str) -> httpx.Response:
    return httpx.request(
        method,
        f"{session.server_url()}boresight/desktop{path}",
        headers={"Authorization": f"token {session.token}"},
        timeout=120,
    ).raise_for_status()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", type=Path, help="also write the record into this folder")
    arguments = parser.parse_args()
    if why := reason_to_skip():
        sys.stderr.write(f"{why}\n")
        return 2
    record = measure()
    text = json.dumps(record, indent=1) + "\n"
    sys.stdout.write(text)
    if arguments.record:
        day = datetime.now(UTC).date().isoformat()
        (arguments.record / f"desktop-{day}.json").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
