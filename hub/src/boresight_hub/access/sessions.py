"""Sessions, and where they are remembered.

The *store* (the S3 server's own user database, or its STS) is the truth about which sessions exist
and when they end. The ledger remembers what may be handed out again, so that a restart of the
service neither mints everything anew nor forgets whom a key belongs to, and who has signed out:
tokens from before a sign-out open nothing any more, though they have not ended by themselves.

Secret keys and session tokens stand in the ledger encrypted. With versitygw the key is derived from
the store's root secret: who has that one can read every object anyway, so the ledger adds nothing
to lose. When the secret changes, what was written before is unreadable and counts as unknown.
"""

from __future__ import annotations

import base64
import os
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from boresight_hub.errors import StateError
from boresight_hub.oidc import Claims

_SCHEMA_VERSION = 2
_FIRST_SCHEMA = """
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
_SECOND_SCHEMA = """
ALTER TABLE session ADD COLUMN token BLOB;
ALTER TABLE session ADD COLUMN sign_in TEXT NOT NULL DEFAULT '';
CREATE INDEX session_owner ON session (subject, sign_in);
CREATE TABLE sign_out (
    subject TEXT NOT NULL,
    sign_in TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (subject, sign_in)
) STRICT, WITHOUT ROWID;
"""
# from which version on what has to be done
_STEPS = {0: _FIRST_SCHEMA + _SECOND_SCHEMA, 1: _SECOND_SCHEMA}
#: For how long tokens from before a sign-out are known; longer than any access token lives.
SIGN_OUT_KEPT = timedelta(days=7)
# no identity provider gives a sign-in this name
_EVERYWHERE = "*"

_COLUMNS = "access_key, subject, username, secret, token, created_at, expires_at, sign_in"
_Row = tuple[str, str, str, bytes, bytes | None, float, float, str]


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
    sign_in : str
        Sign-in or grant (``sid``) the session was made for; may be empty.
    """

    subject: str
    username: str
    access_key: str
    secret_key: str
    created_at: datetime
    expires_at: datetime
    session_token: str = ""
    sign_in: str = ""

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
        Root secret of the store, or of this service; the key the ledger is encrypted with is
        derived from it.

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
            if steps := _STEPS.get(version):
                self._db.executescript(
                    f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;"
                )
        except sqlite3.Error as exc:
            self._db.close()
            raise StateError(
                f"{path} is not a ledger of sessions: {exc}.",
                remedy="Move the file away and start again; running jobs are not harmed.",
            ) from exc
        if version not in (*_STEPS, _SCHEMA_VERSION):
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
        token = session.session_token
        self._db.execute(
            "INSERT OR REPLACE INTO session (reuse_key, access_key, subject, username, secret, "
            "token, created_at, expires_at, sign_in) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                reuse_key,
                session.access_key,
                session.subject,
                session.username,
                self._fernet.encrypt(session.secret_key.encode()),
                self._fernet.encrypt(token.encode()) if token else None,
                session.created_at.timestamp(),
                session.expires_at.timestamp(),
                session.sign_in,
            ),
        )

    def young(self, reuse_key: str, now: datetime) -> Session | None:
        """Session under ``reuse_key`` that may be handed out again, if there is one."""
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM session WHERE reuse_key = ? "  # noqa: S608 - a constant
            "ORDER BY expires_at DESC LIMIT 1",
            (reuse_key,),
        ).fetchone()
        session = self._session(row)
        return session if session and session.is_young(now) else None

    def find(self, access_key: str) -> Session | None:
        """Session with ``access_key``, if there is one, ended or not."""
        return self._session(
            self._db.execute(
                f"SELECT {_COLUMNS} FROM session WHERE access_key = ?",  # noqa: S608 - a constant
                (access_key,),
            ).fetchone()
        )

    def forget(self, ended_before: datetime) -> int:
        """Drop what ended before; returns how many sessions there were."""
        # a sign-in elsewhere may renew its tokens for a year: what ended those stays
        self._db.execute(
            "DELETE FROM sign_out WHERE sign_in != ? AND at < ?",
            (_EVERYWHERE, (ended_before - SIGN_OUT_KEPT).timestamp()),
        )
        return self._db.execute(
            "DELETE FROM session WHERE expires_at < ?", (ended_before.timestamp(),)
        ).rowcount

    def drop(self, subject: str, sign_in: str | None) -> int:
        """Drop the sessions of one sign-in of a person, or with None all; returns how many."""
        rule = "subject = ?" if sign_in is None else "subject = ? AND sign_in = ?"
        return self._db.execute(
            f"DELETE FROM session WHERE {rule}",  # noqa: S608 - one of two constants
            (subject,) if sign_in is None else (subject, sign_in),
        ).rowcount

    def sign_out(self, subject: str, sign_in: str | None, at: datetime) -> None:
        """Remember that a sign-in of a person has ended, or with None all that began before."""
        self._db.execute(
            "INSERT OR REPLACE INTO sign_out VALUES (?, ?, ?)",
            (subject, _EVERYWHERE if sign_in is None else sign_in, at.timestamp()),
        )

    def has_signed_out(self, claims: Claims) -> bool:
        """Whether a token is from before its owner signed out.

        A sign-out of one sign-in is about tokens: whoever signs in again without having left the
        provider gets new tokens of the same sign-in. A sign-out everywhere is about the sign-ins
        themselves, also those that go on renewing their tokens elsewhere.
        """
        began_at = claims.signed_in_at or claims.issued_at
        return (
            self._db.execute(
                "SELECT 1 FROM sign_out WHERE subject = :subject AND "
                "((sign_in = :one AND at >= :issued) OR (sign_in = :all AND at >= :began))",
                {
                    "subject": claims.subject,
                    "one": claims.session_id,
                    "all": _EVERYWHERE,
                    "issued": claims.issued_at.timestamp(),
                    "began": began_at.timestamp(),
                },
            ).fetchone()
            is not None
        )

    def _session(self, row: _Row | None) -> Session | None:
        if row is None:
            return None
        access_key, subject, username, secret, token, created_at, expires_at, sign_in = row
        try:
            secret_key = self._fernet.decrypt(secret).decode()
            session_token = self._fernet.decrypt(token).decode() if token else ""
        except InvalidToken:
            return None
        return Session(
            subject=subject,
            username=username,
            access_key=access_key,
            secret_key=secret_key,
            created_at=datetime.fromtimestamp(created_at, UTC),
            expires_at=datetime.fromtimestamp(expires_at, UTC),
            session_token=session_token,
            sign_in=sign_in,
        )
