"""Execute a notebook cell by cell; what it prints is told at once, what it shows is kept."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from traitlets.config import Config

from boresight.errors import BatchError
from boresight.workflows.memory import OomCounter

_STARTUP_TIMEOUT_S = 120


class TellingClient(NotebookClient):
    """An nbclient that writes what cells print to standard output while they print it.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    on_start : callable
        Called before the kernel is started. nbclient has taken SIGTERM for itself by then, and
        would tell nobody of it.
    **traits
        Of nbclient.
    """

    def __init__(self, notebook: Any, on_start: Callable[[], None], **traits: Any) -> None:
        super().__init__(notebook, **traits)
        self._on_start = on_start

    async def async_start_new_kernel(self, **kwargs: Any) -> None:
        """Start the kernel."""
        self._on_start()
        await super().async_start_new_kernel(**kwargs)

    def output(
        self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> Any:
        """Keep an output of a cell."""
        if msg["msg_type"] == "stream":
            sys.stdout.write(msg["content"]["text"])
            sys.stdout.flush()
        return super().output(outs, msg, display_id, cell_index)


async def execute(
    notebook: Any,
    *,
    folder: Path,
    sockets: Path,
    on_start: Callable[[], None],
    on_cell: Callable[[int, int], None],
    after_cell: Callable[[], None],
) -> None:
    """Execute ``notebook`` in place; a task that can be cancelled, the kernel ends with it.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Format 4. Outputs of former runs are taken out first.
    folder : Path
        Working folder of the kernel.
    sockets : Path
        Folder with a short name, for the kernel's sockets: their paths may have no more than 107
        characters.
    on_start : callable
        Called once, before the kernel is started; the place for signal handlers.
    on_cell : callable
        Called before each code cell with its number from 1 and their count.
    after_cell : callable
        Called after each code cell.

    Raises
    ------
    BatchError
        When a cell fails, with its number and what it said; when the kernel dies, with the cell
        that ran.
    """
    numbers: dict[int, int] = {}
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            if cell.source.strip():
                numbers[index] = len(numbers) + 1
    current = 0

    def begins(cell: Any, cell_index: int) -> None:
        nonlocal current
        del cell
        current = numbers.get(cell_index, current)
        on_cell(current, len(numbers))

    def ended(cell: Any, cell_index: int, execute_reply: Any) -> None:
        del cell, cell_index, execute_reply
        after_cell()

    client = TellingClient(
        notebook,
        on_start,
        # no port that others on this machine could talk to; the sockets lie beside this file
        config=Config(
            {"KernelManager": {"transport": "ipc", "connection_file": str(sockets / "kernel.json")}}
        ),
        timeout=None,
        startup_timeout=_STARTUP_TIMEOUT_S,
        resources={"metadata": {"path": str(folder)}},
        on_cell_execute=begins,
        on_cell_executed=ended,
        # what still computes has been told to end already
        shutdown_kernel="immediate",
    )
    # kernel and run are in one control group
    memory = OomCounter(os.getpid())
    try:
        await client.async_execute()
    except CellExecutionError as exc:
        raise BatchError(
            f"Cell {current} of {len(numbers)} failed. {exc.ename}: {exc.evalue}",
            remedy="See executed.ipynb among the results.",
        ) from exc
    except DeadKernelError as exc:
        where = f"The kernel died in cell {current} of {len(numbers)}"
        if memory.grown():
            raise BatchError(
                f"{where}: memory ran out.", remedy="Work on a part at a time, or ask for more."
            ) from exc
        raise BatchError(
            f"{where}, without a word.",
            remedy="Run that cell in Lab: it tells why a kernel died.",
        ) from exc


def read_notebook(path: Path) -> Any:
    """Notebook in ``path``, in the newest form of format 4."""
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def write_notebook(notebook: Any, path: Path) -> None:
    """Put ``notebook`` in place of ``path``, in one step."""
    draft = path.with_name(f".{path.name}")
    nbformat.write(notebook, draft)  # type: ignore[no-untyped-call]
    draft.replace(path)
