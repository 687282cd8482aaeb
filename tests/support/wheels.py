"""Wheels of small packages, made here, and a folder in which uv finds them and nothing else."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path


class Wheelhouse:
    """A folder of wheels that stands for a package index.

    Parameters
    ----------
    folder : Path
        Made when absent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, name: str, version: str, *requires: str, source: str = "") -> Path:
        """Make a wheel with one module of the package's name."""
        info = f"{name}-{version}.dist-info"
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {one}" for one in requires]
        files = {
            f"{name}.py": source or f"__version__ = {version!r}\n",
            f"{info}/METADATA": "\n".join(lines) + "\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\n"
            "Root-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(
            f"{path},sha256={_digest(text)},{len(text.encode())}\n" for path, text in files.items()
        )
        path = self.folder / f"{name}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for inner, text in files.items():
                archive.writestr(inner, text)
            archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
        return path

    def serve(self, home: Path) -> None:
        """Have uv in this home look here and nowhere else."""
        config = home / ".config" / "uv" / "uv.toml"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(f'no-index = true\nfind-links = ["{self.folder}"]\n')


def _digest(text: str) -> str:
    raw = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
