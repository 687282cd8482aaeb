"""APIs and hosts that the reader has added, kept in a file of theirs."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

_MAX = 100


@dataclass
class Remembered:
    """What the reader has added.

    Parameters
    ----------
    path : Path
        JSON; one that is absent or damaged counts as empty.
    """

    path: Path
    apis: dict[str, str] = field(default_factory=dict, init=False)
    hosts: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):
            held = json.loads(self.path.read_text())
            apis = {str(url): str(title) for url, title in held.get("apis", {}).items()}
            hosts = [str(host) for host in held.get("hosts", [])]
            self.apis, self.hosts = apis, hosts

    def add_api(self, url: str, title: str) -> None:
        """Keep an API."""
        self.apis[url] = title
        self._save()

    def remove_api(self, url: str) -> None:
        """Forget one."""
        self.apis.pop(url, None)
        self._save()

    def add_host(self, entry: str) -> None:
        """Keep a host."""
        if entry not in self.hosts:
            self.hosts.append(entry)
        self._save()

    def remove_host(self, entry: str) -> None:
        """Forget one."""
        if entry in self.hosts:
            self.hosts.remove(entry)
        self._save()

    def _save(self) -> None:
        self.apis = dict(list(self.apis.items())[-_MAX:])
        self.hosts = self.hosts[-_MAX:]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".stac-")
        with os.fdopen(handle, "w") as file:
            json.dump({"apis": self.apis, "hosts": self.hosts}, file, indent=1)
        Path(name).replace(self.path)
