"""Builds the browser's part with npm, unless it is there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BuildPanel(BuildHookInterface):  # type: ignore[type-arg]
    """Hook of the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the panel if its folder is absent."""
        root = Path(self.root)
        if (
            self.target_name != "wheel"
            or (root / "jupyterlab_stac" / "labextension" / "package.json").exists()
        ):
            return
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError(
                "The panel has not been built, and npm is not installed to build it."
            )
        for command in (["ci"], ["run", "build"]):
            subprocess.run([npm, *command], cwd=root, check=True)
