"""Options a person may give for a cluster. Anything else is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dask_gateway_server.options import Field, Options

from boresight_hub.gateway.limits import GIB, max_workers
from boresight_hub.settings import HubSettings


@dataclass(frozen=True)
class Bound:
    """One number a person may choose.

    Attributes
    ----------
    name : str
        Name with its unit.
    default, minimum, maximum : float
    whole : bool
        Whether only whole numbers make sense.
    """

    name: str
    default: float
    minimum: float
    maximum: float
    whole: bool

    def check(self, value: object) -> float:
        """Return ``value`` when it is allowed.

        Raises
        ------
        ValueError
            Naming the value, the rule and the remedy.
        """
        rule = f"a {'whole ' if self.whole else ''}number from {self.minimum:g} to {self.maximum:g}"
        problem = f"{self.name} = {value!r} is not allowed: it is {rule}. Choose one of these."
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(problem)
        if not math.isfinite(value) or not self.minimum <= value <= self.maximum:
            raise ValueError(problem)
        if self.whole and value != int(value):
            raise ValueError(problem)
        return int(value) if self.whole else float(value)


def bounds(settings: HubSettings) -> tuple[Bound, ...]:
    """Every option with its limits."""
    limits = settings.gateway
    memory_gib = min(limits.max_worker_memory_gib, limits.max_memory_per_user_gib)
    cores = min(limits.max_worker_cores, limits.max_cores_per_cluster, limits.max_cores_per_user)
    return (
        Bound("worker_cores", 1, 1, cores, whole=True),
        Bound(
            "worker_memory_gib",
            min(limits.default_worker_memory_gib, memory_gib),
            0.25,
            memory_gib,
            whole=False,
        ),
        Bound(
            "idle_timeout_s", limits.idle_timeout_s, 5, max(5, limits.idle_timeout_s), whole=True
        ),
    )


class _BoundField(Field):  # type: ignore[misc]  # the server has no types
    """A :class:`Bound` in the gateway's terms."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        super().__init__(bound.name, default=bound.check(bound.default))

    def validate(self, value: object) -> float:
        return self._bound.check(value)

    def json_type_spec(self) -> dict[str, Any]:
        return {
            "type": "int" if self._bound.whole else "float",
            "min": self._bound.minimum,
            "max": self._bound.maximum,
        }


class ClusterOptions(Options):  # type: ignore[misc]  # the server has no types
    """The gateway's options, with a refusal in words for what is unknown."""

    def parse_options(self, request: object) -> dict[str, Any]:
        """Check what a person asked for."""
        known = sorted(field.field for field in self.fields)
        if not isinstance(request, dict):
            raise TypeError(f"Options are a mapping, not {type(request).__name__}.")
        for name in sorted(map(str, set(request) - set(known))):
            raise ValueError(
                f"{name!r} is not an option of a cluster. The options are {', '.join(known)}; "
                "credentials and environment are the platform's. Leave it out."
            )
        parsed: dict[str, Any] = super().parse_options(request)
        return parsed


def cluster_options(
    settings: HubSettings, platform: Callable[[], dict[str, Any]] = dict
) -> ClusterOptions:
    """Make the options.

    Parameters
    ----------
    settings : HubSettings
    platform : callable, optional
        Gives the values of the cluster's configuration that are the platform's; they are laid
        over a person's, so that nobody overrides them.
    """

    def handler(options: Any) -> dict[str, Any]:
        chosen = {
            "worker_cores": options["worker_cores"],
            "worker_threads": options["worker_cores"],
            "worker_memory": int(options["worker_memory_gib"] * GIB),
            "idle_timeout": float(options["idle_timeout_s"]),
            "cluster_max_workers": max_workers(options["worker_cores"], settings.gateway),
        }
        return {**chosen, **platform()}

    return ClusterOptions(*(_BoundField(b) for b in bounds(settings)), handler=handler)
