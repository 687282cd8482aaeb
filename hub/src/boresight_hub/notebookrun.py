"""Run a notebook in a person's own server, cell by cell, and keep what it shows.

Parameters go in as papermill does it: a cell tagged ``injected-parameters`` after the one tagged
``parameters``. The notebook is written back after every cell, so nothing is lost when a
run is interrupted. A notebook answers its caller by displaying :data:`RESULT_TYPE`.
"""

from __future__ import annotations

import contextlib
import copy
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boresight_hub.errors import BoresightError, ServiceError
from boresight_hub.session import HubSession
from boresight_hub.session.kernel import Kernel, KernelError
from boresight_hub.upload import make_folders

#: What a notebook displays to hand figures to its caller.
RESULT_TYPE = "application/vnd.boresight.result+json"

_CELL_SILENCE_S = 1800.0


@dataclass(frozen=True)
class NotebookRun:
    """What came of a run.

    Parameters
    ----------
    path : str
        Where the executed notebook lies in the person's home.
    results : dict
        Everything the notebook displayed as :data:`RESULT_TYPE`, merged in order.
    elapsed_s : float
    """

    path: str
    results: dict[str, Any] = field(default_factory=dict)
    elapsed_s: float = 0.0


def run_notebook(
    session: HubSession,
    source: Path,
    target: str,
    parameters: Mapping[str, object],
    *,
    on_cell: Callable[[int, int, str], None] | None = None,
    on_text: Callable[[str], None] | None = None,
) -> NotebookRun:
    """Execute ``source`` in the server of ``session`` and keep it, outputs and all, at ``target``.

    Parameters
    ----------
    session : HubSession
        Signed in, with a running server.
    source : Path
        Notebook on this machine.
    target : str
        Path of the executed notebook below the person's home; its folder is the kernel's.
    parameters : mapping
        Values that replace those of the cell tagged ``parameters``; literals only.
    on_cell : callable, optional
        Called before each code cell with its number from 1, their count, and the heading above it.
    on_text : callable, optional
        Called with text as the notebook prints it.

    Raises
    ------
    BoresightError
        When a cell raises, with what it said; the notebook up to there is kept.
    """
    notebook = with_parameters(json.loads(source.read_text()), parameters)
    folder = target.rpartition("/")[0]
    make_folders(session, folder)
    started = time.monotonic()
    results: dict[str, Any] = {}
    code_cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    session.write_file(target, notebook)
    with session.kernel(path=folder) as kernel:
        heading, number = "", 0
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                heading = _heading(cell) or heading
                continue
            if cell["cell_type"] != "code":
                continue
            number += 1
            if on_cell:
                on_cell(number, len(code_cells), heading)
            try:
                _run_cell(kernel, cell, number, target, on_text)
            except BoresightError:
                # what the cell said is the news, also when it cannot be kept
                with contextlib.suppress(ServiceError):
                    session.write_file(target, notebook)
                raise
            session.write_file(target, notebook)
            for output in cell["outputs"]:
                results |= output.get("data", {}).get(RESULT_TYPE, {})
    return NotebookRun(target, results, time.monotonic() - started)


def with_parameters(notebook: dict[str, Any], parameters: Mapping[str, object]) -> dict[str, Any]:
    """Copy of ``notebook`` without outputs and with ``parameters`` injected.

    Raises
    ------
    ServiceError
        When it has no cell tagged ``parameters``, or one that does not know a given name.
    """
    notebook = copy.deepcopy(notebook)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    places = [
        i
        for i, cell in enumerate(notebook["cells"])
        if "parameters" in cell.get("metadata", {}).get("tags", [])
    ]
    if not places:
        raise ServiceError(
            "The notebook has no cell tagged 'parameters', so nothing can be handed to it.",
            remedy="Tag the cell that holds its parameters.",
        )
    known = "".join(notebook["cells"][places[0]]["source"])
    unknown = [name for name in parameters if f"{name} =" not in known]
    if unknown:
        raise ServiceError(
            f"The notebook has no parameter {', '.join(map(repr, unknown))}.",
            remedy="Name only what its cell tagged 'parameters' sets.",
        )
    lines = [f"{name} = {value!r}" for name, value in parameters.items()]
    notebook["cells"].insert(
        places[0] + 1,
        {
            "cell_type": "code",
            "id": "injected-parameters",
            "metadata": {"tags": ["injected-parameters"]},
            "source": "\n".join(["# Parameters", *lines]),
            "outputs": [],
            "execution_count": None,
        },
    )
    return notebook


def _run_cell(
    kernel: Kernel,
    cell: dict[str, Any],
    number: int,
    target: str,
    on_text: Callable[[str], None] | None,
) -> None:
    def show(output: dict[str, Any]) -> None:
        if on_text and output["output_type"] == "stream":
            on_text(output["text"])

    cell["execution_count"] = number
    try:
        cell["outputs"] = kernel.execute(
            "".join(cell["source"]), timeout_s=_CELL_SILENCE_S, on_output=show
        )
    except KernelError as exc:
        cell["outputs"] = exc.outputs
        error = exc.outputs[-1]
        # the last line of an error of ours is written for people: value, rule, remedy
        raise BoresightError(
            f"Cell {number} of the notebook failed. {error['ename']}: {error['evalue']}",
            remedy=f"Open ~/{target} in the server to see it with its outputs, and to go on.",
        ) from exc


def _heading(cell: dict[str, Any]) -> str:
    lines = "".join(cell["source"]).splitlines()
    return next((line.lstrip("# ").strip() for line in lines if line.startswith("#")), "")
