from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from boresight_hub.access.database import sqlite_file
from boresight_hub.access.sessions import SIGN_OUT_KEPT, Ledger, Session
from boresight_hub.errors import StateError
from boresight_hub.oidc import Claims

START = datetime(2026, 1, 1, tzinfo=UTC)
SESSION = Session("id", "marie", "AKIA1", "very-secret", START, START + timedelta(seconds=100))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    made = Ledger(sqlite_file(path), "root")
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
    again = Ledger(sqlite_file(path), "root")
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
    other = Ledger(sqlite_file(path), "another root secret")
    assert other.find("AKIA1") is None
    other.close()


def test_files_that_are_refused(path: Path) -> None:
    path.write_bytes(b"no database at all, but long enough to look like one" * 20)
    with pytest.raises(StateError, match="cannot be used as the ledger of sessions"):
        Ledger(sqlite_file(path), "root")
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StateError, match="version 99"):
        Ledger(sqlite_file(path), "root")


def test_session_token_is_kept_and_hidden(ledger: Ledger, path: Path) -> None:
    session = replace(SESSION, session_token="very-secret-token", sign_in="sid-1")
    ledger.add(session, "k")
    assert ledger.find("AKIA1") == session
    assert "very-secret" not in repr(session)
    for file in path.parent.iterdir():
        assert b"very-secret" not in file.read_bytes()


def test_file_of_the_version_before(path: Path) -> None:
    """As version 1 wrote it; its sessions go on."""
    before = Ledger(sqlite_file(path), "root")
    before.add(SESSION, "k")
    before.close()
    file = sqlite3.connect(path)
    file.executescript(
        "DROP TABLE sign_out; DROP INDEX session_owner; ALTER TABLE session DROP COLUMN token;"
        "ALTER TABLE session DROP COLUMN sign_in; PRAGMA user_version = 1;"
    )
    file.close()
    after = Ledger(sqlite_file(path), "root")
    assert after.young("k", START) == SESSION
    after.close()


def test_dropped_by_owner_and_sign_in(ledger: Ledger) -> None:
    owners = {"A": ("marie", "1"), "B": ("marie", "1"), "C": ("marie", "2"), "D": ("paul", "1")}
    for access_key, (subject, sign_in) in owners.items():
        session = replace(SESSION, access_key=access_key, subject=subject, sign_in=sign_in)
        ledger.add(session, access_key)

    def left() -> set[str]:
        return {name for name in owners if ledger.find(name)}

    assert ledger.drop("marie", "1") == 2
    assert left() == {"C", "D"}
    assert ledger.drop("marie", None) == 1
    assert left() == {"D"}


def claims(issued_s: float, sign_in: str = "1", *, subject: str = "id", began_s: float = 0):
    return Claims(
        subject=subject,
        username="marie",
        groups=(),
        audience="s3",
        client_id="hub",
        session_id=sign_in,
        issued_at=after(issued_s),
        expires_at=after(issued_s + 300),
        is_service=False,
        signed_in_at=after(began_s) if began_s else None,
    )


def test_tokens_from_before_a_sign_out(ledger: Ledger) -> None:
    assert not ledger.has_signed_out(claims(10))
    ledger.sign_out("id", "1", after(10))
    assert ledger.has_signed_out(claims(9))
    assert ledger.has_signed_out(claims(10))
    # signed in again, perhaps without having left the provider: the same sign-in, a new token
    assert not ledger.has_signed_out(claims(11))
    assert not ledger.has_signed_out(claims(9, "2"))
    assert not ledger.has_signed_out(claims(9, subject="other"))


def test_sign_ins_from_before_a_sign_out_everywhere(ledger: Ledger) -> None:
    ledger.sign_out("id", None, after(100))
    for sign_in in ("1", "2", ""):
        assert ledger.has_signed_out(claims(100, sign_in))
        # what is renewed elsewhere stays what it was
        assert ledger.has_signed_out(claims(200, sign_in, began_s=50))
        assert not ledger.has_signed_out(claims(200, sign_in, began_s=101))
        assert not ledger.has_signed_out(claims(101, sign_in))
    assert not ledger.has_signed_out(claims(50, subject="other"))
    # a sign-in lives longer than a token
    ledger.sign_out("id", "3", after(100))
    assert ledger.has_signed_out(claims(60, "3", began_s=101))
    ledger.forget(after(101) + SIGN_OUT_KEPT)
    assert not ledger.has_signed_out(claims(60, "3", began_s=101))
    assert ledger.has_signed_out(claims(200, began_s=50))
