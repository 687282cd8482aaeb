"""Sessions, and where they are remembered.

The *store* (the S3 server's own user database) is the truth about which sessions exist and when
they end. The ledger only remembers what may be handed out again, so that a restart of the service
neither mints everything anew nor forgets whom a key belongs to.

Secret keys stand in the ledger encrypted, with a key derived from the store's root secret: who has
that one can read every object anyway, so the ledger adds nothing to lose. When the root secret
changes, what was written before is unreadable and counts as unknown.
"""

from __future__ import annotations

import base64
import os
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from boresight_hub.errors import StateError

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE session (
    access_key TEXT PRIMARY KEY,
    reuse_key TEXT NOT NULL,
    subject TEXT NOT NULL,
    username TEXT NOT NULL,
    secret BLOB NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL
) STRICT;
CREATE INDEX session_reuse ON session (reuse_key, expires_at);
"""


_Row = tuple[str, str, str, str, bytes, float, float]


@dataclass(frozen=True, slots=True)
class Session:
    """Credentials of one person, with an end.

    Attributes
    ----------
    subject : str
        ``sub`` of the token the session was made from.
    username : str
    access_key : str
    secret_key : str
    created_at, expires_at : datetime
        Aware, UTC, whole seconds.
    session_token : str
        Empty with versitygw, which refuses a session token beside the key of a user.
    """

    subject: str
    username: str
    access_key: str
    secret_key: str
    created_at: datetime
    expires_at: datetime
    session_token: str = ""

    def __repr__(self) -> str:
        """The secret key stays out of logs and tracebacks."""
        return f"Session({self.username!r}, {self.access_key!r}, until {self.expires_at:%FT%TZ})"

    def is_young(self, now: datetime) -> bool:
        """Whether less than half of the life is over, so that it may be handed out again."""
        return now - self.created_at < self.expires_at - now


class Ledger:
    """Sessions that were handed out, in SQLite.

    Parameters
    ----------
    path : Path
        File; made when absent, readable by its owner only.
    root_secret : str
        Root secret of the store; the key the ledger is encrypted with is derived from it.

    Raises
    ------
    StateError
        When the file is not ours or of a newer version.
    """

    def __init__(self, path: Path, root_secret: str) -> None:
        key = HKDF(SHA256(), 32, salt=None, info=b"boresight access session ledger").derive(
            root_secret.encode()
        )
        self._fernet = Fernet(base64.urlsafe_b64encode(key))
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=5)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                self._db.executescript(f"{_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION};")
        except sqlite3.Error as exc:
            self._db.close()
            raise StateError(
                f"{path} is not a ledger of sessions: {exc}.",
                remedy="Move the file away and start again; running jobs are not harmed.",
            ) from exc
        if version not in (0, _SCHEMA_VERSION):
            self._db.close()
            raise StateError(
                f"{path} has version {version}, this program writes {_SCHEMA_VERSION}.",
                remedy="Use the program that wrote it, or move the file away.",
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(self, session: Session, reuse_key: str) -> None:
        """Remember ``session`` under ``reuse_key``."""
        self._db.execute(
            "INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                session.access_key,
                reuse_key,
                session.subject,
                session.username,
                self._fernet.encrypt(session.secret_key.encode()),
                session.created_at.timestamp(),
                session.expires_at.timestamp(),
            ),
        )

    def young(self, reuse_key: str, now: datetime) -> Session | None:
        """Session under ``reuse_key`` that may be handed out again, if there is one."""
        row = self._db.execute(
            "SELECT * FROM session WHERE reuse_key = ? ORDER BY expires_at DESC LIMIT 1",
            (reuse_key,),
        ).fetchone()
        session = self._session(row)
        return session if session and session.is_young(now) else None

    def find(self, access_key: str) -> Session | None:
        """Session with ``access_key``, if there is one, ended or not."""
        return self._session(
            self._db.execute("SELECT * FROM session WHERE access_key = ?", (access_key,)).fetchone()
        )

    def forget(self, ended_before: datetime) -> int:
        """Drop what ended before; returns how many there were."""
        return self._db.execute(
            "DELETE FROM session WHERE expires_at < ?", (ended_before.timestamp(),)
        ).rowcount

    def _session(self, row: _Row | None) -> Session | None:
        if row is None:
            return None
        access_key, _, subject, username, secret, created_at, expires_at = row
        try:
            secret_key = self._fernet.decrypt(secret).decode()
        except InvalidToken:
            return None
        return Session(
            subject=subject,
            username=username,
            access_key=access_key,
            secret_key=secret_key,
            created_at=datetime.fromtimestamp(created_at, UTC),
            expires_at=datetime.fromtimestamp(expires_at, UTC),
        )
