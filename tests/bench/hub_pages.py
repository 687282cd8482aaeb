"""The hub's pages while many people use them: 100 simulated people, then 500.

Proxy, embedded identity provider and hub run as real processes on loopback. Everybody signs in
through the provider's form, a few at a time; then each opens a page, looks at it for a while, and
opens the next one, with cookies of their own. What the pages took is told by page, with errors: an
answer that is not the page counts as one. The people are threads of this process, which shares the
cores with what it measures.

Who works is in a server, not on the hub's pages: one page in half a minute is much. The hub is one
process: what it answers a second has an end, whatever the number of people.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.hub_stack import HubStack, remove_state
from support.ports import free_base_port

from boresight_hub.embedded import people
from boresight_hub.errors import BoresightError
from boresight_hub.session import HubSession
from boresight_hub.settings import HubSettings, ServerSettings

#: What each page has on it, by its path.
PAGES = {"/hub/home": "Boresight", "/hub/token": "token-expiration-seconds"}
#: p95 beyond which the run fails, by the number of people [s].
BOUNDS_S = {100: 1.0, 500: 3.0}
SIGN_INS_AT_A_TIME = 8


@dataclass
class Seen:
    """What people met."""

    times_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, took_s: float, error: str = "") -> None:
        with self.lock:
            self.times_s[what].append(took_s)
            if error:
                self.errors.append(f"{what}: {error}")

    def summary(self) -> dict[str, Any]:
        return {what: _summary(times) for what, times in sorted(self.times_s.items())}


def _summary(times_s: list[float]) -> dict[str, float]:
    ordered = sorted(times_s)
    last = len(ordered) - 1
    return {
        "count": len(ordered),
        "p50_ms": round(1e3 * ordered[last // 2], 1),
        "p95_ms": round(1e3 * ordered[round(last * 0.95)], 1),
        "p99_ms": round(1e3 * ordered[round(last * 0.99)], 1),
    }


def add_people(settings: HubSettings, count: int) -> list[people.Person]:
    made = [
        people.Person(
            username=f"visitor-{n:04d}",
            subject=f"id-of-visitor-{n:04d}",
            name=f"Visitor {n}",
            password=people.generate_password(),
            groups=("calibration",),
        )
        for n in range(count)
    ]
    people.save_people(settings, (*people.load_people(settings), *made))
    return made


def sign_in(settings: HubSettings, whom: list[people.Person]) -> tuple[list[HubSession], Any]:
    """Sign all of them in; sessions of those who got in, and what it took."""
    seen = Seen()

    def one(person: people.Person) -> HubSession | None:
        session = HubSession(settings)
        begun = time.perf_counter()
        try:
            session.sign_in(person.username, person.password)
        except BoresightError as exc:
            seen.note("sign-in", time.perf_counter() - begun, str(exc)[:200])
            return None
        seen.note("sign-in", time.perf_counter() - begun)
        return session

    begun = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(SIGN_INS_AT_A_TIME) as pool:
        sessions = [session for session in pool.map(one, whom) if session is not None]
    took_s = time.perf_counter() - begun
    return sessions, {
        **seen.summary()["sign-in"],
        "at_a_time": SIGN_INS_AT_A_TIME,
        "per_s": round(len(sessions) / took_s, 2),
        "errors": len(seen.errors),
        "first_errors": seen.errors[:3],
    }


def use(sessions: list[HubSession], settings: HubSettings, *, for_s: float, think_s: float) -> Any:
    """Have everybody open pages for a time."""
    seen = Seen()
    begin = time.perf_counter() + 2.0
    end = begin + for_s

    def one(number: int, session: HubSession) -> None:
        chance = random.Random(number)
        paths = list(PAGES)
        # people do not come all at once
        time.sleep(max(0.0, begin - time.perf_counter()) + chance.uniform(0, 2 * think_s))
        while time.perf_counter() < end:
            path = paths[number % len(paths)]
            number += 1
            sent, error = time.perf_counter(), ""
            try:
                answer = session.browser.get(f"{settings.public_url}{path}")
                if answer.status_code != 200 or PAGES[path] not in answer.text:
                    error = f"{answer.status_code} at {answer.url.path}"
            except httpx.HTTPError as exc:
                error = type(exc).__name__
            seen.note(path, time.perf_counter() - sent, error)
            time.sleep(chance.uniform(0, 2 * think_s))

    threads = [
        threading.Thread(target=one, args=(number, session), daemon=True)
        for number, session in enumerate(sessions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    all_s = [took_s for times in seen.times_s.values() for took_s in times]
    return {
        "people": len(sessions),
        "for_s": for_s,
        "think_s": think_s,
        "requests_per_s": round(len(all_s) / for_s, 1),
        "all": _summary(all_s),
        "pages": seen.summary(),
        "mean_ms": round(1e3 * statistics.fmean(all_s), 1),
        "errors": len(seen.errors),
        "first_errors": seen.errors[:3],
    }


def usage(stack: HubStack) -> dict[str, dict[str, float]]:
    """Memory and processor time of each process."""
    found = {}
    for name, child in stack.processes.items():
        process = psutil.Process(child.pid)
        found[name] = {
            "memory_mib": round(process.memory_info().rss / 2**20, 1),
            "cpu_s": round(sum(process.cpu_times()[:2]), 1),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=sorted(BOUNDS_S))
    parser.add_argument("--for-s", type=float, default=90.0, help="how long pages are used")
    parser.add_argument("--think-s", type=float, default=30.0, help="mean time between pages")
    parser.add_argument("--record", type=Path, help="folder the record is kept in as well")
    arguments = parser.parse_args()
    record: dict[str, Any] = {
        "bench": "hub_pages",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "jupyterhub": version("jupyterhub"),
        "cores": os.cpu_count(),
        "load_before": [round(value, 2) for value in os.getloadavg()],
        "bounds_s": {str(count): bound for count, bound in BOUNDS_S.items()},
        "runs": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        settings = HubSettings(
            state_dir=Path(folder) / "state",
            port=free_base_port(),
            server=ServerSettings(examples_dir=None),
        )
        settings.state_dir.mkdir(mode=0o700)
        stack = HubStack(settings)
        try:
            whom = add_people(settings, max(arguments.people))
            stack.start()
            sessions: list[HubSession] = []
            for count in sorted(arguments.people):
                more, signed_in = sign_in(settings, whom[len(sessions) : count])
                sessions += more
                used = use(sessions, settings, for_s=arguments.for_s, think_s=arguments.think_s)
                used |= {"sign_in": signed_in, "processes": usage(stack)}
                record["runs"].append(used)
        finally:
            stack.close()
            remove_state(settings)
    text = json.dumps(record, indent=2)
    sys.stdout.write(text + "\n")
    if arguments.record:
        (arguments.record / f"hub_pages-{record['date'][:10]}.json").write_text(text + "\n")
    for count, run in zip(sorted(arguments.people), record["runs"], strict=True):
        bound_ms = 1e3 * BOUNDS_S.get(count, max(BOUNDS_S.values()))
        if run["errors"] or run["sign_in"]["errors"]:
            sys.exit(f"{run['errors']} pages and {run['sign_in']['errors']} sign-ins failed")
        if run["all"]["p95_ms"] > bound_ms:
            sys.exit(f"p95 at {count} people is {run['all']['p95_ms']} ms, beyond {bound_ms:g} ms")


if __name__ == "__main__":
    main()
