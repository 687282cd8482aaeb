"""Environments that are started for real, and gone afterwards whatever the test did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ports import free_base_port
from support.supervisor_stack import wait_for

from boresight_hub.embedded import processes, state


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """State directory whose processes are ended after the test."""
    path = tmp_path / "state"
    yield path
    report = state.read_report(path)
    if report is not None:
        processes.send([report.guard_pid, report.guard_pid], 15)
        wait_for(lambda: not state.is_held(path), 12)
    processes.end_marked(path, patience_s=1.0)


@pytest.fixture
def port() -> int:
    """First of a block of free ports."""
    return free_base_port()
