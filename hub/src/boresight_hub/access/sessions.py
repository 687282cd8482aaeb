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
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from boresight_hub.access.database import Instant, Schema, Store
from boresight_hub.oidc import Claims

_METADATA = sa.MetaData()
_SESSION = sa.Table(
    "session",
    _METADATA,
    sa.Column("access_key", sa.Text, primary_key=True),
    sa.Column("reuse_key", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("token", sa.LargeBinary),
    sa.Column("sign_in", sa.Text, nullable=False, server_default=""),
    sa.Index("session_reuse", "reuse_key", "expires_at"),
    sa.Index("session_owner", "subject", "sign_in"),
    sqlite_strict=True,
)
_SIGN_OUT = sa.Table(
    "sign_out",
    _METADATA,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("sign_in", sa.Text, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
_SCHEMA = Schema(
    "ledger of sessions",
    _METADATA,
    version=2,
    loss="running jobs are not harmed",
    steps={
        1: """
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
    },
)
#: Where each machine is by itself.
LEDGER_FILE = "sessions.sqlite"
#: For how long tokens from before a sign-out are known; longer than any access token lives.
SIGN_OUT_KEPT = timedelta(days=7)
# no identity provider gives a sign-in this name
_EVERYWHERE = "*"


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
    """Sessions that were handed out.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Closed with the ledger.
    root_secret : str
        Root secret of the store, or of this service; the key the ledger is encrypted with is
        derived from it.

    Raises
    ------
    StateError
        When the database is not ours, of a newer version, or out of reach.

    Notes
    -----
    Every other call raises :class:`~boresight_hub.access.refusals.RefusalError` when the database
    is out of reach.
    """

    def __init__(self, engine: sa.Engine, root_secret: str) -> None:
        key = HKDF(SHA256(), 32, salt=None, info=b"boresight access session ledger").derive(
            root_secret.encode()
        )
        self._fernet = Fernet(base64.urlsafe_b64encode(key))
        self._db = Store(engine, _SCHEMA)

    def close(self) -> None:
        """Close every connection."""
        self._db.close()

    def add(self, session: Session, reuse_key: str) -> None:
        """Remember ``session`` under ``reuse_key``."""
        token = session.session_token
        self._db.put(
            _SESSION,
            reuse_key=reuse_key,
            access_key=session.access_key,
            subject=session.subject,
            username=session.username,
            secret=self._fernet.encrypt(session.secret_key.encode()),
            token=self._fernet.encrypt(token.encode()) if token else None,
            created_at=session.created_at.timestamp(),
            expires_at=session.expires_at.timestamp(),
            sign_in=session.sign_in,
        )

    def young(self, reuse_key: str, now: datetime) -> Session | None:
        """Session under ``reuse_key`` that may be handed out again, if there is one."""
        youngest = _SESSION.c.expires_at.desc()
        session = self._one(
            sa.select(_SESSION).where(_SESSION.c.reuse_key == reuse_key).order_by(youngest).limit(1)
        )
        return session if session and session.is_young(now) else None

    def find(self, access_key: str) -> Session | None:
        """Session with ``access_key``, if there is one, ended or not."""
        return self._one(sa.select(_SESSION).where(_SESSION.c.access_key == access_key))

    def forget(self, ended_before: datetime) -> int:
        """Drop what ended before; returns how many sessions there were."""
        # a sign-in elsewhere may renew its tokens for a year: what ended those stays
        at = (ended_before - SIGN_OUT_KEPT).timestamp()
        self._db.change(
            sa.delete(_SIGN_OUT).where(_SIGN_OUT.c.sign_in != _EVERYWHERE, _SIGN_OUT.c.at < at)
        )
        over = _SESSION.c.expires_at < ended_before.timestamp()
        return self._db.change(sa.delete(_SESSION).where(over))

    def drop(self, subject: str, sign_in: str | None) -> int:
        """Drop the sessions of one sign-in of a person, or with None all; returns how many."""
        statement = sa.delete(_SESSION).where(_SESSION.c.subject == subject)
        if sign_in is not None:
            statement = statement.where(_SESSION.c.sign_in == sign_in)
        return self._db.change(statement)

    def sign_out(self, subject: str, sign_in: str | None, at: datetime) -> None:
        """Remember that a sign-in of a person has ended, or with None all that began before."""
        which = _EVERYWHERE if sign_in is None else sign_in
        self._db.put(_SIGN_OUT, subject=subject, sign_in=which, at=at.timestamp())

    def has_signed_out(self, claims: Claims) -> bool:
        """Whether a token is from before its owner signed out.

        A sign-out of one sign-in is about tokens: whoever signs in again without having left the
        provider gets new tokens of the same sign-in. A sign-out everywhere is about the sign-ins
        themselves, also those that go on renewing their tokens elsewhere.
        """
        began_at = claims.signed_in_at or claims.issued_at
        sign_in, at = _SIGN_OUT.c.sign_in, _SIGN_OUT.c.at
        statement = sa.select(at).where(
            _SIGN_OUT.c.subject == claims.subject,
            sa.or_(
                sa.and_(sign_in == claims.session_id, at >= claims.issued_at.timestamp()),
                sa.and_(sign_in == _EVERYWHERE, at >= began_at.timestamp()),
            ),
        )
        return self._db.first(statement) is not None

    def _one(self, statement: sa.Select[Any]) -> Session | None:
        row = self._db.first(statement)
        if row is None:
            return None
        stored = dict(zip(_SESSION.c.keys(), row, strict=True))
        token = stored["token"]
        try:
            secret_key = self._fernet.decrypt(stored["secret"]).decode()
            session_token = self._fernet.decrypt(token).decode() if token else ""
        except InvalidToken:
            return None
        return Session(
            subject=stored["subject"],
            username=stored["username"],
            access_key=stored["access_key"],
            secret_key=secret_key,
            created_at=datetime.fromtimestamp(stored["created_at"], UTC),
            expires_at=datetime.fromtimestamp(stored["expires_at"], UTC),
            session_token=session_token,
            sign_in=stored["sign_in"],
        )
