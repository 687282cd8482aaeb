"""Settings that only an environment on Kubernetes has: pods of people and of their clusters."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from boresight_hub._settings_part import Part

_SLUG = r"^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$"
_PATH = r"^/[^:]*$"


class ProfileSettings(Part):
    """A kind of user server: an image and a size, and for whom it is."""

    slug: str = Field(pattern=_SLUG, description="name in requests; never changes")
    name: str = Field(min_length=1, description="as people see it")
    description: str = ""
    cost: str = Field("", description="what it costs, in the words of the centre")
    image: str = Field("", description="default: kubernetes.image")
    cores_guarantee: float = Field(0.05, ge=0, description="what a machine has to have free")
    cores_limit: float = Field(2.0, gt=0)
    memory_guarantee_gib: float = Field(0.5, gt=0)
    memory_limit_gib: float = Field(4.0, gt=0)
    groups: tuple[str, ...] = Field((), description="for whom; empty: everybody")
    default: bool = False
    rescue: bool = Field(
        False,
        description="starts without writing to the home, so that a full one can be tidied up",
    )
    node_selector: dict[str, str] = Field(default_factory=dict)
    extra_resource_limits: dict[str, str] = Field(
        default_factory=dict, description='further limits, such as {"nvidia.com/gpu": "1"}'
    )

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        if self.cores_guarantee > self.cores_limit:
            raise ValueError(
                f"the profile {self.slug} guarantees {self.cores_guarantee:g} cores and allows "
                f"{self.cores_limit:g}: a guarantee is no more than its limit"
            )
        if self.memory_guarantee_gib > self.memory_limit_gib:
            raise ValueError(
                f"the profile {self.slug} guarantees {self.memory_guarantee_gib:g} GiB and allows "
                f"{self.memory_limit_gib:g}: a guarantee is no more than its limit"
            )
        return self


def checked_profiles(profiles: tuple[ProfileSettings, ...]) -> tuple[ProfileSettings, ...]:
    """Return ``profiles`` if they can be told apart.

    Raises
    ------
    ValueError
        When two have one name, or two are the default.
    """
    slugs = [profile.slug for profile in profiles]
    if twice := sorted({slug for slug in slugs if slugs.count(slug) > 1}):
        raise ValueError(f"profiles have names of their own; twice: {', '.join(twice)}")
    if sum(profile.default for profile in profiles) > 1:
        raise ValueError("more than one profile is the default")
    return profiles


class VolumeSettings(Part):
    """A volume that several people mount."""

    name: str = Field(pattern=_SLUG)
    claim: str = Field(min_length=1, description="name of a claim in the namespace of users")
    path: str = Field(pattern=_PATH, description="where it is mounted")
    read_only: bool = True
    groups: tuple[str, ...] = Field((), description="who mounts it; empty: everybody")


class HomeSettings(Part):
    """The claim behind each home."""

    storage_class: str | None = Field(None, description="none: the cluster's default class")
    capacity: str = Field("10Gi", description="of a home that is made from now on")
    access_mode: Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"] = "ReadWriteOnce"
    path: str = Field("/home/jovyan", pattern=_PATH)


class DaskPodSettings(Part):
    """Pods of Dask clusters."""

    scheduler_cores: float = Field(0.05, ge=0, description="guaranteed to a scheduler")
    scheduler_cores_limit: float = Field(1.0, gt=0)
    scheduler_memory_gib: float = Field(0.75, gt=0)
    worker_cores_request: float | None = Field(
        None, ge=0, description="guaranteed to a worker; none: the cores it was asked for"
    )
    scratch_gib: float = Field(20.0, gt=0, description="largest scratch of a worker")
    proxy_address: str = Field(
        "", description="host:port where clients reach their schedulers (TLS, by name)"
    )


class KubernetesSettings(Part):
    """Pods of people."""

    namespace: str = Field("boresight-users", description="where people's pods are")
    image: str = Field("boresight-calibration", description="of servers, schedulers and workers")
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    profiles: tuple[ProfileSettings, ...] = (
        ProfileSettings(slug="standard", name="Standard", default=True),
    )
    home: HomeSettings = HomeSettings()
    volumes: tuple[VolumeSettings, ...] = ()
    group_id: int | None = Field(
        1000, description="group of volumes; none: the cluster gives one (OKD)"
    )
    user_priority_class: str = ""
    dask_priority_class: str = ""
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[dict[str, Any], ...] = ()
    ca_config_map: str = Field(
        "", description="ConfigMap in the namespace of users with authorities (key ca.crt)"
    )
    delivery_lag_s: float = Field(
        90.0,
        gt=0,
        description="longest time from the renewal of a token to its file in a pod; what is left "
        "of a token's life at its renewal has to be more",
    )
    dask: DaskPodSettings = DaskPodSettings()

    def authorities(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Volumes and mounts of a centre's authorities; the images' entrypoint joins them."""
        if not self.ca_config_map:
            return [], []
        return [
            {"name": "ca", "configMap": {"name": self.ca_config_map}},
            {"name": "trust", "emptyDir": {"sizeLimit": "4Mi"}},
        ], [
            {"name": "ca", "mountPath": "/etc/boresight/ca", "readOnly": True},
            {"name": "trust", "mountPath": "/etc/boresight/trust"},
        ]

    @field_validator("profiles")
    @classmethod
    def _check_profiles(cls, profiles: tuple[ProfileSettings, ...]) -> tuple[ProfileSettings, ...]:
        if not profiles:
            raise ValueError("there is no profile: nobody could start a server")
        return checked_profiles(profiles)
