"""Which run goes next, and what becomes of those that ended without a word.

There is one queue a person, the oldest first, with a bound on how many of them run at a time.
Nothing is remembered here: each look reads the records, so that a service that was killed goes on
where it was.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from boresight_hub.batch.callers import Callers
from boresight_hub.batch.processes import RunProcesses
from boresight_hub.batch.records import ENDED, Outcome, Run, Runs, State, new_run_id
from boresight_hub.batch.refusals import BatchError, no_such_run
from boresight_hub.settings import HubSettings

#: The run ends itself at its time limit; this long it may take to keep its results [s].
_GRACE = timedelta(seconds=120)
#: As long it may take after its owner has cancelled it.
_CANCEL_GRACE = timedelta(seconds=60)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run that somebody asks for; checked."""

    user: str
    name: str
    notebook: dict[str, Any]
    parameters: dict[str, Any]
    folder: str
    time_limit_s: int
    credential: str
    rerun_of: str | None = None


class Queue:
    """Runs of everybody.

    Parameters
    ----------
    settings : HubSettings
    callers : Callers
        By which grants are ended.
    """

    def __init__(self, settings: HubSettings, callers: Callers) -> None:
        self._limits = settings.batch
        self._callers = callers
        self.runs = Runs(settings.folder("batch") / "runs")
        self.processes = RunProcesses(settings, self.runs)
        # a look and a request must not decide on the same run at the same time
        self._lock = asyncio.Lock()
        # nothing is left to do for these; forgotten with the process, found again at its start
        self._settled: set[str] = set()

    async def submit(self, wanted: Wanted) -> Run:
        """Queue a run; it starts at the next look when there is room.

        A request that comes twice, since its answer was lost, makes one run.

        Raises
        ------
        BatchError
            When its owner has as many as may wait.
        """
        async with self._lock:
            mine = self.runs.of(wanted.user)
            grant = wanted.credential.partition(":")[0]
            for run in mine:
                if run.grant == grant:
                    return run
            waiting = [run for run in mine if self.state(run) not in ENDED]
            most = self._limits.max_running_per_user + self._limits.max_queued_per_user
            if len(waiting) >= most:
                raise BatchError(
                    "count",
                    f"{wanted.user} has {len(waiting)} runs that are queued or under way, and "
                    f"nobody has more than {most}.",
                    status=403,
                    remedy="Wait for one, or cancel one: boresight batch list.",
                )
            now = datetime.now(UTC)
            run = Run(
                run_id=new_run_id(now),
                user=wanted.user,
                name=wanted.name,
                parameters=wanted.parameters,
                folder=wanted.folder,
                time_limit_s=wanted.time_limit_s,
                created_at=now.replace(microsecond=0),
                grant=grant,
                rerun_of=wanted.rerun_of,
            )
            self.runs.add(run, wanted.notebook, wanted.credential)
        logger.info("run %s of %s is queued", run.run_id, run.user)
        return run

    def state(self, run: Run) -> State:
        """Where ``run`` stands; a run whose process is gone without a word is interrupted."""
        outcome = self.outcome(run)
        return outcome.state if outcome is not None else "queued"

    def outcome(self, run: Run) -> Outcome | None:
        """How far ``run`` is, and how it ended, with the reason; None while it is queued."""
        said = self.runs.outcome(run)
        if said is not None and said.state in ENDED:
            return said
        if run.process is None:
            return None
        if self.processes.lives(run):
            return said or Outcome(state="running")
        # it may have ended between the two looks
        said = self.runs.outcome(run) or Outcome(state="running")
        if said.state in ENDED:
            return said
        reason = "Its process ended without a word: the machine was stopped, or out of memory."
        state: State = "interrupted"
        if self._is_cancelled(run):
            state, reason = "cancelled", "It was ended before it had begun."
        update = {"state": state, "ended_at": datetime.now(UTC), "error": reason}
        return said.model_copy(update=update)

    def _is_cancelled(self, run: Run) -> bool:
        return (self.runs.folder(run) / "cancel").exists()

    async def cancel(self, user: str, run_id: str) -> Run:
        """End a run; one that has ended stays as it is.

        Raises
        ------
        BatchError
            When there is none.
        """
        async with self._lock:
            run = self.found(user, run_id)
            state = self.state(run)
            if state == "queued":
                self.runs.settle(run, Outcome(state="cancelled", ended_at=datetime.now(UTC)))
            elif state not in ENDED:
                (self.runs.folder(run) / "cancel").touch(mode=0o600)
                self.processes.ask_to_end(run)
        logger.info("run %s of %s is cancelled (it was %s)", run_id, user, state)
        return run

    async def forget(self, user: str, run_id: str) -> None:
        """Remove the record of a run that has ended.

        Raises
        ------
        BatchError
            When there is none, or it goes on.
        """
        async with self._lock:
            run = self.found(user, run_id)
            if self.state(run) not in ENDED:
                raise BatchError(
                    "running",
                    f"The run {run_id} is {self.state(run)}.",
                    status=409,
                    remedy="Cancel it first.",
                )
            await self._settle(run)
            self.runs.forget(run)

    def found(self, user: str, run_id: str) -> Run:
        """Run of a person.

        Raises
        ------
        BatchError
            When there is none of that id.
        """
        run = self.runs.find(user, run_id)
        if run is None:
            raise no_such_run(run_id)
        return run

    async def run_for_ever(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except Exception:
                # a defect met once must not end the queue for everybody
                logger.exception("the queue could not be looked after")
            await asyncio.sleep(self._limits.check_interval_s)

    async def look(self) -> None:
        """Settle what has ended, end what is overdue, start what has room."""
        async with self._lock:
            for user in self.runs.users():
                runs = self.runs.of(user, without=self._settled)
                states = {run.run_id: self.state(run) for run in runs}
                for run in runs:
                    if states[run.run_id] in ENDED:
                        await self._settle(run)
                    elif states[run.run_id] != "queued":
                        self._end_if_overdue(run)
                under_way = sum(s not in ENDED and s != "queued" for s in states.values())
                queued = [run for run in runs if states[run.run_id] == "queued"]
                room = max(0, self._limits.max_running_per_user - under_way)
                for run in queued[:room]:
                    self._start(run)
                if any(state in ENDED for state in states.values()):
                    self._trim(user)

    def _trim(self, user: str) -> None:
        """Forget the oldest of those that are settled, when there are too many."""
        settled = [run for run in self.runs.of(user) if run.run_id in self._settled]
        for run in settled[: max(0, len(settled) - self._limits.max_kept_per_user)]:
            self.runs.forget(run)

    def _start(self, run: Run) -> None:
        now = datetime.now(UTC)
        # of a service that was killed before it could write down that it had started one
        self.processes.sweep(run)
        try:
            process = self.processes.start(run)
        except OSError as exc:
            logger.exception("run %s of %s cannot be started", run.run_id, run.user)
            reason = f"It could not be started: {exc.strerror or exc}."
            self.runs.settle(run, Outcome(state="failed", ended_at=now, error=reason))
            return
        started = run.model_copy(update={"process": process, "started_at": now})
        self.runs.save(started)
        logger.info("run %s of %s starts as process %d", run.run_id, run.user, process.pid)

    def _end_if_overdue(self, run: Run) -> None:
        assert run.started_at is not None  # noqa: S101 - it has a process
        now = datetime.now(UTC)
        folder = self.runs.folder(run)
        cancel = folder / "cancel"
        late = run.started_at + timedelta(seconds=run.time_limit_s) + _GRACE
        if cancel.exists():
            asked_at = datetime.fromtimestamp(cancel.stat().st_mtime, UTC)
            late = min(late, asked_at + _CANCEL_GRACE)
        if now < late:
            return
        killed = self.processes.sweep(run)
        before = self.runs.outcome(run) or Outcome(state="running")
        ended: State = "cancelled" if cancel.exists() else "timed-out"
        update = {"state": ended, "ended_at": now, "error": "It did not end by itself."}
        self.runs.settle(run, before.model_copy(update=update))
        logger.warning("run %s of %s: %d processes were killed", run.run_id, run.user, killed)

    async def _settle(self, run: Run) -> None:
        """Leave nothing of a run that has ended: no process, no grant, no token."""
        if run.run_id in self._settled:
            return
        folder = self.runs.folder(run)
        said, outcome = self.runs.outcome(run), self.outcome(run)
        if outcome is not None and outcome != said:
            self.runs.settle(run, outcome)
        if self.processes.lives(run):
            return  # it is about to go
        if run.process is not None:
            self.processes.sweep(run)
        for name in ("s3.jwt", "stac.jwt"):
            (folder / name).unlink(missing_ok=True)
        credential = folder / "credential"
        if credential.exists():
            if not await self._callers.end_grant(credential.read_text()):
                return
            credential.unlink(missing_ok=True)
        self._settled.add(run.run_id)
        logger.info("run %s of %s has ended", run.run_id, run.user)
