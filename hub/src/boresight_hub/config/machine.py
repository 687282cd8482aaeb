"""What one machine has for its people's servers, and why a profile is not available on it.

Sizes are kept by each process itself: memory by a limit on its data (``RLIMIT_DATA``), so that a
cell that asks for more raises ``MemoryError`` and the machine goes on; cores by the threads of its
numerics. A process that starts others has the limit once for each of them.
"""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass

import psutil

from boresight_hub.config.language import translate
from boresight_hub.settings_kubernetes import ProfileSettings

GIB = 2**30


@dataclass(frozen=True)
class Machine:
    """Memory and cores of a machine.

    Attributes
    ----------
    memory_gib : float
    cores : int
    """

    memory_gib: float
    cores: int

    @classmethod
    def here(cls) -> Machine:
        """Measure this machine."""
        return cls(psutil.virtual_memory().total / GIB, os.cpu_count() or 1)

    def refusal(self, profile: ProfileSettings, language: str = "en") -> str:
        """Why this machine cannot give ``profile``; empty when it can."""
        if profile.image:
            return translate(language, "It is an image of its own: for environments on Kubernetes.")
        if profile.extra_resource_limits:
            return translate(
                language,
                "This machine does not hand out {names}.",
                names=", ".join(profile.extra_resource_limits),
            )
        if profile.rescue:
            return translate(language, "Here a server starts so by itself when its home is full.")
        if profile.memory_limit_gib > self.memory_gib:
            return translate(
                language,
                "This machine has {here} GiB of memory.",
                here=f"{self.memory_gib:.3g}",
            )
        if profile.cores_limit > self.cores:
            return translate(language, "This machine has {here} cores.", here=self.cores)
        return ""


def limit_memory(profile: ProfileSettings) -> None:
    """Bound the data of this process, and of those that it starts; called before it begins."""
    limit_bytes = int(profile.memory_limit_gib * GIB)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        limit_bytes = min(limit_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))
