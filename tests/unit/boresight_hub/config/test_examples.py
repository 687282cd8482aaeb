"""Examples in a home: what is delivered, what is left alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import boresight_hub
from boresight_hub.config.examples import RECORD, deliver


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "sub" / ".ipynb_checkpoints").mkdir(parents=True)
    (folder / "sub" / ".ipynb_checkpoints" / "a.ipynb").write_text("hidden")
    (folder / "sub" / "a.ipynb").write_text("a1")
    (folder / "b.ipynb").write_text("b1")
    return folder


def there(home: Path) -> dict[str, str]:
    return {
        str(p.relative_to(home)): p.read_text()
        for p in home.rglob("*")
        if p.is_file() and p.name != RECORD
    }


def test_untouched_follow_and_changed_stay(source: Path, tmp_path: Path) -> None:
    home = tmp_path / "examples"
    deliver(source, home)
    assert there(home) == {"sub/a.ipynb": "a1", "b.ipynb": "b1"}
    (home / "b.ipynb").write_text("mine")
    deliver(source, home)
    assert there(home) == {"sub/a.ipynb": "a1", "b.ipynb": "mine"}
    (source / "sub" / "a.ipynb").write_text("a2")
    (source / "b.ipynb").write_text("b2")
    for _ in range(2):
        deliver(source, home)
        assert there(home) == {
            "sub/a.ipynb": "a2",
            "b.ipynb": "mine",
            "b.updated.ipynb": "b2",
        }
    # the new version was seen and removed: it does not come again
    (home / "b.updated.ipynb").unlink()
    deliver(source, home)
    assert there(home) == {"sub/a.ipynb": "a2", "b.ipynb": "mine"}
    # what its owner removed is delivered anew
    (home / "sub" / "a.ipynb").unlink()
    deliver(source, home)
    assert there(home)["sub/a.ipynb"] == "a2"


def test_homes_of_before(source: Path, tmp_path: Path) -> None:
    """Without a record nobody can tell a change from an old version: nothing is touched."""
    home = tmp_path / "examples"
    home.mkdir()
    (home / "b.ipynb").write_text("mine, or an old one")
    deliver(source, home)
    (source / "b.ipynb").write_text("b2")
    deliver(source, home)
    assert there(home)["b.ipynb"] == "mine, or an old one"
    assert "b.updated.ipynb" not in there(home)


def test_links_are_left_alone(source: Path, tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "examples", tmp_path / "elsewhere"
    home.mkdir()
    (home / "b.ipynb").symlink_to(elsewhere)
    deliver(source, home)
    assert not elsewhere.exists(), "nothing is written through a link that leads nowhere"
    elsewhere.write_text("precious")
    deliver(source, home)
    assert elsewhere.read_text() == "precious"
    (home / "b.ipynb").unlink()
    deliver(source, home)
    assert (home / "b.ipynb").read_text() == "b1"


def test_a_spoilt_record_is_none(source: Path, tmp_path: Path) -> None:
    home = tmp_path / "examples"
    deliver(source, home)
    (home / RECORD).write_text("[1")
    deliver(source, home)
    assert there(home) == {"sub/a.ipynb": "a1", "b.ipynb": "b1"}


def test_an_image_has_what_delivers_them(source: Path, tmp_path: Path) -> None:
    """As the calibration image copies it, without any installed package."""
    package = Path(boresight_hub.__file__).parent
    for name in ("__init__.py", "config/__init__.py", "config/examples.py"):
        target = tmp_path / "preload" / "boresight_hub" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(package / name, target)
    home = tmp_path / "home" / "examples"
    subprocess.run(
        [sys.executable, "-S", "-m", "boresight_hub.config.examples", str(source), str(home)],
        env={"PYTHONPATH": str(tmp_path / "preload")},
        check=True,
    )
    assert there(home) == {"sub/a.ipynb": "a1", "b.ipynb": "b1"}
