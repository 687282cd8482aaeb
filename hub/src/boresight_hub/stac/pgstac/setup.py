"""``python -m boresight_hub.stac.pgstac.setup``: make, or migrate, the database of the catalogue.

Run by somebody who may make extensions and roles; the service itself may not. Host, port and
database are those of the settings; the password of ``--user`` is found by PostgreSQL's own means
(``PGPASSFILE``, ``~/.pgpass``, or a socket that knows the user).
"""

from __future__ import annotations

import argparse
import secrets
import sys
import unicodedata
from importlib import resources

import psycopg
from psycopg import sql as names
from pypgstac.db import PgstacDB
from pypgstac.migrate import Migrate

from boresight_hub.settings import HubSettings
from boresight_hub.stac.pgstac.connections import Connection, parameters
from boresight_hub.stac.pgstac.dialect import INDEXED_PROPERTIES, property_sql
from boresight_hub.stac.pgstac.storage import SCHEMA_VERSION
from boresight_hub.stac.tokens import KEY_BYTES


def migrate(connection: Connection, service_user: str) -> str:
    """Bring pgSTAC and our schema to the versions this program works with.

    Parameters
    ----------
    connection : Connection
        Of somebody who may make extensions and roles, in autocommit.
    service_user : str
        Role of the service, which has to exist; it is let read and write.

    Returns
    -------
    str
        Version of pgSTAC.
    """
    # the same lock for everybody who migrates, for as long as this connection
    connection.execute("select pg_advisory_lock(hashtextextended('boresight-setup', 0))")
    version: str = Migrate(PgstacDB(connection=connection)).run_migration()
    connection.autocommit = True
    connection.execute("reset role")  # the migration leaves us as pgSTAC's admin
    with connection.transaction():
        connection.execute(_schema().encode())
        for number, name in enumerate(INDEXED_PROPERTIES):
            for direction in ("asc", "desc"):
                connection.execute(
                    f"create index if not exists boresight_property_{number}_{direction}"
                    f" on pgstac.items (({property_sql(name)}) {direction} nulls last)".encode()
                )
        connection.execute(
            "insert into boresight.setting (version, token_key) values (%s, %s)"
            " on conflict (one) do update set version = excluded.version",
            (SCHEMA_VERSION, secrets.token_bytes(KEY_BYTES)),
        )
        connection.execute(
            names.SQL("grant pgstac_ingest to {}").format(names.Identifier(service_user))
        )
    connection.execute("select pg_advisory_unlock(hashtextextended('boresight-setup', 0))")
    return version


def _schema() -> str:
    text = resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
    return text.replace("{combining}", _combining())


def _combining() -> str:
    """Signs that stand on a letter, as ranges of a regular expression of PostgreSQL."""
    points = [n for n in range(sys.maxunicode + 1) if unicodedata.combining(chr(n))]
    ranges: list[list[int]] = []
    for point in points:
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(f"\\U{first:08X}-\\U{last:08X}" for first, last in ranges)


def main() -> None:
    """Migrate, and say to what."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--user", help="who migrates; default: the service's own user")
    arguments = parser.parse_args()
    settings = HubSettings()
    given = {k: v for k, v in parameters(settings, user=arguments.user).items() if v is not None}
    # a migration of a large catalogue takes its time
    with psycopg.connect(**given) as connection:
        version = migrate(connection, settings.stac.pgstac.user)
    sys.stdout.write(f"pgSTAC {version}, our schema {SCHEMA_VERSION}\n")


if __name__ == "__main__":
    main()
