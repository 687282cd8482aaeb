"""Which backend is used: by name, from ``BORESIGHT_COMPUTE``."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.metadata import entry_points

from boresight.compute.interface import Backend
from boresight.errors import ComputeError

#: Environment variable that names the backend.
VARIABLE = "BORESIGHT_COMPUTE"
#: Group of entry points that add backends: callables without arguments.
ENTRY_POINT_GROUP = "boresight.compute"
DEFAULT = "gateway"


def backend(name: str | None = None) -> Backend:
    """Return the backend ``name``; default is what ``BORESIGHT_COMPUTE`` names, else the gateway.

    Raises
    ------
    ComputeError
        When there is no such backend.
    """
    return _make(name or os.environ.get(VARIABLE) or DEFAULT)


@lru_cache
def _make(name: str) -> Backend:
    # imported late: a laptop needs no gateway, and the gateway no local cluster
    if name == "gateway":
        from boresight.compute.gateway import GatewayBackend

        return GatewayBackend()
    if name == "local":
        from boresight.compute.local import LocalBackend

        return LocalBackend()
    found = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
    if name not in found:
        known = ", ".join(sorted({"gateway", "local", *found}))
        raise ComputeError(
            f"{VARIABLE}={name!r} is no compute backend; there are {known}.",
            remedy=f"Set {VARIABLE} to one of these.",
        )
    made: Backend = found[name].load()()
    return made
