from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from boresight_hub.access.sessions import Ledger, Session
from boresight_hub.errors import StateError

START = datetime(2026, 1, 1, tzinfo=UTC)
SESSION = Session("id", "marie", "AKIA1", "very-secret", START, START + timedelta(seconds=100))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    made = Ledger(path, "root")
    yield made
    made.close()


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_handed_out_again_until_half_of_its_life(ledger: Ledger) -> None:
    ledger.add(SESSION, "k")
    assert ledger.young("k", after(49)) == SESSION
    assert ledger.young("k", after(50)) is None
    assert ledger.young("other", after(1)) is None


def test_the_youngest_is_handed_out(ledger: Ledger) -> None:
    later = replace(SESSION, access_key="AKIA2", created_at=after(50), expires_at=after(150))
    ledger.add(later, "k")
    ledger.add(SESSION, "k")
    assert ledger.young("k", after(60)) == later


def test_found_after_a_restart_and_forgotten_after_its_end(ledger: Ledger, path: Path) -> None:
    ledger.add(SESSION, "k")
    ledger.close()
    again = Ledger(path, "root")
    assert again.find("AKIA1") == SESSION
    assert again.forget(after(100)) == 0
    assert again.forget(after(101)) == 1
    assert again.find("AKIA1") is None
    again.close()


def test_encrypted_and_private(ledger: Ledger, path: Path) -> None:
    ledger.add(SESSION, "k")
    for file in path.parent.iterdir():
        assert b"very-secret" not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0
    ledger.close()
    other = Ledger(path, "another root secret")
    assert other.find("AKIA1") is None
    other.close()


def test_files_that_are_refused(path: Path) -> None:
    path.write_bytes(b"no database at all, but long enough to look like one" * 20)
    with pytest.raises(StateError, match="not a ledger"):
        Ledger(path, "root")
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StateError, match="version 99"):
        Ledger(path, "root")
