"""Ask the batch service: hand in a notebook, see what became of it.

The service knows who asks by the token of the user server. What the run itself works with is a
batch grant: it is made here, with the person's own token, and its credential is handed over, so
that the service never holds a token of anybody's sign-in.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from boresight.access.identity import Bearer, inside
from boresight.access.services import ask, reason_of
from boresight.errors import AccessError, BatchError, InputError

#: States of a run that last.
ENDED = frozenset({"succeeded", "failed", "cancelled", "timed-out", "interrupted"})

_SERVICE = "The batch service"
_POLL_S = 2.0


@dataclass(frozen=True)
class BatchRun:
    """One run, as the service tells of it.

    Attributes
    ----------
    run_id, name : str
    state : str
        ``queued``, ``running``, ``saving``, ``succeeded``, ``failed``, ``cancelled``, ``timed-out``
        or ``interrupted``.
    parameters : dict
    folder : str
        Working folder, relative to the home.
    time_limit_s : int
    created_at : datetime
    started_at, ended_at : datetime or None
        Aware, UTC.
    cell, cells : int
        Code cell that runs or ran last, from 1, and their number.
    error : str or None
        What ended it, when it did not succeed.
    results : str or None
        ``s3://`` address below which notebook, outputs, parameters and log are kept.
    rerun_of : str or None
        Run that was repeated.
    """

    run_id: str
    name: str
    state: str
    parameters: dict[str, Any]
    folder: str
    time_limit_s: int
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    cell: int = 0
    cells: int = 0
    error: str | None = None
    results: str | None = None
    rerun_of: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it will not change any more."""
        return self.state in ENDED

    @classmethod
    def from_answer(cls, told: Mapping[str, Any]) -> BatchRun:
        """Read what the service tells."""
        known = {name: told[name] for name in cls.__dataclass_fields__ if name in told}
        for name in ("created_at", "started_at", "ended_at"):
            if known.get(name):
                known[name] = datetime.fromisoformat(known[name])
        return cls(**known)


def submit(
    notebook: Path | str,
    parameters: Mapping[str, Any] | None = None,
    *,
    name: str = "",
    time_limit_s: int | None = None,
) -> BatchRun:
    """Have a notebook run to its end, outside of this server.

    Parameters
    ----------
    notebook : path
        It is read now: what is changed later is of no matter to the run. Its folder is the run's
        working folder when it lies in the home.
    parameters : mapping, optional
        Values in the place of those in the cell tagged ``parameters``; what JSON can hold.
    name : str, optional
        For the list; default: name of the file.
    time_limit_s : int, optional
        The run is ended then [s].

    Raises
    ------
    InputError
        When the notebook cannot be read.
    BatchError
        When the service refuses.
    AccessError
        When a service is out of reach, or the session over.
    """
    path = Path(notebook)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise InputError(
            f"The notebook {str(path)!r} cannot be read ({exc}).", remedy="Give another path."
        ) from exc
    wanted: dict[str, Any] = {
        "notebook": content,
        "name": name or path.name,
        "parameters": dict(parameters or {}),
        "folder": _below_home(path),
    }
    if time_limit_s is not None:
        wanted["time_limit_s"] = time_limit_s
    return _with_grant("runs", wanted, wanted["name"], time_limit_s)


def rerun(run_id: str) -> BatchRun:
    """Run the same notebook with the same parameters once more; raises as :func:`submit`."""
    before = find_run(run_id)
    return _with_grant(f"runs/{run_id}/rerun", {}, before.name, before.time_limit_s)


def list_runs() -> list[BatchRun]:
    """Runs of one's own, the oldest first.

    Raises
    ------
    AccessError
        When the service is out of reach.
    """
    return [BatchRun.from_answer(told) for told in _ask("GET", "runs").json()["runs"]]


def find_run(run_id: str) -> BatchRun:
    """One run of one's own.

    Raises
    ------
    BatchError
        When there is none.
    """
    return BatchRun.from_answer(_ask("GET", f"runs/{run_id}").json())


def run_log(run_id: str, offset: int = 0) -> tuple[bytes, int]:
    """What the notebook has printed from byte ``offset`` on, and where to go on."""
    answer = _ask("GET", f"runs/{run_id}/log?offset={offset}")
    return answer.content, int(answer.headers["boresight-next-offset"])


def cancel(run_id: str) -> BatchRun:
    """End a run; what it has so far is kept."""
    return BatchRun.from_answer(_ask("POST", f"runs/{run_id}/cancel").json())


def forget(run_id: str) -> None:
    """Take a run that has ended off the list; its results in S3 stay."""
    _ask("DELETE", f"runs/{run_id}")


def wait_for(
    run_id: str,
    *,
    timeout_s: float | None = None,
    on_change: Callable[[BatchRun], None] | None = None,
) -> BatchRun:
    """Wait for the end of a run.

    Parameters
    ----------
    run_id : str
    timeout_s : float, optional
        Give up after so long; the run goes on.
    on_change : callable, optional
        Called with the run each time its state or cell is another one.

    Raises
    ------
    BatchError
        When it takes longer.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    seen: tuple[str, int] | None = None
    while True:
        run = find_run(run_id)
        if on_change and (run.state, run.cell) != seen:
            seen = (run.state, run.cell)
            on_change(run)
        if run.has_ended:
            return run
        if deadline is not None and time.monotonic() > deadline:
            raise BatchError(
                f"The run {run_id} is still {run.state} after {timeout_s:g} s.",
                remedy="It goes on by itself: boresight batch list.",
            )
        time.sleep(_POLL_S)


def _with_grant(
    route: str, wanted: dict[str, Any], name: str, time_limit_s: int | None
) -> BatchRun:
    limits = _ask("GET", "limits").json()
    run_s = limits["default_time_s"] if time_limit_s is None else time_limit_s
    # results are kept after the time limit, and a queue may be long
    life_s = min(limits["max_grant_s"], run_s + limits["max_wait_s"] + 3600)
    identity = inside()
    root = identity.environment.access_url
    answer = ask(
        "POST",
        f"{root}/batch-grants",
        service="The access service",
        auth=Bearer(identity, "access", root),
        json={"description": f"batch run of {name}", "life_s": life_s},
    )
    if answer.status_code == 401:
        raise identity.over
    if not answer.ok:
        text, remedy = reason_of(answer)
        raise AccessError(f"There is no grant for the run: {text}", remedy=remedy)
    credential = str(answer.json()["credential"])
    try:
        return BatchRun.from_answer(_ask("POST", route, wanted | {"credential": credential}).json())
    except BaseException:
        header = {"Authorization": f"Bearer {credential}"}
        ask("DELETE", f"{root}/batch-grants", service="The access service", headers=header)
        raise


def _ask(method: str, route: str, body: object = None) -> requests.Response:
    root = os.environ.get("BORESIGHT_BATCH_URL", "")
    token = os.environ.get("JUPYTERHUB_API_TOKEN", "")
    if not root or not token:
        raise BatchError(
            "There is no batch service here: BORESIGHT_BATCH_URL or JUPYTERHUB_API_TOKEN is not "
            "set.",
            remedy="Ask from a notebook or a terminal of your server; environments on Kubernetes "
            "have no batch service yet.",
        )
    answer = ask(
        method,
        f"{root}/{route}",
        service=_SERVICE,
        headers={"Authorization": f"token {token}"},
        json=body,
    )
    if not answer.ok:
        text, remedy = reason_of(answer)
        raise BatchError(f"{_SERVICE} refuses ({answer.status_code}): {text}", remedy=remedy)
    return answer


def _below_home(path: Path) -> str:
    """Folder of ``path`` relative to the home; the home itself when it lies elsewhere."""
    try:
        return str(path.resolve().parent.relative_to(Path.home().resolve()))
    except ValueError:
        return "."
