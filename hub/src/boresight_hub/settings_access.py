"""Settings of the access service, and of the databases behind services."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from boresight_hub._settings_part import Part

#: What a setting that names a password's file says of it.
CREDENTIAL_FILE = "file below the secrets folder; empty where the server needs none"


class PostgresSettings(Part):
    """A database of a PostgreSQL server, and who opens it."""

    host: str = Field("127.0.0.1", description="name, address, or folder of a unix socket")
    port: int = Field(5432, ge=1, le=65535)
    database: str = "boresight"
    user: str = "boresight"
    password_secret: str = Field("postgres-password", description=CREDENTIAL_FILE)
    sslmode: Literal["disable", "require", "verify-ca", "verify-full"] = Field(
        "verify-full", description="of no matter on a unix socket"
    )
    ca_path: Path | None = Field(
        None,
        description="authorities of the server's certificate; none: the system's, for verify-full",
    )


class LedgerSettings(PostgresSettings):
    """What the access service remembers: sessions, sign-outs, API keys, batch grants."""

    kind: Literal["sqlite", "postgresql"] = Field(
        "sqlite", description="sqlite: files of one machine; postgresql: for several replicas"
    )
    user: str = "boresight_access"
    password_secret: str = Field("access-database-password", description=CREDENTIAL_FILE)
    timeout_s: int = Field(3, ge=1, description="for a connection, and for a statement")


class RateClass(Part):
    """How many addresses one person may have signed."""

    urls_per_s: float = Field(500.0, gt=0, description="for as long as it lasts")
    burst: int = Field(5000, ge=64, description="at once, after a pause")


class SigningSettings(Part):
    """The signing API."""

    audience: str = "access"
    max_hrefs: int = Field(64, ge=1, le=64, description="hrefs in one request")
    default_ttl_s: int = Field(900, ge=1, description="life of a signed address, unless asked for")
    max_ttl_s: int = Field(3600, ge=1, le=604_800, description="longest life that may be asked for")
    host_aliases: tuple[str, ...] = Field(
        (), description="further origins (scheme, host, port) that hrefs of our own S3 may have"
    )
    front_url: str | None = Field(
        None,
        description="origin at which container tokens are taken, default: the access service's own",
    )
    container_token_life_s: int = Field(2700, ge=1)
    redirect_life_s: int = Field(
        300, ge=1, description="life of the address a container token is redirected to"
    )
    rate: RateClass = RateClass()
    rate_by_group: dict[str, RateClass] = Field(
        default_factory=dict, description="other rates; of several groups the most generous counts"
    )
    max_keys_per_user: int = Field(20, ge=1, description="API keys of one person")


class UpstreamSettings(Part):
    """The STS of the store, for the broker pass-through."""

    sts_url: str = Field("", description="where it answers AssumeRoleWithWebIdentity")
    role_arn: str | None = Field(None, description="role at the store; default: access.role_arn")
    min_duration_s: int = Field(900, ge=1, description="shortest life it gives; AWS: 900")
    max_policy_chars: int = Field(
        2048, ge=256, description="longest session policy it takes; AWS: 2048"
    )
    timeout_s: float = Field(10.0, gt=0)
    ca_path: Path | None = Field(
        None, description="authorities of its certificate, a PEM file; none: the usual ones"
    )


class BatchGrantSettings(Part):
    """Grants of batch runs, which go on without anybody signed in."""

    default_life_s: int = Field(7 * 86_400, ge=1, description="life of a grant, unless asked for")
    max_life_s: int = Field(30 * 86_400, ge=1, description="longest life that may be asked for")
    max_per_user: int = Field(20, ge=1, description="grants of one person at a time")


class AccessSettings(Part):
    """The service that hands out S3 credentials, and signed addresses."""

    broker: Literal["versitygw", "pass-through"] = Field(
        "versitygw",
        description="versitygw: the service itself makes sessions in the embedded store; "
        "pass-through: the store has an STS of its own (AWS, Ceph RGW)",
    )
    upstream: UpstreamSettings = UpstreamSettings()
    ledger: LedgerSettings = LedgerSettings()
    audience: str = "s3"
    role_arn: str = "arn:aws:iam::000000000000:role/boresight-user"
    session_life_s: int = Field(3600, ge=3, le=43200, description="life of a set of S3 credentials")
    sweep_interval_s: float = Field(30.0, gt=0)
    share_port: bool = Field(
        False,
        description="let several processes of the service listen on its port, so that the next one "
        "can be ready before this one goes",
    )
    signing: SigningSettings = SigningSettings()
    batch_grants: BatchGrantSettings = BatchGrantSettings()
