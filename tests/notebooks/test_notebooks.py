"""Notebooks of the methods: their form, and that they run with their own numbers holding."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from PIL import Image
from support import notebooks

ALL = notebooks.paths()
README = (notebooks.ROOT / "notebooks" / "README.md").read_text("utf-8")
each = pytest.mark.parametrize("path", ALL, ids=[notebooks.name_of(path) for path in ALL])


def test_every_folder_has_notebooks() -> None:
    assert {path.parent.name for path in ALL} == set(notebooks.FOLDERS)


@each
def test_form(path: Path) -> None:
    notebook = notebooks.read(path)
    nbformat.validate(notebook)
    first, second = notebook.cells[:2]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert second.metadata.tags == ["parameters"]
    assert sum("gallery" in c.metadata.get("tags", []) for c in notebook.cells) == 1
    last = notebook.cells[-1].source
    assert "assert table.holds" in last
    # listed under its title
    title = first.source.splitlines()[0].removeprefix("# ")
    assert f"[{title}]({path.parent.name}/{path.name})" in README


def test_no_outputs_are_committed() -> None:
    every = sorted((notebooks.ROOT / "notebooks").rglob("*.ipynb"))
    command = [sys.executable, "-m", "nbstripout", "--verify", *map(str, every)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@each
def test_its_picture_is_in_the_gallery(path: Path) -> None:
    picture = notebooks.PICTURES / f"{notebooks.name_of(path).replace('/', '-')}.png"
    with Image.open(picture) as image:
        assert image.width >= 400
    assert picture.stat().st_size < notebooks.MOST_BYTES


def test_no_picture_without_a_notebook() -> None:
    known = {notebooks.name_of(path).replace("/", "-") for path in ALL}
    assert {picture.stem for picture in notebooks.PICTURES.glob("*.png")} == known


@pytest.mark.slow
@pytest.mark.timeout(1200)
@each
def test_runs_and_its_numbers_hold(path: Path) -> None:
    notebook = notebooks.run(path)
    assert "all numbers hold" in notebooks.streams(notebook, "stdout")
    assert notebooks.streams(notebook, "stderr") == ""  # warnings are errors
    with Image.open(io.BytesIO(notebooks.gallery_picture(notebook))) as image:
        assert min(image.size) > 200


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_number_that_does_not_hold_fails(tmp_path: Path) -> None:
    notebook = notebooks.read(ALL[0])
    cells = notebook.cells
    assert "table = TruthTable()" in cells[-3 + 1].source
    cells.insert(
        len(cells) - 1,
        nbformat.v4.new_code_cell('table.add("wrong", "1", injected=1.0, found=2.0, limit=0.5)'),
    )
    changed = tmp_path / "radiometry" / ALL[0].name
    changed.parent.mkdir()
    nbformat.write(notebook, changed)
    with pytest.raises(AssertionError, match="wrong"):
        notebooks.run(changed)
