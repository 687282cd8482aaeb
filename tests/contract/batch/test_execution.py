"""Notebooks executed with a real kernel, in this process: no environment is needed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nbformat
import pytest
from support.batch_person import notebook

from boresight.errors import BatchError
from boresight.workflows.batch.execution import execute

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


async def run(*cells: str) -> list[int]:
    begun: list[int] = []
    with tempfile.TemporaryDirectory(prefix="b-") as folder:
        await execute(
            nbformat.from_dict(notebook(*cells)),
            folder=Path(folder),
            sockets=Path(folder),
            on_start=lambda: None,
            on_cell=lambda number, count: begun.append(number),
            after_cell=lambda: None,
        )
    return begun


async def test_a_kernel_that_dies_is_told_with_its_cell() -> None:
    die = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert await run("1", die.replace("SIGKILL", "SIGCHLD")) == [1, 2], "it ran without the signal"
    with pytest.raises(BatchError, match=r"The kernel died in cell 2 of 3, without a word\."):
        await run("1", die, "3")
