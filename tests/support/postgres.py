"""A PostgreSQL server with PostGIS of the tests' own, in a temporary folder."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from boresight_hub.settings import HubSettings, PgstacSettings, StacSettings
from support.ports import START_TIMEOUT_S, free_base_port

SERVICE_USER = "boresight_stac"


def programs() -> Path | None:
    """Folder of the server's programs, the newest that has PostGIS."""
    shares = Path("/usr/share/postgresql")
    folders = sorted(
        (p for p in Path("/usr/lib/postgresql").glob("*/bin") if (p / "initdb").exists()),
        key=lambda p: int(p.parent.name) if p.parent.name.isdigit() else 0,
        reverse=True,
    )
    if on_path := shutil.which("initdb"):
        folders.append(Path(on_path).parent)
    for folder in folders:
        config = folder / "pg_config"
        share = shares / folder.parent.name
        if config.exists():
            asked = subprocess.run(
                [config, "--sharedir"], capture_output=True, text=True, timeout=10
            )
            share = Path(asked.stdout.strip())
        if (share / "extension" / "postgis.control").exists():
            return folder
    return None


def require() -> Path:
    """Folder of the programs; where there are none the test is skipped, or fails if told so."""
    folder = programs()
    if folder is None:
        message = "no PostgreSQL with PostGIS here: apt install postgresql-15-postgis-3"
        if os.environ.get("BORESIGHT_REQUIRE_POSTGRES"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


class Postgres:
    """A server on one loopback port and one unix socket, and databases of catalogues in it."""

    def __init__(self, bin_dir: Path, *, durable: bool = False) -> None:
        self._bin = bin_dir
        self._durable = durable
        # short: the path of a unix socket has an end
        self.folder = Path(tempfile.mkdtemp(prefix="bspg-", dir="/tmp"))
        self.port = free_base_port()
        self.password = secrets.token_urlsafe(16)
        # the server refuses to run as root
        self._as = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        if self._as:
            shutil.chown(self.folder, "postgres", "postgres")
        self._run(
            "initdb",
            *("-D", str(self._data), "-U", "postgres", "--no-sync"),
            *("--encoding=UTF8", "--locale=C.UTF-8"),
            *("--auth-local=trust", "--auth-host=scram-sha-256"),
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        try:
            self.start()
            self._make_template()
        except BaseException:
            self.close()
            raise

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "fsync": "on" if self._durable else "off",
            "max_connections": "60",
            "log_min_messages": "warning",
        }
        command = [*self._as, str(self._bin / "postgres"), "-D", str(self._data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd="/", start_new_session=True
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            ready = [self._bin / "pg_isready", "-h", self.folder, "-p", str(self.port), "-q"]
            if subprocess.run(ready, timeout=10, check=False).returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError((self.folder / "server.log").read_text())

    def stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        # under runuser our child is not the server itself
        server = int((self._data / "postmaster.pid").read_text().split()[0])
        os.kill(server, signal.SIGINT)
        self._process.wait(timeout=30)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def settings(self, database: str) -> PgstacSettings:
        """As the service is to be told: by TCP, with a password from a file."""
        return PgstacSettings(
            host="127.0.0.1",
            port=self.port,
            database=database,
            user=SERVICE_USER,
            sslmode="disable",
        )

    def admin(self, database: str) -> HubSettings:
        """Settings of a superuser on the socket."""
        pgstac = PgstacSettings(
            host=str(self.folder),
            port=self.port,
            database=database,
            user="postgres",
            password_secret="",
            sslmode="disable",
        )
        return HubSettings(stac=StacSettings(backend="pgstac", pgstac=pgstac))

    def connect(self, database: str):
        import psycopg

        from boresight_hub.stac.pgstac.connections import parameters

        given = parameters(self.admin(database))
        return psycopg.connect(**{k: v for k, v in given.items() if v is not None})

    def make_database(self) -> str:
        """A database as `setup` leaves it."""
        self._made += 1
        name = f"catalogue_{self._made}"
        with self.connect("postgres") as connection:
            connection.execute(f"create database {name} template template_catalogue")
        return name

    def make_ledger(self, state_dir: Path) -> dict[str, Any]:
        """An empty database of an access service, and how the service is told of it."""
        self._made += 1
        name = f"ledger_{self._made}"
        with self.connect("postgres") as connection:
            connection.execute(f"create role {name} login password '{self.password}'")
            connection.execute(f"create database {name} owner {name}")
        self.keep_secret(state_dir, "access-database-password")
        return {
            "kind": "postgresql",
            "port": self.port,
            "database": name,
            "user": name,
            "sslmode": "disable",
        }

    def keep_secret(self, state_dir: Path, name: str = "pgstac-password") -> None:
        """Put the password where the service looks for it."""
        folder = state_dir / "secrets"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / name
        file.touch(mode=0o600)
        file.write_text(self.password)

    def _make_template(self) -> None:
        from boresight_hub.stac.pgstac.setup import migrate

        with self.connect("postgres") as connection:
            connection.execute(f"create role {SERVICE_USER} login password '{self.password}'")
            connection.execute("create database template_catalogue")
        with self.connect("template_catalogue") as connection:
            migrate(connection, SERVICE_USER)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self._bin / program), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, cwd="/", check=False
        )
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
