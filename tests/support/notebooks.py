"""The calibration notebooks: where they are, run as a user runs them, and the gallery's pictures.

``python -m support.notebooks [name …]`` runs them and writes the pictures of the documentation.
"""

from __future__ import annotations

import base64
import io
import os
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbmake.nb_run import NotebookRun
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("radiometry", "image_quality", "geometry")
PICTURES = ROOT / "hub" / "docs" / "pictures" / "gallery"

#: what a cell may take on a busy machine [s]
CELL_SECONDS = 600

#: of a committed picture: its size, colours, and widths [px] that are tried until it is so small
MOST_BYTES, _COLOURS, _WIDTHS = 120_000, 128, (1100, 950, 800)


def paths() -> list[Path]:
    """All notebooks of methods."""
    return [p for folder in FOLDERS for p in sorted((ROOT / "notebooks" / folder).glob("*.ipynb"))]


def name_of(path: Path) -> str:
    """``radiometry/dark_and_dsnu``."""
    return f"{path.parent.name}/{path.stem}"


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def run(path: Path) -> Any:
    """The notebook with its outputs.

    Raises
    ------
    AssertionError
        A cell failed: which one, and how.
    """
    result = NotebookRun(path, CELL_SECONDS).execute()
    if result.error is not None:
        raise AssertionError(
            f"{name_of(path)}, cell {result.error.failing_cell_index}: {result.error.summary}\n"
            f"{result.error.trace}"
        )
    return result.nb


def streams(notebook: Any, name: str) -> str:
    """What was written to ``stdout`` or ``stderr``."""
    return "".join(
        output["text"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "stream" and output["name"] == name
    )


def gallery_picture(notebook: Any) -> bytes:
    """PNG of the one cell that is tagged ``gallery``."""
    (cell,) = (c for c in notebook.cells if "gallery" in c.metadata.get("tags", []))
    images = [o["data"]["image/png"] for o in cell.outputs if "image/png" in o.get("data", {})]
    assert len(images) == 1, f"the cell tagged gallery shows {len(images)} pictures, not one"
    return base64.b64decode(images[0])


def write_picture(png: bytes, path: Path) -> None:
    """Write a small PNG."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    path.parent.mkdir(parents=True, exist_ok=True)
    for width in _WIDTHS:
        size = width, round(image.height * width / image.width)
        small = image.resize(size, Image.Resampling.LANCZOS) if image.width > width else image
        small.quantize(_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size < MOST_BYTES:
            return


def main(wanted: list[str]) -> None:
    # of small matrices, threads make long waits
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for path in paths():
        if wanted and not any(part in name_of(path) for part in wanted):
            continue
        started = time.monotonic()
        notebook = run(path)
        target = PICTURES / f"{name_of(path).replace('/', '-')}.png"
        write_picture(gallery_picture(notebook), target)
        seconds = time.monotonic() - started
        sys.stdout.write(
            f"{name_of(path):45} {seconds:6.1f} s  {target.stat().st_size / 1e3:6.1f} kB\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
