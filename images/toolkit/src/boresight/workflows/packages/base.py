"""The environment that people's own packages stand on: that of the image, or of one machine."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from boresight.errors import PackagesError

_ASK = """
import json, site, sys, sysconfig
from importlib import metadata
print(json.dumps({
    "folders": sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}),
    "python": sys.version.split()[0],
    "installed": {d.metadata["Name"]: d.version for d in metadata.distributions()},
}))
"""


@dataclass(frozen=True)
class Base:
    """A Python environment.

    Attributes
    ----------
    python : Path
        Its interpreter.
    version : str
        Of Python.
    folders : tuple of Path
        Where its packages lie.
    installed : dict of str to str
        Version by normalised name.
    """

    python: Path
    version: str
    folders: tuple[Path, ...]
    installed: dict[str, str]

    @classmethod
    def of(cls, python: Path | None = None) -> Base:
        """Ask an interpreter; default: this one.

        Raises
        ------
        PackagesError
            When it cannot be run.
        """
        path = python or Path(sys.executable)
        try:
            done = subprocess.run(
                [str(path), "-I", "-c", _ASK], capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError) as exc:
            raise PackagesError(f"{path} does not answer ({exc}).") from exc
        told = json.loads(done.stdout)
        return cls(
            python=path,
            version=told["python"],
            folders=tuple(Path(folder) for folder in told["folders"]),
            installed={normalised(name): version for name, version in told["installed"].items()},
        )

    @property
    def digest(self) -> str:
        """The same for environments with the same Python and packages in the same place."""
        text = "\n".join([self.version, *map(str, self.folders), *self.pins()])
        return hashlib.sha256(text.encode()).hexdigest()

    def pins(self) -> list[str]:
        """Requirements that nothing but this environment's versions fulfils."""
        return [f"{name}=={version}" for name, version in sorted(self.installed.items())]


def normalised(name: str) -> str:
    """Name of a package as PyPA's specification compares them.

    Examples
    --------
    >>> normalised("Zope.Interface")
    'zope-interface'
    """
    return re.sub(r"[-_.]+", "-", name).lower()
