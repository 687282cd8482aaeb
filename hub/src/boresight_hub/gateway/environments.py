"""Environments of schedulers and workers. Nothing in them comes from what a person has chosen."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from boresight_hub.environment import threads, user_environment
from boresight_hub.gateway.names import (
    ABSENCE_VARIABLE,
    CLUSTER_MARK,
    MEMBER_MARK,
    SECRET_FILE_VARIABLE,
)
from boresight_hub.settings import HubSettings

_INHERITED = ("LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_ABSENT_GATEWAY_S = 180

# One thread a core is the worker's own business: numerics that start more only get in each
# other's way. The last value is glibc's own: Dask's nanny would set 64 KiB, and pandora 1.9 reads
# memory that it has freed, which an early trim turns into a crash.
NUMERICS = {
    **threads(1),
    "GDAL_NUM_THREADS": "1",
    "GDAL_CACHEMAX": "500",
    "PANDORA_NUMBA_PARALLEL": "False",
    "PANDORA_NUMBA_CACHE": "False",
    "SHARELOC_NUMBA_PARALLEL": "False",
    "MALLOC_TRIM_THRESHOLD_": str(128 * 2**20),
}
# Dask watches itself a hundred times a second, in each process: on a machine whose cores are all
# at work that is taken from the work. Memory, load and profile are seen as well at this pace.
_WATCHING = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__INTERVAL": "100ms",
    "DASK_DISTRIBUTED__WORKER__MEMORY__MONITOR_INTERVAL": "500ms",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "2s",
}


@dataclass(frozen=True)
class Member:
    """One process of a cluster.

    Attributes
    ----------
    cluster : str
        Name of the cluster.
    username : str
        Whose it is.
    name : str
        ``scheduler`` or ``worker-<name>``.
    folder : Path
        The cluster's folder.
    scratch_name : str
        Its part of the cluster's scratch; empty: all of it.
    """

    cluster: str
    username: str
    name: str
    folder: Path
    scratch_name: str = ""

    @property
    def scratch(self) -> Path:
        """Where it writes; removed with it."""
        return self.folder / "scratch" / self.scratch_name


def scheduler_environment(member: Member, *, api_url: str) -> dict[str, str]:
    """Environment of a scheduler: no credentials of the person."""
    return {
        **_common(member),
        **_tls(member.folder, ("SCHEDULER", "CLIENT")),
        "HOME": str(member.folder),
        "DASK_GATEWAY_API_URL": api_url,
        # a value with a slash is taken for the name of a file
        "DASK_GATEWAY_API_TOKEN": str(member.folder / "certs" / "gateway-token"),
        "DASK_GATEWAY_CLUSTER_NAME": member.cluster,
        ABSENCE_VARIABLE: str(_ABSENT_GATEWAY_S),
    }


def worker_environment(member: Member, settings: HubSettings, *, token_dir: Path) -> dict[str, str]:
    """Environment of a worker: the same credentials as in its person's server, by file name."""
    # the hub has made one path component of the person's name; their home has the same
    home = settings.folder("homes") / token_dir.parent.name
    home.mkdir(mode=0o700, exist_ok=True)
    return {
        **NUMERICS,
        **user_environment(settings, username=member.username, token_dir=token_dir),
        **_common(member),
        **_tls(member.folder, ("WORKER", "CLIENT")),
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "NUMBA_CACHE_DIR": str(home / ".cache" / "numba"),
        # what a first stereo run compiles serves the runs of later clusters too
        "BORESIGHT_COMPILE_CACHE": str(home / ".cache" / "boresight"),
    }


def _common(member: Member) -> dict[str, str]:
    programs = str(Path(sys.executable).parent)
    return {
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        "PATH": os.pathsep.join((programs, os.environ.get("PATH", os.defpath))),
        "USER": member.username,
        "LOGNAME": member.username,
        "TMPDIR": str(member.scratch),
        "DASK_TEMPORARY_DIRECTORY": str(member.scratch),
        "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True",
        **_WATCHING,
        SECRET_FILE_VARIABLE: str(member.folder / "certs" / "dashboard-secret"),
        CLUSTER_MARK: member.cluster,
        MEMBER_MARK: member.name,
    }


def _tls(folder: Path, roles: tuple[str, ...]) -> dict[str, str]:
    prefix = "DASK_DISTRIBUTED__COMM__TLS__"
    certificate, key = str(folder / "certs" / "dask.crt"), str(folder / "certs" / "dask.pem")
    env = {f"{prefix}CA_FILE": certificate}
    for role in roles:
        env[f"{prefix}{role}__CERT"] = certificate
        env[f"{prefix}{role}__KEY"] = key
    return env
