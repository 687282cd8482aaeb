"""Every setting of the control plane, in one place.

A service takes a :class:`HubSettings` as its argument. Values come from environment variables
(prefix ``BORESIGHT_``, nesting by ``__``: ``BORESIGHT_S3__REGION=eu-west-1``); defaults are those
of one machine. Secrets are files below ``secrets_dir`` and are read by name, so that none ever
stands in an environment or on a command line.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self

import platformdirs
from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from boresight_hub._settings_part import Part as _Part
from boresight_hub.errors import SettingsError
from boresight_hub.settings_access import CREDENTIAL_FILE, AccessSettings, PostgresSettings
from boresight_hub.settings_kubernetes import (
    KubernetesSettings,
    ProfileSettings,
    checked_profiles,
)

#: Offsets from the public port, so that one number places the whole environment.
PORT_OFFSETS = {
    "proxy": 0,
    "s3": 1,
    "proxy_api": 2,
    "hub": 3,
    "idp": 4,
    "access": 5,
    "stac": 6,
    "gateway": 7,
    "gateway_scheduler": 8,
    "gateway_api": 9,
    "s3_iam": 10,
    "idp_management": 11,
    "batch": 12,
}

#: Notebooks beside the sources; there are none in an installed package.
_NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"


class OidcSettings(_Part):
    """The identity provider and what its tokens have to look like."""

    kind: Literal["oidc-provider", "keycloak"] = "oidc-provider"
    realm: str = "boresight"
    issuer_url: str | None = Field(
        None,
        pattern=r"^https?://[^?#]+[^/?#]$",
        description="issuer of a provider of somebody else's; default: ours, below the origin",
    )
    hub_client_id: str = "hub"
    access_client_id: str = "access"
    cli_client_id: str = "boresight-cli"
    teledetection_client_id: str = Field(
        "gdal", description="as the teledetection SDK calls itself at its device sign-in"
    )
    groups_claim: str = "groups"
    username_claim: str = "preferred_username"
    admin_group: str = "boresight-admins"
    allowed_groups: tuple[str, ...] = Field(
        (), description="who may sign in to the hub; empty: everybody the provider knows"
    )
    token_life_s: int = Field(
        300, ge=5, description="life of an access token of the embedded provider"
    )
    http_timeout_s: float = Field(10.0, gt=0)


class S3Settings(_Part):
    """The object store, and the buckets in it. All are private."""

    region: str = "us-east-1"
    endpoint_url: str | None = Field(
        None,
        pattern=r"^https?://[^/?#]+$",
        description="address of a store of another kind than ours, as clients reach it; default: "
        "the embedded one",
    )
    catalogue_bucket: str = "catalogue"
    products_bucket: str = "products"
    home_bucket: str = "home"


class BatchSettings(_Part):
    """Batch runs: notebooks that go on without anybody signed in."""

    max_running_per_user: int = Field(2, ge=1, description="runs of one person at a time")
    max_queued_per_user: int = Field(10, ge=0, description="runs that wait beside them")
    max_kept_per_user: int = Field(200, ge=1, description="ended runs on a person's list")
    default_time_s: int = Field(4 * 3600, ge=1, description="time limit, unless asked for")
    max_time_s: int = Field(7 * 86_400, ge=1, description="longest time limit")
    max_wait_s: int = Field(2 * 86_400, ge=0, description="how long a grant lasts in the queue")
    max_notebook_bytes: int = Field(32 * 2**20, ge=1024, description="longest notebook")
    check_interval_s: float = Field(1.0, gt=0, description="how often the queue is looked at")


class PgstacSettings(PostgresSettings):
    """The PostgreSQL server of a catalogue on pgSTAC."""

    user: str = "boresight_stac"
    password_secret: str = Field("pgstac-password", description=CREDENTIAL_FILE)
    connections: int = Field(8, ge=1, description="at most, of one process")


class DatabaseSettings(_Part):
    """The hub's database."""

    kind: Literal["sqlite", "postgresql"] = Field(
        "sqlite", description="sqlite: a file of one machine"
    )
    host: str = "127.0.0.1"
    port: int = Field(5432, ge=1, le=65535)
    database: str = "jupyterhub"
    user: str = "jupyterhub"
    password_secret: str = Field("hub-db-password", description="file below the secrets folder")
    sslmode: Literal["disable", "require", "verify-ca", "verify-full"] = "verify-full"
    ca_path: Path | None = Field(None, description="authorities of the server's certificate")


class StacSettings(_Part):
    """The catalogue service."""

    audience: str = "stac"
    backend: Literal["sqlite", "pgstac"] = Field(
        "sqlite", description="sqlite: a file of one machine; pgstac: PostgreSQL with PostGIS"
    )
    pgstac: PgstacSettings = PgstacSettings()
    seed: bool = Field(True, description="make the demo collections in an empty catalogue")
    default_limit: int = Field(10, ge=1)
    max_limit: int = Field(10_000, ge=1)
    max_body_bytes: int = Field(32 * 2**20, ge=1024, description="longest request body")
    query_timeout_s: float = Field(10.0, gt=0, description="longest run of one query")
    count_timeout_s: float = Field(
        0.03, gt=0, description="time spent on numberMatched; it is left out when that is too short"
    )
    count_limit: int = Field(10_000, ge=0, description="numberMatched is not counted beyond")
    foreign_asset_prefixes: tuple[str, ...] = Field(
        (), description="URLs outside our buckets that asset hrefs may start with"
    )


class TokenSettings(_Part):
    """The token files of user servers and workers."""

    check_interval_s: float = Field(
        5.0, gt=0, description="how often the hub looks for ageing files"
    )
    renew_at: float = Field(
        0.5, gt=0, lt=1, description="part of a token's life after which it is renewed"
    )


class GatewaySettings(_Part):
    """Dask clusters."""

    max_clusters_per_user: int = Field(2, ge=1)
    max_cores_per_user: int = Field(8, ge=1)
    max_memory_per_user_gib: float = Field(32.0, gt=0)
    max_cores_per_cluster: int = Field(8, ge=1)
    max_worker_cores: int = Field(4, ge=1)
    max_worker_memory_gib: float = Field(16.0, gt=0)
    default_worker_memory_gib: float = Field(4.0, gt=0)
    idle_timeout_s: int = Field(1800, ge=5)


class ServerSettings(_Part):
    """User servers."""

    start_timeout_s: int = Field(120, ge=10)
    examples_dir: Path | None = Field(
        default_factory=lambda: _NOTEBOOKS if _NOTEBOOKS.is_dir() else None,
        description="notebooks delivered into every home (~/examples); changed ones stay",
    )
    sharing: bool = Field(True, description="people may invite others to their servers")
    profiles: tuple[ProfileSettings, ...] = Field(
        (),
        description="sizes that people choose from, on one machine and on Kubernetes; default: "
        "kubernetes.profiles",
    )

    @field_validator("profiles")
    @classmethod
    def _check_profiles(cls, profiles: tuple[ProfileSettings, ...]) -> tuple[ProfileSettings, ...]:
        return checked_profiles(profiles)


class IdleSettings(_Part):
    """Servers that nobody uses and nothing works in are ended."""

    enabled: bool = Field(True, description="end them")
    after_s: int = Field(7200, ge=1, description="without use for so long")
    warn_before_s: int = Field(900, ge=0, description="their people are warned so long before")
    every_s: int = Field(60, ge=1, description="how often the culler has them judged")
    report_every_s: float = Field(60.0, gt=0, description="how often servers say what works")
    keep_longest_s: int = Field(86_400, ge=0, description="longest time to keep a server at once")
    keep_per_week_s: int = Field(
        172_800, ge=0, description="time one person's servers may be kept in any seven days"
    )

    @model_validator(mode="after")
    def _check_warning(self) -> Self:
        if self.warn_before_s >= self.after_s:
            raise ValueError(
                f"a warning {self.warn_before_s} s before the end of a server that is ended after "
                f"{self.after_s} s comes before it is idle: set idle.warn_before_s below "
                "idle.after_s"
            )
        return self


class HubSettings(BaseSettings):
    """All settings. Frozen: a change is a new start."""

    model_config = SettingsConfigDict(
        env_prefix="BORESIGHT_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    state_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_state_path("boresight")),
        description="everything an environment on one machine keeps",
    )
    platform: Literal["one-machine", "kubernetes"] = Field(
        "one-machine", description="what user servers, clusters and secrets are made of"
    )
    host: str = Field("127.0.0.1", description="address every service listens on")
    port: int = Field(8000, ge=1024, le=65000, description="port of the one HTTP origin")
    origin: str | None = Field(
        None,
        pattern=r"^https?://[^/?#]+$",
        description="the one HTTP origin as people and clients write it; default: host and port",
    )
    authorities_path: Path | None = Field(
        None,
        description="authorities (PEM) of a private certificate of the origin, for the command; "
        "services and pods read the bundle of their image",
    )
    addresses: dict[str, str] = Field(
        default_factory=dict,
        description="where services reach each other (name to scheme, host and port), where that "
        "is not the host and ports above",
    )
    secrets_path: Path | None = Field(
        None, description="folder of the secrets, default: below state_dir"
    )
    log_level: str = "INFO"
    oidc: OidcSettings = OidcSettings()
    database: DatabaseSettings = DatabaseSettings()
    s3: S3Settings = S3Settings()
    access: AccessSettings = AccessSettings()
    stac: StacSettings = StacSettings()
    tokens: TokenSettings = TokenSettings()
    gateway: GatewaySettings = GatewaySettings()
    batch: BatchSettings = BatchSettings()
    server: ServerSettings = ServerSettings()
    idle: IdleSettings = IdleSettings()
    kubernetes: KubernetesSettings = KubernetesSettings()

    @field_validator("addresses")
    @classmethod
    def _check_addresses(cls, addresses: dict[str, str]) -> dict[str, str]:
        for name, address in addresses.items():
            if name not in PORT_OFFSETS or not re.fullmatch(r"https?://[^/?#]+", address):
                raise ValueError(
                    f"{name}: {address} is no address of a service; services are "
                    f"{', '.join(PORT_OFFSETS)}, an address is scheme, host and port"
                )
        return addresses

    @model_validator(mode="after")
    def _check_delivery(self) -> Self:
        left_s = (1 - self.tokens.renew_at) * self.oidc.token_life_s
        if self.platform == "kubernetes" and left_s < self.kubernetes.delivery_lag_s:
            raise ValueError(
                f"a token of {self.oidc.token_life_s} s that is renewed at "
                f"{self.tokens.renew_at:g} of its life has {left_s:.0f} s left then, and a pod may "
                f"see the new one {self.kubernetes.delivery_lag_s:.0f} s later "
                "(kubernetes.delivery_lag_s): let tokens live longer (oidc.token_life_s), or renew "
                "them sooner (tokens.renew_at)"
            )
        return self

    @model_validator(mode="after")
    def _check_store(self) -> Self:
        if self.access.broker == "pass-through" and not (
            self.access.upstream.sts_url and self.s3.endpoint_url
        ):
            raise ValueError(
                "access.broker is pass-through, so the store is another one than ours: give "
                "access.upstream.sts_url and s3.endpoint_url"
            )
        return self

    def port_of(self, service: str) -> int:
        """Port of ``service``, a key of :data:`PORT_OFFSETS`."""
        return self.port + PORT_OFFSETS[service]

    def url_of(self, service: str) -> str:
        """Internal address of ``service``: scheme, host and port, no slash at the end."""
        return self.addresses.get(service) or f"http://{self.host}:{self.port_of(service)}"

    @property
    def profiles(self) -> tuple[ProfileSettings, ...]:
        """Profiles of user servers, wherever they run."""
        return self.server.profiles or self.kubernetes.profiles

    @property
    def public_url(self) -> str:
        """The one HTTP origin people and clients use, no slash at the end."""
        return self.origin or self.url_of("proxy")

    @property
    def issuer(self) -> str:
        """Issuer of every token, as in its ``iss`` claim."""
        return self.oidc.issuer_url or f"{self.public_url}/idp/realms/{self.oidc.realm}"

    @property
    def s3_url(self) -> str:
        """Canonical address of the object store; hrefs in the catalogue start with it."""
        return self.s3.endpoint_url or self.url_of("s3")

    @property
    def sts_url(self) -> str:
        """Where AssumeRoleWithWebIdentity is answered."""
        return f"{self.public_url}/services/access/sts"

    @property
    def credentials_url(self) -> str:
        """Where S3 credentials are handed out for a token (container-credentials protocol)."""
        return f"{self.public_url}/services/access/credentials"

    @property
    def front_url(self) -> str:
        """Where container tokens are taken in the place of a signature (signing API)."""
        return (self.access.signing.front_url or self.url_of("access")).rstrip("/")

    @property
    def buckets(self) -> tuple[str, ...]:
        """Names of our buckets."""
        return (self.s3.catalogue_bucket, self.s3.products_bucket, self.s3.home_bucket)

    @property
    def stac_url(self) -> str:
        """Root of the STAC API."""
        return f"{self.public_url}/services/stac"

    @property
    def gateway_url(self) -> str:
        """Root of the dask-gateway API."""
        return f"{self.public_url}/services/dask-gateway"

    @property
    def batch_url(self) -> str:
        """Root of the batch service; empty where there is none."""
        return f"{self.public_url}/services/batch" if self.platform == "one-machine" else ""

    @property
    def secrets_dir(self) -> Path:
        """Folder that holds one file a secret."""
        return self.secrets_path or self.state_dir / "secrets"

    def secret(self, name: str) -> str:
        """Read the secret ``name``.

        Raises
        ------
        SettingsError
            When the file is absent, empty, or readable by others.
        """
        path = self.secrets_dir / name
        try:
            value = path.read_text().strip()
            mode = path.stat().st_mode & 0o777
        except OSError as exc:
            raise SettingsError(
                f"The secret {name!r} cannot be read: {exc.strerror}.",
                remedy="Start the environment once with `boresight up`, which makes it.",
            ) from exc
        if not value:
            raise SettingsError(
                f"The secret {name!r} is empty.", remedy=f"Remove {path} and start again."
            )
        # a mounted Secret belongs to root; we read it by its group
        if mode & (0o007 if self.platform == "kubernetes" else 0o077):
            raise SettingsError(
                f"The secret {name!r} has mode {mode:04o}; a secret is its owner's alone (0600).",
                remedy=f"chmod 600 {path} (in a pod: defaultMode 0440), and think of who has read "
                "it.",
            )
        return value

    def folder(self, name: str) -> Path:
        """Folder ``name`` of the state directory; it is made when absent, for its owner alone."""
        path = self.state_dir / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path
