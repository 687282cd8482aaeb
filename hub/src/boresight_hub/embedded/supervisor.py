"""The supervisor: starts the services of a plan, keeps them running, stops them in order.

``python -m boresight_hub.embedded.supervisor PLAN GUARD-PID``. One thread a service leads it
through ``waiting → starting → ready → (restarting → starting)… → stopped``, or to ``failed``. The
main thread only takes signals and reaps, its own children and those it adopted. What everybody
may know stands in ``run/supervisor.json``, which is replaced at each change.

Exit code: 0 after an orderly stop, 6 when a service did not become ready at the first start; the
reason is then in ``run/failure.txt``.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from boresight_hub.embedded import health, processes
from boresight_hub.embedded.logpipe import LogPipes, tail
from boresight_hub.embedded.plan import Command, Plan, RestartRules, Service, write_private

EXIT_NOT_READY = 6
#: Everything is down after so long, whatever the services do.
STOP_BUDGET_S = 8.5

_LAUNCH = str(Path(__file__).with_name("launch.py"))
_SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD]
_PROBE_PAUSE_S = 0.1
_LEFTOVER_PATIENCE_S = 1.0
_LOG_LINES_SHOWN = 12


@dataclass
class Child:
    """A process of ours; ``exited`` is set once ``code`` is known."""

    pid: int
    exited: threading.Event = field(default_factory=threading.Event)
    code: int = 0


class Nursery:
    """Starts children and reaps them, and everything that was adopted."""

    def __init__(self, secrets_dir: Path, logs: LogPipes) -> None:
        self._secrets_dir, self._logs = secrets_dir, logs
        self._children: dict[int, tuple[Child, subprocess.Popen[bytes]]] = {}
        self._lock = threading.Lock()

    def spawn(self, command: Command, log: str) -> Child:
        """Start ``command``; what it says goes to ``log``."""
        secrets = {
            variable: (self._secrets_dir / name).read_text().strip()
            for variable, name in command.secret_env.items()
        }
        output = self._logs.pipe(log)
        try:
            # under the lock, or a child that ends at once is reaped before anybody knows it
            with self._lock:
                popen = subprocess.Popen(
                    [sys.executable, "-I", "-S", _LAUNCH, str(os.getpid()), *command.argv],
                    env={**command.env, **secrets},
                    cwd=command.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
                child = Child(popen.pid)
                self._children[popen.pid] = (child, popen)
        finally:
            os.close(output)
        return child

    def reap(self) -> None:
        """Take note of every child that ended."""
        with self._lock:
            for pid, code in processes.reap().items():
                child, popen = self._children.pop(pid, (None, None))
                if child is not None and popen is not None:
                    popen.returncode = code  # or Popen would wait for a pid that may be another's
                    child.code = code
                    child.exited.set()


class Runner(threading.Thread):
    """Leads one service."""

    def __init__(self, service: Service, supervisor: Supervisor) -> None:
        super().__init__(name=service.name, daemon=True)
        self.service = service
        self.ready = threading.Event()
        self.stopping = threading.Event()
        self.was_ready = False
        self.state = "waiting"
        self.message = ""
        self.restarts = 0
        self.since = time.time()
        self.child: Child | None = None
        self._supervisor = supervisor
        self._rules: RestartRules = supervisor.plan.rules

    def run(self) -> None:
        """Start, watch, start again."""
        try:
            self._live()
        except Exception as exc:  # noqa: BLE001 - a thread that dies unseen leaves a service alone
            self._end(1.0)
            self._become("failed", f"{type(exc).__name__}: {exc}")

    def _live(self) -> None:
        for need in self.service.needs:
            other = self._supervisor.runners[need]
            while not other.ready.wait(_PROBE_PAUSE_S):
                if self.stopping.is_set():
                    return
        failures = 0
        while not self.stopping.is_set():
            self._become("starting")
            started = time.monotonic()
            reason = self._start(started)
            if not reason and self.child is not None:
                self.was_ready = True
                self._become("ready")
                self.ready.set()
                healthy_since = time.monotonic()
                reason = self._watch(self.child)
                self.ready.clear()
                if time.monotonic() - healthy_since >= self._rules.healthy_after_s:
                    failures = 0
            self._end(self.service.stop_timeout_s)
            if self.stopping.is_set():
                return
            failures += 1
            limit = self._rules.give_up_after if self.was_ready else self._rules.give_up_at_start
            if failures >= limit:
                self._become("failed", f"{reason}; given up after {failures} tries")
                return
            pause = min(
                self._rules.first_pause_s * 2 ** (failures - 1), self._rules.longest_pause_s
            )
            self.restarts += 1
            self._become("restarting", f"{reason}; again in {pause:g} s")
            self.stopping.wait(pause)

    def _start(self, started: float) -> str:
        try:
            self.child = self._supervisor.nursery.spawn(self.service.command, self.service.name)
        except OSError as exc:
            return f"cannot be started: {exc.strerror or exc}"
        return self._await_ready(self.child, started)

    def _await_ready(self, child: Child, started: float) -> str:
        """Wait until the service is healthy and told what it needs; else say why it is not."""
        last = "no answer yet"
        while not self.stopping.is_set():
            if child.exited.is_set():
                return _ending(child.code)
            age_s = time.monotonic() - started
            if self.service.health_url:
                last = health.problem(self.service.health_url)
                if not last:
                    break
            elif age_s >= 1.0:
                break
            if age_s > self.service.ready_timeout_s:
                return f"not ready within {self.service.ready_timeout_s:g} s ({last})"
            child.exited.wait(_PROBE_PAUSE_S)
        if self.stopping.is_set():
            return "stopping"
        return self._prepare()

    def _prepare(self) -> str:
        secrets_dir = Path(self._supervisor.plan.secrets_dir)
        for request in self.service.on_ready:
            if trouble := health.problem_of(request, secrets_dir=secrets_dir):
                return trouble
        for request in self.service.on_restart if self.was_ready else ():
            if trouble := health.problem_of(request, secrets_dir=secrets_dir):
                self._supervisor.say(f"{self.service.name}: {trouble}")
        setup = self.service.setup
        if setup is None or (
            self.service.setup_done and all(Path(p).exists() for p in self.service.setup_done)
        ):
            return ""
        child = self._supervisor.nursery.spawn(setup, self.service.name)
        if not child.exited.wait(self.service.ready_timeout_s):
            processes.send([child.pid], signal.SIGKILL)
            return f"its set-up took longer than {self.service.ready_timeout_s:g} s"
        return "" if child.code == 0 else f"its set-up {_ending(child.code)}"

    def _watch(self, child: Child) -> str:
        """Wait until the service ends or no longer answers; say which."""
        silent_since: float | None = None
        while not child.exited.wait(self._rules.health_interval_s):
            if not self.service.health_url or self.stopping.is_set():
                continue
            trouble = health.problem(self.service.health_url)
            now = time.monotonic()
            if not trouble:
                if self.state == "unresponsive":
                    self._become("ready")
                silent_since = None
                continue
            silent_since = now if silent_since is None else silent_since
            if now - silent_since >= self._rules.unresponsive_after_s:
                return f"no healthy answer for {now - silent_since:.0f} s ({trouble})"
            if now - silent_since >= self._rules.unresponsive_after_s / 3:
                self._become("unresponsive", trouble)
        return _ending(child.code)

    def ask_to_stop(self) -> None:
        """Send SIGTERM; the thread ends by itself."""
        self.stopping.set()
        if self.child is not None and not self.child.exited.is_set():
            processes.send([self.child.pid], signal.SIGTERM)

    def await_stop(self, timeout_s: float) -> None:
        """Wait for the end, and kill after ``timeout_s``."""
        child = self.child
        if child is not None and not child.exited.wait(timeout_s):
            self._supervisor.say(f"{self.service.name}: killed, it did not stop in time")
            processes.send([child.pid], signal.SIGKILL)
            child.exited.wait(1.0)
        if self.state != "failed":
            self._become("stopped")

    def _end(self, timeout_s: float) -> None:
        child = self.child
        if child is None or child.exited.is_set() or self.stopping.is_set():
            return  # an orderly stop is under way, or nothing is left to stop
        processes.send([child.pid], signal.SIGTERM)
        if not child.exited.wait(timeout_s):
            processes.send([child.pid], signal.SIGKILL)
            child.exited.wait(1.0)

    def _become(self, state: str, message: str = "") -> None:
        if (state, message) == (self.state, self.message):
            return
        self.state, self.message, self.since = state, message, time.time()
        self._supervisor.changed(self)


class Supervisor:
    """Runs a plan until it is told to stop."""

    def __init__(self, plan: Plan, *, guard_pid: int) -> None:
        self.plan = plan
        self._guard_pid = guard_pid
        self._state_dir = Path(plan.state_dir)
        self._started = time.time()
        self._lock = threading.Lock()
        self._phase = "starting"
        self._closed = False
        self._logs = LogPipes(
            self._state_dir / "logs",
            Path(plan.secrets_dir),
            max_bytes=plan.log_bytes,
            files=plan.log_files,
        )
        self.nursery = Nursery(Path(plan.secrets_dir), self._logs)
        self.runners = {service.name: Runner(service, self) for service in plan.services}

    def run(self) -> int:
        """Start everything; returns the exit code after the stop."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        self.say(f"supervisor {os.getpid()} starts {', '.join(self.runners)}")
        self._publish()
        for runner in self.runners.values():
            runner.start()
        failure = ""
        while True:
            received = signal.sigtimedwait(_SIGNALS, 0.5)
            self.nursery.reap()
            if received is not None and received.si_signo != signal.SIGCHLD:
                break
            if failure := self._look():
                write_private(self._state_dir / "run" / "failure.txt", failure)
                break
        self._stop()
        return EXIT_NOT_READY if failure else 0

    def _look(self) -> str:
        """Follow the phase; the reason when the first start failed."""
        states = [runner.state for runner in self.runners.values()]
        if self._phase == "starting":
            for runner in self.runners.values():
                if runner.state == "failed":
                    return self._failure(runner)
            if all(runner.was_ready for runner in self.runners.values()):
                self._enter("ready")
        elif self._phase == "ready" and "failed" in states:
            self._enter("degraded")
        return ""

    def _failure(self, runner: Runner) -> str:
        log = self._state_dir / "logs" / f"{runner.service.name}.log"
        lines = "\n".join(f"    {line}" for line in tail(log, _LOG_LINES_SHOWN))
        return (
            f"The service {runner.service.name!r} did not become ready: {runner.message}.\n"
            f"Last lines of {log}:\n{lines}"
        )

    def _stop(self) -> None:
        deadline = time.monotonic() + STOP_BUDGET_S
        self._enter("stopping")
        # reaping goes on while this thread waits for the ends of services
        reaper = threading.Thread(target=self._reap_for_ever, daemon=True)
        reaper.start()
        runners = list(self.runners.values())
        for runner in runners:
            runner.stopping.set()
        for stage in sorted({r.service.stop_stage for r in runners}, reverse=True):
            members = [r for r in runners if r.service.stop_stage == stage]
            for runner in members:
                runner.ask_to_stop()
            asked_at = time.monotonic()
            for runner in members:
                ends_at = min(asked_at + runner.service.stop_timeout_s, deadline)
                runner.await_stop(max(0.05, ends_at - time.monotonic()))
        killed = processes.end_descendants(os.getpid(), patience_s=_LEFTOVER_PATIENCE_S)
        self.say("stopped" + (f"; {killed} processes had to be killed" if killed else ""))
        with self._lock:
            self._closed = True
            (self._state_dir / "run" / "supervisor.json").unlink(missing_ok=True)
        self._logs.close()

    def _reap_for_ever(self) -> None:
        while True:
            self.nursery.reap()
            time.sleep(0.02)

    def _enter(self, phase: str) -> None:
        self._phase = phase
        self.say(phase)
        self._publish()

    def changed(self, runner: Runner) -> None:
        """A service changed its state: write it down and wake the main thread."""
        text = f"{runner.service.name}: {runner.state}"
        self.say(f"{text} ({runner.message})" if runner.message else text)
        self._publish()
        os.kill(os.getpid(), signal.SIGCHLD)

    def say(self, text: str) -> None:
        """Write a line to the supervisor's log."""
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        self._logs.line("supervisor", f"{now}Z {text}")

    def _publish(self) -> None:
        with self._lock:
            if self._closed:
                return
            services = {
                runner.service.name: {
                    "state": runner.state,
                    "message": runner.message,
                    "pid": runner.child.pid
                    if runner.child and not runner.child.exited.is_set()
                    else None,
                    "since": runner.since,
                    "restarts": runner.restarts,
                    "url": runner.service.url,
                }
                for runner in self.runners.values()
            }
            report = {
                "pid": os.getpid(),
                "start_ticks": processes.started_at_ticks(os.getpid()),
                "guard_pid": self._guard_pid,
                "url": self.plan.url,
                "started_at": self._started,
                "phase": self._phase,
                "services": services,
            }
            # on a full disk the report is old, and the services go on
            with contextlib.suppress(OSError):
                write_private(
                    self._state_dir / "run" / "supervisor.json", json.dumps(report, indent=1)
                )


def _ending(code: int) -> str:
    if code < 0:
        return f"ended by signal {-code} ({signal.Signals(-code).name})"
    return f"ended with exit code {code}"


def main(argv: list[str]) -> int:
    """Run the plan ``argv[0]`` below the guard ``argv[1]``."""
    os.umask(0o077)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    processes.become_subreaper()
    if not processes.die_with_parent(int(argv[1])):
        return 1
    return Supervisor(Plan.read(Path(argv[0])), guard_pid=int(argv[1])).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
