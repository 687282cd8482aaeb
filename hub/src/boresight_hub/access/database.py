"""Where the access service keeps what it remembers: SQLite on one machine, or PostgreSQL.

Replicas of the service share one PostgreSQL database. Statements stand alone, but for an insertion
that is counted; what must be done by one replica at a time is leased by a statement of its own.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from boresight_hub.access import refusals
from boresight_hub.errors import SettingsError, StateError
from boresight_hub.settings import HubSettings

# a file of SQLite is strict about its types and knows few
Instant: sa.types.TypeEngine[float] = sa.Double().with_variant(sqlite.REAL(), "sqlite")
"""Seconds since 1970 UTC."""

_BUSY_TIMEOUT_S = 5
# two replicas that start together make the tables one after the other
_SCHEMA_LOCK = 0x626F7265
_INSERT_LOCK = 0x626F7266

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables of one store, and how a store of an earlier version becomes one of this.

    Attributes
    ----------
    name : str
        What the store is, for people; and in PostgreSQL its name in the table of versions.
    metadata : sqlalchemy.MetaData
    version : int
    loss : str
        What is lost when the store is moved away.
    steps : mapping of int to str
        By the version they lead away from: statements for SQLite, each ended by a semicolon.
    """

    name: str
    metadata: sa.MetaData
    version: int
    loss: str
    steps: Mapping[int, str] = field(default_factory=dict)


def engine_for(settings: HubSettings, file_name: str) -> sa.Engine:
    """Engine for the store that is ``file_name`` where each machine is by itself.

    Raises
    ------
    SettingsError
        When PostgreSQL is wanted and its driver is not installed.
    """
    if settings.access.ledger.kind == "postgresql":
        return _on_postgresql(settings)
    return sqlite_file(settings.folder("access") / file_name)


def sqlite_file(path: Path) -> sa.Engine:
    """Engine for a file, which is made when absent, readable by its owner only."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, isolation_level=None, timeout=_BUSY_TIMEOUT_S, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        # what was revoked leaves nothing behind in the file
        connection.execute("PRAGMA secure_delete = ON")
        return connection

    return sa.create_engine(f"sqlite:///{path}", creator=connect, isolation_level="AUTOCOMMIT")


def _on_postgresql(settings: HubSettings) -> sa.Engine:
    try:
        import psycopg
    except ImportError as exc:
        raise SettingsError(
            "access.ledger.kind is postgresql, and there is no driver for it.",
            remedy="Install boresight-hub[postgresql].",
        ) from exc
    ledger = settings.access.ledger

    def connect() -> psycopg.Connection[Any]:
        verifies = ledger.sslmode.startswith("verify")
        return psycopg.connect(
            host=ledger.host,
            port=ledger.port,
            dbname=ledger.database,
            user=ledger.user,
            # read for each connection, so that a changed one is used
            password=settings.secret(ledger.password_secret) if ledger.password_secret else None,
            sslmode=ledger.sslmode,
            sslrootcert=str(ledger.ca_path or "system") if verifies else None,
            connect_timeout=ledger.timeout_s,
            application_name="boresight-access",
            options=f"-c statement_timeout={ledger.timeout_s}s -c timezone=UTC",
        )

    return sa.create_engine(
        "postgresql+psycopg://",
        creator=connect,
        isolation_level="AUTOCOMMIT",
        pool_pre_ping=True,
        pool_size=2,
        max_overflow=0,
        pool_timeout=ledger.timeout_s,
    )


class Store:
    """Runs statements, and says in our words what the database refuses.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Closed with the store.
    schema : Schema
        Its tables are made when they are absent.

    Raises
    ------
    StateError
        When the database is not ours, of a newer version, or does not answer.
    """

    def __init__(self, engine: sa.Engine, schema: Schema) -> None:
        self._engine = engine
        try:
            _prepare(engine, schema)
        except StateError:
            engine.dispose()
            raise
        except (SQLAlchemyError, sqlite3.Error) as exc:
            engine.dispose()
            where, remedy = _place(engine, schema)
            cause = exc.orig if isinstance(exc, DBAPIError) else exc
            raise StateError(
                f"{where} cannot be used as the {schema.name}: {cause}.", remedy=remedy
            ) from exc

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def rows(self, statement: sa.Executable) -> list[tuple[Any, ...]]:
        """Rows that ``statement`` returns.

        Raises
        ------
        RefusalError
            When the database is out of reach.
        """
        try:
            with _answers(), self._engine.connect() as connection:
                return [tuple(row) for row in connection.execute(statement)]
        except (DataError, UnicodeEncodeError):
            # an id that no database can hold (NUL, half a character) is the id of nothing
            return []

    def first(self, statement: sa.Executable) -> tuple[Any, ...] | None:
        """First of the rows, if there is one; errors as :meth:`rows`."""
        rows = self.rows(statement)
        return rows[0] if rows else None

    def change(self, statement: sa.Executable) -> int:
        """Run ``statement``; how many rows it changed; errors as :meth:`rows`."""
        with _answers(), self._engine.connect() as connection:
            return connection.execute(statement).rowcount

    def put(self, table: sa.Table, **values: object) -> None:
        """Insert a row, in the place of one of the same primary key; errors as :meth:`rows`."""
        on_postgresql = self._engine.dialect.name == "postgresql"
        insert = postgresql.insert if on_postgresql else sqlite.insert
        statement = insert(table).values(values)
        keys = list(table.primary_key)
        self.change(statement.on_conflict_do_update(index_elements=keys, set_=values))

    def put_below(
        self, table: sa.Table, limit: int, like: sa.ColumnElement[bool], **values: object
    ) -> bool:
        """Insert a row if fewer than ``limit`` are ``like`` it; whether it was; errors as above.

        The one thing two statements do together: replicas that insert into one table take turns.
        """
        counted = sa.select(sa.func.count()).select_from(table).where(like)
        with _answers(), self._engine.connect() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.exec_driver_sql("BEGIN")
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_INSERT_LOCK)))
            else:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                is_below = connection.execute(counted).scalar_one() < limit
                if is_below:
                    connection.execute(sa.insert(table).values(values))
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")
            return is_below


@contextmanager
def _answers() -> Iterator[None]:
    """Turn what the driver says of a database that is away into a refusal of ours."""
    try:
        yield
    except (OperationalError, PoolTimeout) as exc:
        logger.error("the database does not answer: %s", exc)
        raise refusals.unavailable("The service's database is out of reach; try again.") from exc


def _prepare(engine: sa.Engine, schema: Schema) -> None:
    if engine.dialect.name == "postgresql":
        _prepare_postgresql(engine, schema)
        return
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            (version,) = connection.exec_driver_sql("PRAGMA user_version").one()
            if version == 0:
                schema.metadata.create_all(connection)
                version = schema.version
            while version in schema.steps:
                for statement in schema.steps[version].split(";"):
                    if statement.strip():
                        connection.exec_driver_sql(statement)
                version += 1
            _check_version(version, engine, schema)
            connection.exec_driver_sql(f"PRAGMA user_version = {version}")
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise


def _prepare_postgresql(engine: sa.Engine, schema: Schema) -> None:
    versions = sa.Table(
        "access_schema",
        sa.MetaData(),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
    )
    with engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
        versions.create(connection, checkfirst=True)
        asked = sa.select(versions.c.version).where(versions.c.name == schema.name)
        version = connection.execute(asked).scalar()
        if version is None:
            schema.metadata.create_all(connection)
            connection.execute(versions.insert().values(name=schema.name, version=schema.version))
        else:
            _check_version(version, engine, schema)


def _check_version(version: int, engine: sa.Engine, schema: Schema) -> None:
    if version != schema.version:
        where, _ = _place(engine, schema)
        raise StateError(
            f"{where} has version {version} of the {schema.name}, this program writes "
            f"{schema.version}.",
            remedy="Use the program that wrote it, or move it away.",
        )


def _place(engine: sa.Engine, schema: Schema) -> tuple[str, str]:
    if engine.dialect.name == "postgresql":
        return "The database of access.ledger", "See BORESIGHT_ACCESS__LEDGER__…, and the server."
    return str(engine.url.database), f"Move the file away and start again; {schema.loss}."
