"""People's own packages on real environments, by real uv: they last when the image changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.wheels import Wheelhouse

from boresight.errors import InputError, PackagesError
from boresight.server.packages import PackageKeeper
from boresight.workflows.packages import Base, PackageSet
from boresight.workflows.packages.environment import KERNEL

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(600)]


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Wheelhouse:
    """``grating`` needs ``optics``, which the image has; ``prism`` needs a newer one."""
    made = Wheelhouse(tmp_path / "wheels")
    for version in ("1.0", "2.0"):
        made.add("optics", version)
    made.add("glass", "3.1")
    made.add("grating", "1.0", "optics", "glass>=3")
    made.add("prism", "1.0", "optics>=2")
    made.add("lens", "1.0", "optics<2")
    return made


@pytest.fixture
def home(tmp_path: Path, wheelhouse: Wheelhouse, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "home"
    wheelhouse.serve(made)
    monkeypatch.setenv("HOME", str(made))
    for name in [n for n in os.environ if n.startswith(("UV_", "XDG_", "PIP_"))]:
        monkeypatch.delenv(name)
    # built as a link from the cache, which lies in the same file system
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return made


def image(folder: Path, wheelhouse: Wheelhouse, *packages: str) -> Base:
    """An environment with some packages, as an image has one."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    uv = shutil.which("uv")
    assert uv
    python = folder / "bin" / "python"
    command = [uv, "pip", "install", "-q", f"--python={python}", "--no-index"]
    subprocess.run([*command, f"--find-links={wheelhouse.folder}", *packages], check=True)
    return Base.of(python)


def seen(packages: PackageSet, *modules: str) -> dict[str, str]:
    """Versions that the interpreter with the packages imports."""
    code = f"import json; print(json.dumps({{m: __import__(m).__version__ for m in {modules!r}}}))"
    done = subprocess.run(
        [str(packages.python), "-c", code], capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def test_the_lock_survives_another_image(
    tmp_path: Path, home: Path, wheelhouse: Wheelhouse
) -> None:
    old = image(tmp_path / "old", wheelhouse, "optics==1.0")
    before = PackageSet(home, old)
    before.add(["grating"])
    assert before.asked() == ["grating"]
    # what the image has is the image's, and locked is what comes on top
    assert before.locked() == ["glass==3.1", "grating==1.0"]
    assert seen(before, "grating", "glass", "optics") == {
        "grating": "1.0",
        "glass": "3.1",
        "optics": "1.0",
    }
    assert not before.is_stale
    spec = home / ".local/share/jupyter/kernels" / KERNEL / "kernel.json"
    assert json.loads(spec.read_text())["argv"][0] == str(before.python)
    running = before.site_packages.resolve()

    # meanwhile there are newer versions: the lock holds
    wheelhouse.add("glass", "3.2")
    new = image(tmp_path / "new", wheelhouse, "optics==2.0")
    shutil.rmtree(tmp_path / "old")
    after = PackageSet(home, new)
    assert after.is_stale
    after.rebuild()
    assert not after.is_stale
    assert after.locked() == ["glass==3.1", "grating==1.0"]
    assert seen(after, "grating", "glass", "optics") == {
        "grating": "1.0",
        "glass": "3.1",
        "optics": "2.0",
    }
    assert running.is_dir(), "of kernels that still run"
    after.rebuild(upgrade=["glass"])
    assert after.locked() == ["glass==3.2", "grating==1.0"]
    assert not running.exists(), "two environments are kept, not all of them"


async def test_a_server_on_another_image_rebuilds_them(
    tmp_path: Path, home: Path, wheelhouse: Wheelhouse
) -> None:
    none = PackageKeeper(lambda: PackageSet(home))
    await none.run()
    assert none.state == "none"
    PackageSet(home, image(tmp_path / "old", wheelhouse, "optics==1.0")).add(["lens"])
    good, bad = (image(tmp_path / v, wheelhouse, f"optics=={v}") for v in ("1.0", "2.0"))
    keeper = PackageKeeper(lambda: PackageSet(home, good))
    await keeper.run()
    assert (keeper.state, keeper.problem) == ("ready", "")
    assert not PackageSet(home, good).is_stale
    keeper = PackageKeeper(lambda: PackageSet(home, bad))
    await keeper.run()
    assert keeper.state == "failed"
    assert "optics" in keeper.problem
    assert "optics" in PackageSet(home, bad).state.problem


def test_it_says_why_a_new_image_does_not_do(
    tmp_path: Path, home: Path, wheelhouse: Wheelhouse
) -> None:
    before = PackageSet(home, image(tmp_path / "old", wheelhouse, "optics==1.0"))
    before.add(["lens"])
    after = PackageSet(home, image(tmp_path / "new", wheelhouse, "optics==2.0"))
    with pytest.raises(PackagesError, match=r"cannot be had together with those of the image.*"):
        after.rebuild()
    assert "optics" in after.state.problem
    assert "lens" in after.state.problem
    assert after.asked() == ["lens"], "nothing is forgotten"
    assert seen(before, "lens") == {"lens": "1.0"}, "what was built is still there"
    after.remove(["lens"])
    assert after.asked() == []
    assert not after.python.exists()
    assert not (home / ".local/share/jupyter/kernels" / KERNEL).exists()


def test_the_images_versions_stay(tmp_path: Path, home: Path, wheelhouse: Wheelhouse) -> None:
    packages = PackageSet(home, image(tmp_path / "old", wheelhouse, "optics==1.0"))
    packages.add(["grating"])
    # the same request on an image with the newer one succeeds
    other = PackageSet(tmp_path / "other", image(tmp_path / "new", wheelhouse, "optics==2.0"))
    other.add(["prism"])
    with pytest.raises(PackagesError, match=r"optics"):
        packages.add(["prism"])
    assert packages.asked() == ["grating"]
    assert seen(packages, "grating", "optics") == {"grating": "1.0", "optics": "1.0"}
    assert not packages.is_stale


def test_a_wheel_that_was_changed_is_refused(
    tmp_path: Path, home: Path, wheelhouse: Wheelhouse
) -> None:
    base = image(tmp_path / "old", wheelhouse, "optics==1.0")
    packages = PackageSet(home, base)
    packages.add(["grating"])
    shutil.rmtree(packages.folder / "envs")
    shutil.rmtree(tmp_path / "cache")
    packages.rebuild()  # the same wheels: the same hashes
    shutil.rmtree(packages.folder / "envs")
    shutil.rmtree(tmp_path / "cache")
    wheelhouse.add("glass", "3.1", source="__version__ = 'another one'\n")
    with pytest.raises(PackagesError, match=r"[Hh]ash"):
        packages.rebuild()


@pytest.mark.parametrize("name", ["", "-r /etc/passwd", "../x", "a b", "optics==", "--index-url=x"])
def test_what_is_no_requirement(home: Path, name: str) -> None:
    with pytest.raises(InputError, match="names no package"):
        PackageSet(home).add([name])


def test_what_was_never_asked_for(home: Path) -> None:
    with pytest.raises(InputError, match="not among your packages"):
        PackageSet(home).remove(["optics"])
