"""Connections to PostgreSQL, and what its refusals mean here.

The password comes from a file, is read for each new connection (so that a changed one is used),
and is never part of an address. Every statement runs under a time limit that the server keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors
from psycopg_pool import ConnectionPool, PoolTimeout

from boresight_hub.errors import StateError
from boresight_hub.settings import HubSettings
from boresight_hub.stac.problems import (
    ConflictError,
    QueryTimeoutError,
    RequestError,
    UnavailableError,
)
from boresight_hub.stac.sql import Sql

Connection = psycopg.Connection[tuple[Any, ...]]

# PostgreSQL's text holds no NUL, so nothing that is kept does either: this stands for it in what
# is searched for, and is found in nothing (U+FFFE is no character)
_NO_CHARACTER = "￾"


def parameters(settings: HubSettings, *, user: str | None = None) -> dict[str, Any]:
    """Parameters of a connection; with another ``user``, the password is libpq's business."""
    pgstac = settings.stac.pgstac
    secret = "" if user else pgstac.password_secret
    return {
        "host": pgstac.host,
        "port": pgstac.port,
        "dbname": pgstac.database,
        "user": user or pgstac.user,
        "password": settings.secret(secret) if secret else None,
        "sslmode": pgstac.sslmode,
        "sslrootcert": str(pgstac.ca_path or "system") if _verifies(settings) else None,
        "connect_timeout": max(2, round(settings.stac.query_timeout_s)),
        "application_name": "boresight-stac",
        # compiling a query takes longer than running one of ours
        "options": "-c search_path=pgstac,public -c timezone=UTC -c jit=off",
        # a plan for all values is a bad plan for most; and a pooler in between could not keep it
        "prepare_threshold": None,
        "autocommit": True,
    }


def _verifies(settings: HubSettings) -> bool:
    return settings.stac.pgstac.sslmode.startswith("verify")


class Connections:
    """A pool of connections.

    Parameters
    ----------
    settings : HubSettings

    Raises
    ------
    StateError
        When the server does not answer.
    """

    def __init__(self, settings: HubSettings) -> None:
        self._timeout_s = settings.stac.query_timeout_s
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            kwargs=lambda: parameters(settings),
            min_size=1,
            max_size=settings.stac.pgstac.connections,
            timeout=self._timeout_s,
            check=ConnectionPool.check_connection,
            name="boresight-stac",
            open=False,
        )
        pgstac = settings.stac.pgstac
        try:
            self._pool.open(wait=True, timeout=self._timeout_s)
        except PoolTimeout as exc:
            self._pool.close()
            raise StateError(
                f"The database {pgstac.database!r} at {pgstac.host}:{pgstac.port} lets "
                f"{pgstac.user!r} not in, or does not answer.",
                remedy="See the line above; check the settings BORESIGHT_STAC__PGSTAC__….",
            ) from exc

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    @contextmanager
    def transaction(self, begin: str, *, patience: int = 1) -> Iterator[Connection]:
        """Give a connection in a transaction begun with ``begin``; kept unless an exception leaves.

        A statement may run for ``patience`` times as long as it may wait for somebody else's.

        Raises
        ------
        QueryTimeoutError, UnavailableError, ConflictError
        """
        limit_ms = round(self._timeout_s * 1000)
        with _refusals(self._timeout_s), self._pool.connection() as connection:
            connection.execute(
                f"{begin}; set local lock_timeout = {limit_ms};"
                f" set local statement_timeout = {patience * limit_ms}"
            )
            try:
                yield connection
            except BaseException:
                if not connection.closed:
                    connection.execute("rollback")
                raise
            connection.execute("commit")

    @contextmanager
    def within(self, connection: Connection, limit_s: float) -> Iterator[None]:
        """Bound what follows on ``connection`` more tightly.

        Raises
        ------
        QueryTimeoutError
            When it takes longer.
        """
        limit_ms = max(1, round(min(limit_s, self._timeout_s) * 1000))
        connection.execute(f"savepoint within; set local statement_timeout = {limit_ms}")
        try:
            yield
        except errors.QueryCanceled as exc:
            raise QueryTimeoutError(f"The query took longer than {limit_s:g} s.") from exc
        finally:
            if not connection.closed:
                # takes the limit back as well
                connection.execute("rollback to within; release within")


def run(connection: Connection, sql: Sql) -> psycopg.Cursor[tuple[Any, ...]]:
    """Run ``sql``, its values bound."""
    text = sql.text.replace("%", "%%").replace("?", "%s")
    values = [_bindable(value) for value in sql.values]
    return connection.execute(text, values)


def _bindable(value: object) -> object:
    if isinstance(value, str):
        return value.replace("\0", _NO_CHARACTER)
    if isinstance(value, list):
        return [_bindable(one) for one in value]
    return value


@contextmanager
def _refusals(timeout_s: float) -> Iterator[None]:
    """Turn the driver's exceptions into ours; what is not foreseen stays as it is."""
    try:
        yield
    except errors.QueryCanceled as exc:
        raise QueryTimeoutError(
            f"The query took longer than {timeout_s:g} s.",
            remedy="Narrow it: a collection, a time range, a smaller area.",
        ) from exc
    except errors.NumericValueOutOfRange as exc:
        raise RequestError(
            "A number that the filter computes is too large.", remedy="Compare smaller ones."
        ) from exc
    except (errors.DeadlockDetected, errors.LockNotAvailable, errors.SerializationFailure) as exc:
        raise QueryTimeoutError(
            "Another write to the catalogue was in the way.", remedy="Try again in a moment."
        ) from exc
    except errors.UniqueViolation as exc:
        raise ConflictError(
            "Somebody else has written the same object at the same time.",
            remedy="Read it again, and decide.",
        ) from exc
    except PoolTimeout as exc:
        raise QueryTimeoutError(
            f"No connection to the catalogue's database became free within {timeout_s:g} s.",
            remedy="Try again in a moment.",
        ) from exc
    except psycopg.OperationalError as exc:
        raise UnavailableError(
            "The catalogue's database does not answer.", remedy="Try again in a moment."
        ) from exc
