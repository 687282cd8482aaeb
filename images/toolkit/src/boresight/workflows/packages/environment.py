"""What a person has asked for, its lock, and the environment that is built of both.

Everything lies in one folder of the home, so that it is there whichever image the server has:

==================== =========================================================================
``asked.txt``        one requirement a line, as it was given
``lock.txt``         what that takes beyond the base, with versions and hashes, by uv
``state.json``       for which base it was built, and why the last attempt failed
``envs/<digest>/``   a virtual environment that sees the base's packages; the one before stays for
                     kernels that still run
``current``          link to the one that is used
==================== =========================================================================
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fcntl import LOCK_EX, flock
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from boresight.errors import InputError, PackagesError
from boresight.workflows.packages.base import Base, normalised
from boresight.workflows.packages.uv import run_uv

KERNEL = "boresight-packages"
#: Names the folder of packages in the environment of a kernel that has them.
FOLDER_VARIABLE = "BORESIGHT_PACKAGES"
_DISPLAY_NAME = "Python 3 (my packages)"
_DIGEST_CHARS = 12


@dataclass(frozen=True)
class State:
    """What was built.

    Attributes
    ----------
    base : str
        Digest of the base.
    built_at : str
        When, as in RFC 3339.
    problem : str
        Why the last attempt failed; empty after one that did not.
    """

    base: str = ""
    built_at: str = ""
    problem: str = ""


class PackageSet:
    """A person's own packages.

    Parameters
    ----------
    home : Path, optional
        Default: one's own.
    base : Base, optional
        Default: that of this process.
    """

    def __init__(self, home: Path | None = None, base: Base | None = None) -> None:
        root = home or Path.home()
        self.folder = root / ".local" / "share" / "boresight" / "packages"
        self._kernel = root / ".local" / "share" / "jupyter" / "kernels" / KERNEL
        self._base = base

    @property
    def base(self) -> Base:
        """The environment that they stand on; asked once."""
        if self._base is None:
            self._base = Base.of()
        return self._base

    @property
    def python(self) -> Path:
        """Interpreter that has them."""
        return self.folder / "current" / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        """Where they lie; they are there once they were built."""
        found = sorted((self.folder / "current" / "lib").glob("python*/site-packages"))
        return found[-1] if found else self.folder / "current"

    @property
    def state(self) -> State:
        """What was built."""
        try:
            return State(**json.loads((self.folder / "state.json").read_text()))
        except (OSError, ValueError, TypeError):
            return State()

    @property
    def is_stale(self) -> bool:
        """Whether they have to be built anew, since the base is another one."""
        return bool(self.asked()) and (
            self.state.base != self.base.digest or not self.python.exists()
        )

    def asked(self) -> list[str]:
        """What the person has named."""
        return _lines(self.folder / "asked.txt")

    def locked(self) -> list[str]:
        """What it takes beyond the base, as ``name==version``."""
        return [line.split(" ")[0] for line in _lines(self.folder / "lock.txt") if "==" in line]

    def add(self, requirements: Iterable[str], say: Callable[[str], None] = lambda _: None) -> None:
        """Add packages; a package that is there already gets the new requirement.

        Parameters
        ----------
        requirements : iterable of str
            Such as ``spectral>=0.23``.
        say : callable, optional
            Called with what is done.

        Raises
        ------
        InputError
            When one of them is no requirement.
        PackagesError
            When they cannot be had on this base; what was there before stays.
        """
        wanted = {_name(one): one for one in self.asked()}
        wanted |= {_name(one): one for one in requirements}
        self._change(list(wanted.values()), say, upgrade=())

    def remove(self, names: Iterable[str], say: Callable[[str], None] = lambda _: None) -> None:
        """Take packages away, with what only they needed.

        Raises
        ------
        InputError
            When one of them was never asked for.
        """
        wanted = {_name(one): one for one in self.asked()}
        for name in names:
            if wanted.pop(_name(name), None) is None:
                raise InputError(
                    f"{name} is not among your packages.",
                    remedy=f"They are: {', '.join(sorted(wanted)) or 'none'}.",
                )
        self._change(list(wanted.values()), say, upgrade=())

    def rebuild(
        self, say: Callable[[str], None] = lambda _: None, *, upgrade: Iterable[str] = ()
    ) -> None:
        """Build them anew on the base of now: in the versions of the lock, as far as they fit.

        Parameters
        ----------
        say : callable, optional
        upgrade : iterable of str
            Packages that may get newer versions.

        Raises
        ------
        PackagesError
            When they cannot be had on this base; :attr:`state` keeps why.
        """
        try:
            self._change(self.asked(), say, upgrade=upgrade)
        except PackagesError as exc:
            with self._alone():
                self._keep(State(self.state.base, self.state.built_at, str(exc)))
            raise

    def _change(
        self, wanted: list[str], say: Callable[[str], None], *, upgrade: Iterable[str]
    ) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._alone():
            if not wanted:
                self._clear()
                return
            with tempfile.TemporaryDirectory(prefix=".new-", dir=self.folder) as name:
                draft = Path(name)
                say("Finding versions that fit the image…")
                lock = self._resolve(wanted, draft, upgrade)
                text = f"{self.base.digest}\n{lock.read_text()}"
                digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARS]
                target = self.folder / "envs" / digest
                if not (target / ".complete").exists():
                    say("Installing…")
                    self._build(target, lock)
                self._take(target, wanted, lock)

    def _resolve(self, wanted: list[str], draft: Path, upgrade: Iterable[str]) -> Path:
        asked, pins, lock = draft / "asked.txt", draft / "pins.txt", draft / "lock.txt"
        asked.write_text("\n".join(wanted) + "\n")
        pins.write_text("\n".join(self.base.pins()) + "\n")
        if (self.folder / "lock.txt").exists():
            # versions that were locked before are preferred
            shutil.copyfile(self.folder / "lock.txt", lock)
        run_uv(
            "pip",
            "compile",
            str(asked),
            f"--output-file={lock}",
            f"--constraints={pins}",
            f"--python={self.base.python}",
            "--generate-hashes",
            "--no-header",
            "--no-annotate",
            *(f"--no-emit-package={name}" for name in self.base.installed),
            *(f"--upgrade-package={name}" for name in upgrade),
            about="These packages cannot be had together with those of the image",
            remedy="Ask for other versions: the image's own stay as they are. `boresight packages "
            "list` tells what you have asked for.",
        )
        return lock

    def _build(self, target: Path, lock: Path) -> None:
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            subprocess.run(
                [str(self.base.python), "-m", "venv", "--without-pip", str(target)],
                capture_output=True,
                text=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError) as exc:
            said = getattr(exc, "stderr", "") or str(exc)
            raise PackagesError(f"The environment cannot be made: {said.strip()[-300:]}") from exc
        run_uv(
            "pip",
            "install",
            f"--python={target / 'bin' / 'python'}",
            "--no-deps",
            "--require-hashes",
            "--requirements",
            str(lock),
            about="These packages cannot be installed",
            remedy="Is there room in the home, and a way to the package index?",
        )
        # behind one's own, the base's; addsitedir also follows what is installed there as a link
        (site,) = (target / "lib").glob("python*/site-packages")
        lines = [f"import site; site.addsitedir({str(f)!r})" for f in self.base.folders]
        (site / "boresight-base.pth").write_text("\n".join(lines) + "\n")
        (target / ".complete").touch()

    def _take(self, target: Path, wanted: list[str], lock: Path) -> None:
        link = self.folder / "current"
        before = link.resolve() if link.is_symlink() else None
        draft = self.folder / ".current"
        draft.unlink(missing_ok=True)
        draft.symlink_to(Path("envs") / target.name)
        draft.replace(link)
        shutil.copyfile(lock, self.folder / "lock.txt")
        _write(self.folder / "asked.txt", "\n".join(wanted) + "\n")
        self._keep(State(self.base.digest, datetime.now(UTC).isoformat(timespec="seconds")))
        self._write_kernel()
        for old in (self.folder / "envs").iterdir():
            if old not in (target, before):
                shutil.rmtree(old, ignore_errors=True)

    def _clear(self) -> None:
        (self.folder / "current").unlink(missing_ok=True)
        shutil.rmtree(self.folder / "envs", ignore_errors=True)
        shutil.rmtree(self._kernel, ignore_errors=True)
        for name in ("asked.txt", "lock.txt", "state.json"):
            (self.folder / name).unlink(missing_ok=True)

    def _write_kernel(self) -> None:
        self._kernel.mkdir(parents=True, exist_ok=True)
        spec = {
            "argv": [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": _DISPLAY_NAME,
            "language": "python",
            "metadata": {"debugger": True},
            "env": {FOLDER_VARIABLE: str(self.folder)},
        }
        _write(self._kernel / "kernel.json", json.dumps(spec, indent=1))

    def _keep(self, state: State) -> None:
        _write(self.folder / "state.json", json.dumps(asdict(state), indent=1))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One change at a time, whoever else begins one."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            flock(descriptor, LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _name(requirement: str) -> str:
    try:
        return normalised(Requirement(requirement).name)
    except InvalidRequirement as exc:
        raise InputError(
            f"{requirement[:100]!r} names no package ({str(exc).splitlines()[0]}).",
            remedy="Write it as in 'spectral>=0.23', in quotes.",
        ) from exc


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text()
    except OSError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(text)
    draft.replace(path)
