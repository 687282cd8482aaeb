"""``kill -9`` of each service while the main job runs: it finishes, or says clearly why not.

Every scenario is a job on a pair of its own, in which services are killed one after another, each
when it is seen at work. Afterwards the same job is run again and has to succeed, and everything
that was in catalogue and buckets before has to be there unchanged.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import psutil
import pytest
from support.environment import Environment, RunningDemo
from support.holdings import Holdings, holdings

import boresight.errors
from boresight_hub.embedded import processes
from boresight_hub.embedded.state import read_report

# one environment, and scenarios that build on one another
pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(600)]

SIZE = "300"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    environment = Environment(
        tmp_path_factory.mktemp("faults") / "state",
        # short lives keep those at work that hand out tokens and credentials
        BORESIGHT_OIDC__TOKEN_LIFE_S="30",
        BORESIGHT_ACCESS__SESSION_LIFE_S="30",
        BORESIGHT_TOKENS__CHECK_INTERVAL_S="1",
        BORESIGHT_SERVER__CULL_EVERY_S="10",
    )
    environment.up()
    yield environment
    environment.down()


class Scene:
    """A running job, and what can be seen of it from outside."""

    def __init__(self, environment: Environment, seed: int) -> None:
        self.environment, self.seed = environment, seed
        self._hub_log = environment.state / "logs" / "hub.log"
        self._begun_at_byte = self._hub_log.stat().st_size
        self.used_s = {name: cpu_s(pid) for name, pid in self.pids().items()}
        self.killed: dict[str, int] = {}
        self.demo: RunningDemo = environment.begin_demo("--size", SIZE, "--seed", str(seed))

    def pids(self) -> dict[str, int]:
        report = read_report(self.environment.state)
        assert report is not None
        return {n: s.pid for n, s in report.services.items() if s.pid and s.state == "ready"}

    def kill(self, service: str) -> None:
        """Kill a service that runs and has worked for this job."""
        until = time.monotonic() + 30
        while True:
            assert time.monotonic() < until, f"{service} was not seen at work"
            pid = self.pids().get(service)
            # another process is at work since it is there
            if pid is not None and cpu_s(pid) > self.used_s.get(service, 0.0):
                break
            time.sleep(0.02)
        assert processes.alive(pid)
        os.kill(pid, signal.SIGKILL)
        self.killed[service] = pid

    def came_back(self, service: str) -> bool:
        pid = self.pids().get(service)
        return pid is not None and pid != self.killed[service]

    def await_moment(self, moment: Callable[[Scene], bool]) -> None:
        until = time.monotonic() + 240
        while not moment(self):
            assert self.demo.is_running, f"over before {moment.__name__}: {self.demo.stderr}"
            assert time.monotonic() < until, f"never came to {moment.__name__}"
            time.sleep(0.02)

    def people(self, *words: str) -> list[psutil.Process]:
        """The engineer's processes with these words in their command line."""
        found = []
        for pid in processes.marked(self.environment.state):
            try:
                process = psutil.Process(pid)
                line = " ".join(process.cmdline())
            except psutil.Error:
                continue
            if all(word in line for word in words):
                found.append(process)
        return found

    def objects(self, bucket: str) -> int:
        folder = self.environment.state / "s3" / "data" / bucket
        return sum(1 for path in folder.glob(f"*/sim-{SIZE}-{self.seed}-*/*") if path.is_file())

    def hub_said(self, words: str) -> bool:
        with self._hub_log.open("rb") as log:
            log.seek(self._begun_at_byte)
            return words.encode() in log.read()


def cpu_s(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system


def signing_in(scene: Scene) -> bool:
    return scene.hub_said("/hub/oauth_login")


def server_is_asked_for(scene: Scene) -> bool:
    return "sign-in:" in scene.demo.stderr


def notebook_runs(scene: Scene) -> bool:
    return bool(scene.people("ipykernel_launcher"))


def first_object(scene: Scene) -> bool:
    return scene.objects("catalogue") > 0


def pair_is_stored(scene: Scene) -> bool:
    return scene.objects("catalogue") >= 6


def cluster_is_asked_for(scene: Scene) -> bool:
    return bool(scene.people("dask", "scheduler"))


def stereo_computes(scene: Scene) -> bool:
    return bool(scene.people("stereo.engine.child"))


SCENARIOS = {
    "sign-in and start": [
        (signing_in, ["idp"]),
        (server_is_asked_for, ["hub"]),
        (notebook_runs, ["proxy"]),
    ],
    "data": [
        (first_object, ["s3"]),
        (pair_is_stored, ["stac"]),
        (cluster_is_asked_for, ["gateway"]),
        (stereo_computes, ["s3-iam", "access", "culler"]),
    ],
    "computing": [(stereo_computes, ["proxy", "hub", "s3", "idp", "gateway", "stac"])],
}


def says_why(done: subprocess.CompletedProcess[str]) -> None:
    """A failure is told in words for people, by an error of ours."""
    told = done.stderr[-3000:]
    assert "Traceback" not in told, told
    assert re.search(r"^error: \S", told, re.MULTILINE), told
    assert "remedy: " in told, told
    if found := re.search(r"Cell \d+ of the notebook failed\. (\w+):", told):
        kind = getattr(boresight.errors, found[1], None)
        assert kind is not None, f"not an error for people: {told}"


def all_ready(environment: Environment) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        services = environment.status()["services"]
        if services and all(s["state"] == "ready" for s in services.values()):
            return
        time.sleep(0.5)
    raise AssertionError(environment.status()["services"])


def run_again(environment: Environment, seed: int, before: Holdings | None) -> None:
    all_ready(environment)
    outcome = environment.demo("--size", SIZE, "--seed", str(seed))
    assert outcome["within_tolerance"]
    after = holdings(environment)
    assert len(after.items) >= 4
    if before is not None:
        assert before.lost_or_changed_in(after) == []
        assert len(after.items) == len(before.items) + 4, "two images, truth and model"
    # nothing half-written: every object is an item's
    named = " ".join(after.items.values())
    stray = [name for name in after.objects if not name.startswith("home/") and name not in named]
    assert stray == []


_before: list[Holdings] = []


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_services(environment: Environment, scenario: str) -> None:
    seed = 11 + list(SCENARIOS).index(scenario)
    before = _before[-1] if _before else None
    scene = Scene(environment, seed)
    for moment, services in SCENARIOS[scenario]:
        scene.await_moment(moment)
        for service in services:
            scene.kill(service)
    done = scene.demo.join()
    print(f"{scenario}: exit code {done.returncode} after kill of {', '.join(scene.killed)}")
    if done.returncode != 0:
        says_why(done)
        print(done.stderr[-1500:])
    all_ready(environment)
    assert [name for name in scene.killed if not scene.came_back(name)] == []
    run_again(environment, seed, before)
    _before.append(holdings(environment))


def test_killed_worker_is_survived(environment: Environment) -> None:
    """Not with a clear message: the job itself goes on."""
    scene = Scene(environment, 21)
    scene.await_moment(stereo_computes)
    engine = scene.people("stereo.engine.child")[0]
    worker = next(p for p in engine.parents() if "worker" in " ".join(p.cmdline()))
    worker.kill()
    done = scene.demo.join()
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout)["within_tolerance"]
    run_again(environment, 21, None)


def test_killed_supervisor(environment: Environment) -> None:
    before = holdings(environment)
    scene = Scene(environment, 31)
    scene.await_moment(stereo_computes)
    os.kill(environment.status()["pid"], signal.SIGKILL)
    until = time.monotonic() + 20
    while left := processes.marked(environment.state):
        assert time.monotonic() < until, f"left behind: {left}"
        time.sleep(0.1)
    done = scene.demo.join()
    assert done.returncode != 0
    says_why(done)
    environment.up()
    run_again(environment, 31, before)
