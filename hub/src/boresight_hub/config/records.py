"""What the hub remembers of its own beside JupyterHub's tables, in the same database.

Tables are made when the hub starts. All times are s since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from boresight_hub.config.idle import WEEK_S, Kept

_METADATA = sa.MetaData()
_KEEPS = sa.Table(
    "boresight_keeps",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("username", sa.Unicode(255), nullable=False, index=True),
    sa.Column("server", sa.Unicode(255), nullable=False),
    sa.Column("since", sa.Float(53), nullable=False),
    sa.Column("until", sa.Float(53), nullable=False),
)
_ENDINGS = sa.Table(
    "boresight_endings",
    _METADATA,
    sa.Column("username", sa.Unicode(255), primary_key=True),
    sa.Column("server", sa.Unicode(255), primary_key=True),
    sa.Column("ended_at", sa.Float(53), nullable=False),
    sa.Column("used_at", sa.Float(53), nullable=False),
    sa.Column("open_names", sa.JSON, nullable=False),
)
_ANNOUNCEMENTS = sa.Table(
    "boresight_announcements",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("text", sa.JSON, nullable=False),
    sa.Column("level", sa.Unicode(20), nullable=False),
    sa.Column("made_at", sa.Float(53), nullable=False),
    sa.Column("expires_at", sa.Float(53), nullable=False),
)


@dataclass(frozen=True)
class Ending:
    """A server that was ended for want of use.

    Attributes
    ----------
    server : str
    ended_at, used_at : float
    open_names : tuple of str
        Notebooks that were open in it.
    """

    server: str
    ended_at: float
    used_at: float
    open_names: tuple[str, ...]


@dataclass(frozen=True)
class Announcement:
    """What an administrator has to say, by language, until it expires."""

    id: int
    text: dict[str, str]
    level: str
    made_at: float
    expires_at: float


class Records:
    """Reads and writes them in the hub's own session; every call is one transaction.

    Parameters
    ----------
    session : sqlalchemy.orm.Session
        JupyterHub's.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        _METADATA.create_all(session.get_bind())

    # servers that are kept

    def kept(self, username: str, now: float) -> list[Kept]:
        """Times of the last seven days, and to come, that servers of somebody are kept."""
        table = _KEEPS.c
        query = sa.select(table.since, table.until).where(
            table.username == username, table.until > now - WEEK_S
        )
        return [Kept(*row) for row in self._all(query)]

    def keep_until(self, username: str, server: str) -> float:
        """Until when a server is kept; 0 when it never was."""
        table = _KEEPS.c
        query = sa.select(sa.func.max(table.until)).where(
            table.username == username, table.server == server
        )
        return float(self._all(query)[0][0] or 0.0)

    def keep(self, username: str, server: str, *, now: float, until: float) -> None:
        """Keep a server from now on; what was left of an earlier time is given back."""
        table = _KEEPS.c
        mine = (table.username == username) & (table.server == server)
        self._write(
            sa.delete(_KEEPS).where(table.until < now - WEEK_S),
            sa.update(_KEEPS).where(mine, table.until > now).values(until=now),
            *(
                [sa.insert(_KEEPS).values(username=username, server=server, since=now, until=until)]
                if until > now
                else []
            ),
        )

    # servers that were ended

    def end(self, username: str, ending: Ending) -> None:
        """Remember why a server ends; the latest time counts."""
        self._write(
            self._ending_of(username, ending.server),
            sa.insert(_ENDINGS).values(
                username=username,
                server=ending.server,
                ended_at=ending.ended_at,
                used_at=ending.used_at,
                open_names=list(ending.open_names),
            ),
        )

    def endings(self, username: str, since: float) -> list[Ending]:
        """Servers of somebody that were ended since some time."""
        table = _ENDINGS.c
        query = (
            sa.select(table.server, table.ended_at, table.used_at, table.open_names)
            .where(table.username == username, table.ended_at >= since)
            .order_by(table.ended_at)
        )
        return [Ending(s, e, u, tuple(names)) for s, e, u, names in self._all(query)]

    def forget_ending(self, username: str, server: str) -> None:
        """Forget that a server was ended: it was not, or its person knows."""
        self._write(self._ending_of(username, server))

    @staticmethod
    def _ending_of(username: str, server: str) -> sa.Delete:
        return sa.delete(_ENDINGS).where(
            _ENDINGS.c.username == username, _ENDINGS.c.server == server
        )

    # announcements

    def announcements(self, now: float) -> list[Announcement]:
        """Those that have not expired, the oldest first."""
        table = _ANNOUNCEMENTS.c
        query = sa.select(_ANNOUNCEMENTS).where(table.expires_at > now).order_by(table.id)
        return [Announcement(*row) for row in self._all(query)]

    def announce(self, text: dict[str, str], *, level: str, now: float, expires_at: float) -> int:
        """Add one; those that have expired are removed. Returns its number."""
        table = _ANNOUNCEMENTS.c
        self._write(
            sa.delete(_ANNOUNCEMENTS).where(table.expires_at <= now),
            sa.insert(_ANNOUNCEMENTS).values(
                text=text, level=level, made_at=now, expires_at=expires_at
            ),
        )
        return int(self._all(sa.select(sa.func.max(table.id)))[0][0])

    def withdraw(self, number: int | None) -> int:
        """Remove one announcement, or all; returns how many."""
        statement = sa.delete(_ANNOUNCEMENTS)
        if number is not None:
            statement = statement.where(_ANNOUNCEMENTS.c.id == number)
        return self._write(statement)

    def _all(self, query: sa.Select[Any]) -> list[Any]:
        try:
            return list(self._session.execute(query))
        except sa.exc.SQLAlchemyError:
            self._session.rollback()
            raise

    def _write(self, *statements: sa.Executable) -> int:
        count = 0
        try:
            for statement in statements:
                count = getattr(self._session.execute(statement), "rowcount", 0)
            self._session.commit()
        except sa.exc.SQLAlchemyError:
            self._session.rollback()
            raise
        return count
