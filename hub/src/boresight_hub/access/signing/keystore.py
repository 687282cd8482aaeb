"""API keys and grants of batch runs at rest.

Both are the same thing, an offline grant of a person behind a random secret, and differ in what
they are good for: an API key has addresses signed, a batch run gets credentials of its owner.

The secret part of a key is random, so a plain keyed hash is enough: what is stored is
``HMAC-SHA256(pepper, secret)``, and who has the database alone can check no guess. The offline
grant of the owner is encrypted. Pepper and encryption key are derived from one secret of the
service that is not in the database.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from boresight_hub.access.database import Instant, Schema, Store
from boresight_hub.access.signing.core import Limits

_METADATA = sa.MetaData()
_KEY = sa.Table(
    "api_key",
    _METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("can_read", sa.Integer, nullable=False),
    sa.Column("can_write", sa.Integer, nullable=False),
    sa.Column("prefix", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("last_used_at", Instant),
    sa.Column("grant_session", sa.Text, nullable=False),
    sa.Column("grant_token", sa.LargeBinary, nullable=False),
    sa.Column("kind", sa.Text, nullable=False, server_default="key"),
    sa.Column("ends_at", Instant),
    sa.Column("leased_until", Instant),
    sa.Index("api_key_subject", "subject", "created_at"),
    sqlite_strict=True,
)
_SCHEMA = Schema(
    "store of API keys",
    _METADATA,
    version=3,
    loss="keys have to be made anew",
    steps={
        1: """
        ALTER TABLE api_key ADD COLUMN kind TEXT NOT NULL DEFAULT 'key';
        ALTER TABLE api_key ADD COLUMN ends_at REAL;
        """,
        2: "ALTER TABLE api_key ADD COLUMN leased_until REAL;",
    },
)

#: What a stored grant is good for.
Kind = Literal["key", "batch"]
_ID_PREFIXES: dict[Kind, str] = {"key": "bsk", "batch": "bsb"}
# a date tells whether a key is still used; a write for every request would tell no more
_LAST_USED_STEP_S = 60.0
_NO_LIMIT = 1_000_000


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
    engine : sqlalchemy.Engine
        Closed with the store.
    secret : str
        The service's own secret.

    Raises
    ------
    StateError
        When the database is not ours, of a newer version, or out of reach.

    Notes
    -----
    Every other call raises :class:`~boresight_hub.access.refusals.RefusalError` when the database
    is out of reach.
    """

    def __init__(self, engine: sa.Engine, secret: str) -> None:
        self._pepper = derived_key(secret, "API key pepper")
        self._fernet = Fernet(base64.urlsafe_b64encode(derived_key(secret, "API key grants")))
        self._nobody = self._hash(secrets.token_hex(32))
        self._db = Store(engine, _SCHEMA)

    def close(self) -> None:
        """Close every connection."""
        self._db.close()

    def add(
        self, key: ApiKey, *, grant_session: str, grant_token: str, limit: int = _NO_LIMIT
    ) -> str | None:
        """Remember ``key``; returns its secret part, which is known to nobody afterwards.

        Parameters
        ----------
        key : ApiKey
        grant_session : str
            ``sid`` of the grant.
        grant_token : str
            Its refresh token.
        limit : int
            None is returned when its owner has that many of the kind.
        """
        secret = secrets.token_urlsafe(32)
        like = sa.and_(_KEY.c.subject == key.subject, _KEY.c.kind == key.kind, _goes_on())
        added = self._db.put_below(
            _KEY,
            limit,
            like,
            id=key.key_id,
            hash=self._hash(secret),
            subject=key.subject,
            username=key.username,
            description=key.description,
            can_read=int(key.can_read),
            can_write=int(key.can_write),
            prefix=key.prefix,
            created_at=key.created_at.timestamp(),
            grant_session=grant_session,
            grant_token=self._fernet.encrypt(grant_token.encode()),
            kind=key.kind,
            ends_at=key.ends_at.timestamp() if key.ends_at else None,
        )
        return secret if added else None

    def authentic(self, key_id: str, secret: str, kind: Kind = "key") -> ApiKey | None:
        """Key of that id and secret part, if there is one of that kind that has not ended.

        An unknown id takes the same steps as a wrong secret part.
        """
        row = self._db.first(sa.select(_KEY.c.hash).where(_KEY.c.id == key_id))
        is_right = hmac.compare_digest(row[0] if row else self._nobody, self._hash(secret))
        key = self.find(key_id) if is_right and row else None
        return key if key and key.kind == kind and not _is_over(key) else None

    def find(self, key_id: str) -> ApiKey | None:
        """Key with that id."""
        keys = self._keys(_KEY.c.id == key_id)
        return keys[0] if keys else None

    def of(self, subject: str, kind: Kind = "key") -> list[ApiKey]:
        """Keys or batch grants of one owner that are not over, the oldest first."""
        keys = self._keys(_KEY.c.subject == subject, _KEY.c.kind == kind)
        return [key for key in keys if not _is_over(key)]

    def over(self) -> list[ApiKey]:
        """What is past its end, whoever's it is."""
        return self._keys(_KEY.c.ends_at <= datetime.now(UTC).timestamp())

    def used(self, key: ApiKey, now: datetime) -> None:
        """Remember that ``key`` was used; exact to a minute."""
        last = key.last_used_at
        if last is None or (now - last).total_seconds() >= _LAST_USED_STEP_S:
            self._db.change(_update(key.key_id).values(last_used_at=now.timestamp()))

    def lease(self, key_id: str, for_s: float) -> bool:
        """Take the right to renew the grant behind a key, for a time; whether it was free.

        A provider that sees a refresh token twice takes it for stolen and ends the grant, so of
        several replicas one renews it at a time.
        """
        now_s = datetime.now(UTC).timestamp()
        is_free = sa.or_(_KEY.c.leased_until.is_(None), _KEY.c.leased_until < now_s)
        taken = _update(key_id).where(is_free).values(leased_until=now_s + for_s)
        return self._db.change(taken) == 1

    def release(self, key_id: str) -> None:
        """Give the right to renew back."""
        self._db.change(_update(key_id).values(leased_until=None))

    def grant(self, key_id: str) -> str | None:
        """Refresh token of the grant behind a key; None when it cannot be read."""
        row = self._db.first(sa.select(_KEY.c.grant_token).where(_KEY.c.id == key_id))
        try:
            return self._fernet.decrypt(row[0]).decode() if row else None
        except InvalidToken:
            return None

    def renew_grant(self, key_id: str, grant_token: str) -> None:
        """Replace the refresh token of a grant by its successor."""
        encrypted = self._fernet.encrypt(grant_token.encode())
        self._db.change(_update(key_id).values(grant_token=encrypted))

    def remove(self, key_id: str, subject: str) -> str | None:
        """Forget a key of ``subject``.

        Returns
        -------
        str or None
            Refresh token of its grant when no other key stands on the same one; else empty. None
            when the owner has no such key.
        """
        grant = self.grant(key_id)
        row = self._db.first(
            sa.delete(_KEY)
            .where(_KEY.c.id == key_id, _KEY.c.subject == subject)
            .returning(_KEY.c.grant_session)
        )
        if row is None:
            return None
        same = sa.select(_KEY.c.id).where(_KEY.c.grant_session == row[0]).limit(1)
        return "" if self._db.first(same) else grant or ""

    def _keys(self, *rules: sa.ColumnElement[bool]) -> list[ApiKey]:
        statement = sa.select(*_TOLD).where(*rules).order_by(_KEY.c.created_at, _KEY.c.id)
        return [_api_key(row) for row in self._db.rows(statement)]

    def _hash(self, secret: str) -> bytes:
        return hmac.digest(self._pepper, secret.encode(errors="surrogatepass"), "sha256")


def new_key_id(kind: Kind = "key") -> str:
    """Id of a key that is about to be made."""
    return f"{_ID_PREFIXES[kind]}-{secrets.token_hex(8)}"


def is_batch_id(text: str) -> bool:
    """Whether ``text`` looks like the id of a batch run's grant."""
    return text.startswith(f"{_ID_PREFIXES['batch']}-")


def _update(key_id: str) -> sa.Update:
    return sa.update(_KEY).where(_KEY.c.id == key_id)


def _goes_on() -> sa.ColumnElement[bool]:
    now_s = datetime.now(UTC).timestamp()
    return sa.or_(_KEY.c.ends_at.is_(None), _KEY.c.ends_at > now_s)


def _is_over(key: ApiKey) -> bool:
    return key.ends_at is not None and datetime.now(UTC) >= key.ends_at


# in the order of ApiKey
_TOLD = [
    _KEY.c[name]
    for name in (
        "id", "subject", "username", "description", "can_read", "can_write", "prefix",
        "created_at", "last_used_at", "kind", "ends_at",
    )
]  # fmt: skip


def _api_key(row: tuple[Any, ...]) -> ApiKey:
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
