"""``python -m boresight.workflows.batch.runner FOLDER``: the process of a run, from start to end.

The batch service starts it and reads what it writes: ``outcome.json`` in the run's folder. It
needs nobody while it works, so that it outlives sign-outs and restarts of every service. SIGTERM
ends it: *cancelled* when its owner wants so (a file ``cancel`` lies in the folder), else
*interrupted*.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from boresight.access import Environment, upload, write_bytes
from boresight.errors import AccessError, BatchError, BoresightError
from boresight.workflows.batch.execution import execute, read_notebook, write_notebook
from boresight.workflows.batch.tokens import TokenFiles
from boresight.workflows.ownprefix import own_prefix

#: What is so far goes to S3 at least this often while cells end [s].
KEEP_EVERY_S = 60.0
# a store that restarts is waited for, beside the clients' own patience [s]
_SAVE_PAUSES_S = (5.0, 30.0, 120.0)

logger = logging.getLogger(__name__)


@dataclass
class Outcome:
    """How far the run is, and how it ended."""

    state: str = "running"
    cell: int = 0
    cells: int = 0
    ended_at: str | None = None
    error: str | None = None
    results: str | None = None


class Runner:
    """One run.

    Parameters
    ----------
    folder : Path
        As the batch service has prepared it.
    sockets : Path
        Folder with a short name, for the kernel.
    """

    def __init__(self, folder: Path, sockets: Path) -> None:
        self._folder = folder
        self._sockets = sockets
        self._wanted: dict[str, Any] = json.loads((folder / "run.json").read_text())
        environment = Environment.from_env()
        self._tokens = TokenFiles(folder, environment.access_url)
        self._results = f"{own_prefix(environment)}/batch/{self._wanted['run_id']}"
        self._outcome = Outcome(results=self._results)
        self._notebook = read_notebook(folder / "notebook.ipynb")
        self._kept_at = float("-inf")
        self._told_to_end = False

    async def run(self) -> str:
        """Run to the end; returns the state."""
        self._say("running")
        try:
            await asyncio.to_thread(self._tokens.start)
            await asyncio.to_thread(self._keep, final=False)
        except BoresightError as exc:
            return await self._end("failed", str(exc))
        work = asyncio.create_task(
            execute(
                self._notebook,
                folder=self._working_folder(),
                sockets=self._sockets,
                on_start=lambda: self._on_sigterm(lambda: self._stop(work)),
                on_cell=self._on_cell,
                after_cell=self._after_cell,
            )
        )
        limit_s = float(self._wanted["time_limit_s"])
        ended, _ = await asyncio.wait({work}, timeout=limit_s)
        if not ended:
            work.cancel()
            await asyncio.wait({work})
            return await self._end("timed-out", f"The time limit of {limit_s:.0f} s was reached.")
        # nbclient takes a cancelled task for a dead kernel: what it raises then tells nothing
        problem = asyncio.CancelledError() if work.cancelled() else work.exception()
        if self._told_to_end and problem is not None:
            if (self._folder / "cancel").exists():
                return await self._end("cancelled", None)
            return await self._end("interrupted", "The process was told to end.")
        if isinstance(problem, BatchError):
            return await self._end("failed", str(problem))
        if problem is not None:
            # a kernel that died, a notebook that cannot be run: its owner has to know
            logger.error("the notebook could not be executed", exc_info=problem)
            return await self._end("failed", f"{type(problem).__name__}: {problem}")
        return await self._end("succeeded", None)

    @staticmethod
    def _on_sigterm(action: Callable[[], object]) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, action)

    def _stop(self, work: asyncio.Task[None]) -> None:
        self._told_to_end = True
        work.cancel()

    def _working_folder(self) -> Path:
        wanted = Path.home() / self._wanted["folder"]
        return wanted if wanted.is_dir() else Path.home()

    def _on_cell(self, number: int, count: int) -> None:
        self._outcome.cell, self._outcome.cells = number, count
        self._say("running")

    def _after_cell(self) -> None:
        write_notebook(self._notebook, self._folder / "executed.ipynb")
        if time.monotonic() - self._kept_at > KEEP_EVERY_S:
            with suppress(AccessError):
                self._keep(final=False)

    async def _end(self, state: str, error: str | None) -> str:
        """Keep the results, then say how it ended: who reads that finds them there."""
        self._outcome.error = error
        if state == "interrupted":
            # the machine may be going down: there is no time for more than a word
            self._outcome.results, self._outcome.ended_at = None, _now()
            self._say(state)
            return state
        self._outcome.ended_at = _now()
        # it is ending already
        self._on_sigterm(lambda: None)
        self._say("saving")
        with suppress(OSError):
            write_notebook(self._notebook, self._folder / "executed.ipynb")
        for pause_s in (*_SAVE_PAUSES_S, None):
            try:
                await asyncio.to_thread(self._keep, final=True, state=state)
                break
            except AccessError as exc:
                logger.warning("the results cannot be kept: %s", exc)
                if pause_s is None:
                    self._outcome.results = None
                    kept = f"The results are not in S3 ({exc.message})"
                    self._outcome.error = f"{error} {kept}" if error else kept
                    break
                await asyncio.sleep(pause_s)
        self._tokens.close()
        self._say(state)
        return state

    def _say(self, state: str) -> None:
        self._outcome.state = state
        draft = self._folder / ".outcome.json"
        draft.write_text(json.dumps(asdict(self._outcome), indent=1))
        draft.replace(self._folder / "outcome.json")

    def _keep(self, *, final: bool, state: str = "running") -> None:
        """Put what there is into the person's own prefix.

        Raises
        ------
        AccessError
            When the store refuses, or is out of reach.
        """
        sys.stdout.flush()
        for name, kind in (
            ("notebook.ipynb", "application/x-ipynb+json"),
            ("executed.ipynb", "application/x-ipynb+json"),
            ("log.txt", "text/plain; charset=utf-8"),
        ):
            path = self._folder / name
            if path.exists():
                upload(path, f"{self._results}/{name}", content_type=kind)
        outputs = self._folder / "outputs"
        names = sorted(p for p in outputs.rglob("*") if p.is_file() and not p.is_symlink())
        for path in names if final else []:
            upload(path, f"{self._results}/outputs/{path.relative_to(outputs)}")
        told = {
            name: self._wanted[name]
            for name in ("run_id", "name", "parameters", "folder", "created_at", "rerun_of")
        } | {
            **asdict(self._outcome),
            "state": state,
            "outputs": [str(path.relative_to(outputs)) for path in names],
        }
        content = json.dumps(told, indent=1).encode()
        write_bytes(content, f"{self._results}/run.json", content_type="application/json")
        self._kept_at = time.monotonic()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def main() -> int:
    """Run what lies in the folder that is given."""
    os.umask(0o077)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    with tempfile.TemporaryDirectory(prefix="boresight-run-") as sockets:
        state = asyncio.run(Runner(Path(sys.argv[1]), Path(sockets)).run())
    return 0 if state == "succeeded" else 1


if __name__ == "__main__":
    sys.exit(main())
