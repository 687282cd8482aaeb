"""API keys and grants of batch runs at rest, in SQLite.

Both are the same thing, an offline grant of a person behind a random secret, and differ in what
they are good for: an API key has addresses signed, a batch run gets credentials of its owner.

The secret part of a key is random, so a plain keyed hash is enough: what is stored is
``HMAC-SHA256(pepper, secret)``, and who has the file alone can check no guess. The offline grant of
the owner is encrypted. Pepper and encryption key are derived from one secret of the service that
is not in the file.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from boresight_hub.access.signing.core import Limits
from boresight_hub.errors import StateError

_SCHEMA_VERSION = 2
_FIRST_SCHEMA = """
CREATE TABLE api_key (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL,
    subject TEXT NOT NULL,
    username TEXT NOT NULL,
    description TEXT NOT NULL,
    can_read INTEGER NOT NULL,
    can_write INTEGER NOT NULL,
    prefix TEXT NOT NULL,
    created_at REAL NOT NULL,
    last_used_at REAL,
    grant_session TEXT NOT NULL,
    grant_token BLOB NOT NULL
) STRICT;
CREATE INDEX api_key_subject ON api_key (subject, created_at);
"""
_SECOND_SCHEMA = """
ALTER TABLE api_key ADD COLUMN kind TEXT NOT NULL DEFAULT 'key';
ALTER TABLE api_key ADD COLUMN ends_at REAL;
"""
# from which version on what has to be done
_STEPS = {0: _FIRST_SCHEMA + _SECOND_SCHEMA, 1: _SECOND_SCHEMA}
_COLUMNS = (
    "id, subject, username, description, can_read, can_write, prefix, created_at, last_used_at, "
    "kind, ends_at"
)

#: What a stored grant is good for.
Kind = Literal["key", "batch"]
_ID_PREFIXES: dict[Kind, str] = {"key": "bsk", "batch": "bsb"}
# a date tells whether a key is still used; a write for every request would tell no more
_LAST_USED_STEP_S = 60.0


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is told of an API key or a batch run's grant: all but its secret part and its token.

    Attributes
    ----------
    key_id, subject, username, description : str
    can_read, can_write : bool
    prefix : str
    created_at : datetime
    last_used_at : datetime or None
    kind : {"key", "batch"}
    ends_at : datetime or None
        None for an API key, which lives as long as its grant.
    """

    key_id: str
    subject: str
    username: str
    description: str
    can_read: bool
    can_write: bool
    prefix: str
    created_at: datetime
    last_used_at: datetime | None
    kind: Kind = "key"
    ends_at: datetime | None = None

    @property
    def limits(self) -> Limits:
        """What the key may do at most."""
        return Limits(self.key_id, self.can_read, self.can_write, self.prefix)


def derived_key(secret: str, purpose: str) -> bytes:
    """Key of 32 bytes for one purpose, from the service's one secret."""
    return HKDF(SHA256(), 32, salt=None, info=f"boresight access {purpose}".encode()).derive(
        secret.encode()
    )


class KeyStore:
    """API keys and their grants.

    Parameters
    ----------
    path : Path
        File; made when absent, readable by its owner only.
    secret : str
        The service's own secret.

    Raises
    ------
    StateError
        When the file is not ours or of a newer version.
    """

    def __init__(self, path: Path, secret: str) -> None:
        self._pepper = derived_key(secret, "API key pepper")
        self._fernet = Fernet(base64.urlsafe_b64encode(derived_key(secret, "API key grants")))
        self._nobody = self._hash(secrets.token_hex(32))
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=5)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            # a key that was revoked leaves nothing behind in the file
            self._db.execute("PRAGMA secure_delete = ON")
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if steps := _STEPS.get(version):
                self._db.executescript(
                    f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;"
                )
        except sqlite3.Error as exc:
            self._db.close()
            raise StateError(
                f"{path} is no file of API keys: {exc}.",
                remedy="Move the file away and start again; keys have to be made anew.",
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

    def add(self, key: ApiKey, *, grant_session: str, grant_token: str) -> str:
        """Remember ``key``; returns its secret part, which is known to nobody afterwards.

        Parameters
        ----------
        key : ApiKey
        grant_session : str
            ``sid`` of the grant.
        grant_token : str
            Its refresh token.
        """
        secret = secrets.token_urlsafe(32)
        self._db.execute(
            "INSERT INTO api_key VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?)",
            (
                key.key_id,
                self._hash(secret),
                key.subject,
                key.username,
                key.description,
                int(key.can_read),
                int(key.can_write),
                key.prefix,
                key.created_at.timestamp(),
                grant_session,
                self._fernet.encrypt(grant_token.encode()),
                key.kind,
                key.ends_at.timestamp() if key.ends_at else None,
            ),
        )
        return secret

    def authentic(self, key_id: str, secret: str, kind: Kind = "key") -> ApiKey | None:
        """Key of that id and secret part, if there is one of that kind that has not ended.

        An unknown id takes the same steps as a wrong secret part.
        """
        row = self._db.execute("SELECT hash FROM api_key WHERE id = ?", (key_id,)).fetchone()
        is_right = hmac.compare_digest(row[0] if row else self._nobody, self._hash(secret))
        key = self.find(key_id) if is_right and row else None
        return key if key and key.kind == kind and not _is_over(key) else None

    def find(self, key_id: str) -> ApiKey | None:
        """Key with that id."""
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM api_key WHERE id = ?",  # noqa: S608 - a constant
            (key_id,),
        ).fetchone()
        return _api_key(row) if row else None

    def of(self, subject: str, kind: Kind = "key") -> list[ApiKey]:
        """Keys or batch grants of one owner that are not over, the oldest first."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM api_key WHERE subject = ? AND kind = ? "  # noqa: S608
            "ORDER BY created_at, id",
            (subject, kind),
        )
        return [key for row in rows if not _is_over(key := _api_key(row))]

    def over(self) -> list[ApiKey]:
        """What is past its end, whoever's it is."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM api_key WHERE ends_at <= ?",  # noqa: S608 - a constant
            (datetime.now(UTC).timestamp(),),
        )
        return [_api_key(row) for row in rows]

    def used(self, key: ApiKey, now: datetime) -> None:
        """Remember that ``key`` was used; exact to a minute."""
        last = key.last_used_at
        if last is None or (now - last).total_seconds() >= _LAST_USED_STEP_S:
            self._db.execute(
                "UPDATE api_key SET last_used_at = ? WHERE id = ?", (now.timestamp(), key.key_id)
            )

    def grant(self, key_id: str) -> str | None:
        """Refresh token of the grant behind a key; None when it cannot be read."""
        row = self._db.execute("SELECT grant_token FROM api_key WHERE id = ?", (key_id,)).fetchone()
        try:
            return self._fernet.decrypt(row[0]).decode() if row else None
        except InvalidToken:
            return None

    def renew_grant(self, key_id: str, grant_token: str) -> None:
        """Replace the refresh token of a grant by its successor."""
        self._db.execute(
            "UPDATE api_key SET grant_token = ? WHERE id = ?",
            (self._fernet.encrypt(grant_token.encode()), key_id),
        )

    def remove(self, key_id: str, subject: str) -> str | None:
        """Forget a key of ``subject``.

        Returns
        -------
        str or None
            Refresh token of its grant when no other key stands on the same one; else empty. None
            when the owner has no such key.
        """
        grant = self.grant(key_id)
        row = self._db.execute(
            "DELETE FROM api_key WHERE id = ? AND subject = ? RETURNING grant_session",
            (key_id, subject),
        ).fetchone()
        if row is None:
            return None
        (others,) = self._db.execute(
            "SELECT count(*) FROM api_key WHERE grant_session = ?", row
        ).fetchone()
        return "" if others else grant or ""

    def _hash(self, secret: str) -> bytes:
        return hmac.digest(self._pepper, secret.encode(errors="surrogatepass"), "sha256")


def new_key_id(kind: Kind = "key") -> str:
    """Id of a key that is about to be made."""
    return f"{_ID_PREFIXES[kind]}-{secrets.token_hex(8)}"


def is_batch_id(text: str) -> bool:
    """Whether ``text`` looks like the id of a batch run's grant."""
    return text.startswith(f"{_ID_PREFIXES['batch']}-")


def _is_over(key: ApiKey) -> bool:
    return key.ends_at is not None and datetime.now(UTC) >= key.ends_at


_Row = tuple[str, str, str, str, int, int, str, float, float | None, Kind, float | None]


def _api_key(row: _Row) -> ApiKey:
    key_id, subject, username, description, can_read, can_write, prefix = row[:7]
    created, used, kind, ends = row[7:]
    return ApiKey(
        key_id=key_id,
        subject=subject,
        username=username,
        description=description,
        can_read=bool(can_read),
        can_write=bool(can_write),
        prefix=prefix,
        created_at=datetime.fromtimestamp(created, UTC),
        last_used_at=None if used is None else datetime.fromtimestamp(used, UTC),
        kind=kind,
        ends_at=None if ends is None else datetime.fromtimestamp(ends, UTC),
    )
