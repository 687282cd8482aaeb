"""The real access service before a real versitygw and a real catalogue, behind one origin."""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from boresight_hub.embedded import versitygw
from boresight_hub.embedded.people import write_private
from boresight_hub.embedded.plan import Command
from boresight_hub.environment import user_environment
from boresight_hub.settings import HubSettings, OidcSettings, S3Settings, StacSettings
from boresight_hub.settings_access import AccessSettings
from support.machine import install_s3_server
from support.origin import Origin
from support.ports import START_TIMEOUT_S, free_base_port

# owner bucket [time] address requester request-id operation key URI status error …
_S3_LOG_LINE = re.compile(
    r"\S+ \S+ \[[^]]*\] \S+ (?P<requester>\S+) \S+ \S+ (?P<key>\S+) \S+ (?P<status>\d{3}) "
    r"(?P<error>\S+) "
)


_READY = "Application startup complete"


class AccessStack:
    """All processes of the data plane."""

    def __init__(
        self,
        state_dir: Path,
        *,
        origin: bool = True,
        oidc: dict[str, Any] | None = None,
        stac: dict[str, Any] | None = None,
        s3: dict[str, Any] | None = None,
        port: int | None = None,
        log_level: str = "INFO",
        replicas: int = 1,
        **access: Any,
    ) -> None:
        (state_dir / "secrets").mkdir(mode=0o700, parents=True, exist_ok=True)
        self._replicas = replicas
        if replicas > 1:
            access["share_port"] = True
        self.settings = HubSettings(
            state_dir=state_dir,
            port=port or free_base_port(),
            log_level=log_level,
            s3=S3Settings(**(s3 or {})),
            access=AccessSettings(**access),
            oidc=OidcSettings(**(oidc or {})),
            stac=StacSettings(**(stac or {})),
        )
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for name in (
            *("s3-root-access-key", "s3-root-secret-key"),
            *("access-client-secret", "access-signing-key"),
        ):
            write_private(self.settings.secrets_dir / name, secrets.token_hex(20))
        self.origin = Origin(self.settings) if origin else None

    def start(self, *names: str) -> None:
        for name in names or ("s3-iam", "s3", "stac", "access"):
            getattr(self, f"_start_{name.replace('-', '_')}")()

    def stop(self, *names: str, kill: bool = False) -> None:
        for name in names:
            # replicas of a service stand behind it as name#2, name#3, …
            for one in [each for each in self.processes if each.partition("#")[0] == name]:
                process = self.processes.pop(one)
                process.kill() if kill else process.terminate()
                process.wait(15)

    def roll(self, name: str) -> None:
        """Restart a service that shares its port: the next is ready before this one goes."""
        before, ready = self.processes.pop(name), self.log(name).count(_READY)
        self.start(name)
        self._wait(name, lambda: self.log(name).count(_READY) > ready)
        before.terminate()
        before.wait(15)

    def close(self) -> None:
        self.stop(*(name for name in reversed(list(self.processes)) if "#" not in name))
        if self.origin:
            self.origin.close()

    def log(self, name: str) -> str:
        """Log of a service, of all its replicas together."""
        return self.log_of(name) + "".join(
            self.log_of(file.stem) for file in sorted(self.settings.state_dir.glob(f"{name}#*.log"))
        )

    def log_of(self, replica: str) -> str:
        """Log of one process: ``access``, ``access#2``."""
        file = self.settings.state_dir / f"{replica}.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def ledger(self) -> bytes:
        """Everything the service has written down: its files, or all rows of its database."""
        ledger = self.settings.access.ledger
        if ledger.kind == "sqlite":
            folder = self.settings.state_dir / "access"
            return b"".join(path.read_bytes() for path in folder.iterdir())
        import psycopg

        password = self.settings.secret(ledger.password_secret)
        values: list[Any] = []
        with psycopg.connect(
            host=ledger.host,
            port=ledger.port,
            dbname=ledger.database,
            user=ledger.user,
            password=password,
            sslmode=ledger.sslmode,
        ) as connection:
            for table in ("session", "sign_out", "api_key"):
                for row in connection.execute(f"select * from {table}"):
                    values += row
        return b"\n".join(v if isinstance(v, bytes) else str(v).encode() for v in values)

    @property
    def _s3_log(self) -> Path:
        return self.settings.state_dir / "s3-access.log"

    def s3_requests(self, key: str) -> list[tuple[str, int]]:
        """What the S3 server's own log says of an object: access key and status, in their order."""
        return [(line["requester"], int(line["status"])) for line in self._s3_lines(key)]

    def s3_errors(self, key: str) -> set[str]:
        """Codes with which the S3 server has refused requests for an object."""
        return {line["error"] for line in self._s3_lines(key)} - {"-"}

    def _s3_lines(self, key: str) -> list[re.Match[str]]:
        found = (_S3_LOG_LINE.match(line) for line in self._s3_log.read_text().splitlines())
        return [line for line in found if line and line["key"] == key]

    def root(self) -> Any:
        """The store's own administrator, to put things where people cannot."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.settings.s3_url,
            region_name=self.settings.s3.region,
            aws_access_key_id=self.settings.secret("s3-root-access-key"),
            aws_secret_access_key=self.settings.secret("s3-root-secret-key"),
        )

    def iam(self) -> Any:
        import boto3

        return boto3.client(
            "iam",
            endpoint_url=self.settings.url_of("s3_iam"),
            region_name="us-east-1",
            aws_access_key_id=self.settings.secret("s3-root-access-key"),
            aws_secret_access_key=self.settings.secret("s3-root-secret-key"),
        )

    def session_users(self) -> list[str]:
        users = self.iam().list_users(PathPrefix="/boresight-session/")["Users"]
        return [user["UserName"] for user in users]

    def sts(self, token: str, **changes: str) -> httpx.Response:
        """AssumeRoleWithWebIdentity, as botocore sends it."""
        form = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": self.settings.access.role_arn,
            "RoleSessionName": "marie",
            "WebIdentityToken": token,
        }
        form = {name: value for name, value in (form | changes).items() if value}
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        return httpx.post(
            self.settings.sts_url,
            content=urlencode(form),
            headers=headers,
            timeout=30,
            trust_env=False,
        )

    def holder(self, username: str, token: str | None = None) -> dict[str, str]:
        """Environment of a user server, with its token files."""
        folder = self.settings.state_dir / "tokens" / username
        folder.mkdir(parents=True, exist_ok=True)
        assert self.origin
        write_private(folder / "s3.jwt", token or self.origin.token(username))
        for audience in ("stac", "access"):
            write_private(folder / f"{audience}.jwt", self.origin.token(username, audience))
        return self.environment(username, folder)

    def environment(self, username: str, token_dir: Path) -> dict[str, str]:
        """Environment of a user server whose token files lie in ``token_dir``."""
        ours = {
            name: value
            for name, value in os.environ.items()
            if not name.upper().startswith(("AWS_", "BORESIGHT_", "CPL_", "GDAL_"))
            and not name.lower().endswith("_proxy")
        }
        return ours | user_environment(self.settings, username=username, token_dir=token_dir)

    def _start_s3_iam(self) -> None:
        install_s3_server(self.settings)
        (self.settings.folder("s3") / "iam").mkdir(mode=0o700, exist_ok=True)
        self._run("s3-iam", versitygw.iam_command(self.settings, {"PATH": os.environ["PATH"]}))
        self._wait("s3-iam", lambda: _listens(self.settings.port_of("s3_iam")))

    def _start_s3(self) -> None:
        env = {"PATH": os.environ["PATH"], "VGW_ACCESS_LOG": str(self._s3_log)}
        self._run("s3", versitygw.s3_command(self.settings, env))
        self._wait("s3", lambda: _answers(f"{self.settings.s3_url}/health"))
        versitygw.make_buckets(self.settings)

    def _start_stac(self) -> None:
        self._python("stac")

    def _start_access(self) -> None:
        self._python("access")
        for number in range(2, self._replicas + 1):
            self._python("access", f"access#{number}")

    def _python(self, name: str, replica: str = "") -> None:
        env = {
            **os.environ,
            "BORESIGHT_STATE_DIR": str(self.settings.state_dir),
            "BORESIGHT_PORT": str(self.settings.port),
            "BORESIGHT_ACCESS": self.settings.access.model_dump_json(),
            "BORESIGHT_OIDC": self.settings.oidc.model_dump_json(),
            "BORESIGHT_STAC": self.settings.stac.model_dump_json(),
            "BORESIGHT_S3": self.settings.s3.model_dump_json(),
            "BORESIGHT_LOG_LEVEL": self.settings.log_level,
        }
        before = self.log(name).count(_READY)
        self._run(name, Command([sys.executable, "-m", f"boresight_hub.{name}"], env), replica)
        url = f"{self.settings.url_of(name)}/services/{name}/health"
        # another replica answers as well, so it has to say by itself that it listens
        self._wait(name, lambda: self.log(name).count(_READY) > before and _answers(url), replica)

    def _run(self, name: str, command: Command, replica: str = "") -> None:
        hidden = {key: self.settings.secret(file) for key, file in command.secret_env.items()}
        with (self.settings.state_dir / f"{replica or name}.log").open("ab") as log:
            self.processes[replica or name] = subprocess.Popen(
                command.argv,
                env=command.env | hidden,
                cwd=command.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _wait(self, name: str, is_ready: Any, replica: str = "") -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not is_ready():
            assert self.processes[replica or name].poll() is None, self.log(name)
            assert time.monotonic() < deadline, self.log(name)
            time.sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def image_bytes() -> bytes:
    """A small GeoTIFF, 20 by 10 pixels of value one."""
    import warnings

    import numpy as np
    from rasterio.io import MemoryFile

    with warnings.catch_warnings(), MemoryFile() as memory:
        warnings.simplefilter("ignore")  # it lies nowhere on Earth
        with memory.open(driver="GTiff", width=20, height=10, count=1, dtype="uint8") as image:
            image.write(np.ones((1, 10, 20), "uint8"))
        return bytes(memory.getbuffer())
